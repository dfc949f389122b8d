//! Agents of this machine: found, asked for their version, and looked at for what would keep them from working.
//!
//! ```text
//! in PATH ─▶ its version reads as that agent's ─▶ new enough ─▶ signed in ─▶ agent.NAME, agent.NAME.enforces
//!                                                     └───────────────┴─ no ─▶ found.NAME, lacks.NAME
//! ```
//!
//! Signed in is what can be told without spending anything: a key in the environment a run would get, or a file in the owner's
//! home. Where it cannot be told it is taken for granted, and the first turn tells. Must not start a conversation.

use super::program::{self, Started};
use ostler_agents::{Entry, Grip, Protocol, parse_version};
use ostler_core::requirements::{self, Offers, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Agents start slowly: the slowest takes eleven seconds for its version on a quiet machine, and several times that on a busy
/// one. A program that hangs keeps nobody but itself from being offered.
const WITHIN: Duration = Duration::from_secs(60);
/// What an agent can hold back until it is answered.
const KINDS: [&str; 3] = ["command", "write", "fetch"];

/// A program as it was when it was asked: where it is, when it was changed, its size.
type Known = (PathBuf, (i64, i64), u64);

/// What is known of this machine's programs: they are asked again only when they changed.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<BTreeMap<Known, Option<String>>>);

/// An agent that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) program: PathBuf,
    version: String,
    /// What keeps it from working, in a word or two.
    lacks: Option<&'static str>,
}

/// Where to look, and what a run would see there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: std::ffi::OsString,
    pub(super) owner: Option<PathBuf>,
    /// What the owner lets every home have: programs may look there for what they need to start at all.
    pub(super) share: Vec<String>,
}

/// Looks for all of `entries` side by side; `env` is what a run of one would see.
pub(super) async fn find_all(
    asked: &Arc<Asked>,
    entries: &[&'static Entry],
    place: &Place,
    env: impl Fn(&Entry) -> Vec<(String, String)>,
) -> Vec<(&'static Entry, Option<Found>)> {
    // Each computes for seconds: more at once than processors answer no sooner.
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let turns = Arc::new(Semaphore::new(cpus));
    let mut looking = JoinSet::new();
    for &entry in entries {
        let (asked, turns, place, env) = (Arc::clone(asked), Arc::clone(&turns), place.clone(), env(entry));
        looking.spawn(async move {
            let _turn = turns.acquire().await;
            (entry, asked.find(entry, &env, &place).await)
        });
    }
    looking.join_all().await
}

impl Asked {
    /// The first program of `entry` that is that agent, with what it lacks; `env` is what a run of it would see.
    async fn find(&self, entry: &Entry, env: &[(String, String)], place: &Place) -> Option<Found> {
        for program in entry.programs.iter().flat_map(|name| candidates(name, &place.path)) {
            if let Some(version) = self.version(entry, &program, place).await {
                let lacks = lacks(entry, &version, env, place.owner.as_deref());
                return Some(Found { program, version, lacks });
            }
        }
        None
    }

    async fn version(&self, entry: &Entry, program: &Path, place: &Place) -> Option<String> {
        let meta = std::fs::metadata(program).ok()?;
        let changed = (std::os::unix::fs::MetadataExt::mtime(&meta), std::os::unix::fs::MetadataExt::mtime_nsec(&meta));
        let known = (program.to_owned(), changed, meta.len());
        if let Some(version) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&known) {
            return version.clone();
        }
        let started = Started { program: program.as_os_str(), arguments: entry.version_args, within: WITHIN };
        let printed = program::printed_at_home(&started, place).await;
        let version = printed.as_deref().and_then(|text| parse_version(entry, text));
        // What did not answer is asked again next time: a loaded machine is slow.
        if printed.is_some() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(known, version.clone());
        }
        version
    }
}

/// Files called `name` in the directories of `path`, or there outright, that can be executed.
fn candidates(name: &str, path: &std::ffi::OsStr) -> Vec<PathBuf> {
    let executable = |file: &PathBuf| {
        file.is_absolute() && file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if Path::new(name).is_absolute() {
        return Some(PathBuf::from(name)).filter(executable).into_iter().collect();
    }
    std::env::split_paths(path).map(|dir| dir.join(name)).filter(executable).collect()
}

fn lacks(entry: &Entry, version: &str, env: &[(String, String)], owner: Option<&Path>) -> Option<&'static str> {
    if entry.adapter.is_none() {
        return Some("no adapter");
    }
    let parts = |text: &str| requirements::parse_version(text).unwrap_or_default();
    if !entry.oldest.is_empty() && parts(version) < parts(entry.oldest) {
        return Some("too old");
    }
    let untold = entry.sign_in.env.is_empty() && entry.sign_in.files.is_empty();
    let key = |name: &&str| env.iter().any(|(known, value)| known == name && !value.is_empty());
    let file = |name: &&str| {
        owner.is_some_and(|owner| std::fs::metadata(owner.join(name)).is_ok_and(|meta| meta.is_dir() || meta.len() > 0))
    };
    let signed_in = untold || entry.sign_in.env.iter().any(key) || entry.sign_in.files.iter().any(file);
    (!signed_in).then_some("sign-in")
}

/// What is offered of `entry`, whether or not it was found.
pub(super) fn offers(entry: &Entry, found: Option<&Found>) -> Offers {
    let name = entry.name;
    if entry.protocol == Protocol::Builtin {
        return Offers::from([(format!("agent.{name}"), Value::Flag)]);
    }
    let Some(Found { version, lacks, .. }) = found else { return Offers::new() };
    let version = super::value(version);
    if let Some(lacks) = lacks {
        let lacks = Value::Text((*lacks).to_owned());
        return Offers::from([(format!("found.{name}"), version), (format!("lacks.{name}"), lacks)]);
    }
    let enforced = KINDS.into_iter().filter(|kind| entry.enforces.on(kind) == Grip::Enforced);
    let enforced = Value::Set(enforced.map(str::to_owned).collect());
    Offers::from([(format!("agent.{name}"), version), (format!("agent.{name}.enforces"), enforced)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_agents::{Catalog, Enforcement, SignIn};
    use ostler_core::requirements::Requirements;
    use std::os::unix::fs::PermissionsExt;

    fn entry() -> Entry {
        let catalog = Catalog::standard();
        Entry {
            name: "claude",
            programs: &["first-name", "second-name"],
            version_args: &["--version"],
            marks: &["Agent"],
            oldest: "2.1",
            sign_in: SignIn { env: &["AGENT_KEY"], files: &[".agent/auth"], how: "" },
            enforces: Enforcement { command: Grip::Advisory, write: Grip::Enforced, fetch: Grip::Enforced },
            ..*catalog.find("claude").expect("is there")
        }
    }

    struct Machine {
        dir: tempfile::TempDir,
        asked: Asked,
    }

    impl Machine {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            for name in ["one", "two", "owner/.agent"] {
                std::fs::create_dir_all(dir.path().join(name)).expect("makes");
            }
            Self { dir, asked: Asked::default() }
        }

        fn program(&self, name: &str, script: &str) {
            let (path, draft) = (self.dir.path().join(name), self.dir.path().join("draft"));
            std::fs::write(&draft, format!("#!/bin/sh\n{script}\n")).expect("writes");
            std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).expect("ours");
            // Renamed by somebody who never had it open for writing when it is executed.
            std::fs::rename(&draft, path).expect("renames");
        }

        async fn find(&self, entry: &Entry, env: &[(&str, &str)]) -> Option<Found> {
            let path = std::env::join_paths([
                self.dir.path().join("one"),
                self.dir.path().join("two"),
                "/usr/bin".into(),
                "/bin".into(),
            ]);
            let place =
                Place { path: path.expect("joins"), owner: Some(self.dir.path().join("owner")), share: Vec::new() };
            let env: Vec<_> = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            self.asked.find(entry, &env, &place).await
        }
    }

    #[tokio::test]
    async fn an_agent_that_cannot_work_is_found_and_not_offered() {
        let machine = Machine::new();
        let entry = entry();
        assert_eq!(machine.find(&entry, &[]).await, None);
        machine.program("one/second-name", "echo 'Some other tool 9.9.9'");
        machine.program("two/second-name", "[ $HOME != / ] && echo 'Agent 2.1.40'");
        let found = machine.find(&entry, &[]).await.expect("there");
        assert_eq!(found.program, machine.dir.path().join("two/second-name"));
        let words = |offers: &Offers| offers.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ");
        assert_eq!(words(&offers(&entry, Some(&found))), "found.claude=2.1.40 lacks.claude=sign-in");
        let ready = "agent.claude=2.1.40 agent.claude.enforces=(fetch, write)";
        for env in [("AGENT_KEY", "k"), ("AGENT_KEY", "")] {
            let signed_in = env.1 == "k";
            let found = machine.find(&entry, &[env]).await.expect("there");
            assert_eq!(words(&offers(&entry, Some(&found))) == ready, signed_in, "{env:?}");
        }
        std::fs::write(machine.dir.path().join("owner/.agent/auth"), "token").expect("writes");
        let found = machine.find(&entry, &[]).await.expect("there");
        assert_eq!(words(&offers(&entry, Some(&found))), ready);
        let untold = Entry { sign_in: SignIn::UNTOLD, ..entry };
        assert!(machine.find(&untold, &[]).await.expect("there").lacks.is_none());
        let old = Entry { oldest: "2.1.41", ..entry };
        assert_eq!(machine.find(&old, &[]).await.expect("there").lacks, Some("too old"));
        let mute = Entry { adapter: None, ..entry };
        assert_eq!(machine.find(&mute, &[]).await.expect("there").lacks, Some("no adapter"));
    }

    #[tokio::test]
    async fn a_program_is_asked_again_only_when_it_changed() {
        let machine = Machine::new();
        let count = machine.dir.path().join("count");
        let script = |version: &str| format!("echo . >> {}; echo Agent {version}", count.display());
        machine.program("one/first-name", &script("2.1.1"));
        for _ in 0..3 {
            assert_eq!(machine.find(&entry(), &[]).await.expect("there").version, "2.1.1");
        }
        assert_eq!(std::fs::read_to_string(&count).expect("asked"), ".\n");
        machine.program("one/first-name", &script("2.1.22"));
        assert_eq!(machine.find(&entry(), &[]).await.expect("there").version, "2.1.22");
    }

    #[test]
    fn what_an_agent_enforces_can_be_required() {
        let found = Found { program: "/x".into(), version: "2.1.0".to_owned(), lacks: None };
        let offers = offers(&entry(), Some(&found));
        let meets = |text: &str| text.parse::<Requirements>().expect(text).matches(&offers);
        assert!(meets("agent.claude>=2.1, agent.claude.enforces=write") && meets("agent.claude.enforces in (fetch)"));
        assert!(!meets("agent.claude.enforces=command") && !meets("agent.codex.enforces=write"));
    }
}
