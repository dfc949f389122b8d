//! `late_v1`: reports that came too late, kept as evidence. Key: run, epoch, digest: the same report again is the same record.

use super::{lease_key, lease_unkey};
use crate::tables::{Table, take};
use ostler_core::ids::{DeviceId, Digest, LeaseId};

pub(crate) struct LateV1;

impl Table for LateV1 {
    const NAME: &'static str = "late_v1";
    type Key = (LeaseId, Digest);
    /// Who sent it, and the sealed result.
    type Row = (DeviceId, Vec<u8>);

    fn key((lease, digest): &Self::Key) -> Vec<u8> {
        [lease_key(lease), digest.0.to_vec()].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        let (lease, digest) = lease_unkey(bytes)?;
        Some((lease, Digest(digest.try_into().ok()?)))
    }

    fn encode((worker, sealed): &Self::Row) -> Vec<u8> {
        [worker.0.as_slice(), sealed].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        let (worker, sealed) = take(bytes)?;
        Some((DeviceId(worker), sealed.to_vec()))
    }
}
