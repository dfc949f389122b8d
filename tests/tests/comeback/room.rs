//! A fleet whose runs write down their steps, and what may be asked of both.
//!
//! Owns the files beside the fleet. Each step is a line `what epoch`.

use ostler_client::{Draft, Question};
use ostler_core::event::Event;
use ostler_core::ids::RunId;
use ostler_core::run::{AttemptEnd, State};
use ostler_core::task::Source;
use ostler_tests::{Processes, command, until};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");
const REPOSITORY: &str = "repository";
const RUNNER_CONFIG: &str = "slots = 1\n[workspace]\ndisk_reserve = '1MiB'\n";
/// The words a run's script may use. Its working directory is called `run-epoch`.
const WORDS: &str = r#"
epoch=${PWD##*-}
step() { echo "$1 $epoch" >> "$PLACE/steps"; }
wait_for() { while [ ! -e "$PLACE/$1" ]; do sleep 0.02; done; }
ask() { "$PLACE/ostler" ask --kind "$1" -- /bin/sh -c 'echo "$1 $2" >> "$0/steps"' "$PLACE" "$1" "$epoch"; }
"#;

/// The room.
pub(crate) struct Room {
    pub(crate) fleet: Processes,
}

impl Room {
    /// A relay with this configuration and a runner with one slot.
    pub(crate) async fn with_runner(relay_config: &str, name: &str) -> Self {
        let mut room = Self { fleet: Processes::start(OSTLER, relay_config).await };
        room.runner(name).await;
        room
    }

    /// One more runner.
    pub(crate) async fn runner(&mut self, name: &str) {
        self.fleet.runner(name, RUNNER_CONFIG).await;
    }

    /// A run of this script, which may `step`, `wait_for` and `ask`.
    pub(crate) async fn submit(&self, name: &str, script: &str) -> RunId {
        self.submit_in(None, name, script).await
    }

    /// The same in a working tree of a repository.
    pub(crate) async fn submit_in(&self, repository: Option<&Path>, name: &str, script: &str) -> RunId {
        let place = format!("PLACE='{}'", self.fleet.directory().display());
        let script = format!("{place}{WORDS}{script}\n");
        let mut draft = Draft::new(name, command(&["/bin/sh", "-c", &script]));
        let source = |path: &Path| Source { repository: path.display().to_string(), reference: None };
        draft.task.source = repository.map(source);
        self.fleet.client.submit(&draft).await.expect("kept").run
    }

    /// A repository with one commit.
    pub(crate) fn repository(&self) -> PathBuf {
        std::fs::create_dir(self.path(REPOSITORY)).expect("a directory");
        self.git(&["init", "-q"]);
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
        self.git(&[&identity[..], &["commit", "-q", "--allow-empty", "-m", "first"]].concat());
        self.path(REPOSITORY)
    }

    /// What git says about the repository.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let done = Command::new("git").arg("-C").arg(self.path(REPOSITORY)).args(words).output().expect("git is there");
        assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Branch and commit under which the attempt of `epoch` brought its work home, if it did.
    pub(crate) async fn saved(&self, run: RunId, epoch: u64) -> Option<(String, String)> {
        let recording = self.fleet.client.events(run, 1).await.expect("its events are there");
        recording.events.into_iter().filter(|heard| heard.epoch == epoch).find_map(|heard| match heard.event {
            Ok(Event::Saved { branch, commit, .. }) => Some((branch, commit)),
            Ok(_) | Err(_) => None,
        })
    }

    /// Makes the file a run waits for.
    pub(crate) fn make(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("made");
    }

    /// What a run has written.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Steps taken that begin with `word`; all when it is empty.
    pub(crate) fn steps(&self, word: &str) -> Vec<String> {
        self.read("steps").lines().filter(|line| line.starts_with(word)).map(str::to_owned).collect()
    }

    /// Waits for this step.
    pub(crate) async fn comes_to_step(&self, step: &str) {
        until(&format!("step {step}"), || async { self.steps(step).first().map(|_| ()) }).await;
    }

    /// The run's state in a word.
    pub(crate) async fn word(&self, run: RunId) -> &'static str {
        self.fleet.client.run(run).await.expect("the run is known").view.life.state().word()
    }

    /// Waits for the run's state.
    pub(crate) async fn comes_to(&self, run: RunId, wanted: &str) {
        until(&format!("{run} is {wanted}"), || async {
            let detail = self.fleet.client.run(run).await.ok()?;
            (detail.view.life.state().word() == wanted).then_some(())
        })
        .await;
    }

    /// Waits until the relay has a runner.
    pub(crate) async fn is_connected(&self, name: &str) {
        self.worker(name, "is connected", |connected, _| connected).await;
    }

    /// Waits until the relay knows that a runner takes nothing new.
    pub(crate) async fn drains(&self, name: &str) {
        self.worker(name, "drains", |_, draining| draining).await;
    }

    /// Waits until nothing that a runner started is left.
    pub(crate) async fn idle(&self, name: &str) {
        until(&format!("{name} is idle"), || async { self.fleet.offspring(name).is_empty().then_some(()) }).await;
    }

    async fn worker(&self, name: &str, what: &str, good: impl Fn(bool, bool) -> bool) {
        until(&format!("{name} {what}"), || async {
            let worker = self.fleet.client.find_worker(name).await.ok()?;
            good(worker.connected, worker.draining).then_some(())
        })
        .await;
    }

    /// Waits for the run's question, asked under its present epoch.
    pub(crate) async fn asked(&self, run: RunId) -> Question {
        until("a question", || async {
            let inbox = self.fleet.client.inbox().await.ok()?;
            inbox.into_iter().find(|question| question.approval.lease.run == run)
        })
        .await
    }

    /// Epochs of the run's ended attempts.
    pub(crate) async fn epochs(&self, run: RunId) -> Vec<u64> {
        let history = self.fleet.client.run(run).await.expect("known").view.life.history;
        history.iter().map(|attempt| attempt.epoch).collect()
    }

    /// The run took its two steps once each, in one attempt, and all it printed is there, once.
    pub(crate) async fn went_on_under_its_epoch(&self, run: RunId) {
        assert_eq!(self.steps(""), ["one 1", "two 1"], "nothing repeated");
        assert_eq!(self.epochs(run).await, [1], "one attempt");
        let recording = self.fleet.client.events(run, 1).await.expect("its events are there");
        let mut printed = Vec::new();
        for (heard, number) in recording.events.iter().zip(1..) {
            assert_eq!((heard.seq, heard.epoch, heard.n), (number, 1, number), "gapless");
            if let Ok(Event::Output { bytes, .. }) = &heard.event {
                printed.extend_from_slice(bytes);
            }
        }
        assert_eq!(String::from_utf8_lossy(&printed), "one\ntwo\n", "its events arrived: {recording:#?}");
    }

    /// The second attempt's result stands; what the first reports when it wakes is kept beside it, and nothing else of it.
    pub(crate) async fn stands_with_late_evidence(&self, run: RunId) {
        let detail = until("the late report", || async {
            let detail = self.fleet.client.run(run).await.ok()?;
            (!detail.late.is_empty()).then_some(detail)
        })
        .await;
        let sleeper = self.fleet.client.find_worker("alpha").await.expect("paired").id;
        let late: Vec<_> = detail.late.iter().map(|(lease, worker, _)| (lease.epoch, *worker)).collect();
        assert_eq!(late, [(1, sleeper)]);
        let State::Settled(settlement) = detail.view.life.state() else { panic!("{:?}", detail.view.life) };
        assert_eq!(settlement.epoch, Some(2), "the other's result stands");
        let ends: Vec<bool> = detail.view.life.history.iter().map(|a| a.end == AttemptEnd::Succeeded).collect();
        assert_eq!(ends, [false, true]);
        assert_eq!(detail.results.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [2]);
        let recording = self.fleet.client.events(run, 1).await.expect("its events are there");
        let mut next = BTreeMap::new();
        for (heard, seq) in recording.events.iter().zip(1..) {
            let n = next.entry(heard.epoch).or_insert(1);
            assert_eq!((heard.seq, heard.n), (seq, *n), "gapless, also what the sleeper says of its past");
            *n += 1;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.fleet.directory().join(name)
    }
}

/// True while a process is there and no zombie.
pub(crate) fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
