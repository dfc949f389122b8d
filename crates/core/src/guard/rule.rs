//! One rule of a policy: when it speaks, what it says, and whether it makes sense.
//!
//! What permits is read narrowly, what restricts is read widely: that is the rule's stance.
//!
//! Owns the rule's shape and its bounds. Must not know how an action is read (reading) or matched (matching).

use super::pattern;
use crate::limits::{NAME_CHARS_MAX, NOTE_CHARS_MAX};
use crate::work::deed::Risk;
use serde::{Deserialize, Serialize};

/// Patterns in one matcher: past it, write another rule.
const PATTERNS_MAX: usize = 64;
/// Characters of one pattern: longer than any sane path or host.
const PATTERN_CHARS_MAX: usize = 512;
/// What a kind may be, besides `ask:WORD`.
const KINDS: [&str; 10] =
    ["program", "command", "read", "write", "search", "fetch", "subagent", "mcp", "question", "tool"];

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

/// The side a rule stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// It allows: it must cover all that is done, and what is not known is not covered.
    Permit,
    /// It asks or denies: it speaks about any part of what is done, and what is not known may be it.
    Restrict,
}

impl From<Effect> for Stance {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Permit,
            Effect::Ask | Effect::Deny => Self::Restrict,
        }
    }
}

/// One rule. It speaks about an action when every matcher that it has matches; without matchers it speaks about all.
///
/// A command line does several things. A rule that allows must match *every* one of them that the defaults would not allow
/// on its own; a rule that asks or denies speaks as soon as it matches *any*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it says.
    pub effect: Effect,
    /// Kinds of action ([`Deed::kind`](crate::deed::Deed::kind)), or `ask:WORD` for what `ostler ask --kind WORD` asks;
    /// `command` speaks about programs too. Empty for any.
    #[serde(default)]
    pub kind: Vec<String>,
    /// Names of programs, without their directory, `*` for any characters; with a `/` it is a path. A name allows only
    /// what is found by `PATH` or stands in a directory of the system.
    #[serde(default)]
    pub program: Vec<String>,
    /// Patterns of the arguments, in order; `**` stands for any number of them, one empty pattern for none at all. A
    /// rule that asks or denies looks behind leading options and does not mind further arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Paths: `*` within a name, `**` across directories; relative to the working tree, or absolute, or under `~`. To
    /// allow a name with a leading dot, the dot must be written.
    #[serde(default)]
    pub path: Vec<String>,
    /// Hosts: a name, or `*.name` for it and all below.
    #[serde(default)]
    pub host: Vec<String>,
    /// Tools: `server.tool` of MCP, or the name of a tool that has no kind of its own; `*` for any characters.
    #[serde(default)]
    pub tool: Vec<String>,
    /// Catalog names of agents.
    #[serde(default)]
    pub agent: Vec<String>,
    /// Lanes.
    #[serde(default)]
    pub queue: Vec<String>,
    /// The risk it gives the action.
    #[serde(default)]
    pub risk: Option<Risk>,
    /// Allows also command lines that cannot be read: substitutions, expansions, heredocs.
    #[serde(default)]
    pub unreadable: bool,
    /// What the agent is told when it is denied.
    #[serde(default)]
    pub message: String,
    /// Where it stands, as `file:line`; set by whoever read it.
    #[serde(default)]
    pub origin: String,
}

/// Why a rule makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No action is ever of this kind.
    #[error("there is no kind `{0}`: use {list}, or `ask:WORD`", list = KINDS.join(", "))]
    Kind(String),
    /// A pattern that matches nothing, or not what it seems to.
    #[error("`{pattern}` cannot be in `{matcher}`: {why}")]
    Pattern {
        /// The key it stands in.
        matcher: &'static str,
        /// As written.
        pattern: String,
        /// What to write instead.
        why: &'static str,
    },
    /// A matcher with too many patterns.
    #[error("`{0}` has more than {PATTERNS_MAX} patterns: write another rule")]
    Crowded(&'static str),
    /// Arguments of nothing.
    #[error("`args` needs `program`: arguments mean nothing without their program")]
    Args,
    /// Words nobody would read.
    #[error("`message` has more than {NOTE_CHARS_MAX} characters")]
    Message,
    /// A place that somebody made up.
    #[error("`origin` is told by the file and the line: leave it out")]
    Origin,
    /// A word that only makes sense with `allow`.
    #[error("`unreadable` is a word of rules that allow: what cannot be read is asked about anyway")]
    Unreadable,
}

impl Rule {
    /// A rule that speaks about everything.
    #[must_use]
    pub const fn new(effect: Effect) -> Self {
        Self {
            effect,
            kind: Vec::new(),
            program: Vec::new(),
            args: Vec::new(),
            path: Vec::new(),
            host: Vec::new(),
            tool: Vec::new(),
            agent: Vec::new(),
            queue: Vec::new(),
            risk: None,
            unreadable: false,
            message: String::new(),
            origin: String::new(),
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`RuleError`], saying what to write instead.
    pub fn check(&self) -> Result<(), RuleError> {
        if let Some(strange) = self.kind.iter().find(|kind| !is_kind(kind)) {
            return Err(RuleError::Kind(strange.clone()));
        }
        for (matcher, patterns, fault) in self.matchers() {
            if patterns.len() > PATTERNS_MAX {
                return Err(RuleError::Crowded(matcher));
            }
            for pattern in patterns {
                let too_long = (pattern.len() > PATTERN_CHARS_MAX).then_some("it is too long");
                if let Some(why) = too_long.or_else(|| fault(pattern)) {
                    return Err(RuleError::Pattern { matcher, pattern: pattern.clone(), why });
                }
            }
        }
        self.check_together()
    }

    /// The rule as it stands at `origin`, checked: what reads a policy gives each rule through here.
    ///
    /// # Errors
    /// [`RuleError`], saying what to write instead.
    pub fn placed(self, origin: String) -> Result<Self, RuleError> {
        if !self.origin.is_empty() {
            return Err(RuleError::Origin);
        }
        let rule = Self { origin, ..self };
        rule.check().map(|()| rule)
    }

    fn matchers(&self) -> [(&'static str, &Vec<String>, Fault); 7] {
        [
            ("program", &self.program, pattern::program_fault),
            ("args", &self.args, |_| None),
            ("path", &self.path, pattern::path_fault),
            ("host", &self.host, pattern::host_fault),
            ("tool", &self.tool, pattern::name_fault),
            ("agent", &self.agent, pattern::name_fault),
            ("queue", &self.queue, pattern::name_fault),
        ]
    }

    fn check_together(&self) -> Result<(), RuleError> {
        if !self.args.is_empty() && self.program.is_empty() {
            return Err(RuleError::Args);
        }
        if self.message.chars().count() > NOTE_CHARS_MAX {
            return Err(RuleError::Message);
        }
        if self.unreadable && self.effect != Effect::Allow { Err(RuleError::Unreadable) } else { Ok(()) }
    }
}

/// What is wrong with a pattern.
type Fault = fn(&str) -> Option<&'static str>;

fn is_kind(kind: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().count() <= NAME_CHARS_MAX;
    KINDS.contains(&kind) || kind.strip_prefix("ask:").is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Rule), expected: &str) {
        let mut rule = Rule::new(Effect::Deny);
        rule.check().expect("a rule about everything makes sense");
        change(&mut rule);
        let message = rule.check().expect_err("it makes no sense").to_string();
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
    }

    #[test]
    fn a_rule_stands_where_it_was_read() {
        let placed = Rule::new(Effect::Ask).placed("ostler.policy:3".to_owned()).expect("a rule");
        assert_eq!(placed.origin, "ostler.policy:3");
        assert_eq!(placed.placed("x:1".to_owned()), Err(RuleError::Origin));
    }

    #[test]
    fn what_would_never_match_is_refused() {
        let one = |text: &str| vec![text.to_owned()];
        refused(|rule| rule.kind = one("comand"), "there is no kind `comand`: use program, command");
        refused(|rule| rule.kind = one("ask:"), "`ask:WORD`");
        refused(|rule| rule.args = one("push"), "needs `program`");
        refused(|rule| rule.program = one("git push"), "in `args`");
        refused(|rule| rule.program = one(""), "is empty");
        refused(|rule| rule.path = one("src/"), "`src/**`");
        refused(|rule| rule.path = one("../x"), "`..`");
        refused(|rule| rule.path = one("a/b**"), "alone between slashes");
        refused(|rule| rule.host = one("https://docs.rs"), "without scheme");
        refused(|rule| rule.host = one("*docs.rs"), "`*.name`");
        refused(|rule| rule.tool = vec!["x".to_owned(); PATTERNS_MAX + 1], "write another rule");
        refused(|rule| rule.tool = vec!["x".repeat(PATTERN_CHARS_MAX + 1)], "too long");
        refused(|rule| rule.message = "x".repeat(NOTE_CHARS_MAX + 1), "characters");
        refused(|rule| rule.unreadable = true, "rules that allow");
    }
}
