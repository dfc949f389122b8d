//! Sealed events on their way to the log.

use ostler_core::ids::{LeaseId, RunId};
use ostler_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Events of one attempt with consecutive numbers; the events stream carries nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch {
    /// Under which lease they were made.
    pub lease: LeaseId,
    /// Number of the first, from 1 within the lease.
    pub first: u64,
    /// The sealed events, each at most [`ostler_core::limits::EVENT_BYTES_MAX`] bytes.
    pub events: Vec<Vec<u8>>,
}

/// How far the log has a lease's events on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which lease.
    pub lease: LeaseId,
    /// The last number kept; zero when the log has none, and the runner starts from 1.
    pub upto: u64,
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its run.
    pub run: RunId,
    /// Its place in the run, from 1, without gaps.
    pub seq: u64,
    /// The epoch it was made under.
    pub epoch: u64,
    /// Its number within that epoch, from 1, without gaps.
    pub n: u64,
    /// When the relay kept it.
    pub at: Timestamp,
    /// Sealed.
    pub sealed: Vec<u8>,
    /// Chained to the one before.
    pub hash: [u8; 32],
}
