//! A fleet of real processes on loopback: a relay, runners, and every way to hurt them.
//!
//! Owns the processes and their directories; whatever of them still lives when it is dropped is killed, shims and agents
//! included. The executable is the test's own build of `ostler`. When a test fails, the directory stays, with every log.

use crate::strays;
use ostler_client::{Client, Home, Offer};
use ostler_core::device::Role;
use ostler_identity::{RelayAddress, RelayKey};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The name under which the relay is hurt and its log is kept.
pub const RELAY: &str = "relay";

/// How a process is hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hurt {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Term,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
}

impl Hurt {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kill => "-KILL",
            Self::Term => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}

/// A process that does not outlive its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            // Reaped, so that nothing of a test outlives it.
            drop(self.0.wait());
        }
    }
}

/// The fleet.
pub struct Processes {
    /// The founder's client, in this process.
    pub client: Client,
    executable: PathBuf,
    relay: Option<Process>,
    runners: BTreeMap<String, Option<Process>>,
    /// Environment of a runner besides the test's own.
    environments: BTreeMap<String, Vec<(String, String)>>,
    directory: TempDir,
}

impl Processes {
    /// A relay process with this configuration (added to its address and directory), and no runner yet. `executable` is
    /// `env!("CARGO_BIN_EXE_ostler-under-test")`.
    ///
    /// # Panics
    /// When it cannot be started: then no test can run.
    pub async fn start(executable: &str, relay_config: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("ostler").tempdir().expect("a directory");
        let address = free_port();
        let mut home = Home::found(&directory.path().join("operator"), "founder").expect("a new home");
        let data = directory.path().join(RELAY);
        DirBuilder::new().mode(0o700).create(&data).expect("a private directory");
        let key = RelayKey::generate();
        key.save(&data.join("relay.key")).expect("kept");
        let (place, fleet) = (data.display(), home.fleet());
        let config =
            format!("listen = '{address}'\nhttp = ''\ndata_dir = '{place}'\nfleet = '{fleet}'\n{relay_config}");
        std::fs::write(directory.path().join("relay.toml"), config).expect("written");
        home.use_relays(vec![RelayAddress::new(&address.to_string(), key.id()).expect("good")]).expect("kept");
        // A build beside the test must not change it under its feet.
        let own = directory.path().join("ostler");
        own_copy(Path::new(executable), &own);
        let executable = own;
        let relay = Some(spawn(&executable, directory.path(), &["relay", "serve"], (RELAY, &[])));
        let client = crate::until("the relay serves", || {
            let home = Home::open(&directory.path().join("operator"));
            async { Client::connect(home.ok()?).await.ok() }
        })
        .await;
        let (runners, environments) = (BTreeMap::new(), BTreeMap::new());
        Self { client, executable, relay, runners, environments, directory }
    }

    /// Where everything is kept.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The executable all of them run.
    #[must_use]
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Pairs and starts a runner with this configuration.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn runner(&mut self, name: &str, config: &str) {
        let offer = Offer { role: Role::Runner, pools: vec![], lasts_ms: 600_000 };
        let ticket = self.client.invite(&offer).await.expect("a ticket");
        let home = self.directory.path().join(name);
        ostler_runner::join(&home, &ticket, name).await.expect("paired");
        let config = format!("data_dir = '{}'\nhttp = ''\n{config}", home.display());
        std::fs::write(self.directory.path().join(format!("{name}.toml")), config).expect("written");
        self.start_runner(name);
    }

    /// What a runner that is started from now on finds in its environment, besides what the test itself has.
    pub fn equip(&mut self, name: &str, environment: Vec<(String, String)>) {
        self.environments.insert(name.to_owned(), environment);
    }

    /// Starts a runner that is not running, on its own files.
    pub fn start_runner(&mut self, name: &str) {
        let environment = self.environments.get(name).map_or(&[][..], Vec::as_slice);
        let process = spawn(&self.executable, self.directory.path(), &["runner", "start"], (name, environment));
        self.runners.insert(name.to_owned(), Some(process));
    }

    /// Starts the relay again on its own files.
    pub fn start_relay(&mut self) {
        self.relay = Some(spawn(&self.executable, self.directory.path(), &["relay", "serve"], (RELAY, &[])));
    }

    /// Hurts the relay or a runner, and nothing it started; a killed one is waited for.
    ///
    /// # Panics
    /// When it does not run.
    pub fn hurt(&mut self, name: &str, how: Hurt) {
        let process = self.process(name).as_mut().unwrap_or_else(|| panic!("{name} runs"));
        let pid = process.0.id();
        assert!(strays::signal(&[pid], how), "{name} could be signalled");
        if how == Hurt::Kill {
            *self.process(name) = None;
        }
    }

    /// Kills a runner with its shims and agents, as a power cut does.
    pub fn crash(&mut self, name: &str) {
        self.hurt(name, Hurt::Kill);
        strays::kill_all(&self.mark(name));
    }

    /// Process ids of a runner's shims and agents and whatever those started, the runner itself left out.
    #[must_use]
    pub fn offspring(&self, name: &str) -> Vec<u32> {
        strays::of(&self.mark(name))
    }

    /// Hurts a runner and everything it started, in this order.
    pub fn hurt_all(&mut self, name: &str, how: Hurt) {
        self.hurt(name, how);
        strays::signal(&self.offspring(name), how);
    }

    /// Waits until the relay or a runner has ended by itself, and forgets it.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub async fn ended(&mut self, name: &str) -> ExitStatus {
        let process = self.process(name).as_mut().unwrap_or_else(|| panic!("{name} runs"));
        let status = crate::until(&format!("{name} ends"), || {
            let status = process.0.try_wait();
            async { status.expect("a child of ours") }
        })
        .await;
        *self.process(name) = None;
        status
    }

    /// The process id of the relay or a runner, while it runs.
    #[must_use]
    pub fn pid(&self, name: &str) -> Option<u32> {
        let process = if name == RELAY { self.relay.as_ref() } else { self.runners.get(name)?.as_ref() };
        process.map(|process| process.0.id())
    }

    /// What the relay or a runner has logged.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    fn process(&mut self, name: &str) -> &mut Option<Process> {
        if name == RELAY { &mut self.relay } else { self.runners.get_mut(name).expect("a known runner") }
    }

    /// What stands in the arguments or the environment of everything a runner starts.
    fn mark(&self, name: &str) -> String {
        format!("{}/", self.directory.path().join(name).display())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.relay = None;
        self.runners.clear();
        // Shims outlive their runners on purpose; here nobody comes back for them.
        strays::kill_all(&format!("{}/", self.directory.path().display()));
        if std::thread::panicking() {
            eprintln!("logs and files of the failed fleet: {}", self.directory.path().display());
            self.directory.disable_cleanup(true);
        }
    }
}

/// The same file under another name, where that can be; else a copy, made by another process: while this one had it open to
/// write, a child that another test is just starting would keep it open, and nobody could execute it ("text file busy").
fn own_copy(executable: &Path, own: &Path) {
    if std::fs::hard_link(executable, own).is_err() {
        let copied = Command::new("cp").arg(executable).arg(own).status().expect("cp is there");
        assert!(copied.success(), "the executable is copied");
    }
}

fn free_port() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound")
}

fn spawn(
    executable: &Path,
    directory: &Path,
    words: &[&str],
    (name, environment): (&str, &[(String, String)]),
) -> Process {
    let log = File::options().create(true).append(true).open(directory.join(format!("{name}.log"))).expect("a log");
    let other = log.try_clone().expect("a log");
    let config = directory.join(format!("{name}.toml"));
    let mut command = Command::new(executable);
    command.args(words).arg("--config").arg(config).env("OSTLER_HOME", directory.join(format!("{name}.home")));
    command.env("OSTLER_LOG", "info").envs(environment.iter().cloned()).stdin(Stdio::null()).stdout(log).stderr(other);
    Process(command.spawn().expect("the executable starts"))
}
