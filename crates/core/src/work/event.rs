//! The vocabulary of a run's events: what an attempt says while it works. Sealed before it leaves the runner.
//!
//! Owns the plaintext's shape. Must not know who stores or shows it.

use crate::approval::{Action, Choice, Deed};
use crate::guard::Effect;
use crate::ids::{ApprovalId, DeviceId, Digest};
use crate::usage::{LimitKind, Reset, Usage};
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
    /// The agent thinks aloud.
    Thought(String),
    /// The agent's plan, whole, as it stands now.
    Plan(Vec<PlanEntry>),
    /// The agent uses a tool, or is about to. Said again under the same id when more is known.
    ToolCalled {
        /// The agent's own id of the call.
        call: String,
        /// What it does.
        deed: Deed,
        /// The agent's words about it; may be empty.
        title: String,
    },
    /// What a tool gave back.
    ToolEnded {
        /// The call.
        call: String,
        /// Whether it worked, as the agent sees it.
        ok: bool,
        /// What the agent was given, cut at [`crate::limits::EVENT_OUTPUT_BYTES_MAX`].
        output: String,
    },
    /// Policy decided an action, and nobody was asked.
    Ruled {
        /// The action.
        action: Action,
        /// What was decided: never [`Effect::Ask`].
        effect: Effect,
        /// The rule, as file and line, or the name of the default.
        because: String,
    },
    /// The agent no longer waits for an answer it had asked for.
    Withdrawn {
        /// The question.
        approval: ApprovalId,
        /// Why, in a sentence.
        why: String,
    },
    /// Consumed since the last of these.
    Usage(Usage),
    /// A provider refused.
    Limit {
        /// What it does not give.
        kind: LimitKind,
        /// Until when, if it said so.
        reset: Option<Reset>,
        /// Its words.
        message: String,
    },
    /// The agent has a session that can be resumed on this runner.
    Session {
        /// The agent's own name of it.
        id: String,
        /// True when it continues what an earlier attempt or run began.
        resumed: bool,
    },
    /// A turn is over: the agent has nothing more to do unless it is told more.
    TurnEnded {
        /// The agent's own word for why.
        reason: String,
    },
    /// Something went wrong, in the agent's own words; it may go on.
    Failed(String),
    /// What was given to the agent as its prompt, from the second on.
    Prompted(String),
    /// The run's check was run on the work.
    Checked {
        /// The command.
        command: String,
        /// Which try, from 1.
        round: u32,
        /// True when it passed.
        passed: bool,
        /// The end of what it printed, redacted.
        output: String,
    },
}

/// One entry of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// What is to be done.
    pub text: String,
    /// How far it is.
    pub state: PlanState,
}

/// How far an entry of a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanState {
    /// Not begun.
    Pending,
    /// Under way.
    Active,
    /// Done.
    Done,
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
