//! A lease: the exclusive right of one worker to execute one run.
//!
//! ```text
//! Offered ─▶ Held ⇄ Orphaned        every other end takes the lease out of its run
//! ```
//!
//! Owns the durable part. Deadlines are presence: the ledger keeps them in memory and gives every live lease a fresh one
//! when it is loaded, so that no restart can make a lease shorter than was promised.

use crate::ids::{DeviceId, LeaseId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A durable lease, inside the run state that owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Run and epoch: the fencing token.
    pub id: LeaseId,
    /// Whose it is.
    pub worker: DeviceId,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Granted; the runner has not confirmed.
    Offered,
    /// Confirmed, and renewed by heartbeats.
    Held {
        /// When it was confirmed.
        since: Timestamp,
    },
    /// Not renewed in time; its runner may return within the grace, under the same epoch.
    Orphaned {
        /// When it was confirmed.
        since: Timestamp,
        /// When it lapsed.
        lapsed_at: Timestamp,
    },
}

impl Phase {
    /// When the runner confirmed, if it did.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Offered => None,
            Self::Held { since } | Self::Orphaned { since, .. } => Some(*since),
        }
    }
}
