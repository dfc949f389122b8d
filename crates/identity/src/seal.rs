//! Sealing: what leaves a device for the relay is ciphertext, bound to what it is and where it belongs.
//!
//! ```text
//! 0        1            5         29                       n-16     n
//! │version │ key epoch  │ nonce   │ length, plain, zeros   │ tag    │      associated: version, key epoch, fleet, purpose
//! ```
//!
//! Owns the keyring's use, the associated data and the padding. Must not know how epoch keys are made or shared (epoch).
//!
//! The relay sees sizes, so ciphertexts come in steps: bodies of 1, 4, 16 or 64 KiB, then of multiples of 64 KiB;
//! questions, results and messages of multiples of 1 KiB; events, of which there are many, of multiples of 64 bytes
//! up to 1 KiB and of 1 KiB beyond.

pub(crate) mod cipher;

use crate::{DeviceKey, canon};
use cipher::CIPHER_OVERHEAD_BYTES;
use ostler_core::ids::{ApprovalId, Digest, FleetId, RunId};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// What sealing adds to a plaintext before padding: a plaintext this much shorter than a step fills it.
pub(crate) const SEAL_OVERHEAD_BYTES: usize = HEADER_BYTES + CIPHER_OVERHEAD_BYTES + LENGTH_BYTES;

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
    /// The size of a ciphertext that would take `len` bytes without padding.
    pub(crate) const fn padded(&self, len: usize) -> usize {
        let step = match self {
            Self::Body { .. } if len <= KIB => KIB,
            Self::Body { .. } if len <= 4 * KIB => 4 * KIB,
            Self::Body { .. } if len <= 16 * KIB => 16 * KIB,
            Self::Body { .. } => 64 * KIB,
            Self::Event { .. } if len <= KIB => 64,
            Self::Event { .. } | Self::Ask { .. } | Self::Result { .. } | Self::Message { .. } => KIB,
        };
        len.div_ceil(step) * step
    }
}

/// Why a ciphertext does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than any ciphertext, or of a version this release does not know.
    #[error("this is no sealed text of this release: upgrade if another device of the fleet is newer")]
    Foreign,
    /// Sealed under an epoch this keyring does not hold.
    #[error(
        "sealed under key epoch {needed}, but this device knows epochs up to {newest}: fetch the newest from the relay"
    )]
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
#[derive(Clone)]
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

    /// `plain`, padded and sealed under the newest epoch.
    ///
    /// # Panics
    /// When `plain` is 4 GiB or more.
    #[must_use]
    pub fn seal(&self, purpose: &Purpose, plain: &[u8]) -> Vec<u8> {
        let header = header(self.newest());
        let length = u32::try_from(plain.len()).expect("callers bound plaintexts far below 4 GiB");
        let size = purpose.padded(plain.len() + SEAL_OVERHEAD_BYTES) - HEADER_BYTES - CIPHER_OVERHEAD_BYTES;
        let mut padded = Zeroizing::new(Vec::with_capacity(size));
        padded.extend_from_slice(&length.to_be_bytes());
        padded.extend_from_slice(plain);
        padded.resize(size, 0);
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
        cipher::lock(&device.secret(CACHE_CONTEXT), &self.fleet.0, &packed(&self.keys))
    }

    /// A keyring kept by [`Keyring::to_cache`]; none when it was changed, or is another device's or fleet's.
    #[must_use]
    pub fn from_cache(fleet: FleetId, device: &DeviceKey, bytes: &[u8]) -> Option<Self> {
        let plain = Zeroizing::new(cipher::unlock(&device.secret(CACHE_CONTEXT), &fleet.0, bytes)?);
        let keys = unpacked(&plain)?;
        (!keys.is_empty()).then_some(Self { fleet, keys })
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

impl PartialEq for Keyring {
    fn eq(&self, other: &Self) -> bool {
        let as_many = self.fleet == other.fleet && self.keys.len() == other.keys.len();
        as_many && self.keys.iter().zip(&other.keys).all(|(a, b)| same(a, b))
    }
}

impl Eq for Keyring {}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, epochs 1 to {}, secret)", self.fleet, self.newest())
    }
}

/// Constant time: blake3's comparison of the keys' hashes.
pub(crate) fn same(a: &EpochSecret, b: &EpochSecret) -> bool {
    blake3::hash(a.as_slice()) == blake3::hash(b.as_slice())
}

/// Keys one after another, in a buffer that never moved: what is moved is not wiped.
pub(crate) fn packed(keys: &[EpochSecret]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(keys.len() * 32));
    keys.iter().for_each(|key| out.extend_from_slice(key.as_slice()));
    out
}

/// The keys that [`packed`] was given; none when there is a piece of one.
pub(crate) fn unpacked(bytes: &[u8]) -> Option<Vec<EpochSecret>> {
    let (keys, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| keys.iter().map(|key| Zeroizing::new(*key)).collect())
}

fn header(epoch: u32) -> [u8; HEADER_BYTES] {
    let mut out = [VERSION; HEADER_BYTES];
    out[1..].copy_from_slice(&epoch.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{damaged, founder};

    fn purposes() -> Vec<Purpose> {
        let (run, other) = (RunId::from_parts(1, [1; 10]), RunId::from_parts(1, [2; 10]));
        let (approval, second) = (ApprovalId::from_parts(1, [1; 10]), ApprovalId::from_parts(1, [2; 10]));
        vec![
            Purpose::Body { run },
            Purpose::Body { run: other },
            Purpose::Event { run, epoch: 1, n: 1 },
            Purpose::Event { run, epoch: 1, n: 2 },
            Purpose::Event { run, epoch: 2, n: 1 },
            Purpose::Event { run: other, epoch: 1, n: 1 },
            Purpose::Ask { run, epoch: 1, approval },
            Purpose::Ask { run, epoch: 1, approval: second },
            Purpose::Ask { run, epoch: 2, approval },
            Purpose::Result { run, epoch: 1 },
            Purpose::Result { run, epoch: 2 },
            Purpose::Result { run: other, epoch: 1 },
            Purpose::Message { run, epoch: 1, approval },
            Purpose::Message { run, epoch: 1, approval: second },
        ]
    }

    #[test]
    fn what_is_sealed_for_one_purpose_opens_for_no_other() {
        let ring = founder().ring().0;
        for (at, purpose) in purposes().iter().enumerate() {
            let sealed = ring.seal(purpose, b"canary");
            assert!(!sealed.windows(6).any(|w| w == b"canary"));
            for (also, other) in purposes().iter().enumerate() {
                let expected = if at == also { Ok(b"canary".to_vec()) } else { Err(OpenError::Tampered) };
                assert_eq!(ring.open(other, &sealed), expected, "{purpose:?} as {other:?}");
            }
        }
    }

    #[test]
    fn every_changed_byte_and_another_fleets_key_fail() {
        let (ring, purpose) = (founder().ring().0, purposes()[2]);
        let sealed = ring.seal(&purpose, b"x");
        for bytes in damaged(&sealed) {
            assert!(ring.open(&purpose, &bytes).is_err());
        }
        assert_eq!(founder().ring().0.open(&purpose, &sealed), Err(OpenError::Tampered));
        let renamed = Keyring { fleet: founder().fleet, keys: ring.keys.clone() };
        assert_eq!(renamed.open(&purpose, &sealed), Err(OpenError::Tampered), "the fleet is bound, not only its key");
    }

    #[test]
    fn sizes_are_told_in_steps_only() {
        let (ring, purposes) = (founder().ring().0, purposes());
        let (body, event, ask) = (&purposes[0], &purposes[2], &purposes[6]);
        let size = |purpose: &Purpose, len: usize| {
            let sealed = ring.seal(purpose, &vec![7; len]);
            assert_eq!(ring.open(purpose, &sealed).map(|plain| plain.len()), Ok(len));
            sealed.len()
        };
        let over = SEAL_OVERHEAD_BYTES;
        for (purpose, len, expected) in [
            (body, 0, KIB),
            (body, KIB - over, KIB),
            (body, KIB - over + 1, 4 * KIB),
            (body, 5 * KIB, 16 * KIB),
            (body, 17 * KIB, 64 * KIB),
            (body, 64 * KIB, 128 * KIB),
            (event, 0, 64),
            (event, 15, 64),
            (event, 16, 128),
            (event, KIB, 2 * KIB),
            (ask, 1, KIB),
            (ask, 3 * KIB, 4 * KIB),
        ] {
            assert_eq!(size(purpose, len), expected, "{purpose:?} of {len}");
        }
        assert_ne!(ring.seal(body, b"same"), ring.seal(body, b"same"), "never the same ciphertext twice");
    }

    #[test]
    fn an_epoch_this_device_does_not_hold_is_named() {
        let boss = founder();
        let (ring, purpose) = (boss.ring().0, purposes()[0]);
        let (next, _) = ring.rotate(&boss.signer(), &[]).expect("rotated");
        let sealed = next.seal(&purpose, b"later");
        assert_eq!(ring.open(&purpose, &sealed), Err(OpenError::UnknownEpoch { needed: 2, newest: 1 }));
        assert_eq!(next.open(&purpose, &ring.seal(&purpose, b"earlier")), Ok(b"earlier".to_vec()));
        let mut zero = sealed.clone();
        zero[1..5].fill(0);
        assert_eq!(next.open(&purpose, &zero), Err(OpenError::UnknownEpoch { needed: 0, newest: 2 }));
        assert_eq!(next.open(&purpose, &[2; 100]), Err(OpenError::Foreign));
    }

    #[test]
    fn the_spec_digest_outlives_rotations_and_is_the_fleets_own() {
        let boss = founder();
        let ring = boss.ring().0;
        let (next, _) = ring.rotate(&boss.signer(), &[]).expect("rotated");
        assert_eq!(ring.spec_digest(b"spec"), next.spec_digest(b"spec"));
        assert_ne!(ring.spec_digest(b"spec"), ring.spec_digest(b"spec2"));
        assert_ne!(ring.spec_digest(b"spec"), founder().ring().0.spec_digest(b"spec"));
        assert_ne!(ring.spec_digest(b"spec").0, *blake3::hash(b"spec").as_bytes());
    }

    #[test]
    fn a_keyring_is_kept_for_its_own_device_alone() {
        let boss = founder();
        let ring = boss.ring().0.rotate(&boss.signer(), &[]).expect("rotated").0;
        let cache = ring.to_cache(&boss.key);
        assert!(Keyring::from_cache(boss.fleet, &boss.key, &cache) == Some(ring));
        assert!(Keyring::from_cache(boss.fleet, &DeviceKey::generate(), &cache).is_none());
        assert!(Keyring::from_cache(founder().fleet, &boss.key, &cache).is_none());
        assert!(damaged(&cache).all(|bytes| Keyring::from_cache(boss.fleet, &boss.key, &bytes).is_none()));
        assert!(!format!("{:?}", boss.ring().0).contains('['));
    }
}
