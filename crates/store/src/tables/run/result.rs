//! `result_v1`: sealed results of accepted reports, as they came. Key: run, then epoch.

use super::{lease_key, lease_unkey};
use crate::tables::Table;
use ostler_core::ids::LeaseId;

pub(crate) struct ResultV1;

impl Table for ResultV1 {
    const NAME: &'static str = "result_v1";
    type Key = LeaseId;
    type Row = Vec<u8>;

    fn key(lease: &LeaseId) -> Vec<u8> {
        lease_key(lease)
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        lease_unkey(bytes).filter(|(_, rest)| rest.is_empty()).map(|(lease, _)| lease)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        row.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        Some(bytes.to_vec())
    }
}
