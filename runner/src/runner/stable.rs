//! What all actors of a runner share: doors, membership, clock, and the leases' deadlines.
//!
//! Owns nothing that is not derived again at a start. Must not hold a lock across an await.

use crate::config::RunnerConfig;
use crate::member::Member;
use crate::probe::Probe;
use crate::runner::pending::Pending;
use crate::session::Runs;
use crate::{journal, slots, uplink};
use ostler_agents::Catalog;
use ostler_boot::Clock;
use ostler_core::guard::Rule;
use ostler_core::holding::Holding;
use ostler_core::ids::{Incarnation, LeaseId};
use ostler_core::time::Timestamp;
use ostler_core::worker::Advert;
use ostler_supervise::{Branch, Door};
use ostler_workspace::Mirrors;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Everybody's view of the runner.
pub(crate) type Shared = Arc<Stable>;

/// How busy the runner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Load {
    /// Attempts under way.
    pub(crate) attempts: usize,
    /// Reports the relay has not confirmed.
    pub(crate) owed: usize,
    /// Leases whose trees, directories and rows are being removed.
    pub(crate) leaving: usize,
}

pub(crate) struct Stable {
    pub(crate) clock: Clock,
    pub(crate) home: PathBuf,
    pub(crate) config: RunnerConfig,
    pub(crate) exe: PathBuf,
    pub(crate) incarnation: Incarnation,
    pub(crate) member: Member,
    pub(crate) catalog: Catalog,
    pub(crate) probe: Probe,
    pub(crate) mirrors: Mirrors,
    /// The directories of runs whose agents have sessions.
    pub(crate) runs: Runs,
    /// The owner's home, out of which runs' homes are furnished.
    pub(crate) owner: Option<PathBuf>,
    /// The owner's policy: it speaks about every run here.
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) journal: Door<journal::Msg>,
    pub(crate) uplink: Door<uplink::Msg>,
    pub(crate) slots: Door<slots::Msg>,
    pub(crate) attempts: Branch,
    /// What is advertised; changed by probing.
    pub(crate) advert: watch::Sender<Advert>,
    /// True when no new work is taken, by a signal here or an operator's word.
    pub(crate) draining: watch::Sender<bool>,
    /// The relay's life, while attached to it.
    pub(crate) relay: watch::Sender<Option<Incarnation>>,
    /// Bumped whenever deadlines moved or leases were lost.
    pub(crate) renewed: watch::Sender<u64>,
    /// A heartbeat is wanted before its time.
    pub(crate) beat_now: Notify,
    pub(crate) load: watch::Sender<Load>,
    pub(crate) pending: Pending,
    pub(crate) holding: Mutex<Holding>,
}

impl Stable {
    /// The reading of the clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_ms())
    }

    /// The leases' deadlines.
    pub(crate) fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May anything be started or published under the lease, right now?
    pub(crate) fn may_act(&self, lease: LeaseId) -> bool {
        self.holding().may_act(lease, self.now())
    }

    /// Must the lease's agent be stopped now?
    pub(crate) fn must_stop(&self, lease: LeaseId) -> bool {
        self.holding().must_stop(self.now()).contains(&lease)
    }

    /// Everybody who waits on a deadline looks again.
    pub(crate) fn stir(&self) {
        self.renewed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Everything an attempt keeps outside its working tree.
    pub(crate) fn attempt_dir(&self, lease: LeaseId) -> PathBuf {
        self.home.join("attempts").join(format!("{}-{}", lease.run, lease.epoch))
    }

    /// Where an attempt's shim listens and spools.
    pub(crate) fn shim_dir(&self, lease: LeaseId) -> PathBuf {
        self.attempt_dir(lease).join("shim")
    }

    /// The working tree of an attempt whose agent has no session.
    pub(crate) fn tree_dir(&self, lease: LeaseId) -> PathBuf {
        tree_dir(&self.home, lease)
    }

    /// Hands a frame to the connection there is. Without one it is dropped: what is owed is derived again at the attach.
    pub(crate) fn say(&self, frame: ostler_proto::ToRelay) {
        drop(self.uplink.send(uplink::Msg::Frame(frame)));
    }

    /// Tells the actor that has the slots.
    pub(crate) fn tell(&self, message: slots::Msg) {
        // While it is down, its successor reads the journal instead.
        drop(self.slots.send(message));
    }

    /// Writes to the journal; `done` is called when it is durable, and never if it is not.
    pub(crate) fn write(&self, changes: Vec<ostler_store::JournalChange>, done: impl FnOnce() + Send + 'static) {
        // A journal that is down takes everything that stands on it down: nobody waits for this for ever.
        drop(self.journal.send(journal::Msg::Write(changes, Box::new(done))));
    }
}

/// Where trees of attempts are whose agents have no session.
pub(super) const TREES: &str = "trees";

/// The working tree of a lease's attempt.
pub(super) fn tree_dir(home: &Path, lease: LeaseId) -> PathBuf {
    home.join(TREES).join(format!("{}-{}", lease.run, lease.epoch))
}
