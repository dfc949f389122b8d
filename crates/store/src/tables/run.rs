//! Tables of runs. Every key starts with the run's id, so that what belongs to a run lies together, oldest run first.

pub(crate) mod approval;
pub(crate) mod body;
pub(crate) mod late;
pub(crate) mod lately;
pub(crate) mod life;
pub(crate) mod result;
pub(crate) mod settled;
pub(crate) mod spec;

use super::take;
use ostler_core::ids::{LeaseId, RunId};

pub(crate) fn run_key(run: &RunId) -> Vec<u8> {
    run.0.to_vec()
}

pub(crate) fn run_unkey(bytes: &[u8]) -> Option<RunId> {
    bytes.try_into().ok().map(RunId)
}

/// Run, then epoch, big-endian: epochs of a run sort as they were granted.
pub(crate) fn lease_key(lease: &LeaseId) -> Vec<u8> {
    let mut key = run_key(&lease.run);
    key.extend_from_slice(&lease.epoch.to_be_bytes());
    key
}

/// The lease in front of a key, and what follows it.
pub(crate) fn lease_unkey(bytes: &[u8]) -> Option<(LeaseId, &[u8])> {
    let (run, rest) = take(bytes)?;
    let (epoch, rest) = take(rest)?;
    Some((LeaseId { run: RunId(run), epoch: u64::from_be_bytes(epoch) }, rest))
}
