//! What an agent does or wants to do: one vocabulary for tool calls, permission requests, policy and inbox.
//!
//! ```text
//! tool call ─▶ Deed ─▶ Event::ToolCalled            permission request ─▶ Action{Deed} ─▶ policy ─▶ allow | deny | ask a person
//! ```
//!
//! Owns the deeds and the action that is decided. Must not know how an agent words them (agents) or what is allowed (guard).

use crate::ids::Digest;
use serde::{Deserialize, Serialize};

/// How much harm an action could do, by the asker's own word or by policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Easily undone.
    Low,
    /// The default.
    Medium,
    /// Hard to undo, or seen by others.
    High,
}

/// One exact action. Its canonical encoding is digested (identity), the digest is decided, and the decided digest is
/// the executed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// A word for people and policy: that of its deed, or what the asker called it (`deploy`, `push`…).
    pub kind: String,
    /// How much harm it could do.
    pub risk: Risk,
    /// What is done, exactly.
    pub deed: Deed,
    /// Directory it is done in.
    pub directory: String,
    /// The asker's own words about it, for people; may be empty. Never decided by.
    pub title: String,
}

/// What is done. Variants are appended, never reordered: they are kept in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// Executes one program, captured byte for byte by `ostler ask`.
    Program(Program),
    /// Gives a command line to a shell.
    Command {
        /// As the agent wrote it.
        line: String,
    },
    /// Reads a file.
    Read {
        /// As the agent wrote it.
        path: String,
    },
    /// Writes, creates, moves or deletes files.
    Edit {
        /// One entry per file.
        changes: Vec<FileChange>,
    },
    /// Looks for something in files or their names.
    Search {
        /// What for.
        pattern: String,
        /// Where; empty for the working tree.
        path: String,
    },
    /// Gets something from the network.
    Fetch {
        /// The address, or the words of a web search.
        url: String,
    },
    /// Starts another agent.
    Subagent {
        /// What it is asked.
        prompt: String,
    },
    /// Calls a tool of an MCP server.
    Mcp {
        /// The server's name.
        server: String,
        /// The tool's name.
        tool: String,
        /// Its arguments, JSON.
        input: String,
    },
    /// Asks the person something; the answer is an option, words, or both.
    Question {
        /// What is asked.
        text: String,
        /// The choices, if it gives any.
        options: Vec<String>,
    },
    /// A tool this release has no word for.
    Other {
        /// Its name.
        tool: String,
        /// Its arguments, JSON.
        input: String,
    },
}

/// One program as it would be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// As resolved, an absolute path.
    pub path: String,
    /// BLAKE3 of its bytes when it was asked for: a changed script is another action.
    pub digest: Digest,
    /// All arguments, the program's own name first.
    pub argv: Vec<String>,
    /// Digests of the files that arguments name, by argument position: a script behind an interpreter is covered too.
    pub files: Vec<(u32, Digest)>,
    /// Names of the environment variables it gets, sorted.
    pub env_names: Vec<String>,
}

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// As the agent wrote it.
    pub path: String,
    /// The change in the agent's own form: a unified diff, or lines with `-` and `+`; empty when it shows none.
    pub diff: String,
}

impl Deed {
    /// The word policy matches on: `program`, `command`, `read`, `write`, `search`, `fetch`, `subagent`, `mcp`, `question`, `tool`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Program(_) => "program",
            Self::Command { .. } => "command",
            Self::Read { .. } => "read",
            Self::Edit { .. } => "write",
            Self::Search { .. } => "search",
            Self::Fetch { .. } => "fetch",
            Self::Subagent { .. } => "subagent",
            Self::Mcp { .. } => "mcp",
            Self::Question { .. } => "question",
            Self::Other { .. } => "tool",
        }
    }

    /// One line that says what is done, unescaped: the command, the path, the address.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Program(program) => program.argv.join(" "),
            Self::Command { line } => line.clone(),
            Self::Read { path } => path.clone(),
            Self::Edit { changes } => changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", "),
            Self::Search { pattern, path } if path.is_empty() => pattern.clone(),
            Self::Search { pattern, path } => format!("{pattern} in {path}"),
            Self::Fetch { url } => url.clone(),
            Self::Subagent { prompt } => prompt.clone(),
            Self::Mcp { server, tool, .. } => format!("{server}.{tool}"),
            Self::Question { text, .. } => text.clone(),
            Self::Other { tool, .. } => tool.clone(),
        }
    }
}

impl Action {
    /// An action of an agent: its kind is its deed's, its risk the default until policy judges it.
    #[must_use]
    pub fn new(deed: Deed, directory: &str, title: &str) -> Self {
        let (kind, directory, title) = (deed.kind().to_owned(), directory.to_owned(), title.to_owned());
        Self { kind, risk: Risk::Medium, deed, directory, title }
    }
}
