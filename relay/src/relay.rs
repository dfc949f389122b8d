//! A relay as a whole: opened, started, stopped.
//!
//! ```text
//! check (child process) ─▶ keys, ledger, log ─▶ listeners ─▶ supervision tree ─▶ serving ─▶ restarting or stopped
//! ```
//!
//! Owns what must hold before anything is served: the data directory, the relay's own key, whole files, bound ports.

pub(crate) mod backup;
pub(crate) mod check;

use crate::config::RelayConfig;
use crate::event_log::Keep;
use crate::gate::CONNECTIONS_MAX;
use crate::gateway::{Bind, Bound};
use crate::hub::{Hub, Shared};
use crate::ledger::Load;
use crate::ledger::kept::Kept;
use crate::relay::check::{EVENTS_FILE, LEDGER_FILE, open_first};
use crate::tree::{self, Seeds};
use ostler_boot::{Clock, Http, HttpError, Metrics, MetricsError, PlaceError, Ready, private_dir};
use ostler_core::ids::{FleetId, Incarnation, RelayId};
use ostler_core::ledger::Ledger;
use ostler_core::time::Timestamp;
use ostler_identity::{KeyFileError, RelayKey};
use ostler_mesh::{BindError, Close, Listener, Secrets};
use ostler_store::{EventLog, LedgerFile, OpenError, Shelf};
use ostler_supervise::{Branch, Door, Exit, Root, StartError};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KEY_FILE: &str = "relay.key";
const SECRETS_FILE: &str = "transport.key";
const FLEET_FILE: &str = "fleet";

/// What a relay is started with.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Timings, retention, addresses.
    pub config: RelayConfig,
    /// Where everything it keeps is; created for this user alone.
    pub data_dir: PathBuf,
    /// The fleet it serves; the one it served before when absent.
    pub fleet: Option<FleetId>,
    /// UDP address of the QUIC listener.
    pub listen: SocketAddr,
    /// TCP address of health and metrics.
    pub http: Option<SocketAddr>,
    /// This executable, to check the files in a child process first: a damaged file may abort its reader. Without it, files
    /// are opened unchecked.
    pub checker: Option<PathBuf>,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The data directory.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The relay's own key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A file that is foreign, newer, damaged or in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The QUIC port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The HTTP port.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The metrics recorder.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// An actor.
    #[error("the relay cannot start: {0}")]
    Start(#[from] StartError),
    /// Nobody said which fleet.
    #[error("no fleet: give its public key (`ostler init` prints it) as `fleet` in relay.toml or with --fleet")]
    NoFleet,
    /// It is another one's.
    #[error("this data directory serves {kept}, not {asked}: use another directory for another fleet")]
    OtherFleet {
        /// Whose it is.
        kept: FleetId,
        /// Who was asked for.
        asked: FleetId,
    },
    /// The check found damage, or could not be made.
    #[error(
        "the files in {directory} did not pass their check:\n{report}\nKeep them, and restore a backup into a new directory"
    )]
    Check {
        /// The data directory.
        directory: PathBuf,
        /// What the check said.
        report: String,
    },
    /// Ledger and log are of different lives: one of them was restored alone.
    #[error(
        "{directory}: ledger and event log belong to different lives of the database: restore both from one backup \
         (`ostler relay restore`)"
    )]
    Mixed {
        /// The data directory.
        directory: PathBuf,
    },
    /// A small file.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running relay.
pub struct Relay {
    root: Root,
    hub: Shared,
    listener: Arc<Listener>,
    id: RelayId,
    http: Option<SocketAddr>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Relay {
    /// Opens everything and serves.
    ///
    /// # Errors
    /// Whatever keeps it from serving, with what to do about it; nothing is half-started.
    pub async fn start(options: RelayOptions) -> Result<Self, RelayError> {
        let directory = options.data_dir.clone();
        private_dir(&directory)?;
        if let Some(checker) = &options.checker {
            open_first(checker, &directory)?;
        }
        let fleet = fleet(&directory, options.fleet)?;
        let key = key(&directory)?;
        let secrets = secrets(&directory)?;
        let shelf = open_ledger(&directory)?;
        let events = open_events(&directory, shelf.incarnation())?;
        if events.incarnation() != shelf.incarnation() {
            return Err(RelayError::Mixed { directory });
        }
        let listener = Arc::new(Listener::bind(options.listen, &key, &secrets)?);
        let clock = Clock::start();
        let hub = Arc::new(hub(&options, clock, fleet, &shelf, events));
        let http = gateway(&options, &hub).await?;
        let at = http.as_ref().map(|(http, _)| http.local_addr());
        let seeds = Seeds {
            load: load(&options, &hub, shelf),
            listener: Arc::clone(&listener),
            http,
            dice_seed: u64::from_be_bytes(chance()),
            retention: Keep::new(options.config.retention()),
        };
        let root = Root::start(tree::plan(&hub, seeds)).await?;
        tracing::info!(relay = %key.id(), fleet = %fleet, listen = %listener.local_addr(), "the relay serves");
        Ok(Self { root, hub, listener, id: key.id(), http: at })
    }

    /// The key that tickets pin.
    #[must_use]
    pub const fn id(&self) -> RelayId {
        self.id
    }

    /// Where QUIC is served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Where health and metrics are served, if they are.
    #[must_use]
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The supervision tree's own door: census and drills.
    #[must_use]
    pub fn tree(&self) -> &Branch {
        self.root.branch()
    }

    /// Waits until the relay has ended by itself: an actor fell too often.
    pub async fn ended(&mut self) -> Exit {
        self.root.ended().await
    }

    /// Tells every peer that the relay restarts, lets answers under way leave, and stops.
    pub async fn stop(self) -> Exit {
        // Actors first: sessions say the word, and no gate mistakes its closed listener for a fall.
        let exit = self.root.stop().await;
        self.listener.close(Close::Restarting).await;
        drop(self.hub);
        exit
    }
}

fn hub(options: &RelayOptions, clock: Clock, fleet: FleetId, shelf: &LedgerFile, events: EventLog) -> Hub {
    Hub {
        clock,
        fleet,
        incarnation: shelf.incarnation(),
        grace_ms: options.config.policy().grace_ms,
        started_at: Timestamp(clock.now_ms()),
        data_dir: options.data_dir.clone(),
        ledger: Door::new(),
        log: Door::new(),
        watch: Door::new(),
        runs: Branch::new(),
        workers: Branch::new(),
        sessions: Branch::new(),
        reader: shelf.reads(),
        events: Arc::new(events),
        credit: Hub::credit(),
        places: Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX)),
    }
}

/// How a ledger actor gets its state, at the first start and at every restart: always from the disk.
fn load(options: &RelayOptions, hub: &Shared, shelf: LedgerFile) -> Load {
    let (policy, hub, kept) = (options.config.policy(), Arc::clone(hub), Kept::new(shelf));
    Arc::new(move || {
        let now = hub.now();
        let since = Timestamp(now.0.saturating_sub(policy.settled_retained_ms));
        let (rows, pen) = kept.open(since).map_err(|error| error.to_string())?;
        Ok((Ledger::load(hub.incarnation, policy.clone(), rows, now), pen))
    })
}

async fn gateway(options: &RelayOptions, hub: &Shared) -> Result<Option<(Http, Bind)>, RelayError> {
    let Some(address) = options.http else { return Ok(None) };
    let (metrics, hosts) = (Metrics::install()?, options.config.http_hosts.clone());
    let doors = Arc::clone(hub);
    let ready: Ready = Arc::new(move || match (doors.ledger.get().is_some(), doors.log.get().is_some()) {
        (true, true) => Ok(()),
        (false, _) => Err("the ledger is restarting".to_owned()),
        (true, false) => Err("the event log is restarting".to_owned()),
    });
    let bind: Bind = Arc::new(move || -> Bound {
        let (hosts, metrics, ready) = (hosts.clone(), metrics.clone(), Arc::clone(&ready));
        Box::pin(async move { Http::bind(address, &hosts, metrics, ready).await })
    });
    let first = bind().await?;
    Ok(Some((first, bind)))
}

fn chance<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

fn open_ledger(directory: &Path) -> Result<LedgerFile, OpenError> {
    let path = directory.join(LEDGER_FILE);
    if path.exists() {
        LedgerFile::open(&path)
    } else {
        LedgerFile::create(&path, Incarnation(u64::from_be_bytes(chance())))
    }
}

fn open_events(directory: &Path, incarnation: Incarnation) -> Result<EventLog, OpenError> {
    let path = directory.join(EVENTS_FILE);
    if path.exists() { EventLog::open(&path) } else { EventLog::create(&path, incarnation) }
}

/// The fleet of this directory: kept at the first start, and never another one after.
fn fleet(directory: &Path, asked: Option<FleetId>) -> Result<FleetId, RelayError> {
    let path = directory.join(FLEET_FILE);
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<FleetId>().ok(),
        Err(_) => None,
    };
    match (kept, asked) {
        (Some(kept), Some(asked)) if kept != asked => Err(RelayError::OtherFleet { kept, asked }),
        (Some(kept), _) => Ok(kept),
        (None, Some(asked)) => {
            std::fs::write(&path, format!("{asked}\n")).map_err(|source| RelayError::Io { path, source })?;
            Ok(asked)
        }
        (None, None) => Err(RelayError::NoFleet),
    }
}

fn key(directory: &Path) -> Result<RelayKey, RelayError> {
    let path = directory.join(KEY_FILE);
    match RelayKey::load(&path) {
        Err(KeyFileError::Missing(_)) => {
            let key = RelayKey::generate();
            key.save(&path)?;
            Ok(key)
        }
        loaded => Ok(loaded?),
    }
}

/// Keys of the transport that outlive a restart, so that peers notice it at once (measured: seconds instead of half a minute).
/// They protect nothing but attention, so a file that is not one of ours is simply made anew.
fn secrets(directory: &Path) -> Result<Secrets, RelayError> {
    let path = directory.join(SECRETS_FILE);
    if let Some(kept) = std::fs::read(&path).ok().and_then(|bytes| Secrets::from_bytes(&bytes).ok()) {
        return Ok(kept);
    }
    let made = Secrets::generate();
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, &made.to_bytes()));
    written.map_err(|source| RelayError::Io { path, source })?;
    Ok(made)
}
