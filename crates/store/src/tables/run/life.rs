//! `life_v1`: the lives of runs that are not settled, dead letters included: all of it is loaded at every start. Key: run.

use super::{run_key, run_unkey};
use crate::tables::{Table, pack, unpack};
use ostler_core::ids::RunId;
use ostler_core::run::Life;

pub(crate) struct LifeV1;

impl Table for LifeV1 {
    const NAME: &'static str = "life_v1";
    type Key = RunId;
    type Row = Life;

    fn key(run: &RunId) -> Vec<u8> {
        run_key(run)
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        run_unkey(bytes)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
