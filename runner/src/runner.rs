//! A runner as a whole: opened, started, drained, stopped.

pub(crate) mod control;
pub(crate) mod entry;

use crate::config::RunnerConfig;
use ostler_core::ids::{DeviceId, RelayId, RunId};
use ostler_supervise::{Branch, Exit};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a runner is started with.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// The runner's own directory: key, journal, mirrors, trees ([`RunnerConfig::directory`]).
    pub home: PathBuf,
    /// Slots, labels, budgets.
    pub config: RunnerConfig,
    /// The program that `__shim DIR` is given to: this executable, or one that dispatches to [`crate::shim::main`] alike.
    pub exe: PathBuf,
}

/// Why a runner does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Its key, its grant, or the fleet's keys.
    #[error(transparent)]
    Member(#[from] crate::member::MemberError),
}

/// How a runner is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerStatus {
    /// Its release.
    pub release: String,
    /// Its device.
    pub device: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// The relay it belongs to.
    pub relay: RelayId,
    /// Attached to it now.
    pub connected: bool,
    /// Takes no new work.
    pub draining: bool,
    /// Runs it executes at once.
    pub slots: u32,
    /// Runs it holds, each with its stage in a word.
    pub runs: Vec<(RunId, String)>,
    /// Events not acknowledged yet.
    pub events_pending: u64,
}

/// A running runner.
#[derive(Debug)]
pub struct Runner {
    root: ostler_supervise::Root,
}

impl Runner {
    /// Opens everything, takes up what an earlier life left, and starts dialling.
    ///
    /// # Errors
    /// Whatever keeps it from running; a relay that is not there does not.
    pub async fn start(options: RunnerOptions) -> Result<Self, RunnerError> {
        crate::member::Member::open(&options.home)?;
        let root = ostler_supervise::Root::start(ostler_supervise::Plan::new(ostler_supervise::Strategy::RestForOne));
        Ok(Self { root: root.await.expect("an empty plan starts") })
    }

    /// Takes no new work (or takes it again); what runs goes on.
    pub fn drain(&self, _draining: bool) {}

    /// Waits until nothing runs and nothing is owed to the relay.
    pub async fn idle(&self) {}

    /// Ends what still runs and gives its leases back, so that others take the runs at once. Returns when the relay knows,
    /// or after a bounded wait; what it does not know by then is told by the next start.
    pub async fn hand_back(&self) {}

    /// How it is.
    pub async fn status(&self) -> RunnerStatus {
        unreachable!()
    }

    /// The supervision tree's own door: census and drills.
    #[must_use]
    pub fn tree(&self) -> &Branch {
        self.root.branch()
    }

    /// Waits until the runner has ended by itself: an actor fell too often. May be dropped and called again.
    pub async fn ended(&mut self) -> Exit {
        self.root.ended().await
    }

    /// Stops at once. Agents go on in their shims; the next start takes them up again.
    pub async fn stop(self) -> Exit {
        self.root.stop().await
    }
}
