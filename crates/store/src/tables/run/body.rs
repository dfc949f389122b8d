//! `body_v1`: sealed bodies, as they came. Key: run.

use super::{run_key, run_unkey};
use crate::tables::Table;
use ostler_core::ids::RunId;

pub(crate) struct BodyV1;

impl Table for BodyV1 {
    const NAME: &'static str = "body_v1";
    type Key = RunId;
    type Row = Vec<u8>;

    fn key(run: &RunId) -> Vec<u8> {
        run_key(run)
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        run_unkey(bytes)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        row.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        Some(bytes.to_vec())
    }
}
