//! The contract between the runner and an agent: pure functions.
//!
//! Owns the trait and its words. Must not know any particular agent.

use ostler_core::deed::Action;
use ostler_core::event::{Event, Stream};
use ostler_core::failure::Failure;
use ostler_core::ids::RunId;
use ostler_core::task::Task;
use std::path::PathBuf;

/// What an attempt gives its agent besides the task.
#[derive(Debug, Clone)]
pub struct LaunchContext {
    /// The run.
    pub run: RunId,
    /// The working tree the agent starts in.
    pub directory: PathBuf,
    /// The socket on which `ostler ask` reaches the runner.
    pub socket: PathBuf,
    /// The run's own home, with sign-in and settings shared into it; none gives the runner's own `HOME`.
    pub home: Option<PathBuf>,
    /// A private directory for temporary files.
    pub temporary: PathBuf,
    /// What the runner's owner allows a run to see of the runner's own environment, and what the agent's entry names.
    pub host: Vec<(String, String)>,
    /// Where detection found the agent's program; none leaves the search to PATH.
    pub program: Option<PathBuf>,
    /// What the agent is asked first. For a resumed session what it is asked next.
    pub prompt: String,
    /// The session to go on with.
    pub resume: Option<Resume>,
}

/// A session of an earlier attempt or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The agent's own name of it.
    pub session: String,
    /// What a fresh session is asked when this one is gone: the task, and a brief of what was done.
    pub otherwise: String,
}

/// What the runner is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// A process.
    Process(Process),
    /// No process at all: the attempt is over at once, as `End { code: Some(0), .. }`.
    Nothing,
}

/// A process to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Program and arguments. No secret and no prompt: every user of the machine can read them.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Columns and rows, when it wants a terminal.
    pub terminal: Option<(u16, u16)>,
    /// What it reads.
    pub input: Input,
    /// Files to write below its home before it starts: relative path, content. Readable by this user only.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What an agent's standard input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// `/dev/null`, or the terminal.
    Nothing,
    /// These bytes, then the end of file.
    Given(Vec<u8>),
    /// A conversation, which begins with these bytes. Such an agent ends with its runner, and resumes its session.
    Open(Vec<u8>),
}

/// What an agent's bytes mean to the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Something to be kept.
    Event(Event),
    /// Bytes for its standard input.
    Send(Vec<u8>),
    /// It waits for a decision about an action.
    Ask(Ask),
    /// It no longer waits for the decision with this key.
    Withdraw(String),
    /// It can be resumed under this name from now on (the event is said beside it).
    Session(String),
    /// Its turn is over: it waits for another prompt, or for its input to be closed.
    Idle,
}

/// A decision an agent waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The adapter's own name of it, unique in the attempt.
    pub key: String,
    /// What it would do.
    pub action: Action,
    /// How long (ms) the agent waits before it takes silence for a no; none for as long as it lives.
    pub patience_ms: Option<u64>,
}

/// What an agent is told about an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Do it, this once; for a question this is the answer.
    Allow {
        /// Words for the agent; may be empty.
        text: String,
        /// Which of a question's options, from zero.
        option: Option<u32>,
    },
    /// Do not.
    Deny {
        /// What the agent reads; may be empty.
        text: String,
    },
}

/// Why a task cannot be launched. The run fails as a task: no other runner would do better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// No agent of this name in the catalog.
    #[error("no agent is called `{0}`: `ostler runners show` lists the agents of a runner")]
    Unknown(String),
    /// In the catalog, but this release cannot speak to it yet.
    #[error("this release can find `{0}` but not speak to it: run it as a command, `--agent pty -- {0} …`")]
    Unspoken(String),
    /// A prompt for an agent that executes commands.
    #[error("the `{0}` agent executes a command, not a prompt: give it after `--`, as in `ostler run -- make test`")]
    WantsCommand(&'static str),
    /// A command for an agent that takes a prompt.
    #[error("the `{0}` agent takes a prompt, not a command: leave out `--`, or use `--agent shell`")]
    WantsPrompt(&'static str),
    /// A command without a program.
    #[error("the command is empty: give a program after `--`, as in `ostler run -- make test`")]
    Empty,
    /// An environment name that is malformed, reserved, or one a loader obeys.
    #[error("the environment variable `{0}` may not be given to an agent: {1}")]
    Environment(String, &'static str),
}

/// How the agent's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// What became of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Succeeded {
        /// One sentence for people; may quote the agent, so it travels sealed.
        message: String,
    },
    /// Not done.
    Failed {
        /// What the ledger decides by. In clear: its code never quotes the agent.
        failure: Failure,
        /// One sentence for people; may quote the agent, so it travels sealed.
        message: String,
    },
}

/// One agent's way of being launched, understood and judged. One adapter serves one attempt.
///
/// All of it is a function of what it was told: no process, no clock, no file.
pub trait Adapter: Send {
    /// What to start for `task`.
    ///
    /// # Errors
    /// [`LaunchError`], for the submitter.
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError>;

    /// What `bytes` of `stream` mean. They may be cut anywhere and hold anything.
    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step>;

    /// The decision about the [`Ask`] with `key`. Nothing when the agent no longer waits for it.
    fn reply(&mut self, _key: &str, _reply: &Reply) -> Vec<Step> {
        Vec::new()
    }

    /// Another prompt, after [`Step::Idle`]. None when this agent takes only one.
    fn prompt(&mut self, _text: &str) -> Option<Vec<Step>> {
        None
    }

    /// What makes it stop what it does, in its own protocol, and end its turn. None when only signals do.
    fn interrupt(&mut self) -> Option<Vec<Step>> {
        None
    }

    /// Calls of tools that have begun and not ended: an agent that is silent meanwhile is not stalled.
    fn in_flight(&self) -> usize {
        0
    }

    /// What was still held back, and the judgement. The last event is always [`Event::Ended`].
    fn end(&mut self, end: End) -> (Vec<Event>, Outcome);
}

/// `events` as steps.
pub(crate) fn told(events: Vec<Event>) -> Vec<Step> {
    events.into_iter().map(Step::Event).collect()
}
