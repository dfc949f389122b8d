//! What a model is told to play: scripts of steps, and the faults that strike them.
//!
//! Owns the words. Must not know a protocol, or which tools an agent has.

use super::repertoire;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One answer of the model: words, calls of tools, or both.
///
/// Texts may hold `{{name:default}}`, which the prompt's marker fills: `[[script:shell command='ls -l']]`.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub(crate) thought: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) ops: Vec<Op>,
    pub(crate) fault: Option<Fault>,
    pub(crate) pace: Duration,
}

/// What is done by one tool call, whatever the agent calls the tool for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Runs a command.
    Shell(String),
    /// Writes a file: a path relative to the agent's directory, and all of its content.
    Write(String, String),
    /// Replaces a text in a file by another. Some agents want the file read before.
    Edit {
        /// The file.
        path: String,
        /// Whole lines that stand in it once.
        old: String,
        /// What stands there then.
        new: String,
    },
    /// Reads a file.
    Read(String),
    /// Notes a plan, in these points. Passed over by an agent that has no tool for it.
    Plan(Vec<String>),
    /// Asks the person a question with these choices. Passed over by an agent that has no tool for it.
    Ask(String, Vec<String>),
    /// Calls the tool of exactly this name with exactly these arguments.
    Tool(String, Value),
}

/// What goes wrong with an answer, and how often before it goes right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub trouble: Trouble,
    /// How often for one prompt under one tag; none is always.
    pub times: Option<u32>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// An error in the provider's own words: 401, 403, 429, 529, …
    Status {
        /// The HTTP status.
        status: u16,
        /// When to come back, in seconds. For 429 it is the difference between a limit with and without a known end.
        retry_after_s: Option<u64>,
    },
    /// The stream breaks off in its middle.
    Drop,
    /// Nothing comes before [`Model::release`](super::Model::release); then all goes well.
    Hold,
    /// A stream of bytes that mean nothing.
    Garbage,
}

impl Step {
    /// Words, and so the end of a turn. What follows is played when the person has said something more.
    #[must_use]
    pub fn say(words: &str) -> Self {
        Self { words: Some(words.to_owned()), ..Self::default() }
    }

    /// A command.
    #[must_use]
    pub fn shell(command: &str) -> Self {
        Self::call(Op::Shell(command.to_owned()))
    }

    /// A file.
    #[must_use]
    pub fn write(path: &str, content: &str) -> Self {
        Self::call(Op::Write(path.to_owned(), content.to_owned()))
    }

    /// Any call.
    #[must_use]
    pub fn call(op: Op) -> Self {
        Self { ops: vec![op], ..Self::default() }
    }

    /// One more call in the same answer.
    #[must_use]
    pub fn and(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// With words before its calls.
    #[must_use]
    pub fn saying(mut self, words: &str) -> Self {
        self.words = Some(words.to_owned());
        self
    }

    /// With a thought before everything else, where the protocol has thoughts.
    #[must_use]
    pub fn thinking(mut self, thought: &str) -> Self {
        self.thought = Some(thought.to_owned());
        self
    }

    /// Struck by a fault: always, or the first `times`.
    #[must_use]
    pub fn struck(mut self, trouble: Trouble, times: Option<u32>) -> Self {
        self.fault = Some(Fault { trouble, times });
        self
    }

    /// Streamed with this pause between its pieces.
    #[must_use]
    pub const fn paced(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }
}

/// The scripts a model knows, and the keys it asks for.
#[derive(Debug, Clone)]
pub struct Scripts {
    named: BTreeMap<String, Vec<Step>>,
    keys: BTreeMap<String, String>,
}

impl Scripts {
    /// Those of the repertoire: `say`, `shell`, `write`, `both`, `pair`, `steps`, `long`, `read`, `edit`, `plan`, `ask`,
    /// `think`, `drip`.
    #[must_use]
    pub fn builtin() -> Self {
        Self { named: repertoire::scripts(), keys: BTreeMap::new() }
    }

    /// With one more, or another under the same name.
    ///
    /// # Panics
    /// When it has no step.
    #[must_use]
    pub fn with(mut self, name: &str, steps: Vec<Step>) -> Self {
        assert!(!steps.is_empty(), "the script {name} has no step");
        self.named.insert(name.to_owned(), steps);
        self
    }

    /// Where requests under this tag need this key, and get 401 with any other.
    #[must_use]
    pub fn keyed(mut self, tag: &str, key: &str) -> Self {
        self.keys.insert(tag.to_owned(), key.to_owned());
        self
    }

    pub(crate) fn named(&self, name: &str) -> Option<&[Step]> {
        self.named.get(name).map(Vec::as_slice)
    }

    pub(crate) fn key(&self, tag: &str) -> Option<&str> {
        self.keys.get(tag).map(String::as_str)
    }
}
