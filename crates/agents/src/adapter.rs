//! The contract between the runner and an agent: four pure functions.
//!
//! Owns the trait and its words. Must not know any particular agent.

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
    /// A private home for the agent; none gives it the runner's own `HOME`, where its login lives.
    pub home: Option<PathBuf>,
    /// A private directory for temporary files.
    pub temporary: PathBuf,
    /// What the runner's owner allows a run to see of the runner's own environment.
    pub host: Vec<(String, String)>,
    /// Where detection found the agent's program; none leaves the search to PATH.
    pub program: Option<PathBuf>,
}

/// What the runner is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// A process.
    Process {
        /// Program and arguments.
        argv: Vec<String>,
        /// The whole environment.
        env: Vec<(String, String)>,
        /// Columns and rows, when it wants a terminal.
        terminal: Option<(u16, u16)>,
        /// Bytes for its standard input, which is closed after them; none means `/dev/null` (or the terminal).
        input: Option<Vec<u8>>,
    },
    /// No process at all: the attempt is over at once, as `End { code: Some(0), .. }`.
    Nothing,
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
pub trait Adapter: Send {
    /// What to start for `task`.
    ///
    /// # Errors
    /// [`LaunchError`], for the submitter.
    fn launch(&self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError>;

    /// What `bytes` of `stream` mean. They may be cut anywhere and hold anything.
    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Event>;

    /// What was still held back, and the judgement. The last event is always [`Event::Ended`].
    fn end(&mut self, end: End) -> (Vec<Event>, Outcome);
}
