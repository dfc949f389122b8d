//! An approval: a question put to people about one exact action, decided once.
//!
//! ```text
//! Pending ─▶ Decided{verdict} | Lapsed{policy: hold | deny | escalate} | Withdrawn
//! ```
//!
//! Owns the states and the action's shape. Must not know signatures: the verdict is opaque bytes, which the runner
//! verifies against the grant chain before it acts.

pub use crate::deed::{Action, Deed, FileChange, Program, Risk};
use crate::guard::Rule;
use crate::ids::{ApprovalId, DeviceId, Digest, LeaseId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a person (or the absence of one) chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Do it, once.
    Approve,
    /// Do not.
    Reject,
}

/// What a person says with a verdict. Sealed: the relay sees the choice only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remark {
    /// For the agent, and for whoever reads the run later.
    pub text: String,
    /// Which of a question's options, counted from zero.
    pub option: Option<u32>,
    /// With a yes: actions that this rule matches need no answer for the rest of this run.
    pub allow: Option<Rule>,
}

impl Remark {
    /// Words and nothing else.
    #[must_use]
    pub fn words(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// What becomes of an approval that nobody answers in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum LapsePolicy {
    /// It stays answerable for as long as its run lives.
    #[default]
    Hold,
    /// It is denied after this long.
    Deny {
        /// Counted from when it was asked.
        after_ms: u64,
    },
    /// It stays answerable, and is announced again, louder.
    Escalate {
        /// Counted from when it was asked.
        after_ms: u64,
    },
}

/// Whether the asking run keeps its slot while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum SlotPolicy {
    /// The slot stays taken.
    #[default]
    Stay,
    /// The slot is given back, and taken again before the verdict is delivered.
    Park,
}

/// A durable approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Chosen by the asking runner, so that asking twice is asking once.
    pub id: ApprovalId,
    /// The lease under which it was asked; no other may use its verdict.
    pub lease: LeaseId,
    /// The runner that asked.
    pub worker: DeviceId,
    /// Digest of the exact action.
    pub digest: Digest,
    /// In clear, so that an inbox can be ordered; the action itself is sealed.
    pub risk: Risk,
    /// The sealed [`Action`].
    pub sealed: Vec<u8>,
    /// What happens when nobody answers.
    pub lapse: LapsePolicy,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// True once an unanswered question was announced again.
    pub escalated: bool,
    /// Where it stands.
    pub state: ApprovalState,
}

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalState {
    /// Waits for a person.
    Pending,
    /// Decided, once.
    Decided(Decided),
    /// Denied because nobody answered.
    Lapsed {
        /// When.
        at: Timestamp,
    },
    /// Its lease or run is over; no verdict can be used any more.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
}

/// A decision as the relay keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was chosen.
    pub choice: Choice,
    /// Whose device signed.
    pub by: DeviceId,
    /// The signed verdict, verified on the runner.
    pub verdict: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    /// Still waits for a person.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self.state, ApprovalState::Pending)
    }
}
