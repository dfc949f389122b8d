//! This runner's membership: its key, its grant, the fleet's keys and who was turned away.
//!
//! ```text
//! HOME/
//!   device.key   0600     chain     its grant        keyring   epoch keys, sealed to the device
//!   profile      fleet, relay addresses with their pin; written last: it makes a home whole
//!   revoked      tombstones seen; never forgotten, whatever a relay says later
//! ```
//!
//! Owns these files, and every plaintext's way in and out. Must not know connections or attempts.

mod file;
pub(crate) mod join;
mod profile;

use ostler_core::ids::{DeviceId, FleetId};
use ostler_identity::{Chain, ChainError, DeviceKey, KeyFileError, Keyring, RelayAddress, Tombstone, Trust};
use profile::Profile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Why a home is none.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Nothing here.
    #[error("no runner is paired in {0}: get a ticket with `ostler invite` and run `ostler runner join`")]
    NotJoined(PathBuf),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The grant.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A file that is not what it should be.
    #[error("{path} is damaged ({reason}): move {home} away and join again with a new ticket", home = .path.parent().unwrap_or(.path).display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What may change while the runner runs.
struct Known {
    keyring: Keyring,
    revoked: BTreeSet<DeviceId>,
    tombstones: Vec<Vec<u8>>,
}

/// One runner's membership in one fleet.
pub struct Member {
    home: PathBuf,
    key: DeviceKey,
    chain: Chain,
    fleet: FleetId,
    name: String,
    relays: Vec<RelayAddress>,
    known: RwLock<Known>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("device", &self.device()).field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

impl Member {
    /// Reads the membership in `home`.
    ///
    /// # Errors
    /// When nobody joined here, or a file cannot be trusted.
    pub fn open(home: &Path) -> Result<Self, MemberError> {
        let profile = match file::read(&home.join("profile"))? {
            Some(bytes) => Profile::parse(&bytes).map_err(|reason| damaged(home, "profile", &reason))?,
            None => return Err(MemberError::NotJoined(home.to_owned())),
        };
        let key = DeviceKey::load(&home.join("device.key"))?;
        let absent = |name: &str| damaged(home, name, "it is not there");
        let chain = Chain::decode(&file::read(&home.join("chain"))?.ok_or_else(|| absent("chain"))?)?;
        // At time zero no deadline has passed: an expired member still finishes, and is told so by the relay.
        let name = chain.verify(&Trust::new(profile.fleet, 0))?.name;
        let sealed = file::read(&home.join("keyring"))?.ok_or_else(|| absent("keyring"))?;
        let keyring = Keyring::from_cache(profile.fleet, &key, &sealed);
        let keyring = keyring.ok_or_else(|| damaged(home, "keyring", "it was not sealed by this device"))?;
        let known = Known { keyring, revoked: BTreeSet::new(), tombstones: Vec::new() };
        let member = Self {
            home: home.to_owned(),
            key,
            chain,
            fleet: profile.fleet,
            name,
            relays: profile.relays,
            known: RwLock::new(known),
        };
        let seen = file::read(&home.join("revoked"))?.unwrap_or_default();
        let seen = postcard::from_bytes::<Vec<Vec<u8>>>(&seen).unwrap_or_default();
        member.bury(&seen);
        Ok(member)
    }

    /// Its device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.key.id()
    }

    /// What its owner called it when it joined.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its relay's addresses, each with the same pin.
    #[must_use]
    pub fn relays(&self) -> &[RelayAddress] {
        &self.relays
    }

    pub(crate) fn key(&self) -> &DeviceKey {
        &self.key
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The fleet's keys as known now.
    pub(crate) fn keyring(&self) -> Keyring {
        self.read().keyring.clone()
    }

    /// Has `judge` decide against the fleet key, the wall clock and everybody turned away so far.
    pub(crate) fn trusting<T>(&self, now_unix_ms: u64, judge: impl FnOnce(&Trust<'_>) -> T) -> T {
        let known = self.read();
        let is_revoked = |device: &DeviceId| known.revoked.contains(device);
        judge(&Trust { fleet: self.fleet, now_unix_ms, is_revoked: &is_revoked })
    }

    /// Takes in what the relay brought. What does not verify is refused and logged; what was known stays known.
    pub(crate) fn learn(
        &self,
        epochs: &[Vec<u8>],
        tombstones: &[Vec<u8>],
        now_unix_ms: u64,
    ) -> Result<(), MemberError> {
        if self.bury(tombstones) {
            let all = postcard::to_allocvec(&self.read().tombstones).expect("bytes encode");
            file::replace(&self.home.join("revoked"), &all)?;
        }
        let Some(record) = epochs.last() else { return Ok(()) };
        let mut keyring = self.keyring();
        let advanced = self.trusting(now_unix_ms, |trust| keyring.advance(record, &self.key, trust));
        match advanced {
            Ok(true) => {
                file::replace(&self.home.join("keyring"), &keyring.to_cache(&self.key))?;
                self.known.write().unwrap_or_else(PoisonError::into_inner).keyring = keyring;
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the relay's newest key record is refused"),
        }
        Ok(())
    }

    /// Believes the tombstones that verify; true when one was news.
    fn bury(&self, tombstones: &[Vec<u8>]) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut news = false;
        for bytes in tombstones {
            // Whether its signer was revoked since is not asked: revoking the revoker lets nobody back in.
            match Tombstone::verify(bytes, &Trust::new(self.fleet, 0)) {
                Ok((tombstone, _)) if known.revoked.insert(tombstone.device) => {
                    known.tombstones.push(bytes.clone());
                    news = true;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a tombstone is refused"),
            }
        }
        news
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn damaged(home: &Path, name: &str, reason: &str) -> MemberError {
    MemberError::Damaged { path: home.join(name), reason: reason.to_owned() }
}
