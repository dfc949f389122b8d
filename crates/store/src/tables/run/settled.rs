//! `settled_v1`: the lives of runs that are over. Key: run. A life moves here in the transaction that settles it.

use super::{run_key, run_unkey};
use crate::tables::{Table, pack, unpack};
use ostler_core::ids::RunId;
use ostler_core::run::Life;

pub(crate) struct SettledV1;

impl Table for SettledV1 {
    const NAME: &'static str = "settled_v1";
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
