//! A stand: a relay and one runner, two processes of the same `ostler`, and actors that the runner knows as agents.
//!
//! ```text
//! raise ─▶ relay serves ─▶ runner pairs, starts ─▶ cast(agent) ─▶ Ear …      dropped: nothing of it is left
//! ```
//!
//! Owns the processes. Must not know what is said on the stand.

use super::actor::Script;
use super::ear::Ear;
use super::scales::{Weight, children};
use crate::daemon::Daemon;
use crate::hands::ticket_for;
use crate::site::Site;
use crate::{Error, Options, clock};
use ostler_client::{Client, Draft};
use ostler_core::task::{Task, Work};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::sleep;

/// The pool of the real runner: what trickles beside it goes to the default one.
const POOL: &str = "actors";
/// How often something that will be soon is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A runner that is not there by then will not come.
const WITHIN: Duration = Duration::from_secs(60);

/// An agent of the runner: what tasks call it, and what it does.
pub(crate) type Part<'a> = (&'a str, Script);

/// The stand.
pub(crate) struct Stand {
    /// The founder's client.
    pub(crate) client: Client,
    relay: Daemon,
    runner: Daemon,
    /// The relay's site; the last to go.
    pub(crate) site: Site,
}

impl Stand {
    /// A relay, and a runner with `slots` and these agents; both serve.
    pub(crate) async fn raise(options: &Options, slots: u64, parts: &[Part<'_>]) -> Result<Self, Error> {
        let site = Site::of_ostler(options)?;
        let (relay, _) = site.start()?;
        let client = site.connect().await?;
        let configuration = site.path("runner.toml");
        std::fs::write(&configuration, configured(&site.path("runner"), slots, parts)?)?;
        let ticket = ticket_for(&client, &[POOL]).await?.to_string();
        let runner = pair(options, &site, &configuration, &ticket)?;
        let started = clock::now();
        while !client.workers().await?.iter().any(|worker| worker.connected) {
            if started.elapsed() > WITHIN {
                return Err(format!("the runner does not come: see {}", site.path("runner.log").display()).into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(Self { client, relay, runner, site })
    }

    /// Has `agent` perform once, with an ear on it.
    pub(crate) async fn cast(&self, agent: &str) -> Result<Ear, Error> {
        let task = Task::new(agent, Work::Prompt("Act.".to_owned()));
        let draft = Draft { pool: POOL.to_owned(), ..Draft::new("act", task) };
        Ok(Ear::on(&self.client, self.client.submit(&draft).await?.run))
    }

    /// The relay's weight, the runner's, and that of all its shims.
    pub(crate) fn weigh(&self) -> Result<[Weight; 3], Error> {
        let shims = Weight::of_all(&self.shims()?);
        Ok([Weight::of(self.relay.pid())?, Weight::of(self.runner.pid())?, shims])
    }

    /// Process ids of the shims there are.
    pub(crate) fn shims(&self) -> Result<Vec<u32>, Error> {
        children(self.runner.pid(), "__shim")
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // Shims may outlive their runner; here nobody comes back for them. Told to end, they end their agents first.
        let pids = self.shims().unwrap_or_default();
        for pid in pids.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // One that has ended meanwhile is what was wanted.
            kill_process(pid, Signal::TERM).unwrap_or_default();
        }
    }
}

fn configured(home: &Path, slots: u64, parts: &[Part<'_>]) -> Result<String, Error> {
    let us = std::env::current_exe()?;
    let mut text = format!("slots = {slots}\ndata_dir = '{}'\n[log]\nfilter = 'warn'\n", home.display());
    for (name, script) in parts {
        let words: String = script.words().iter().map(|word| format!(", '{word}'")).collect();
        text += &format!("[agents.{name}]\ncommand = ['{}'{words}]\n", us.display());
    }
    Ok(text)
}

/// Pairs a runner with a ticket and starts it.
fn pair(options: &Options, site: &Site, configuration: &Path, ticket: &str) -> Result<Daemon, Error> {
    let log = std::fs::File::create(site.path("runner.log"))?;
    let command = |words: &[&str]| -> Result<Command, Error> {
        let mut command = Command::new(&options.ostler);
        command.arg("runner").args(words).arg("--config").arg(configuration);
        command.env("OSTLER_HOME", site.path("runner.home")).stdout(Stdio::null()).stderr(log.try_clone()?);
        Ok(command)
    };
    let mut joining = command(&["join", "-", "--name", "stand"])?.stdin(Stdio::piped()).spawn()?;
    joining.stdin.take().ok_or("no standard input")?.write_all(ticket.as_bytes())?;
    if !joining.wait()?.success() {
        let said = std::fs::read_to_string(site.path("runner.log")).unwrap_or_default();
        return Err(format!("the runner could not join: {said}").into());
    }
    Daemon::spawn(command(&["start"])?.stdin(Stdio::null()))
}
