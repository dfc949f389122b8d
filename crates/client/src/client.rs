//! The client: a device's membership, a connection when one is needed, and the fleet's keys as they are now.
//!
//! ```text
//!             ask                lost, and the request may be repeated
//! Unlinked ──────▶ Linked ──────▶ Unlinked ── backoff, within PATIENCE ──▶ Linked
//! ```
//!
//! Owns reconnecting and the keyring's freshness. Must not decide anything twice: only requests that mean the same when
//! they arrive twice are sent twice.

use crate::chance;
use crate::error::ClientError;
use crate::home::Home;
use crate::link::Link;
use ostler_core::decision::Refusal;
use ostler_core::ids::{DeviceId, FleetId, Incarnation, RelayId};
use ostler_identity::{EpochError, Keyring, OpenError, Purpose, Tombstone, Trust};
use ostler_mesh::Dialer;
use ostler_proto::{Request, Response, Status, Welcome};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a repeatable request is tried again after a lost connection: a relay restarts in two seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause before the first new try, and its cap.
const BACKOFF_MS: (u64, u64) = (100, 2_000);

/// The relay is not the one this device last met: its database was restored from a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Its life then.
    pub from: Incarnation,
    /// Its life now.
    pub to: Incarnation,
}

/// A device's way to its relay. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    home: Home,
    dialer: Dialer,
    link: Mutex<Option<Arc<Link>>>,
    fleet: RwLock<Fleet>,
}

/// What the relay last said about the fleet, as far as it could be verified.
#[derive(Default)]
struct Fleet {
    keyring: Option<Keyring>,
    revoked: BTreeSet<DeviceId>,
    incarnation: Option<Incarnation>,
    restored: Option<Restored>,
    release: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.shared.home.device().short())
    }
}

impl Client {
    /// Connects as `home`'s device, and learns the fleet's newest keys.
    ///
    /// # Errors
    /// When no relay is known or reachable, it sends the device away, or its keys cannot be believed.
    pub async fn connect(home: Home) -> Result<Self, ClientError> {
        let revoked = revoked(&home.tombstones()?, &Trust::new(home.fleet(), chance::unix_ms()));
        let fleet = Fleet { keyring: home.keyring()?, revoked, ..Fleet::default() };
        let dialer = Dialer::new(home.key())?;
        let shared = Shared { home, dialer, link: Mutex::new(None), fleet: RwLock::new(fleet) };
        let client = Self { shared: Arc::new(shared) };
        client.link().await?;
        client.keyring()?;
        Ok(client)
    }

    /// Joins a fleet as a person's device: `ticket` is spent, and the home below `base` is made.
    ///
    /// # Errors
    /// When there is a home already, the ticket is spent or expired, or the relay cannot be reached.
    pub async fn join(base: &Path, ticket: &ostler_identity::Ticket, name: &str) -> Result<Self, ClientError> {
        let device = Home::device_to_join(base)?;
        let chain = ticket.accept(&device, name, chance::unix_ms())?;
        let home = Home::unsettled(base, device, (ticket.fleet(), chain), ticket.relays());
        let dialer = Dialer::new(home.key())?;
        let (link, welcome) = Link::dial(&dialer, &home).await?;
        let trust = Trust::new(ticket.fleet(), chance::unix_ms());
        let revoked = revoked(&welcome.tombstones, &trust);
        let is_revoked = |id: &DeviceId| revoked.contains(id);
        let record = welcome.epochs.last().ok_or(ClientError::Epoch(EpochError::Inconsistent))?;
        let keyring = ticket.keyring(record, &Trust { is_revoked: &is_revoked, ..trust })?;
        home.keep_keyring(&keyring)?;
        let home = home.settle()?;
        home.keep_tombstones(&welcome.tombstones)?;
        home.keep_seen(welcome.incarnation.0)?;
        let fleet = Fleet {
            keyring: Some(keyring),
            revoked,
            incarnation: Some(welcome.incarnation),
            restored: None,
            release: welcome.release,
        };
        let shared = Shared { home, dialer, link: Mutex::new(Some(Arc::new(link))), fleet: RwLock::new(fleet) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// This device's files.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.shared.home
    }

    /// The fleet.
    #[must_use]
    pub fn fleet(&self) -> FleetId {
        self.home().fleet()
    }

    /// The key the relay proved.
    #[must_use]
    pub fn relay(&self) -> Option<RelayId> {
        self.home().relays().first().map(ostler_identity::RelayAddress::relay)
    }

    /// The relay's release.
    #[must_use]
    pub fn release(&self) -> String {
        self.read(|fleet| fleet.release.clone())
    }

    /// Says once that the relay came back with another database than this device met before.
    #[must_use]
    pub fn take_restored(&self) -> Option<Restored> {
        self.write(|fleet| fleet.restored.take())
    }

    /// Says good-bye, so that the relay need not wait for a timeout: before the process ends.
    pub async fn farewell(&self) {
        if let Some(link) = self.shared.link.lock().await.take() {
            link.close();
        }
        self.shared.dialer.farewell().await;
    }

    /// How the relay is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        let Response::Status(status) = self.ask(&Request::Status).await? else { return Err(unexpected("Status")) };
        Ok(*status)
    }

    /// Has the relay write a consistent copy of its database: where it is on its disk, and its bytes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn backup(&self) -> Result<(String, u64), ClientError> {
        let Response::BackedUp(path, bytes) = self.ask_once(&Request::Backup).await? else {
            return Err(unexpected("BackedUp"));
        };
        Ok((path, bytes))
    }

    /// Asks, and asks again after a lost connection: for requests that mean the same when they arrive twice.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        let until = Instant::now() + PATIENCE;
        let mut pause = BACKOFF_MS.0;
        loop {
            // A relay that was there a moment ago restarts; one that never was is reported at once.
            let met = self.incarnation().is_ok();
            match self.ask_once(request).await {
                Err(error) if met && error.is_transient() && Instant::now() < until => {}
                other => return other,
            }
            tokio::time::sleep(Duration::from_millis(chance::jittered(pause))).await;
            pause = (pause * 2).min(BACKOFF_MS.1);
        }
    }

    /// Asks once. Refusals are errors.
    pub(crate) async fn ask_once(&self, request: &Request) -> Result<Response, ClientError> {
        let link = self.link().await?;
        match link.ask(request).await {
            Ok(response) => answered(response),
            Err(error) => {
                self.unlink(&link).await;
                Err(error)
            }
        }
    }

    /// The connection there is, or a new one.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, ClientError> {
        let mut slot = self.shared.link.lock().await;
        if let Some(link) = slot.as_ref() {
            return Ok(Arc::clone(link));
        }
        let (link, welcome) = Link::dial(&self.shared.dialer, self.home()).await?;
        let link = Arc::new(link);
        self.met(&welcome)?;
        if welcome.epochs.is_empty() {
            self.found_keys(&link).await?;
        }
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Forgets a connection that failed, unless it was replaced meanwhile.
    pub(crate) async fn unlink(&self, failed: &Arc<Link>) {
        let mut slot = self.shared.link.lock().await;
        if slot.as_ref().is_some_and(|link| Arc::ptr_eq(link, failed)) {
            *slot = None;
        }
    }

    /// The fleet's keys as this device knows them.
    pub(crate) fn keyring(&self) -> Result<Keyring, ClientError> {
        let missing = || EpochError::NotForUs(1);
        Ok(self.read(|fleet| fleet.keyring.clone()).ok_or_else(missing)?)
    }

    /// The relay's life, which verdicts are bound to.
    pub(crate) fn incarnation(&self) -> Result<Incarnation, ClientError> {
        self.read(|fleet| fleet.incarnation).ok_or_else(|| ClientError::Lost("never connected".to_owned()))
    }

    /// What `sealed` says, with the newest keys if it needs them.
    pub(crate) async fn open(&self, purpose: &Purpose, sealed: &[u8]) -> Result<Vec<u8>, ClientError> {
        match self.keyring()?.open(purpose, sealed) {
            Err(OpenError::UnknownEpoch { .. }) => self.refresh().await?,
            opened => return Ok(opened?),
        }
        Ok(self.keyring()?.open(purpose, sealed)?)
    }

    /// Fetches the newest key record.
    pub(crate) async fn refresh(&self) -> Result<(), ClientError> {
        let Response::KeyEpochs(epochs) = self.ask(&Request::KeyEpochs).await? else {
            return Err(unexpected("KeyEpochs"));
        };
        epochs.last().map_or(Ok(()), |newest| self.advance(&newest.bytes))
    }

    /// Takes a keyring that the relay has taken the record of.
    pub(crate) fn adopt(&self, keyring: Keyring) -> Result<(), ClientError> {
        self.home().keep_keyring(&keyring)?;
        self.write(|fleet| fleet.keyring = Some(keyring));
        Ok(())
    }

    /// Trust in the fleet with what is known of revocations.
    pub(crate) fn trusting<T>(&self, then: impl FnOnce(&Trust<'_>) -> T) -> T {
        let revoked = self.read(|fleet| fleet.revoked.clone());
        let is_revoked = |id: &DeviceId| revoked.contains(id);
        then(&Trust { is_revoked: &is_revoked, ..Trust::new(self.fleet(), chance::unix_ms()) })
    }

    /// Notes a revocation made here, before the relay repeats it.
    pub(crate) fn note_revoked(&self, device: DeviceId) {
        self.write(|fleet| fleet.revoked.insert(device));
    }

    fn met(&self, welcome: &Welcome) -> Result<(), ClientError> {
        self.bury(&welcome.tombstones)?;
        let before = self.home().seen()?.map(Incarnation);
        self.write(|fleet| {
            fleet.incarnation = Some(welcome.incarnation);
            fleet.release.clone_from(&welcome.release);
            if let Some(from) = before.filter(|from| *from != welcome.incarnation) {
                fleet.restored = Some(Restored { from, to: welcome.incarnation });
            }
        });
        if before != Some(welcome.incarnation) {
            self.home().keep_seen(welcome.incarnation.0)?;
        }
        welcome.epochs.last().map_or(Ok(()), |newest| self.advance(newest))
    }

    /// Believes the tombstones that verify, and keeps them: a relay that hides one later brings nobody back.
    fn bury(&self, tombstones: &[Vec<u8>]) -> Result<(), ClientError> {
        let mut kept = self.home().tombstones()?;
        let trust = Trust::new(self.fleet(), chance::unix_ms());
        let news = tombstones.iter().filter(|bytes| !kept.contains(bytes) && Tombstone::verify(bytes, &trust).is_ok());
        let news: Vec<_> = news.cloned().collect();
        if news.is_empty() {
            return Ok(());
        }
        self.write(|fleet| fleet.revoked.extend(revoked(&news, &trust)));
        kept.extend(news);
        Ok(self.home().keep_tombstones(&kept)?)
    }

    fn advance(&self, record: &[u8]) -> Result<(), ClientError> {
        let held = self.read(|fleet| fleet.keyring.clone());
        let (key, fleet) = (self.home().key(), held.clone());
        let taken = self.trusting(|trust| match fleet {
            Some(mut keyring) => keyring.advance(record, key, trust).map(|grew| grew.then_some(keyring)),
            None => Keyring::from_record(record, key, trust).map(Some),
        });
        match taken {
            Ok(Some(keyring)) => self.adopt(keyring),
            Ok(None) => Ok(()),
            // Its signer was revoked and nobody rotated yet: what is held still opens what was sealed.
            Err(EpochError::Statement(_)) if held.is_some() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A relay without keys gets the fleet's first record, which the founder keeps.
    async fn found_keys(&self, link: &Link) -> Result<(), ClientError> {
        let Some(bytes) = self.home().record()? else { return Ok(()) };
        let first = ostler_core::device::KeyEpoch { number: 1, bytes };
        match answered(link.ask(&Request::Rotate(first)).await?) {
            Ok(Response::Done) | Err(ClientError::Refusal(Refusal::EpochTaken(_))) => Ok(()),
            Ok(_) => Err(unexpected("Rotate")),
            Err(error) => Err(error),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Fleet) -> T) -> T {
        look(&self.shared.fleet.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Fleet) -> T) -> T {
        change(&mut self.shared.fleet.write().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Everybody there is a well signed tombstone of. Signers revoked since still count; what does not verify does not.
fn revoked(tombstones: &[Vec<u8>], trust: &Trust<'_>) -> BTreeSet<DeviceId> {
    let verified = tombstones.iter().filter_map(|bytes| Tombstone::verify(bytes, trust).ok());
    verified.map(|(tombstone, _)| tombstone.device).collect()
}

/// Refusals and failures are errors.
fn answered(response: Response) -> Result<Response, ClientError> {
    if let Response::Refused(refusal) = response {
        return Err(refusal.into());
    }
    if let Response::Failed(reason) = response {
        return Err(ClientError::Failed(reason));
    }
    Ok(response)
}

/// An answer to another question than `asked`.
pub(crate) fn unexpected(asked: &str) -> ClientError {
    ClientError::Protocol(format!("the answer to {asked} is of another kind"))
}
