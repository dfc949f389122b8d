//! A worker: a runner as the scheduler sees it.
//!
//! ```text
//! Connected ⇄ Away ; Draining ; Revoked (the device row is durable, presence is not)
//! ```
//!
//! Owns presence and what the runner offers. Must not know how it is connected.

use crate::ids::{DeviceId, Incarnation, LeaseId, RunId, SessionId};
use crate::requirements::Offers;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a runner last said it can do: kept, so that the relay can tell what nobody could ever run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advert {
    /// Attributes.
    pub offers: Offers,
    /// Runs it executes at once, at most [`crate::limits::SLOTS_MAX`].
    pub slots: u32,
}

/// A worker in the ledger's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its device.
    pub id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// Pools its grant lets it serve.
    pub pools: Vec<String>,
    /// What it can do.
    pub advert: Advert,
    /// When it was last heard.
    pub seen_at: Timestamp,
    /// Its connection, while it has one.
    pub session: Option<SessionId>,
    /// Which life of the runner process is connected.
    pub incarnation: Option<Incarnation>,
    /// It takes no new work.
    pub draining: bool,
    /// No grants until its next heartbeat: it let an offer or a lease lapse.
    pub resting: bool,
    /// Runs that hold one of its slots.
    pub seated: BTreeSet<RunId>,
    /// Runs whose slot it gave back while a person thinks.
    pub parked: BTreeSet<RunId>,
    /// Leases that are over for the relay and that it has not confirmed ended: they still fill a slot.
    pub stopping: BTreeSet<LeaseId>,
}

impl Worker {
    /// Slots it could fill now, connected or not.
    #[must_use]
    pub fn free(&self) -> u32 {
        let used = u32::try_from(self.seated.len() + self.stopping.len()).unwrap_or(u32::MAX);
        self.advert.slots.saturating_sub(used)
    }

    /// May be granted a run.
    #[must_use]
    pub fn takes(&self) -> bool {
        self.session.is_some() && !self.draining && !self.resting && self.free() > 0
    }
}
