//! The vocabulary of a run's events: what an attempt says while it works. Sealed before it leaves the runner.
//!
//! Owns the plaintext's shape. Must not know who stores or shows it.

use crate::approval::{Action, Choice};
use crate::ids::{ApprovalId, DeviceId, Digest};
use serde::{Deserialize, Serialize};

/// One event of an attempt. Variants are appended, never reordered: the bytes outlive the release that wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The agent's process is started: the first word of every attempt that has one.
    Started {
        /// Catalog name of the agent.
        agent: String,
        /// What was executed.
        argv: Vec<String>,
        /// The working tree on the runner.
        directory: String,
    },
    /// Bytes the agent printed, redacted.
    Output {
        /// Which of its streams.
        stream: Stream,
        /// At most [`crate::limits::EVENT_OUTPUT_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Output was dropped because a bound was reached.
    Truncated {
        /// Bytes dropped so far in this attempt.
        dropped_bytes: u64,
    },
    /// The agent said something to people.
    Message(String),
    /// A gated action waits for a person.
    Asked {
        /// The question.
        approval: ApprovalId,
        /// The exact action.
        action: Action,
        /// Its digest, the one that is decided.
        digest: Digest,
    },
    /// A verdict arrived and was verified on the runner (or refused there).
    Answered {
        /// The question.
        approval: ApprovalId,
        /// What the runner did with it.
        choice: Choice,
        /// Whose device signed; none when the runner denied by itself.
        by: Option<DeviceId>,
        /// What the person wrote, or why the runner denied.
        message: String,
    },
    /// The work was brought home as commits.
    Saved {
        /// `ostler/<run>`.
        branch: String,
        /// Where the branch stands: a path or URL.
        repository: String,
        /// The tip.
        commit: String,
        /// True when uncommitted work was committed for the agent.
        uncommitted: bool,
    },
    /// The diff of the saved work against where it started.
    Diff {
        /// Unified diff, cut at [`crate::limits::DIFF_BYTES_MAX`].
        patch: Vec<u8>,
        /// Files changed, lines added, lines removed.
        stat: (u32, u32, u32),
        /// True when the patch was cut.
        cut: bool,
    },
    /// The agent ended.
    Ended {
        /// Its exit code, if it exited.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// One sentence for people.
        message: String,
    },
    /// Something the runner wants people to know.
    Notice(String),
    /// An event of the agent's protocol this release has no word for, kept as it came.
    Raw(Vec<u8>),
}

/// Where output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// A terminal, where the two are one.
    Terminal,
}
