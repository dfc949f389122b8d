//! The agents this release knows: how to find them, how to read their version, how they are spoken to.
//!
//! Owns the list. Must not search a disk or start anything: the runner does, and gives back what was printed.

pub(crate) mod entry;
mod version;

use crate::adapter::{Adapter, LaunchError};
use crate::agent::acp::custom::{self, Added, Custom, CustomError};
use crate::agent::{acp, builtin, native, text};
use crate::codec::acp::Acp;
use entry::Entry;
pub use version::parse_version;

/// Built-in ones first.
static STANDARD: [&Entry; 19] = [
    &builtin::SHELL,
    &builtin::PTY,
    &builtin::NOOP,
    &native::claude::ENTRY,
    &native::codex::ENTRY,
    &acp::gemini::ENTRY,
    &acp::opencode::ENTRY,
    &acp::qwen::ENTRY,
    &acp::goose::ENTRY,
    &text::aider::ENTRY,
    &acp::hermes::ENTRY,
    &acp::openhands::ENTRY,
    &acp::openclaw::ENTRY,
    &acp::copilot::ENTRY,
    &acp::kimi::ENTRY,
    &native::pi::ENTRY,
    &acp::cursor_agent::ENTRY,
    &text::amp::ENTRY,
    &text::crush::ENTRY,
];

/// The agents a runner knows.
#[derive(Debug, Clone)]
pub struct Catalog {
    entries: Vec<&'static Entry>,
    added: Vec<Added>,
}

impl Catalog {
    /// What this release ships with.
    #[must_use]
    pub fn standard() -> Self {
        Self { entries: STANDARD.to_vec(), added: Vec::new() }
    }

    /// This catalog with the agents of a runner's owner. Call it once per process: what is added is never freed.
    ///
    /// # Errors
    /// [`CustomError`], for the owner.
    pub fn with_custom(mut self, agents: Vec<Custom>) -> Result<Self, CustomError> {
        for agent in agents {
            if self.find(&agent.name).is_some() {
                return Err(CustomError::Taken(agent.name));
            }
            let added = custom::add(agent)?;
            self.entries.push(added.0);
            self.added.push(added);
        }
        Ok(self)
    }

    /// All entries, built-in ones first.
    #[must_use]
    pub fn entries(&self) -> &[&'static Entry] {
        &self.entries
    }

    /// The entry called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Entry> {
        self.entries.iter().copied().find(|entry| entry.name == name)
    }

    /// A fresh adapter for one attempt with agent `name`.
    ///
    /// # Errors
    /// [`LaunchError::Unknown`] or [`LaunchError::Unspoken`].
    pub fn adapter(&self, name: &str) -> Result<Box<dyn Adapter>, LaunchError> {
        let entry = self.find(name).ok_or_else(|| LaunchError::Unknown(name.chars().take(64).collect()))?;
        if let Some((entry, profile)) = self.added.iter().copied().find(|(added, _)| added.name == entry.name) {
            return Ok(Box::new(Acp::new(entry, profile)));
        }
        let make = entry.adapter.ok_or_else(|| LaunchError::Unspoken(entry.name.to_owned()))?;
        Ok(make(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::entry::Protocol;

    fn check(agent: &str, printed: &str, expected: Option<&str>) {
        let entry = Catalog::standard().find(agent).expect("in the catalog");
        assert_eq!(parse_version(entry, printed.as_bytes()).as_deref(), expected, "{agent}: {printed:?}");
    }

    #[test]
    fn versions_as_the_programs_print_them() {
        check("claude", "2.1.329 (Claude Code)\n", Some("2.1.329"));
        check("codex", "codex-cli 0.169.0\n", Some("0.169.0"));
        check("gemini", "0.61.0\n", Some("0.61.0"));
        check("aider", "aider 0.86.2\n", Some("0.86.2"));
        check("goose", " 1.52.0\n", Some("1.52.0"));
        check("copilot", "GitHub Copilot CLI 1.0.102.\nCommit: abc\n", Some("1.0.102"));
        check("amp", "0.0.1790142911-g1234ab (released 2026-11-20)\n", Some("0.0.1790142911"));
        check("crush", "crush version v0.96.1\n", Some("0.96.1"));
        check("opencode", "warning: old\n1.18.33\n", Some("1.18.33"));
    }

    #[test]
    fn another_program_of_the_same_name_is_not_the_agent() {
        check("claude", "claude 1.0.0, a chess engine\n", None);
        check("hermes", "JS engine 0.12.0\n", None);
        check("codex", "", None);
        check("gemini", "usage: gemini FILE.txt\n", None);
        check("gemini", "1.2.3.4.5\n", None);
    }

    #[test]
    fn an_owner_adds_agents_under_names_that_are_free() {
        let mine = |name: &str| Custom { name: name.to_owned(), command: vec!["mine".to_owned()], env: Vec::new() };
        let catalog = Catalog::standard().with_custom(vec![mine("mine")]).expect("adds");
        assert_eq!(catalog.find("mine").expect("is there").programs, ["mine"]);
        assert!(catalog.adapter("mine").is_ok());
        let twice = Catalog::standard().with_custom(vec![mine("mine"), mine("mine")]);
        assert_eq!(twice.err(), Some(CustomError::Taken("mine".to_owned())));
        let taken = Catalog::standard().with_custom(vec![mine("gemini")]);
        assert_eq!(taken.err(), Some(CustomError::Taken("gemini".to_owned())));
    }

    #[test]
    fn every_entry_is_reachable_once_and_unknown_ones_are_refused() {
        let catalog = Catalog::standard();
        for entry in catalog.entries() {
            assert!(std::ptr::eq(catalog.find(entry.name).expect("is there"), *entry));
            assert_eq!(entry.protocol == Protocol::Builtin, entry.programs.is_empty());
            assert_eq!(catalog.adapter(entry.name).is_err(), entry.adapter.is_none(), "{}", entry.name);
        }
        assert!(matches!(catalog.adapter("nope"), Err(LaunchError::Unknown(_))));
    }
}
