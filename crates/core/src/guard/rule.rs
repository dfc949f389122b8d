//! One rule of a policy: when it speaks, and what it says.

use crate::work::deed::Risk;
use serde::{Deserialize, Serialize};

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may be done, and nobody is asked.
    Allow,
    /// A person is asked.
    Ask,
    /// It may not be done, and nobody is asked.
    Deny,
}

/// One rule. It speaks about an action when every matcher that it has matches; without matchers it speaks about all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it says.
    pub effect: Effect,
    /// Kinds of action ([`Deed::kind`](crate::deed::Deed::kind), or an asker's own word); empty for any.
    #[serde(default)]
    pub kind: Vec<String>,
    /// Names of programs, without their directory; `*` stands for any characters. Each program of a command line must match.
    #[serde(default)]
    pub program: Vec<String>,
    /// Patterns of the first arguments, in order; a last `**` stands for any number of further ones.
    #[serde(default)]
    pub args: Vec<String>,
    /// Paths: `*` within a name, `**` across directories; relative to the working tree.
    #[serde(default)]
    pub path: Vec<String>,
    /// Hosts: a name, or `*.name` for it and all below.
    #[serde(default)]
    pub host: Vec<String>,
    /// Catalog names of agents.
    #[serde(default)]
    pub agent: Vec<String>,
    /// Lanes.
    #[serde(default)]
    pub queue: Vec<String>,
    /// The risk it gives the action.
    #[serde(default)]
    pub risk: Option<Risk>,
    /// What the agent is told when it is denied.
    #[serde(default)]
    pub message: String,
    /// Where it stands, as `file:line`; set by whoever read it.
    #[serde(default)]
    pub origin: String,
}
