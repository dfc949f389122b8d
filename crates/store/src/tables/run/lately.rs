//! `lately_v1`: when runs settled. Key: time of settlement, big-endian, then run.
//!
//! It lets a start find what settled lately without reading all of history, however old those runs are. Entries older
//! than [`LATELY_MS`] before the newest are removed as new ones come.

use super::run_unkey;
use crate::tables::{Table, take};
use ostler_core::ids::RunId;
use ostler_core::time::Timestamp;

/// How far back a start may ask: twice the ledger's default memory of settled runs.
pub(crate) const LATELY_MS: u64 = 48 * 3_600_000;

pub(crate) struct LatelyV1;

impl Table for LatelyV1 {
    const NAME: &'static str = "lately_v1";
    type Key = (Timestamp, RunId);
    type Row = ();

    fn key((at, run): &(Timestamp, RunId)) -> Vec<u8> {
        [at.0.to_be_bytes().as_slice(), &run.0].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        let (at, rest) = take(bytes)?;
        Some((Timestamp(u64::from_be_bytes(at)), run_unkey(rest)?))
    }

    fn encode((): &()) -> Vec<u8> {
        Vec::new()
    }

    fn decode(bytes: &[u8]) -> Option<()> {
        bytes.is_empty().then_some(())
    }
}
