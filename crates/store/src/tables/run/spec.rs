//! `spec_v1`: what never changes about a run. Key: run. Kept until the run is forgotten.

use super::{run_key, run_unkey};
use crate::tables::{Table, pack, unpack};
use ostler_core::ids::RunId;
use ostler_core::run::Spec;

pub(crate) struct SpecV1;

impl Table for SpecV1 {
    const NAME: &'static str = "spec_v1";
    type Key = RunId;
    type Row = Spec;

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
