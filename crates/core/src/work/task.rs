//! The sealed part of a run: what the runner needs and the relay must never see.
//!
//! Owns the plaintext's shape. Must not know how it is sealed (identity) or executed (runner).

use crate::guard::Rule;
use crate::ids::RunId;
use crate::requirements::Requirements;
use serde::{Deserialize, Serialize};

/// What to do, in full. Sealed by the submitter's device, opened only on a runner or by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Catalog name of the agent: `shell`, `pty`, `noop`, `claude`…
    pub agent: String,
    /// What the agent is asked.
    pub work: Work,
    /// Where it works; none means an empty directory.
    pub source: Option<Source>,
    /// Extra environment, names and values; never taken from the runner's own.
    pub env: Vec<(String, String)>,
    /// Stop the attempt after this long.
    pub timeout_ms: Option<u64>,
    /// The header's requirements again, under the seal: the runner refuses work it was never fit for.
    pub requirements: Requirements,
    /// What becomes of an approval nobody answers.
    pub lapse: crate::approval::LapsePolicy,
    /// The header's queue again: policy matches on it.
    pub queue: String,
    /// The model, in the agent's own naming; none leaves it to the agent.
    pub model: Option<String>,
    /// The submitter's policy, in order; the runner's own comes on top of it.
    pub rules: Vec<Rule>,
    /// What the runner executes once the agent says it is done.
    pub check: Option<Check>,
    /// The run whose session, branch and work this one goes on with.
    pub continues: Option<RunId>,
}

impl Task {
    /// A task with nothing but an agent and its work: nowhere, unchecked, in the default queue.
    #[must_use]
    pub fn new(agent: &str, work: Work) -> Self {
        Self {
            agent: agent.to_owned(),
            work,
            source: None,
            env: Vec::new(),
            timeout_ms: None,
            requirements: Requirements::default(),
            lapse: crate::approval::LapsePolicy::default(),
            queue: "default".to_owned(),
            model: None,
            rules: Vec::new(),
            check: None,
            continues: None,
        }
    }
}

/// How the work is verified: by the runner, in a clean environment, after the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A command line for `sh -c`, executed at the top of the working tree; exit code 0 passes.
    pub command: String,
    /// How often the agent is sent back with the failure: 0 to [`crate::limits::CHECK_ROUNDS_MAX`].
    pub rounds: u32,
}

/// A prompt for an agent, or a command for `shell` and `pty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Text for an agent.
    Prompt(String),
    /// Program and arguments, executed as given, through no shell.
    Command(Vec<String>),
}

/// A git repository and the revision to start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// An absolute path on the runner, or an https or ssh URL.
    pub repository: String,
    /// Branch, tag or commit; the repository's HEAD when absent.
    pub reference: Option<String>,
}
