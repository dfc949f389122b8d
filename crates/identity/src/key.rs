//! The three keys: a device's, a fleet's, a relay's. Each is an Ed25519 key whose public half is the id.
//!
//! ```text
//! seed (32 bytes) ─▶ Ed25519 signing key ─▶ DeviceId | FleetId | RelayId
//!                └─ blake3 derive_key ─▶ X25519 (HPKE) sealing key          devices and invites only
//! ```
//!
//! Owns making, signing and verifying. Must not know where keys are kept (`file`) or what is signed.
//! A signature always covers a [`Domain`], so that what was signed as one thing never passes as another.

pub(crate) mod file;

use crate::canon::random;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use file::KeyFileError;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem, Serializable};
use ostler_core::ids::{DeviceId, FleetId, RelayId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

const SEALING_CONTEXT: &str = "ostler 2026-11 device sealing key v1";
/// PKCS#8 v1 of RFC 8410 for an Ed25519 key, up to the seed.
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What a signature is about. Appended, never renamed: the words are inside old signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A link of a grant chain.
    Grant,
    /// A generation of the fleet's sealing key.
    KeyEpoch,
    /// A person's choice about an action.
    Verdict,
    /// A revocation.
    Tombstone,
    /// A run's task.
    Body,
    /// A run's evidence, exported.
    Evidence,
}

impl Domain {
    const fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::KeyEpoch => "key epoch",
            Self::Verdict => "verdict",
            Self::Tombstone => "tombstone",
            Self::Body => "body",
            Self::Evidence => "evidence",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 32);
        out.extend_from_slice(b"ostler/1\0");
        out.extend_from_slice(self.word().as_bytes());
        out.push(0);
        out.extend_from_slice(bytes);
        out
    }
}

/// An Ed25519 signature (RFC 8032): R and s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    r: [u8; 32],
    s: [u8; 32],
}

fn sign(key: &SigningKey, domain: Domain, bytes: &[u8]) -> Signature {
    let signature = key.sign(&domain.message(bytes));
    Signature { r: *signature.r_bytes(), s: *signature.s_bytes() }
}

/// True when the holder of `public` (the bytes of any of our ids) signed `bytes` under `domain`.
/// Strict: weak keys and malleable signatures are refused.
#[must_use]
pub fn verify(public: &[u8; 32], domain: Domain, bytes: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_components(signature.r, signature.s);
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(&domain.message(bytes), &signature).is_ok())
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $id:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SigningKey);

        impl $name {
            const KIND: &'static str = $kind;

            /// A new key from the system's randomness.
            #[must_use]
            pub fn generate() -> Self {
                Self::from_seed(&Zeroizing::new(random()))
            }

            /// The key that `seed` stands for.
            #[must_use]
            pub fn from_seed(seed: &[u8; 32]) -> Self {
                Self(SigningKey::from_bytes(seed))
            }

            /// The secret itself, for whoever keeps it.
            #[must_use]
            pub fn seed(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }

            /// The public half.
            #[must_use]
            pub fn id(&self) -> $id {
                $id(self.0.verifying_key().to_bytes())
            }

            /// A signature over `bytes`, good for `domain` alone.
            #[must_use]
            pub fn sign(&self, domain: Domain, bytes: &[u8]) -> Signature {
                sign(&self.0, domain, bytes)
            }

            /// PKCS#8 v1 (RFC 8410), what TLS libraries read.
            #[must_use]
            pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
                let mut der = Zeroizing::new(Vec::with_capacity(48));
                der.extend_from_slice(&PKCS8_PREFIX);
                der.extend_from_slice(self.seed().as_slice());
                der
            }

            /// Writes the key to a new file, mode 0600, whole or not at all; missing directories are made 0700.
            ///
            /// # Errors
            /// When a file is already there (it is left alone) or the disk refuses.
            pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
                file::write(path, Self::KIND, &self.id().to_string(), &self.seed())
            }

            /// Reads a key written by `save`.
            ///
            /// # Errors
            /// When the file is missing, a link, readable by others, damaged, or holds another kind of key.
            pub fn load(path: &Path) -> Result<Self, KeyFileError> {
                file::read(path, Self::KIND, |seed| {
                    let key = Self::from_seed(seed);
                    let id = key.id().to_string();
                    (key, id)
                })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, secret)"), self.id())
            }
        }
    };
}

key!(
    /// A device's key: it signs as the device and opens what was sealed to it. An invite is one too, for a while.
    DeviceKey, DeviceId, "device"
);
key!(
    /// The root of a fleet. Kept by people; the relay is told its public half only.
    FleetKey, FleetId, "fleet"
);
key!(
    /// A relay's key: what a ticket pins.
    RelayKey, RelayId, "relay"
);

impl DeviceKey {
    /// The X25519 public key to which fleet keys are wrapped (HPKE, RFC 9180).
    #[must_use]
    pub fn sealing_key(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.opening_key()).to_bytes().into()
    }

    pub(crate) fn opening_key(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        X25519HkdfSha256::derive_keypair(self.secret(SEALING_CONTEXT).as_slice()).0
    }

    /// A secret of this device for one purpose, named by `context`.
    pub(crate) fn secret(&self, context: &'static str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, self.seed().as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::pkcs8::DecodePrivateKey;

    #[test]
    fn a_signature_is_good_for_one_key_one_domain_and_these_bytes() {
        let (key, other) = (DeviceKey::generate(), DeviceKey::generate());
        let signature = key.sign(Domain::Verdict, b"yes");
        assert!(verify(&key.id().0, Domain::Verdict, b"yes", &signature));
        assert!(!verify(&key.id().0, Domain::Grant, b"yes", &signature));
        assert!(!verify(&key.id().0, Domain::Verdict, b"yes!", &signature));
        assert!(!verify(&other.id().0, Domain::Verdict, b"yes", &signature));
        assert!(!verify(&[0; 32], Domain::Verdict, b"yes", &signature), "a weak key signs nothing");
        for i in 0..32 {
            for half in 0..2 {
                let mut bad = signature;
                if half == 0 {
                    bad.r[i] ^= 1
                } else {
                    bad.s[i] ^= 1
                }
                assert!(!verify(&key.id().0, Domain::Verdict, b"yes", &bad));
            }
        }
    }

    #[test]
    fn a_seed_is_the_whole_key() {
        let key = DeviceKey::generate();
        let again = DeviceKey::from_seed(&key.seed());
        assert_eq!((again.id(), again.sealing_key()), (key.id(), key.sealing_key()));
        assert_ne!(key.sealing_key(), key.id().0);
        assert_ne!(key.id(), DeviceKey::generate().id());
    }

    #[test]
    fn tls_libraries_read_the_pkcs8_form() {
        let key = RelayKey::generate();
        let read = SigningKey::from_pkcs8_der(&key.pkcs8_der()).expect("standard form");
        assert_eq!(read.verifying_key().to_bytes(), key.id().0);
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = FleetKey::from_seed(&[0x42; 32]);
        let text = format!("{key:?}");
        assert!(text.contains("flt_") && text.contains("secret"), "{text}");
        assert!(!text.contains("66, 66") && !text.contains("4242"), "{text}");
    }
}
