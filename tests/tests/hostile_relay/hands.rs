//! A real runner whose relay is an impostor.
//!
//! Owns the pairing and the two conversations of most tests here: an offer to its end, and words the runner wrote for people.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one frame and passes over the others")]

use ostler_core::command::{Report, ReportedEnd};
use ostler_core::device::Role;
use ostler_core::event::Event;
use ostler_core::ids::{DeviceId, LeaseId, RunId};
use ostler_core::task::Task;
use ostler_identity::{Purpose, RelayKey};
use ostler_proto::{FromRelay, ToRelay};
use ostler_runner::{Runner, RunnerConfig, RunnerOptions};
use ostler_tests::{Guest, Impostor, Operator, chance, command, unix_ms};
use std::path::PathBuf;
use tempfile::TempDir;

/// This package's own build of `ostler`.
pub(crate) const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");

/// The runner, the relay that lies to it, and the people it should obey.
pub(crate) struct Hands {
    pub(crate) founder: Operator,
    pub(crate) impostor: Impostor,
    pub(crate) guest: Guest,
    runner: Runner,
    directory: TempDir,
}

impl Hands {
    /// Paired and attached.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let founder = Operator::found();
        let mut impostor = Impostor::listen(&RelayKey::generate());
        impostor.epochs = vec![founder.record.clone()];
        let ticket = founder.ticket(impostor.address(), Role::Runner);
        let home = directory.path().join("runner");
        let (joined, _greeted) = tokio::join!(ostler_runner::join(&home, &ticket, "hands"), impostor.greet());
        joined.expect("paired");
        let config = RunnerConfig::read(None).expect("the defaults");
        let options = RunnerOptions { home, config, exe: PathBuf::from(OSTLER) };
        let runner = Runner::start(options).await.expect("it starts");
        let guest = impostor.welcome().await;
        Self { founder, impostor, guest, runner, directory }
    }

    /// A file that only an executed run makes.
    pub(crate) fn mark(&self) -> PathBuf {
        self.directory.path().join("mark")
    }

    /// How often something was executed.
    pub(crate) fn marks(&self) -> usize {
        std::fs::read_to_string(self.mark()).unwrap_or_default().lines().count()
    }

    /// A task that leaves a mark.
    pub(crate) fn marking(&self) -> Task {
        command(&["/bin/sh", "-c", &format!("echo executed >> {}", self.mark().display())])
    }

    /// A task that leaves a mark once a person allows it.
    pub(crate) fn asking(&self) -> Task {
        let act = format!("echo executed >> {}", self.mark().display());
        command(&[OSTLER, "ask", "--kind", "deploy", "--risk", "high", "--", "/bin/sh", "-c", &act])
    }

    /// Offers a run, says that `submitter` wants it, and returns how it ended.
    pub(crate) async fn offer(&mut self, run: RunId, submitter: DeviceId, body: Vec<u8>) -> ReportedEnd {
        let lease = LeaseId { run, epoch: 1 };
        self.guest.say(FromRelay::Offer { lease, submitter, body });
        self.ended(lease).await
    }

    /// Waits for the report, and takes it.
    pub(crate) async fn ended(&mut self, lease: LeaseId) -> ReportedEnd {
        let Report { digest, end, .. } = self
            .guest
            .hear("a report", |frame| match frame {
                ToRelay::Report(report) if report.lease == lease => Some(report),
                _ => None,
            })
            .await;
        self.guest.say(FromRelay::Reported { lease, digest, fenced: None });
        end
    }

    /// What the runner told people about refused verdicts.
    pub(crate) fn refused_verdicts(&self) -> Vec<String> {
        let events = self.guest.events();
        let opened = events.iter().filter_map(|((lease, n), sealed)| {
            let purpose = Purpose::Event { run: lease.run, epoch: lease.epoch, n: *n };
            postcard::from_bytes::<Event>(&self.founder.keyring.open(&purpose, sealed).ok()?).ok()
        });
        let notices = opened.filter_map(|event| if let Event::Notice(words) = event { Some(words) } else { None });
        notices.filter(|words| words.contains("was refused")).collect()
    }

    /// Stops the runner.
    pub(crate) async fn stop(self) {
        self.runner.stop().await;
    }
}

/// A new run's id.
pub(crate) fn run() -> RunId {
    RunId::from_parts(unix_ms(), chance())
}
