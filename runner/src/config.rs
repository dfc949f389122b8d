//! The runner's configuration: deploy/runner.toml, compiled in, with the owner's file laid over it.
//!
//! Owns the keys and their kinds. Must not know what any of them changes.

use ostler_agents::{Catalog, Custom, CustomError};
use ostler_boot::{ConfigError, LogSettings, Period, PlaceError, Size, home, load};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every key with its default, its unit and its reason.
pub const DEFAULTS: &str = include_str!("../../deploy/runner.toml");

/// CPUs per slot when `slots` is 0: a coding agent builds and tests as well as it types.
const CPUS_PER_SLOT: usize = 2;

/// The runner's configuration as read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerConfig {
    /// Runs at the same time; 0 means one per two CPUs.
    pub slots: u32,
    /// Where key, journal, mirrors and trees are; empty means the platform's place.
    pub data_dir: String,
    /// TCP address of health and metrics; empty switches it off.
    pub http: String,
    /// Names a request to `http` may use.
    pub http_hosts: Vec<String>,
    /// Pools it serves among those of its grant; empty means all of those.
    pub pools: Vec<String>,
    /// What runs has this long to end after the first SIGTERM.
    pub drain_timeout: Period,
    /// Probes are repeated this often.
    pub probe_every: Period,
    /// Disk for trees and mirrors.
    pub workspace: WorkspaceConfig,
    pub(crate) git: GitConfig,
    pub(crate) spool: SpoolConfig,
    pub(crate) env: EnvConfig,
    pub(crate) home: HomeConfig,
    pub(crate) sessions: SessionsConfig,
    pub(crate) stall: StallConfig,
    pub(crate) agents: BTreeMap<String, AgentConfig>,
    /// Offered beside what is probed.
    pub labels: BTreeMap<String, String>,
    /// Logging.
    pub log: LogSettings,
}

/// Disk for trees and mirrors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceConfig {
    /// Trees and mirrors together.
    pub disk_budget: Size,
    /// Free space to leave on the file system.
    pub disk_reserve: Size,
}

/// How repositories over https and ssh are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GitConfig {
    /// A `credential.helper` value for https; empty means no credentials.
    pub(crate) credential_helper: String,
    /// The longest one fetch may take.
    pub(crate) fetch_timeout: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpoolConfig {
    pub(crate) bytes_max: Size,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvConfig {
    pub(crate) allow: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HomeConfig {
    /// Names below the owner's home that every agent's own home gets.
    pub(crate) share: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsConfig {
    /// What a run leaves to be gone on with is kept this long after it was last used.
    pub(crate) keep: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StallConfig {
    /// An agent without any sign of life for this long is asked about.
    pub(crate) after: Period,
}

/// An agent its owner adds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentConfig {
    /// Its program, and what makes it speak the protocol.
    command: Vec<String>,
    /// Variables of the runner's environment that it may see.
    #[serde(default)]
    env: Vec<String>,
}

impl RunnerConfig {
    /// The defaults, with `file` laid over them.
    ///
    /// # Errors
    /// An unknown key or a wrong value, with its line.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        load(DEFAULTS, file)
    }

    /// The directory of this runner's key, journal, mirrors and trees.
    ///
    /// # Errors
    /// When the configuration names none and the platform has none.
    pub fn directory(&self) -> Result<PathBuf, PlaceError> {
        if self.data_dir.is_empty() { Ok(home()?.join("runner")) } else { Ok(PathBuf::from(&self.data_dir)) }
    }

    /// The agents of this release, and those its owner adds. Call it once per process.
    pub(crate) fn catalog(&self) -> Result<Catalog, CustomError> {
        let custom = |(name, agent): (&String, &AgentConfig)| {
            let AgentConfig { command, env } = agent.clone();
            Custom { name: name.clone(), command, env }
        };
        Catalog::standard().with_custom(self.agents.iter().map(custom).collect())
    }

    /// Runs executed at once, at least one and never more than the relay takes.
    #[must_use]
    pub fn slots(&self) -> u32 {
        let wanted = match self.slots {
            0 => std::thread::available_parallelism().map_or(1, |cpus| cpus.get() / CPUS_PER_SLOT),
            given => usize::try_from(given).unwrap_or(usize::MAX),
        };
        u32::try_from(wanted).unwrap_or(u32::MAX).clamp(1, ostler_core::limits::SLOTS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_defaults_are_whole() {
        let config = RunnerConfig::read(None).expect("the defaults are whole");
        assert!(config.slots() >= 1 && config.http.is_empty() && config.labels.is_empty());
        assert!(config.git.credential_helper.is_empty());
        assert!(config.sessions.keep > config.stall.after);
        assert!(config.agents.is_empty());
        assert!(config.env.allow.iter().any(|name| name == "PATH"));
    }

    #[test]
    fn an_owner_adds_agents_by_a_few_lines() {
        let read =
            |text: &str| -> RunnerConfig { ostler_boot::parse(DEFAULTS, text, Path::new("runner.toml")).expect(text) };
        let config =
            read("[agents.mine]\ncommand = ['mine', 'acp']\n[agents.other]\ncommand = ['o']\nenv = ['O_KEY']\n");
        let catalog = config.catalog().expect("adds");
        let entry = |name: &str| catalog.find(name).expect("added");
        assert_eq!((entry("mine").programs, entry("other").env), (&["mine"][..], &["O_KEY"][..]));
        assert!(read("[agents.claude]\ncommand = ['mine']\n").catalog().is_err(), "the name is taken");
    }
}
