//! Sealing: what leaves a device for the relay is ciphertext, bound to what it is and where it belongs.
//!
//! ```text
//! 0        1            5         29                       n-16     n
//! │version │ key epoch  │ nonce   │ length, plain, zeros   │ tag    │      associated: version, key epoch, fleet, purpose
//! ```
//!
//! Owns the keyring's use, the associated data and the padding. Must not know how epoch keys are made or shared (epoch).
//!
//! The relay sees sizes, so plaintexts are padded: bodies to 1, 4, 16 or 64 KiB and then to multiples of 64 KiB;
//! questions, results and messages to multiples of 1 KiB; events, of which there are many, to multiples of 64 bytes
//! up to 1 KiB and of 1 KiB beyond.

use crate::cipher::{self, CIPHER_OVERHEAD_BYTES};
use crate::{DeviceKey, canon};
use ostler_core::ids::{ApprovalId, Digest, FleetId, RunId};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// What sealing adds to the padded plaintext, the padding's own length field included.
pub const SEAL_OVERHEAD_BYTES: usize = HEADER_BYTES + CIPHER_OVERHEAD_BYTES + LENGTH_BYTES;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;
const LENGTH_BYTES: usize = 4;
const KIB: usize = 1024;
const DIGEST_CONTEXT: &str = "ostler 2026-11 fleet digest key v1";
const CACHE_CONTEXT: &str = "ostler 2026-11 keyring cache v1";

/// One epoch's secret.
pub(crate) type EpochSecret = Zeroizing<[u8; 32]>;

/// What a ciphertext is and where it belongs: opened as anything else, it does not open.
/// Appended, never reordered: the encoding is inside old ciphertexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A run's task.
    Body {
        /// The run.
        run: RunId,
    },
    /// One event of an attempt.
    Event {
        /// The run.
        run: RunId,
        /// The attempt's epoch.
        epoch: u64,
        /// The event's number.
        n: u64,
    },
    /// The exact action an approval is about.
    Ask {
        /// The run.
        run: RunId,
        /// The attempt's epoch.
        epoch: u64,
        /// The question.
        approval: ApprovalId,
    },
    /// What an attempt reports.
    Result {
        /// The run.
        run: RunId,
        /// The attempt's epoch.
        epoch: u64,
    },
    /// What a person wrote with a verdict.
    Message {
        /// The run.
        run: RunId,
        /// The attempt's epoch.
        epoch: u64,
        /// The question.
        approval: ApprovalId,
    },
}

impl Purpose {
    /// The padded size of `len` bytes.
    const fn padded(&self, len: usize) -> usize {
        let step = match self {
            Self::Body { .. } if len <= KIB => KIB,
            Self::Body { .. } if len <= 4 * KIB => 4 * KIB,
            Self::Body { .. } if len <= 16 * KIB => 16 * KIB,
            Self::Body { .. } => 64 * KIB,
            Self::Event { .. } if len <= KIB => 64,
            Self::Event { .. } | Self::Ask { .. } | Self::Result { .. } | Self::Message { .. } => KIB,
        };
        if len == 0 { step } else { len.div_ceil(step) * step }
    }
}

/// Why a ciphertext does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than any ciphertext, or of a version this release does not know.
    #[error("this is no sealed text of this release: upgrade if another device of the fleet is newer")]
    Foreign,
    /// Sealed under an epoch this keyring does not hold.
    #[error("sealed under key epoch {needed}, but this device knows epochs up to {newest}: fetch the newest from the relay")]
    UnknownEpoch {
        /// The epoch of the ciphertext.
        needed: u32,
        /// The newest held.
        newest: u32,
    },
    /// Changed, or moved from where it belongs.
    #[error("the sealed text was changed or moved: do not trust what brought it")]
    Tampered,
}

/// A fleet's epoch keys, from the first to the newest this device was given. Never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    pub(crate) fleet: FleetId,
    pub(crate) keys: Vec<EpochSecret>,
}

impl Keyring {
    /// The newest epoch held; the first is 1.
    #[must_use]
    pub fn newest(&self) -> u32 {
        u32::try_from(self.keys.len()).expect("epoch counts are bounded far below")
    }

    /// The fleet whose keys these are.
    #[must_use]
    pub fn fleet(&self) -> FleetId {
        self.fleet
    }

    /// `plain`, padded and sealed under the newest epoch.
    ///
    /// # Panics
    /// When `plain` is 4 GiB or more.
    #[must_use]
    pub fn seal(&self, purpose: &Purpose, plain: &[u8]) -> Vec<u8> {
        let header = header(self.newest());
        let length = u32::try_from(plain.len()).expect("callers bound plaintexts far below 4 GiB");
        let mut padded = Zeroizing::new(Vec::with_capacity(LENGTH_BYTES + purpose.padded(plain.len())));
        padded.extend_from_slice(&length.to_be_bytes());
        padded.extend_from_slice(plain);
        padded.resize(LENGTH_BYTES + purpose.padded(plain.len()), 0);
        let mut out = header.to_vec();
        out.extend(cipher::lock(self.newest_key(), &self.associated(header, purpose), &padded));
        out
    }

    /// What was sealed for the same purpose in the same fleet.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, purpose: &Purpose, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (header, locked) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(OpenError::Foreign)?;
        let [version, needed @ ..] = *header;
        if version != VERSION {
            return Err(OpenError::Foreign);
        }
        let needed = u32::from_be_bytes(needed);
        let key = self.key(needed).ok_or(OpenError::UnknownEpoch { needed, newest: self.newest() })?;
        let mut plain = cipher::unlock(key, &self.associated(*header, purpose), locked).ok_or(OpenError::Tampered)?;
        let length = plain.first_chunk().map(|l| u32::from_be_bytes(*l) as usize).ok_or(OpenError::Tampered)?;
        if length > plain.len() - LENGTH_BYTES {
            return Err(OpenError::Tampered);
        }
        plain.copy_within(LENGTH_BYTES..LENGTH_BYTES + length, 0);
        plain.truncate(length);
        Ok(plain)
    }

    /// A digest of `plain` that only the fleet can compute, the same for ever: the relay can tell two equal specs from
    /// two different ones, but cannot test a guess.
    #[must_use]
    pub fn spec_digest(&self, plain: &[u8]) -> Digest {
        let first = self.keys.first().expect("a keyring is never empty");
        let mut material = Zeroizing::new([0u8; 64]);
        material[..32].copy_from_slice(&self.fleet.0);
        material[32..].copy_from_slice(first.as_slice());
        let key = Zeroizing::new(blake3::derive_key(DIGEST_CONTEXT, material.as_slice()));
        Digest(*blake3::keyed_hash(&key, plain).as_bytes())
    }

    /// The whole keyring, sealed to `device` itself: what a device keeps on its own disk.
    #[must_use]
    pub fn to_cache(&self, device: &DeviceKey) -> Vec<u8> {
        let plain = Zeroizing::new(self.keys.iter().flat_map(|key| *key.clone()).collect::<Vec<u8>>());
        cipher::lock(&device.secret(CACHE_CONTEXT), &self.fleet.0, &plain)
    }

    /// A keyring kept by [`Keyring::to_cache`]; none when it was changed, or is another device's or fleet's.
    #[must_use]
    pub fn from_cache(fleet: FleetId, device: &DeviceKey, bytes: &[u8]) -> Option<Self> {
        let plain = Zeroizing::new(cipher::unlock(&device.secret(CACHE_CONTEXT), &fleet.0, bytes)?);
        let (keys, rest) = plain.as_chunks::<32>();
        let keys: Vec<EpochSecret> = keys.iter().map(|key| Zeroizing::new(*key)).collect();
        (rest.is_empty() && !keys.is_empty()).then_some(Self { fleet, keys })
    }

    pub(crate) fn key(&self, epoch: u32) -> Option<&EpochSecret> {
        self.keys.get(epoch.checked_sub(1)? as usize)
    }

    pub(crate) fn newest_key(&self) -> &EpochSecret {
        self.keys.last().expect("a keyring is never empty")
    }

    fn associated(&self, header: [u8; HEADER_BYTES], purpose: &Purpose) -> Vec<u8> {
        canon::encode(&(header, self.fleet, purpose))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, epochs 1 to {}, secret)", self.fleet, self.newest())
    }
}

fn header(epoch: u32) -> [u8; HEADER_BYTES] {
    let mut out = [VERSION; HEADER_BYTES];
    out[1..].copy_from_slice(&epoch.to_be_bytes());
    out
}
