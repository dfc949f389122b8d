//! What this machine offers: probed, labelled, advertised.
//!
//! Owns the names of offers. Must not know who requires them. Programs are asked for their version with a deadline each, with
//! `/dev/null` as input; one that does not answer is not offered.

mod agents;
mod machine;
mod program;
mod tools;

use crate::config::RunnerConfig;
use agents::Place;
use ostler_agents::{Catalog, Entry};
use ostler_core::ids::DeviceId;
use ostler_core::limits::{NAME_CHARS_MAX, OFFERS_MAX};
use ostler_core::requirements::{Offers, Value, parse_number, parse_version};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A stable name of this machine, the same for every runner on it: a digest, so that it says nothing else.
#[must_use]
pub fn machine_id() -> String {
    machine::id()
}

/// What this machine would offer as a runner with `config`: the catalog's agents first of all. Takes up to some seconds.
pub async fn capabilities(config: &RunnerConfig) -> Offers {
    let owner = std::env::var_os("HOME").map(PathBuf::from);
    Probe::default().look(config, &Catalog::standard(), owner.as_deref()).await
}

/// The runner's own environment, as far as its owner lets a run see it; `more` are the names one agent knows its sign-in by.
pub(crate) fn environment(config: &RunnerConfig, more: &[&str]) -> Vec<(String, String)> {
    let allowed = |(name, _): &(String, String)| config.env.allow.contains(name) || more.contains(&name.as_str());
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(allowed)
        .collect()
}

/// The looks at this machine, and what they found.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    runner: Option<DeviceId>,
    asked: Arc<agents::Asked>,
    programs: Mutex<BTreeMap<&'static str, PathBuf>>,
}

impl Probe {
    /// The looks of a paired runner. It offers itself by name: sessions are kept by runner, and a machine may have several.
    pub(crate) fn of(runner: DeviceId) -> Self {
        Self { runner: Some(runner), ..Self::default() }
    }

    /// What this machine offers now. Starts programs with a deadline each; takes up to some seconds.
    pub(crate) async fn look(&self, config: &RunnerConfig, catalog: &Catalog, owner: Option<&Path>) -> Offers {
        let mut offers = machine::offers();
        offers.extend(self.runner.map(|runner| ("runner".to_owned(), Value::Text(runner.to_string()))));
        offers.extend(tools::offers().await);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let place = Place { path, owner: owner.map(Path::to_owned), share: config.home.share.clone() };
        let mut programs = BTreeMap::new();
        let env = |entry: &Entry| environment(config, entry.env);
        for (entry, found) in agents::find_all(&self.asked, catalog.entries(), &place, env).await {
            offers.extend(agents::offers(entry, found.as_ref()));
            programs.extend(found.map(|found| (entry.name, found.program)));
        }
        *self.programs.lock().unwrap_or_else(PoisonError::into_inner) = programs;
        let labels = config.labels.iter().filter(|(name, _)| !name.is_empty() && name.len() <= NAME_CHARS_MAX);
        offers.extend(labels.map(|(name, text)| (name.clone(), value(text))));
        while offers.len() > OFFERS_MAX {
            offers.pop_last();
        }
        offers
    }

    /// Where the last look found the agent's program.
    pub(crate) fn program(&self, agent: &str) -> Option<PathBuf> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(agent).cloned()
    }
}

/// The value a text means: a flag, a number with its unit, a version, or a word.
fn value(text: &str) -> Value {
    if text.is_empty() || text == "yes" {
        return Value::Flag;
    }
    let number = parse_number(text).map(Value::Number);
    let version = || parse_version(text).filter(|parts| parts.len() > 1).map(Value::Version);
    number.or_else(version).unwrap_or_else(|| Value::Text(text.chars().take(NAME_CHARS_MAX).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_offers_what_it_is() {
        let config = RunnerConfig::read(None).expect("the defaults are whole");
        let offers = Probe::default().look(&config, &Catalog::standard(), None).await;
        assert_eq!(offers.get("os"), Some(&Value::Text(std::env::consts::OS.to_owned())));
        assert_eq!(offers.get("agent.shell"), Some(&Value::Flag));
        assert!(matches!(offers.get("cpus"), Some(Value::Number(1..))));
        assert!(matches!(offers.get("mem"), Some(Value::Number(1..))));
        assert_eq!(offers.get("machine"), Some(&Value::Text(machine_id())));
        assert_eq!(machine_id(), machine_id());
    }

    #[test]
    fn labels_are_read_as_what_they_look_like() {
        assert_eq!(value(""), Value::Flag);
        assert_eq!(value("lab"), Value::Text("lab".to_owned()));
        assert_eq!(value("16GiB"), Value::Number(16 << 30));
        assert_eq!(value("1.2.3"), Value::Version(vec![1, 2, 3]));
    }
}
