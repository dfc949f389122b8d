//! A run: one piece of agent work, from submission to its outcome.
//!
//! ```text
//! Held ─▶ Ready ─▶ Leased ⇄ Parked ─▶ Settled
//!  ▲        ▲         │ failed            ▲
//!  │        └─ retry ─┼───────────────────┘
//!  └── backoff ───────┴▶ Dead ─ revive ─▶ Ready
//! ```
//!
//! Owns the durable rows and the one function that assigns a state. Must not know why a state is entered: the ledger's
//! transitions decide that.

use crate::failure::{Attempts, Cause, Counts, Failure};
use crate::ids::{DeviceId, Digest, LeaseId, RunId};
use crate::lease::Lease;
use crate::limits::{ATTEMPTS_MAX, HISTORY_MAX, KEY_CHARS_MAX, NAME_CHARS_MAX, PRIORITIES};
use crate::requirements::{Requirements, RequirementsError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The part of a run that the relay reads. Everything here is public to it by design: docs/SECURITY.md lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What people call it.
    pub name: String,
    /// The lane it waits in.
    pub queue: String,
    /// The set of runners that may take it.
    pub pool: String,
    /// 1 is most urgent, 5 least.
    pub priority: u8,
    /// What a worker must offer.
    pub requirements: Requirements,
    /// Catalog name of the agent.
    pub agent: String,
    /// How many attempts it may use.
    pub attempts: Attempts,
    /// Do not start it sooner than this after submission.
    pub hold_ms: Option<u64>,
    /// Give it up when it was not started this long after submission.
    pub start_within_ms: Option<u64>,
    /// Whether a run that asks keeps its slot.
    pub slot: crate::approval::SlotPolicy,
    /// Submitting the same key again is submitting once.
    pub key: Option<String>,
}

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum HeaderError {
    /// A name, queue, pool or agent that is empty, too long or has odd characters.
    #[error("{field} `{text}` must be 1 to {NAME_CHARS_MAX} letters, digits, spaces or . _ - / :")]
    Name {
        /// Which one.
        field: String,
        /// What was given.
        text: String,
    },
    /// A priority outside 1 to 5.
    #[error("priority {0} is outside 1 (most urgent) to 5")]
    Priority(u8),
    /// No attempts, or absurdly many.
    #[error("{0} attempts: give 1 to {ATTEMPTS_MAX}")]
    Attempts(u32),
    /// An idempotency key that is empty or too long.
    #[error("an idempotency key has 1 to {KEY_CHARS_MAX} characters")]
    Key,
    /// Requirements no text could have said.
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
}

impl Header {
    /// Refuses what no ledger should keep. The wire and the command line both come through here.
    ///
    /// # Errors
    /// Names the first field that is out of bounds.
    pub fn check(&self) -> Result<(), HeaderError> {
        let fields = [("name", &self.name), ("queue", &self.queue), ("pool", &self.pool), ("agent", &self.agent)];
        for (field, text) in fields {
            let fine = |c: char| c.is_alphanumeric() || " ._-/:".contains(c);
            if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || !text.chars().all(fine) {
                let text = text.chars().take(NAME_CHARS_MAX).collect();
                return Err(HeaderError::Name { field: field.to_owned(), text });
            }
        }
        if !PRIORITIES.contains(&self.priority) {
            return Err(HeaderError::Priority(self.priority));
        }
        if self.attempts.max == 0 || self.attempts.max > ATTEMPTS_MAX {
            return Err(HeaderError::Attempts(self.attempts.max));
        }
        if self.key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > KEY_CHARS_MAX) {
            return Err(HeaderError::Key);
        }
        // Off the wire they did not come through their text form.
        Ok(self.requirements.check()?)
    }
}

/// What never changes about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Made by the submitter, so that it can seal the body to it.
    pub id: RunId,
    /// The part in clear.
    pub header: Header,
    /// Keyed digest of the whole plaintext: equal exactly for equal work.
    pub digest: Digest,
    /// Whose device submitted it.
    pub submitter: DeviceId,
    /// When the relay accepted it.
    pub created_at: Timestamp,
}

/// A run as the ledger holds it: what never changes, shared, and its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What never changes.
    pub spec: Arc<Spec>,
    /// What does.
    pub life: Life,
}

/// The part of a run that changes: one lean row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Epoch of the latest grant; zero before the first.
    pub epoch: u64,
    /// Times it was revived from the dead.
    pub generation: u32,
    /// Budgets used.
    pub counts: Counts,
    /// When it was first ready: retries keep their age.
    pub queued_at: Timestamp,
    /// The worker it failed on last, to be avoided while another has room.
    pub avoid: Option<DeviceId>,
    /// The last attempts, oldest first, at most [`HISTORY_MAX`].
    pub history: Vec<Attempt>,
    /// Where it stands.
    state: State,
}

/// One ended attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its lease's epoch.
    pub epoch: u64,
    /// Who tried.
    pub worker: DeviceId,
    /// When it was confirmed, if it was.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub end: AttemptEnd,
    /// Digest of the report that ended it, so that the same report again gets the same answer.
    pub report: Option<Digest>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptEnd {
    /// It did what was asked.
    Succeeded,
    /// It failed, or was lost.
    Failed(Failure),
    /// The offer was declined or not answered: not an attempt.
    Declined(String),
    /// The run was settled under it.
    Stopped,
}

/// Where a run stands. Data lives inside the state that owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Not before a time.
    Held {
        /// When it becomes ready.
        until: Timestamp,
        /// Why it waits.
        why: Hold,
    },
    /// May be granted.
    Ready,
    /// A worker has the exclusive right to it.
    Leased(Lease),
    /// A worker has it, and its slot is given back while a person thinks.
    Parked {
        /// The lease goes on being renewed.
        lease: Lease,
        /// True when a verdict waits for the slot to be free again.
        due: bool,
    },
    /// Over.
    Settled(Settlement),
    /// Given up on, with the means to revive it.
    Dead {
        /// Why.
        cause: Cause,
        /// When.
        at: Timestamp,
    },
}

/// Why a run is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Its submitter said so.
    Asked,
    /// It failed and waits before the next attempt.
    Backoff,
    /// A provider's limit.
    Limit,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// The epoch that settled it, if an attempt did.
    pub epoch: Option<u64>,
    /// Digest of the accepted report.
    pub report: Option<Digest>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The work was done.
    Succeeded,
    /// It failed for good.
    Failed(Failure),
    /// A person stopped it.
    Cancelled,
    /// It was not started in time.
    Expired,
}

impl Life {
    /// A new run's life.
    #[must_use]
    pub fn new(now: Timestamp, state: State) -> Self {
        let (counts, history) = (Counts::default(), Vec::new());
        Self { epoch: 0, generation: 0, counts, queued_at: now, avoid: None, history, state }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The only place where a state is assigned.
    pub(crate) fn enter(&mut self, state: State) {
        assert!(!self.is_settled(), "a settled run stays settled");
        if let State::Leased(lease) | State::Parked { lease, .. } = &state {
            assert_eq!(lease.id.epoch, self.epoch, "the latest epoch is the only one that may act");
        }
        self.state = state;
    }

    /// The live lease, if it has one.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Leased(lease) | State::Parked { lease, .. } => Some(lease),
            State::Held { .. } | State::Ready | State::Settled(_) | State::Dead { .. } => None,
        }
    }

    pub(crate) const fn lease_mut(&mut self) -> Option<&mut Lease> {
        match &mut self.state {
            State::Leased(lease) | State::Parked { lease, .. } => Some(lease),
            State::Held { .. } | State::Ready | State::Settled(_) | State::Dead { .. } => None,
        }
    }

    /// True when `id` is the lease that may act on this run, and it is `worker`'s.
    #[must_use]
    pub fn fences(&self, id: LeaseId, worker: DeviceId) -> bool {
        self.lease().is_some_and(|lease| lease.id == id && lease.worker == worker)
    }

    /// The worker it goes back to, where its agent's session and working tree are: whose attempt ended last, in a way that
    /// can be gone on from there.
    #[must_use]
    pub fn home(&self) -> Option<DeviceId> {
        let Attempt { worker, end, .. } = self.history.last()?;
        match end {
            AttemptEnd::Failed(failure) => failure.returns().then_some(*worker),
            AttemptEnd::Succeeded | AttemptEnd::Declined(_) | AttemptEnd::Stopped => None,
        }
    }

    /// Over, and no more to be changed.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled(_))
    }

    /// Keeps the last [`HISTORY_MAX`] attempts.
    pub(crate) fn remember(&mut self, attempt: Attempt) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(attempt);
        assert!(self.history.len() <= HISTORY_MAX, "a row stays lean");
    }
}

impl State {
    /// The state's word, for listings.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Ready => "ready",
            Self::Leased(lease) => match lease.phase {
                crate::lease::Phase::Offered => "offered",
                crate::lease::Phase::Held { .. } => "running",
                crate::lease::Phase::Orphaned { .. } => "orphaned",
            },
            Self::Parked { .. } => "parked",
            Self::Settled(settlement) => match settlement.outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed(_) => "failed",
                Outcome::Cancelled => "cancelled",
                Outcome::Expired => "expired",
            },
            Self::Dead { .. } => "dead",
        }
    }
}
