//! Configuration: a compiled-in file of commented defaults, overlaid by the user's own. Must not know any key.
//!
//! ```text
//!   defaults.toml ──parse──┐
//!                          ├── overlay: every key must exist above, with the same kind of value ──▶ T
//!   user.toml ─────parse──┘          (an empty table above is open: it takes keys of any name)
//! ```
//!
//! The defaults hold *every* key, so they are the schema: an unknown key and a wrong kind are found by comparison and
//! reported with the line of the user's file.

mod fields;
mod nearest;
mod overlay;
mod tables;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, Deserializer};

use overlay::overlay;

pub use tables::load_tables;

/// A configuration that cannot be used. Every message names the file and the line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}", path = .path.display())]
    Unreadable {
        /// The user's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}:{line}: {reason}", path = .path.display())]
    Syntax {
        /// The user's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// A key nobody reads.
    #[error("{path}:{line}: unknown key `{key}`{hint}", path = .path.display(), hint = hint(.nearest))]
    UnknownKey {
        /// The user's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with the tables it stands in.
        key: String,
        /// The known key that looks most like it, if any does.
        nearest: Option<String>,
    },
    /// A value of another kind than the default's.
    #[error("{path}:{line}: `{key}` must be {expected}, not {found}", path = .path.display())]
    WrongKind {
        /// The user's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with the tables it stands in.
        key: String,
        /// The kind of the default.
        expected: &'static str,
        /// The kind that was found.
        found: &'static str,
    },
    /// A value of the right kind that means nothing.
    #[error("{path}:{line}: {reason}", path = .path.display())]
    Refused {
        /// The user's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// The compiled-in defaults do not fit the program: a mistake of ours, never of the user's.
    #[error("the built-in defaults are broken: {reason}; please report this")]
    Defaults {
        /// What is wrong with them.
        reason: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// Reads the defaults and lays the user's file, if there is one, over them.
///
/// # Errors
/// [`ConfigError`], naming file and line.
pub fn load<T: DeserializeOwned>(defaults: &str, user: Option<&Path>) -> Result<T, ConfigError> {
    let Some(path) = user else { return parse(defaults, "", Path::new("")) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(defaults, &text, path)
}

/// The same for a text that was read already; `path` is only named in errors.
///
/// # Errors
/// [`ConfigError`], naming `path` and the line.
pub fn parse<T: DeserializeOwned>(defaults: &str, user: &str, path: &Path) -> Result<T, ConfigError> {
    let broken = |error: toml::de::Error| ConfigError::Defaults { reason: error.message().to_owned() };
    // The defaults alone must be a T, so that whatever fails below is the user's value and has the user's line.
    T::deserialize(Deserializer::from(DeTable::parse(defaults).map_err(broken)?)).map_err(broken)?;

    let line = |error: &toml::de::Error| error.span().map_or(1, |span| line_of(user, span.start));
    let syntax =
        |error| ConfigError::Syntax { path: path.to_owned(), line: line(&error), reason: error.message().to_owned() };
    let mut table = DeTable::parse(defaults).map_err(broken)?;
    let theirs = DeTable::parse(user).map_err(syntax)?;
    overlay(table.get_mut(), theirs.into_inner()).map_err(|wrong| wrong.into_error(path, user))?;
    T::deserialize(Deserializer::from(table)).map_err(|error| ConfigError::Refused {
        path: path.to_owned(),
        line: line(&error),
        reason: error.message().to_owned(),
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{Period, Size};

    const DEFAULTS: &str = "lease_ttl = '30s'\nslots = 2\n[log]\nfilter = 'info'\n[spool]\nmax = '64MiB'\n[labels]\n";

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        lease_ttl: Period,
        slots: u32,
        log: Log,
        spool: Spool,
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Log {
        filter: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Spool {
        max: Size,
    }

    fn read(user: &str) -> Result<Sample, String> {
        parse(DEFAULTS, user, Path::new("my.toml")).map_err(|wrong| wrong.to_string())
    }

    #[track_caller]
    fn refused(user: &str, expected: &str) {
        let message = read(user).expect_err("it must be refused");
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
    }

    #[test]
    fn what_the_user_leaves_out_keeps_its_default() {
        let plain = read("").expect("the defaults alone");
        assert_eq!((plain.lease_ttl, plain.slots), (Period::from_ms(30_000), 2));
        let theirs = read("slots = 8\n[log]\nfilter = 'debug'\n").expect("two keys overridden");
        assert_eq!((theirs.slots, theirs.log.filter.as_str()), (8, "debug"));
        assert_eq!(theirs.spool.max, Size::from_bytes(64 << 20));
    }

    #[test]
    fn an_empty_table_in_the_defaults_takes_any_key() {
        let theirs = read("[labels]\ngpu = 'a100'\n").expect("labels are open");
        assert_eq!(theirs.labels.get("gpu").map(String::as_str), Some("a100"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        refused("slots = 1\n\nleese_ttl = '5s'\n", "my.toml:3: unknown key `leese_ttl`; did you mean `lease_ttl`?");
        refused("[log]\nfilters = 'info'\n", "my.toml:2: unknown key `log.filters`; did you mean `log.filter`?");
        refused("[metrics]\nport = 1\n", "my.toml:1: unknown key `metrics`");
        let message = read("zzz = 1").expect_err("nothing looks like it");
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn a_wrong_kind_is_refused_with_its_line() {
        refused("\nslots = 'two'\n", "my.toml:2: `slots` must be a whole number, not a string");
        refused("lease_ttl = 30\n", "my.toml:1: `lease_ttl` must be a string, not a whole number");
        refused("log = 'info'\n", "my.toml:1: `log` must be a table, not a string");
    }

    #[test]
    fn a_value_that_means_nothing_is_refused_with_its_line() {
        refused("slots = 1\nlease_ttl = '30 parsecs'\n", "my.toml:2: \"30 parsecs\" has no unit known here");
        refused("slots = -1\n", "my.toml:1: ");
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_with_its_line() {
        refused("slots = 1\nlease_ttl = \n", "my.toml:2: ");
        refused("slots = 1\nslots = 2\n", "my.toml:2: ");
    }

    #[test]
    fn defaults_that_do_not_fit_are_our_own_fault() {
        let broken = parse::<Sample>("slots = 2\n", "", Path::new("my.toml")).expect_err("keys are missing");
        assert!(matches!(broken, ConfigError::Defaults { .. }), "{broken}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = load::<Sample>(DEFAULTS, Some(Path::new("/nonexistent/my.toml"))).expect_err("no such file");
        assert!(missing.to_string().contains("/nonexistent/my.toml"), "{missing}");
    }
}
