//! A fleet, its people, and runners in directories of their own.

use crate::relay::{Relay, Session};
use ostler_core::approval::Action;
use ostler_core::command::{Asking, Report};
use ostler_core::device::Role;
use ostler_core::ids::{InviteId, LeaseId, RunId};
use ostler_core::task::{Task, Work};
use ostler_core::usage::Conclusion;
use ostler_identity::{Chain, DeviceKey, FleetKey, Keyring, Purpose, RelayAddress, Signer, Terms, Ticket, sign_body};
use ostler_runner::{Runner, RunnerConfig, RunnerOptions, join};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) fleet: FleetKey,
    pub(crate) boss: DeviceKey,
    pub(crate) chain: Chain,
    pub(crate) ring: Keyring,
    pub(crate) relay: Relay,
}

pub(crate) fn now_ms() -> u64 {
    ostler_boot::Clock::start().now_ms()
}

impl World {
    /// A fleet with one operator, a relay, and a runner that has joined.
    pub(crate) async fn new() -> Self {
        let (fleet, boss) = (FleetKey::generate(), DeviceKey::generate());
        let chain = Chain::found(&fleet, &boss, "desk", now_ms()).expect("a name");
        let signer = Signer { fleet: fleet.id(), key: &boss, chain: &chain };
        let (ring, record) = Keyring::first(&signer, &[]).expect("keys");
        let relay = Relay::start(record);
        let world = Self { dir: tempfile::tempdir().expect("a directory"), fleet, boss, chain, ring, relay };
        let ticket = world.ticket();
        let (home, greeted) = (world.home(), world.relay.greet_next());
        let (joined, ()) = tokio::join!(join(&home, &ticket, "box"), greeted);
        assert_eq!(joined.expect("joins").name, "box");
        world
    }

    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer { fleet: self.fleet.id(), key: &self.boss, chain: &self.chain }
    }

    pub(crate) fn ticket(&self) -> Ticket {
        let address = RelayAddress::new(&self.relay.address().to_string(), self.relay.id()).expect("an address");
        let now = now_ms();
        let terms = Terms {
            relays: vec![address],
            role: Role::Runner,
            pools: Vec::new(),
            invite: InviteId::from_parts(now, [3; 10]),
            now_unix_ms: now,
            expires_at_unix_ms: now + 600_000,
        };
        Ticket::issue(&self.signer(), &self.ring, &terms).expect("a ticket")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("runner")
    }

    /// The runner in this process, whose shims are the real program, attached.
    pub(crate) async fn start(&self) -> (Runner, Session) {
        let mut config = RunnerConfig::read(None).expect("the defaults");
        // Only the first test of a process that wants its log gets it.
        drop(config.log.init());
        config.slots = 4;
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_ostler-runner"));
        let options = RunnerOptions { home: self.home(), config, exe };
        let (runner, session) = tokio::join!(Runner::start(options), self.relay.attach_next());
        (runner.expect("starts"), session)
    }

    /// The runner as a process of its own.
    pub(crate) fn spawn(&self) -> Process {
        self.spawn_with("")
    }

    /// The same, with more in its configuration. In its PATH is a `claude` that does what its prompt says.
    pub(crate) fn spawn_with(&self, more: &str) -> Process {
        let config = self.dir.path().join("runner.toml");
        let home = self.home();
        std::fs::write(&config, format!("data_dir = {home:?}\nslots = 4\n{more}")).expect("writes");
        let mut path = OsString::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/life/bin:"));
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostler-runner"));
        command.arg("--config").arg(config).arg("start").stdin(Stdio::null());
        command.env("PATH", path).env("HOME", self.dir.path()).env("ANTHROPIC_API_KEY", "sk-nobodys-key");
        Process(command.spawn().expect("spawns"))
    }

    /// What a report says under its seal.
    pub(crate) fn conclusion(&self, report: &Report) -> Conclusion {
        let purpose = Purpose::Result { run: report.lease.run, epoch: report.lease.epoch };
        let plain = self.ring.open(&purpose, &report.result).expect("opens");
        postcard::from_bytes(&plain).expect("a conclusion")
    }

    /// A run's first lease, and its body as an operator signs and seals it.
    pub(crate) fn body(&self, n: u8, task: &Task) -> (LeaseId, Vec<u8>) {
        let lease = LeaseId { run: RunId::from_parts(now_ms(), [n; 10]), epoch: 1 };
        (lease, self.body_of(lease, task))
    }

    /// The body of a lease's run.
    pub(crate) fn body_of(&self, lease: LeaseId, task: &Task) -> Vec<u8> {
        let run = lease.run;
        let signed = sign_body(&self.signer(), run, &postcard::to_allocvec(task).expect("encodes"));
        self.ring.seal(&Purpose::Body { run }, &signed)
    }

    /// What people are shown of a question.
    pub(crate) fn action(&self, asking: &Asking) -> Action {
        let purpose = Purpose::Ask { run: asking.lease.run, epoch: asking.lease.epoch, approval: asking.id };
        postcard::from_bytes(&self.ring.open(&purpose, &asking.sealed).expect("opens")).expect("an action")
    }
}

/// A shell task that executes `script`.
pub(crate) fn shell(script: &str) -> Task {
    Task::new("shell", Work::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]))
}

/// A runner's process, killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// SIGKILL, and wait until it is gone.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("lives");
        self.0.wait().expect("was ours");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("lives");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
