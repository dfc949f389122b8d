//! A device's own files: its keys, its chain, the fleet's keyring as it knows it, and where its relay is.
//!
//! ```text
//! HOME/operator/
//!   fleet.key    the root; on the founder's machine only     device.key   this device
//!   chain        its grant                                   keyring      epoch keys, sealed to the device
//!   profile      fleet, relay addresses with their pin; written last: it makes a home whole
//!   record       the first key record, for a relay that has none
//!   invites      keys of tickets this device made            seen         the relay's life when last met
//!   revoked      tombstones seen; never forgotten, whatever a relay shows later
//! ```
//!
//! Owns these files and their manners (0700, 0600, replaced whole). Must not know sockets.

mod file;
mod profile;

use crate::chance;
use file::{read, replace};
use ostler_core::ids::{DeviceId, FleetId, InviteId};
use ostler_identity::{
    AddressError, Chain, ChainError, DeviceKey, EpochError, FleetKey, KeyFileError, Keyring, RelayAddress, Signer,
};
use profile::Profile;
use std::path::{Path, PathBuf};

/// Longest file of ours other than a key: a key record of the largest fleet, or tombstones of hundreds of devices.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Nothing here.
    #[error(
        "no fleet is set up in {0}: run `ostler up` to try one on this machine, `ostler init` to found one, or `ostler join` with a ticket"
    )]
    NotSetUp(PathBuf),
    /// Something is here.
    #[error("{0} already holds a device of a fleet: set OSTLER_HOME to another directory to keep a second one")]
    SetUp(PathBuf),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A first key record.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// An address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A file that is not what it should be.
    #[error("{path} is damaged ({reason}): restore it from a copy, or join again with a new ticket")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// One device's membership in one fleet, read from its directory.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    profile: Profile,
    device: DeviceKey,
    chain: Chain,
}

impl Home {
    /// Founds a fleet: its key, this device as its first operator, and its first key epoch.
    ///
    /// # Errors
    /// When there is a home already, `name` cannot be a device's, or the disk refuses.
    pub fn found(base: &Path, name: &str) -> Result<Self, HomeError> {
        let dir = directory(base);
        if dir.join("profile").exists() {
            return Err(HomeError::SetUp(dir));
        }
        file::private(&dir)?;
        let fleet = key_in(&dir.join("fleet.key"), FleetKey::load, FleetKey::generate, FleetKey::save)?;
        let device = key_in(&dir.join("device.key"), DeviceKey::load, DeviceKey::generate, DeviceKey::save)?;
        let chain = Chain::found(&fleet, &device, name, chance::unix_ms())?;
        let signer = Signer { fleet: fleet.id(), key: &device, chain: &chain };
        let (keyring, record) = Keyring::first(&signer, &[])?;
        let home = Self { dir, profile: Profile::new(fleet.id()), device, chain };
        home.keep_keyring(&keyring)?;
        home.keep_record(&record)?;
        home.settle()
    }

    /// The home of a device that joins: `chain` is its grant. Nothing is written before [`Home::settle`].
    pub(crate) fn unsettled(
        base: &Path,
        device: DeviceKey,
        (fleet, chain): (FleetId, Chain),
        relays: &[RelayAddress],
    ) -> Self {
        let profile = Profile { relays: relays.to_vec(), ..Profile::new(fleet) };
        Self { dir: directory(base), profile, device, chain }
    }

    /// The device key of a home that is about to join: kept from an earlier try, so that a ticket spent by a connection
    /// that was lost still fits.
    pub(crate) fn device_to_join(base: &Path) -> Result<DeviceKey, HomeError> {
        let dir = directory(base);
        if dir.join("profile").exists() {
            return Err(HomeError::SetUp(dir));
        }
        file::private(&dir)?;
        key_in(&dir.join("device.key"), DeviceKey::load, DeviceKey::generate, DeviceKey::save)
    }

    /// Reads the home below `base`, the data directory.
    ///
    /// # Errors
    /// See [`HomeError`].
    pub fn open(base: &Path) -> Result<Self, HomeError> {
        let dir = directory(base);
        let path = dir.join("profile");
        let Some(text) = read(&path)? else { return Err(HomeError::NotSetUp(base.to_owned())) };
        let profile = Profile::parse(&text).map_err(|reason| HomeError::Damaged { path, reason })?;
        let path = dir.join("chain");
        let missing = || HomeError::Damaged { path: path.clone(), reason: "missing".to_owned() };
        let chain = Chain::decode(&read(&path)?.ok_or_else(missing)?)?;
        let device = DeviceKey::load(&dir.join("device.key"))?;
        Ok(Self { dir, profile, device, chain })
    }

    /// True when there is a home below `base`, whole or not.
    #[must_use]
    pub fn exists(base: &Path) -> bool {
        directory(base).join("profile").exists()
    }

    /// Says where the relay is from now on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn use_relays(&mut self, relays: Vec<RelayAddress>) -> Result<(), HomeError> {
        let moved = self.profile.relays.first().map(RelayAddress::relay) != relays.first().map(RelayAddress::relay);
        if moved {
            file::remove(&self.dir.join("seen"))?;
        }
        self.profile.relays = relays;
        self.keep_profile()
    }

    /// The directory of these files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The fleet.
    #[must_use]
    pub const fn fleet(&self) -> FleetId {
        self.profile.fleet
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device.id()
    }

    /// Where the relay is, in the order to be tried.
    #[must_use]
    pub fn relays(&self) -> &[RelayAddress] {
        &self.profile.relays
    }

    /// True on the machine that holds the fleet's root key.
    #[must_use]
    pub fn is_founder(&self) -> bool {
        self.dir.join("fleet.key").exists()
    }

    /// True when others may read the directory: keys in it are refused one by one, listings are not.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        file::is_exposed(&self.dir)
    }

    pub(crate) fn key(&self) -> &DeviceKey {
        &self.device
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer { fleet: self.fleet(), key: &self.device, chain: &self.chain }
    }

    /// The relay's life when it was last seen.
    pub(crate) fn seen(&self) -> Result<Option<u64>, HomeError> {
        let bytes = read(&self.dir.join("seen"))?;
        Ok(bytes.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.trim().parse().ok()))
    }

    pub(crate) fn keep_seen(&self, incarnation: u64) -> Result<(), HomeError> {
        replace(&self.dir.join("seen"), incarnation.to_string().as_bytes())
    }

    pub(crate) fn keyring(&self) -> Result<Option<Keyring>, HomeError> {
        let path = self.dir.join("keyring");
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let damaged = || HomeError::Damaged { path, reason: "it does not open with this device's key".to_owned() };
        Keyring::from_cache(self.fleet(), &self.device, &bytes).map(Some).ok_or_else(damaged)
    }

    pub(crate) fn keep_keyring(&self, keyring: &Keyring) -> Result<(), HomeError> {
        replace(&self.dir.join("keyring"), &keyring.to_cache(&self.device))
    }

    /// The first key record, until a relay has taken it.
    pub(crate) fn record(&self) -> Result<Option<Vec<u8>>, HomeError> {
        read(&self.dir.join("record"))
    }

    fn keep_record(&self, record: &[u8]) -> Result<(), HomeError> {
        replace(&self.dir.join("record"), record)
    }

    /// Sealing keys of the tickets made here: a relay's word for them would let it invite itself.
    pub(crate) fn invites(&self) -> Result<Vec<(InviteId, [u8; 32])>, HomeError> {
        self.list("invites", "not a list of invites")
    }

    pub(crate) fn keep_invites(&self, invites: &[(InviteId, [u8; 32])]) -> Result<(), HomeError> {
        let bytes = postcard::to_allocvec(invites).expect("ids and keys always encode");
        replace(&self.dir.join("invites"), &bytes)
    }

    /// Signed tombstones, as they came.
    pub(crate) fn tombstones(&self) -> Result<Vec<Vec<u8>>, HomeError> {
        self.list("revoked", "not a list of tombstones")
    }

    pub(crate) fn keep_tombstones(&self, tombstones: &[Vec<u8>]) -> Result<(), HomeError> {
        let bytes = postcard::to_allocvec(tombstones).expect("bytes always encode");
        replace(&self.dir.join("revoked"), &bytes)
    }

    fn list<T: serde::de::DeserializeOwned>(&self, name: &str, reason: &str) -> Result<Vec<T>, HomeError> {
        let path = self.dir.join(name);
        let Some(bytes) = read(&path)? else { return Ok(Vec::new()) };
        postcard::from_bytes(&bytes).map_err(|_| HomeError::Damaged { path, reason: reason.to_owned() })
    }

    fn keep_profile(&self) -> Result<(), HomeError> {
        replace(&self.dir.join("profile"), self.profile.print().as_bytes())
    }

    /// Makes the home whole.
    pub(crate) fn settle(self) -> Result<Self, HomeError> {
        replace(&self.dir.join("chain"), &self.chain.encode())?;
        self.keep_profile()?;
        Ok(self)
    }
}

fn directory(base: &Path) -> PathBuf {
    base.join("operator")
}

/// The key at `path`, made if there is none: an interrupted setup goes on with what it made.
fn key_in<K>(
    path: &Path,
    load: impl Fn(&Path) -> Result<K, KeyFileError>,
    make: impl Fn() -> K,
    save: impl Fn(&K, &Path) -> Result<(), KeyFileError>,
) -> Result<K, HomeError> {
    match load(path) {
        Err(KeyFileError::Missing(_)) => {
            let key = make();
            save(&key, path)?;
            Ok(key)
        }
        loaded => Ok(loaded?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_identity::RelayKey;

    fn relay(seed: u8) -> RelayAddress {
        RelayAddress::new("127.0.0.1:4433", RelayKey::from_seed(&[seed; 32]).id()).expect("an address")
    }

    #[test]
    fn what_is_founded_is_found_again() {
        let base = tempfile::tempdir().expect("a directory");
        assert!(matches!(Home::open(base.path()), Err(HomeError::NotSetUp(_))));
        let mut home = Home::found(base.path(), "desk").expect("founded");
        home.use_relays(vec![relay(1)]).expect("kept");
        home.keep_seen(7).expect("kept");
        let again = Home::open(base.path()).expect("opened");
        assert_eq!((again.fleet(), again.device()), (home.fleet(), home.device()));
        assert_eq!(again.relays(), [relay(1)]);
        assert_eq!(again.seen().expect("read"), Some(7));
        assert_eq!(again.keyring().expect("read").expect("kept").newest(), 1);
        assert!(again.record().expect("read").is_some() && again.is_founder() && !again.is_exposed());
    }

    #[test]
    fn a_second_fleet_is_refused_and_the_first_is_left_alone() {
        let base = tempfile::tempdir().expect("a directory");
        let first = Home::found(base.path(), "desk").expect("founded");
        assert!(matches!(Home::found(base.path(), "desk"), Err(HomeError::SetUp(_))));
        assert!(matches!(Home::device_to_join(base.path()), Err(HomeError::SetUp(_))));
        assert_eq!(Home::open(base.path()).expect("opened").device(), first.device());
    }

    #[test]
    fn an_interrupted_setup_goes_on_with_its_keys() {
        let base = tempfile::tempdir().expect("a directory");
        let first = Home::found(base.path(), "desk").expect("founded");
        std::fs::remove_file(first.dir().join("profile")).expect("removed");
        assert!(matches!(Home::open(base.path()), Err(HomeError::NotSetUp(_))));
        let again = Home::found(base.path(), "desk").expect("founded");
        assert_eq!((again.fleet(), again.device()), (first.fleet(), first.device()));
    }

    #[test]
    fn damage_is_named() {
        let base = tempfile::tempdir().expect("a directory");
        let home = Home::found(base.path(), "desk").expect("founded");
        replace(&home.dir().join("keyring"), b"nonsense").expect("written");
        assert!(matches!(home.keyring(), Err(HomeError::Damaged { .. })));
        replace(&home.dir().join("profile"), b"fleet flt_nonsense\n").expect("written");
        let error = Home::open(base.path()).expect_err("damaged").to_string();
        assert!(error.contains("profile is damaged"), "{error}");
    }
}
