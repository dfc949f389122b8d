//! The agents this release knows: how to find them, how to read their version, how they are spoken to.
//!
//! Owns data and the pure reading of `--version`. Must not search a disk or start anything: the runner does, and gives
//! back what was printed. Names collide (`goose` may be a database tool, `amp` anything), so that a program counts as
//! an agent only when its version is printed in that agent's own way.

use crate::adapter::{Adapter, LaunchError};
use crate::claude::Claude;
use crate::codex::Codex;
use crate::command::Command;
use crate::headless::Headless;
use crate::noop::Noop;

/// How an agent is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Part of Ostler: always there, nothing to find.
    Builtin,
    /// Headless, one JSON object per line; asks nobody, so what needs a permission is denied by the agent itself.
    Lines,
    /// Found and offered with its version, but not spoken to by this release: usable as a command.
    Unspoken,
}

/// One agent of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name: in a task, and offered as `agent.<name>`.
    pub name: &'static str,
    /// Programs to look for in PATH, in this order; empty for what is built in.
    pub programs: &'static [&'static str],
    /// Arguments that make it print its version. Give it `/dev/null` as input and ten seconds: openhands needs eleven
    /// without `LITELLM_LOCAL_MODEL_COST_MAP=True`, and a bare `amp` waits for a login.
    pub version_args: &'static [&'static str],
    /// Texts of which one must be in what it prints for the program to be this agent; empty accepts any version.
    pub marks: &'static [&'static str],
    /// How it is spoken to.
    pub protocol: Protocol,
}

const VERSION: &[&str] = &["--version"];

/// Version marks as printed by the releases named in the comment column of docs (measured 2026-11-21).
const STANDARD: [Entry; 17] = [
    builtin("shell"),
    builtin("pty"),
    builtin("noop"),
    found("claude", &["claude"], &["Claude Code"], Protocol::Lines),
    found("codex", &["codex"], &["codex"], Protocol::Lines),
    found("gemini", &["gemini"], &[], Protocol::Unspoken),
    found("opencode", &["opencode"], &[], Protocol::Unspoken),
    found("qwen", &["qwen"], &[], Protocol::Unspoken),
    found("goose", &["goose"], &[], Protocol::Unspoken),
    found("aider", &["aider"], &["aider"], Protocol::Unspoken),
    found("hermes", &["hermes"], &["Hermes"], Protocol::Unspoken),
    found("openhands", &["openhands"], &["OpenHands"], Protocol::Unspoken),
    found("copilot", &["copilot"], &[], Protocol::Unspoken),
    found("kimi", &["kimi"], &[], Protocol::Unspoken),
    found("amp", &["amp"], &[], Protocol::Unspoken),
    found("crush", &["crush"], &["crush"], Protocol::Unspoken),
    found("cursor-agent", &["cursor-agent"], &[], Protocol::Unspoken),
];

const fn builtin(name: &'static str) -> Entry {
    Entry { name, programs: &[], version_args: &[], marks: &[], protocol: Protocol::Builtin }
}

const fn found(
    name: &'static str,
    programs: &'static [&'static str],
    marks: &'static [&'static str],
    protocol: Protocol,
) -> Entry {
    Entry { name, programs, version_args: VERSION, marks, protocol }
}

/// The agents a runner knows.
#[derive(Debug, Clone, Copy)]
pub struct Catalog {
    entries: &'static [Entry],
}

impl Catalog {
    /// What this release ships with.
    #[must_use]
    pub fn standard() -> Self {
        Self { entries: &STANDARD }
    }

    /// All entries, built-in ones first.
    #[must_use]
    pub fn entries(&self) -> &'static [Entry] {
        self.entries
    }

    /// The entry called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// A fresh adapter for one attempt with agent `name`.
    ///
    /// # Errors
    /// [`LaunchError::Unknown`] or [`LaunchError::Unspoken`].
    pub fn adapter(&self, name: &str) -> Result<Box<dyn Adapter>, LaunchError> {
        let entry = self.find(name).ok_or_else(|| LaunchError::Unknown(name.chars().take(64).collect()))?;
        match entry.name {
            "shell" => Ok(Box::new(Command::shell())),
            "pty" => Ok(Box::new(Command::pty())),
            "noop" => Ok(Box::new(Noop)),
            "claude" => Ok(Box::new(Headless::new(Claude::default()))),
            "codex" => Ok(Box::new(Headless::new(Codex::default()))),
            spoken_later => Err(LaunchError::Unspoken(spoken_later.to_owned())),
        }
    }
}

/// Bytes of output looked at for a version: it stands at the top or nowhere.
const VERSION_BYTES_MAX: usize = 4_096;
/// Components of a version: three are usual, four happen, more is a date or an address.
const VERSION_PARTS: std::ops::RangeInclusive<usize> = 2..=4;

/// Reads the version out of what `entry`'s program printed, as `1.2.3`: the first dotted number of two to four
/// components. `None` when there is none, or when the program is not this agent.
#[must_use]
pub fn parse_version(entry: &Entry, printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&printed[..printed.len().min(VERSION_BYTES_MAX)]).into_owned();
    let lower = text.to_lowercase();
    if !entry.marks.is_empty() && !entry.marks.iter().any(|mark| lower.contains(&mark.to_lowercase())) {
        return None;
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '+')).find_map(version_word)
}

/// `v1.2.3-rc1` is 1.2.3; `file.rs`, `1.` and `1.2.3.4.5` are nothing.
fn version_word(word: &str) -> Option<String> {
    let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let core = word.split(['-', '+']).next()?.trim_end_matches('.');
    let parts: Vec<&str> = core.split('.').collect();
    let numeric = |part: &&str| !part.is_empty() && part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
    (VERSION_PARTS.contains(&parts.len()) && parts.iter().all(numeric)).then(|| core.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_entry_is_reachable_once_and_unknown_ones_are_refused() {
        let catalog = Catalog::standard();
        for entry in catalog.entries() {
            assert_eq!(catalog.find(entry.name), Some(entry));
            assert_eq!(entry.protocol == Protocol::Builtin, entry.programs.is_empty());
            assert_eq!(catalog.adapter(entry.name).is_err(), entry.protocol == Protocol::Unspoken, "{}", entry.name);
        }
        assert!(matches!(catalog.adapter("nope"), Err(LaunchError::Unknown(_))));
    }
}
