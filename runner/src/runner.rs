//! A runner as a whole: opened, started, drained, stopped.
//!
//! ```text
//! membership, journal, workspace ─▶ probed ─▶ supervision tree ─▶ running ─ drain ─▶ idle ─▶ stopped
//!                                                                    └ stop: agents go on in their shims
//! ```
//!
//! Owns what must hold before anything runs.

pub(crate) mod control;
pub(crate) mod entry;
mod leftovers;
pub(crate) mod pending;
mod pulse;
pub(crate) mod socket;
pub(crate) mod stable;
mod tree;
mod window;

use crate::config::RunnerConfig;
use crate::member::{Member, MemberError};
use crate::probe::Probe;
use crate::session::Runs;
use crate::{journal, slots};
use ostler_agents::CustomError;
use ostler_boot::{Clock, ConfigError, HttpError, MetricsError, PlaceError, load_tables, private_dir};
use ostler_core::guard::Rule;
use ostler_core::holding::Holding;
use ostler_core::ids::{DeviceId, Incarnation, LeaseId, RelayId, RunId};
use ostler_core::limits::RULES_MAX;
use ostler_core::policy::Policy;
use ostler_core::worker::Advert;
use ostler_store::Journal;
use ostler_supervise::{Branch, Door, Exit, Root, StartError};
use ostler_workspace::{Limits, Mirrors, Network};
use pending::Pending;
use serde::{Deserialize, Serialize};
use stable::{Load, Shared, Stable};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use window::Window;

/// What runs may do on this machine without asking, and what not at all: in the runner's directory, read at the start.
const POLICY: &str = "ostler.policy";
/// Leases that are given back are ended and reported within this, or told by the next start.
const HANDED_BACK_WITHIN: Duration = Duration::from_secs(45);
/// The slots answer at once, or are being restarted.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// What a runner is started with.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// The runner's own directory: key, journal, mirrors, trees ([`RunnerConfig::directory`]).
    pub home: PathBuf,
    /// Slots, labels, budgets.
    pub config: RunnerConfig,
    /// The program that `__shim DIR` is given to: this executable, or one that dispatches to [`crate::shim::main`] alike.
    pub exe: PathBuf,
}

/// Why a runner does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Its directory.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its key, its grant, or the fleet's keys.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] ostler_store::OpenError),
    /// Its mirrors and trees.
    #[error(transparent)]
    Workspace(#[from] ostler_workspace::OpenError),
    /// Its owner's policy: one that is not understood would let pass what it was written against.
    #[error(transparent)]
    Policy(#[from] ConfigError),
    /// An agent its owner adds.
    #[error("agents: {0}")]
    Agent(#[from] CustomError),
    /// An address that is none.
    #[error("http: `{0}` is not an address like 127.0.0.1:9090")]
    Address(String),
    /// The HTTP port.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The metrics recorder.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// An actor.
    #[error("the runner cannot start: {0}")]
    Start(#[from] StartError),
}

/// How a runner is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerStatus {
    /// Its release.
    pub release: String,
    /// Its device.
    pub device: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// The relay it belongs to.
    pub relay: RelayId,
    /// Attached to it now.
    pub connected: bool,
    /// Takes no new work.
    pub draining: bool,
    /// Runs it executes at once.
    pub slots: u32,
    /// Runs it holds, each with its stage in a word.
    pub runs: Vec<(RunId, String)>,
    /// Events not acknowledged yet.
    pub events_pending: u64,
}

/// A running runner.
pub struct Runner {
    root: Root,
    stable: Shared,
    window: Option<Window>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("member", &self.stable.member).finish_non_exhaustive()
    }
}

impl Runner {
    /// Opens everything, takes up what an earlier life left, and starts dialling.
    ///
    /// # Errors
    /// Whatever keeps it from running; a relay that is not there does not.
    pub async fn start(options: RunnerOptions) -> Result<Self, RunnerError> {
        private_dir(&options.home)?;
        let home = options
            .home
            .canonicalize()
            .map_err(|source| PlaceError::Unusable { path: options.home.clone(), source })?;
        let rules = rules(&home)?;
        let member = Member::open(&home)?;
        let kept = journal::open(&home.join(journal::FILE))?;
        let mirrors = Mirrors::open(&home.join("workspace"), limits(&options.config), network(&options.config))?;
        leftovers::clear(&mirrors, &home, live(&home, &kept)).await;
        if !options.config.pools.is_empty() {
            tracing::warn!("`pools` has no effect yet: a runner serves the pools of its ticket");
        }
        let stable = Arc::new(Stable { rules, ..stable(options, home, member, mirrors).await? });
        let window = Window::open(&stable).await?;
        let root = Root::start(tree::plan(&stable, kept)).await?;
        tracing::info!(device = %stable.member.device(), slots = stable.advert.borrow().slots, "the runner runs");
        Ok(Self { root, stable, window })
    }

    /// Takes no new work (or takes it again); what runs goes on.
    pub fn drain(&self, draining: bool) {
        self.stable.tell(slots::Msg::Drain(draining));
    }

    /// Waits until nothing runs and nothing is owed to the relay. May be dropped and called again.
    pub async fn idle(&self) {
        let mut load = self.stable.load.subscribe();
        // The sender lives as long as the runner does.
        load.wait_for(|load| *load == Load::default()).await.map(drop).unwrap_or_default();
    }

    /// Ends what still runs and gives its leases back, so that others take the runs at once. Returns when the relay knows,
    /// or after a bounded wait; what it does not know by then is told by the next start.
    pub async fn hand_back(&self) {
        self.stable.tell(slots::Msg::HandBack);
        if tokio::time::timeout(HANDED_BACK_WITHIN, self.idle()).await.is_err() {
            tracing::warn!("not everything was given back: the next start tells the relay");
        }
    }

    /// How it is.
    pub async fn status(&self) -> RunnerStatus {
        look(&self.stable).await
    }

    /// Where health and metrics are served, if they are.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.window.as_ref().map(Window::address)
    }

    /// The supervision tree's own door: census and drills.
    #[must_use]
    pub fn tree(&self) -> &Branch {
        self.root.branch()
    }

    /// Waits until the runner has ended by itself: an actor fell too often. May be dropped and called again.
    pub async fn ended(&mut self) -> Exit {
        self.root.ended().await
    }

    /// Stops at once. Commands go on in their shims, and the next start takes them up again; agents that are spoken to end.
    pub async fn stop(self) -> Exit {
        self.root.stop().await
    }
}

/// How the runner is.
pub(crate) async fn look(stable: &Shared) -> RunnerStatus {
    let runs = stable.slots.call(LOOK_WITHIN, slots::Msg::Look).await.unwrap_or_default();
    RunnerStatus {
        release: env!("CARGO_PKG_VERSION").to_owned(),
        device: stable.member.device(),
        name: stable.member.name().to_owned(),
        relay: stable.member.relays().first().expect("a profile names a relay").relay(),
        connected: stable.relay.borrow().is_some(),
        draining: *stable.draining.borrow(),
        slots: stable.advert.borrow().slots,
        runs: runs.into_iter().map(|(lease, stage)| (lease.run, stage.to_owned())).collect(),
        events_pending: stable.pending.count(),
    }
}

async fn stable(
    options: RunnerOptions,
    home: PathBuf,
    member: Member,
    mirrors: Mirrors,
) -> Result<Stable, CustomError> {
    let (config, policy) = (options.config, Policy::default());
    let catalog = config.catalog()?;
    let owner = std::env::var_os("HOME").map(PathBuf::from).filter(|owner| owner.is_absolute());
    let probe = Probe::of(member.device());
    let offers = probe.look(&config, &catalog, owner.as_deref()).await;
    let advert = Advert { offers, slots: config.slots() };
    Ok(Stable {
        clock: Clock::start(),
        runs: Runs::new(&home),
        owner,
        probe,
        rules: Arc::from([]),
        home,
        config,
        exe: options.exe,
        incarnation: Incarnation(getrandom::u64().expect("the system has randomness")),
        member,
        catalog,
        mirrors,
        journal: Door::new(),
        uplink: Door::new(),
        slots: Door::new(),
        attempts: Branch::new(),
        advert: watch::Sender::new(advert),
        draining: watch::Sender::new(false),
        relay: watch::Sender::new(None),
        renewed: watch::Sender::new(0),
        beat_now: Notify::new(),
        load: watch::Sender::new(Load::default()),
        pending: Pending::default(),
        holding: Mutex::new(Holding::new(policy.lease_ttl_ms, policy.grace_ms)),
    })
}

/// The owner's policy, if there is one.
fn rules(home: &Path) -> Result<Arc<[Rule]>, ConfigError> {
    let path = home.join(POLICY);
    let rules = if path.exists() { load_tables(&path, "rule", RULES_MAX, Rule::placed)? } else { Vec::new() };
    Ok(rules.into())
}

fn limits(config: &RunnerConfig) -> Limits {
    Limits {
        disk_bytes_max: config.workspace.disk_budget.bytes(),
        reserve_bytes: config.workspace.disk_reserve.bytes(),
        ..Limits::default()
    }
}

/// The owner's own ssh agent and PATH: what reaches the repositories by hand reaches them here.
fn network(config: &RunnerConfig) -> Network {
    let helper = Some(config.git.credential_helper.clone()).filter(|helper| !helper.is_empty());
    let mut network = Network {
        ssh_agent: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
        credential_helper: helper,
        time_max: config.git.fetch_timeout.duration(),
        ..Network::default()
    };
    if let Some(path) = std::env::var_os("PATH") {
        network.path = path;
    }
    network.home = std::env::var_os("HOME").map(PathBuf::from);
    network
}

/// Trees of leases without a report: their attempts go on. A journal that cannot be read is told by its actor.
fn live(home: &Path, journal: &Journal) -> Vec<PathBuf> {
    let rows = journal.load().unwrap_or_default();
    let reported = |lease: &LeaseId| rows.reports.iter().any(|(of, _)| of == lease);
    let leases = rows.leases.iter().map(|held| held.lease).filter(|lease| !reported(lease));
    leases.map(|lease| stable::tree_dir(home, lease)).collect()
}
