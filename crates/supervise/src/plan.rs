//! What a supervisor is told: its children in order, what a fall means to the siblings, how often is too often, and
//! who is told. Must not know how any of it is carried out.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::budget::Budget;
use crate::child::{Cause, Child};
use crate::root::Exit;

/// Restarts a supervisor allows unless its plan says otherwise: a blip is healed, a broken disk is not hammered.
const RESTARTS: usize = 5;
/// The window those restarts are counted in, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// What one child's fall means to its siblings. Order is meaning: children are started first to last and stopped
/// last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nothing: only the fallen one is started again.
    OneForOne,
    /// All of them are stopped and started again.
    OneForAll,
    /// Those started after it are stopped and started again, because they stood on it.
    RestForOne,
}

/// Something an operator counts. Told to the [`Observer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An actor of this kind was started for the first time.
    Started {
        /// Its kind.
        kind: &'static str,
    },
    /// An actor of this kind was started again: because it fell, or because a sibling it is tied to did.
    Restarted {
        /// Its kind.
        kind: &'static str,
    },
    /// An actor of this kind ended; whether it comes back is the next notice.
    Ended {
        /// Its kind.
        kind: &'static str,
        /// Why.
        cause: Cause,
    },
    /// A child of this kind spent its own budget and was given up.
    GaveUp {
        /// Its kind.
        kind: &'static str,
        /// How its last incarnation ended.
        cause: Cause,
    },
    /// A child of this kind spent its supervisor's budget: the supervisor stops its children and falls itself.
    Escalated {
        /// Its kind.
        kind: &'static str,
        /// How its last incarnation ended.
        cause: Cause,
    },
}

/// Told of every [`Notice`], inside the supervisor: count and return.
pub type Observer = Arc<dyn Fn(&Notice) + Send + Sync>;

/// A supervisor's orders.
pub struct Plan {
    pub(crate) strategy: Strategy,
    pub(crate) budget: Budget,
    pub(crate) children: Vec<Child>,
    pub(crate) observer: Option<Observer>,
    pub(crate) tell: Option<oneshot::Sender<Exit>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("strategy", &self.strategy)
            .field("budget", &self.budget)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// A plan without children and with a budget of five restarts in a minute.
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, budget: Budget::new(RESTARTS, WINDOW_MS), children: Vec::new(), observer: None, tell: None }
    }

    /// Adds a child, to be started after those already named.
    #[must_use]
    pub fn child(mut self, child: Child) -> Self {
        self.children.push(child);
        self
    }

    /// Replaces the restart budget that all children without one of their own share.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Tells `observer` of everything that happens here and in every branch below that has none of its own.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(crate) fn inherit(mut self, observer: &Observer) -> Self {
        self.observer.get_or_insert_with(|| Arc::clone(observer));
        self
    }

    pub(crate) fn rooted(mut self, tell: oneshot::Sender<Exit>) -> Self {
        self.tell = Some(tell);
        self
    }
}
