//! The tour's processes: a relay and three runners of a throwaway fleet, each with a home of its own.
//!
//! ```text
//! SCRATCH/  relay.toml  operator/  relay/       the fleet's and the relay's home
//!           bay/ dun/ roan/                     each runner's home, with runner.toml
//!           logs/                               one file per process
//! ```

use super::process::{Process, once};
use crate::fault::Fault;
use ostler_client::{Client, Home, Offer};
use ostler_core::device::Role;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What horses are called.
const RUNNERS: [&str; 3] = ["bay", "dun", "roan"];
/// Tickets of the tour are used in the next moment.
const TICKET_MS: u64 = 60_000;
/// Processes on one machine are up in a second; a busy one may need more.
const UP_WITHIN: Duration = Duration::from_secs(20);
/// Between looks at whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks at whether shims have ended: two seconds, twice what they give an agent to stop.
const SHIM_LOOKS: u32 = 40;

/// Short times, so that a lost runner is noticed while somebody watches.
const RELAY_TOML: &str = r#"listen = "127.0.0.1:0"
http = ""
[lease]
ttl = "3s"
reconnect_allowance = "3s"
grace = "3s"
accept_timeout = "1s"
stop_grace = "1s"
[backoff.infra]
base = "200ms"
cap = "1s"
[backoff.agent]
base = "200ms"
cap = "1s"
"#;
const RUNNER_TOML: &str = "slots = 3\ndrain_timeout = \"1s\"\n";

/// Everybody on stage.
pub(super) struct Cast {
    base: PathBuf,
    relay: Option<Process>,
    runners: Vec<Process>,
}

impl Cast {
    /// Nobody yet.
    pub(super) fn new(base: &Path) -> Result<Self, Fault> {
        let make = |path: &Path| std::fs::create_dir(path).map_err(Fault::io(path.display().to_string()));
        let write =
            |path: PathBuf, text: &str| std::fs::write(&path, text).map_err(Fault::io(path.display().to_string()));
        make(&base.join("logs"))?;
        write(base.join("relay.toml"), RELAY_TOML)?;
        for name in RUNNERS {
            make(&base.join(name))?;
            write(base.join(name).join("runner.toml"), RUNNER_TOML)?;
        }
        Ok(Self { base: base.to_owned(), relay: None, runners: Vec::new() })
    }

    /// Founds the fleet, starts everybody, and waits until all runners are connected.
    pub(super) async fn enter(&mut self, say: impl Fn(&str)) -> Result<Client, Fault> {
        let home = Home::found(&self.base, "tour")?;
        say(&format!("  fleet {} founded, for this tour only", home.fleet().short()));
        self.relay = Some(Process::start("relay", &["relay", "serve"], &self.base, &self.log("relay"))?);
        let client = self.client().await?;
        let relay = client.home().relays().first().map(ToString::to_string).unwrap_or_default();
        let pid = |process: Option<&Process>| process.and_then(Process::id).unwrap_or_default();
        say(&format!("  relay  pid {:<7} {relay}", pid(self.relay.as_ref())));
        for name in RUNNERS {
            let offer = Offer { role: Role::Runner, pools: Vec::new(), lasts_ms: TICKET_MS };
            let ticket = client.invite(&offer).await?.to_string();
            let (home, log) = (self.base.join(name), self.log(name));
            once(&["runner", "join", "--name", name, "-"], &home, &log, &ticket).await?;
            let runner = Process::start(name, &["runner", "start"], &home, &log)?;
            say(&format!("  runner pid {:<7} {name}, paired with a ticket of its own", pid(Some(&runner))));
            self.runners.push(runner);
        }
        self.all_connected(&client).await?;
        Ok(client)
    }

    /// Kills the runner called `name` with SIGKILL; its process id, if there was such a runner.
    pub(super) async fn kill(&mut self, name: &str) -> Option<u32> {
        let runner = self.runners.iter_mut().find(|runner| runner.name() == name)?;
        let pid = runner.id();
        runner.kill().await;
        pid
    }

    /// Everybody goes, and whatever they left behind.
    pub(super) async fn leave(&mut self) {
        for runner in &mut self.runners {
            runner.leave().await;
        }
        if let Some(relay) = &mut self.relay {
            relay.leave().await;
        }
        self.shims_end().await;
    }

    /// A shim outlives its runner on purpose; nothing may outlive the tour. Told to end, it ends its agent first.
    async fn shims_end(&self) {
        for _ in 0..SHIM_LOOKS {
            let left = shims(&self.base);
            if left.is_empty() {
                return;
            }
            for pid in left {
                let _gone = kill_process(pid, Signal::TERM);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        for pid in shims(&self.base) {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.base.join("logs").join(format!("{name}.log"))
    }

    async fn client(&mut self) -> Result<Client, Fault> {
        let base = self.base.clone();
        let relay = self.relay.as_mut().expect("the relay was started");
        until("the relay serves", || {
            relay.lives()?;
            Ok(Home::open(&base).is_ok_and(|home| !home.relays().is_empty()))
        })
        .await?;
        Ok(Client::connect(Home::open(&self.base)?).await?)
    }

    async fn all_connected(&mut self, client: &Client) -> Result<(), Fault> {
        let look = async {
            loop {
                self.runners.iter_mut().try_for_each(Process::lives)?;
                let connected = client.workers().await?.iter().filter(|worker| worker.connected).count();
                if connected == RUNNERS.len() {
                    return Ok(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(UP_WITHIN, look).await.unwrap_or_else(|_| Err(late("all runners are connected")))
    }
}

/// Shims whose directory is below `base`: they name it as their argument.
fn shims(base: &Path) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ours = base.to_string_lossy().into_owned();
    let is_ours = |path: PathBuf| {
        let words = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).skip(1);
        words.next().is_some_and(|word| word == "__shim") && words.any(|word| word.starts_with(&ours))
    };
    let pid = |name: &std::ffi::OsStr| name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
    let processes = processes.flatten().filter(|entry| is_ours(entry.path()));
    processes.filter_map(|entry| pid(&entry.file_name())).collect()
}

async fn until(what: &str, mut look: impl FnMut() -> Result<bool, Fault>) -> Result<(), Fault> {
    let looking = async {
        while !look()? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    tokio::time::timeout(UP_WITHIN, looking).await.unwrap_or_else(|_| Err(late(what)))
}

fn late(what: &str) -> Fault {
    Fault::Daemon(format!("not true after {} s: {what}", UP_WITHIN.as_secs()))
}
