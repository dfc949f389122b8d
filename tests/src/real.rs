//! The real agents, as `tests/agents/install` puts them on a machine.
//!
//! Owns where they are. Must not install anything: an agent that is not there is said loudly, and a test passes without
//! having run; with `OSTLER_AGENTS_REQUIRED=1`, as in CI, it fails.

mod setup;

pub use setup::{AGENTS, File, Setup, setup};

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is installed, from which registry, at which version.
const PINS: &str = include_str!("../agents/pins");
/// The interpreter of those that npm brings.
const NODE: &str = "node";

/// An agent that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its program.
    pub program: PathBuf,
    /// A PATH on which it, its interpreter and the system's tools are found.
    pub path_env: OsString,
    /// The version that is pinned.
    pub version: String,
}

/// An agent that is not there, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Pin<'a> {
    version: &'a str,
    program: &'a str,
    interpreter: &'a str,
}

impl Installed {
    /// The agent for a test that runs it for real: with `OSTLER_REAL=1`, and where it is installed. Otherwise the test says
    /// loudly that it did not run.
    ///
    /// # Panics
    /// As [`missing_loudly`].
    #[must_use]
    pub fn for_real(test: &str, agent: &str) -> Option<Self> {
        if env::var_os("OSTLER_REAL").is_none_or(|value| value != "1") {
            say_loudly(&format!("NOT RUN: {test}: real agents run with OSTLER_REAL=1"));
            return None;
        }
        Self::find(agent).map_err(|missing| missing_loudly(test, &missing)).ok()
    }

    /// The agent of this name among the pins.
    ///
    /// # Errors
    /// When it is not pinned, or not installed whole.
    pub fn find(agent: &str) -> Result<Self, Missing> {
        let cache = cache()?;
        let pin = pin(agent).ok_or_else(|| Missing(format!("{agent} is not in tests/agents/pins")))?;
        let program = installed(&cache, agent, &pin)?;
        let mut folders = vec![program.parent().expect("a program is in a folder").to_owned()];
        if pin.interpreter == NODE {
            let node = self::pin(NODE).ok_or_else(|| Missing("node is not in tests/agents/pins".to_owned()))?;
            let node = installed(&cache, NODE, &node)?;
            folders.push(node.parent().expect("a program is in a folder").to_owned());
        }
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path_env = env::join_paths(folders).map_err(|wrong| Missing(format!("{agent}: {wrong}")))?;
        Ok(Self { program, path_env, version: pin.version.to_owned() })
    }
}

fn pin(agent: &str) -> Option<Pin<'static>> {
    let rows = PINS.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|row| match row.as_slice() {
        [name, _registry, _package, version, program, interpreter] if *name == agent => {
            Some(Pin { version, program, interpreter })
        }
        _ => None,
    })
}

fn installed(cache: &Path, agent: &str, pin: &Pin<'_>) -> Result<PathBuf, Missing> {
    let folder = cache.join(format!("{agent}-{}", pin.version));
    let program = folder.join(pin.program);
    if program.exists() && folder.join(".whole").exists() {
        return Ok(program);
    }
    Err(Missing(format!("{agent} {} is not in {}: tests/agents/install {agent}", pin.version, cache.display())))
}

/// Where `tests/agents/install` puts them.
fn cache() -> Result<PathBuf, Missing> {
    let below_home = |home: OsString| PathBuf::from(home).join(".cache");
    let named = env::var_os("OSTLER_AGENTS").map(PathBuf::from);
    let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| env::var_os("HOME").map(below_home));
    named
        .or_else(|| user.map(|user| user.join("ostler-agents")))
        .ok_or_else(|| Missing("neither OSTLER_AGENTS nor HOME says where agents are".to_owned()))
}

/// Says on stderr that a test did not run, for lack of an agent.
///
/// # Panics
/// With `OSTLER_AGENTS_REQUIRED=1`: then a test without its agent has failed.
pub fn missing_loudly(test: &str, missing: &Missing) {
    let required = env::var_os("OSTLER_AGENTS_REQUIRED").is_some_and(|value| value == "1");
    assert!(!required, "{test}: {missing}");
    say_loudly(&format!("NOT RUN: {test}: {missing}"));
}

/// Not by a macro: what a passing test prints that way is kept from people.
fn say_loudly(words: &str) {
    writeln!(io::stderr(), "{words}").expect("stderr is open");
}

#[cfg(test)]
mod tests {
    use super::{AGENTS, Installed, Missing, NODE, Pin, installed, pin};

    #[test]
    fn every_agent_that_is_set_up_is_pinned() {
        for agent in AGENTS {
            let pin = pin(agent).unwrap_or_else(|| panic!("{agent} is not pinned"));
            assert!(pin.interpreter != NODE || super::pin(NODE).is_some());
        }
    }

    #[test]
    fn half_an_installation_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let pin = Pin { version: "1.0", program: "bin/agent", interpreter: "-" };
        let folder = cache.path().join("agent-1.0");
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        std::fs::write(folder.join("bin/agent"), "").unwrap();
        let missing = installed(cache.path(), "agent", &pin).unwrap_err();
        assert!(missing.to_string().ends_with("tests/agents/install agent"), "{missing}");
        std::fs::write(folder.join(".whole"), "").unwrap();
        assert_eq!(installed(cache.path(), "agent", &pin), Ok(folder.join("bin/agent")));
    }

    #[test]
    fn an_agent_nobody_pinned_is_missing() {
        let missing = Installed::find("nobody").unwrap_err();
        assert_eq!(missing, Missing("nobody is not in tests/agents/pins".to_owned()));
    }
}
