//! What a relay keeps between its lives so that its peers notice a restart at once.
//!
//! A restarted relay that still has these keys answers packets of its former life with stateless resets that the peers
//! believe (RFC 9000 §10.3), at their next keep-alive; with fresh keys they wait out the idle timeout (measured: 3.4 s
//! against 33 s). Owns the three keys and their bytes. Must not know where they are kept.

use quinn::EndpointConfig;
use quinn_proto::HashedConnectionIdGenerator;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{hkdf, hmac};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A relay's transport keys. Whoever has them can cut its connections, and no more.
#[derive(Clone)]
pub struct Secrets {
    /// Authenticates stateless resets.
    reset_key: [u8; 64],
    /// Marks the connection ids that are this relay's.
    cid_key: u64,
    /// Protects address-validation tokens.
    token_key: [u8; 32],
}

/// Bytes that are not kept secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are not a relay's transport secrets ({want}): remove them, and new ones are made", want = Secrets::BYTES)]
pub struct SecretsError(usize);

impl Secrets {
    /// Length of their kept form.
    pub const BYTES: usize = 64 + 8 + 32;

    /// New ones from the system's randomness.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; Self::BYTES];
        SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
        Self::split(&bytes)
    }

    /// The form to keep, as secret as a private key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..64].copy_from_slice(&self.reset_key);
        out[64..72].copy_from_slice(&self.cid_key.to_be_bytes());
        out[72..].copy_from_slice(&self.token_key);
        out
    }

    /// Reads the kept form.
    ///
    /// # Errors
    /// Any other length than [`Secrets::BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretsError> {
        bytes.try_into().map(Self::split).map_err(|_| SecretsError(bytes.len()))
    }

    fn split(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut reset_key, mut cid_key, mut token_key) = ([0; 64], [0; 8], [0; 32]);
        reset_key.copy_from_slice(&bytes[..64]);
        cid_key.copy_from_slice(&bytes[64..72]);
        token_key.copy_from_slice(&bytes[72..]);
        Self { reset_key, cid_key: u64::from_be_bytes(cid_key), token_key }
    }

    /// An endpoint that a restart does not make a stranger.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &self.reset_key)));
        let cid_key = self.cid_key;
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid_key)));
        // A thousand peers of a former life ask within a second; ids are validated first, so junk earns no reset.
        config.min_reset_interval(Duration::ZERO);
        config
    }

    pub(crate) fn token_key(&self) -> Arc<hkdf::Prk> {
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.token_key))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_and_read_back_they_are_the_same() {
        let secrets = Secrets::generate();
        let kept = secrets.to_bytes();
        assert_eq!(Secrets::from_bytes(&kept).expect("whole").to_bytes(), kept);
        assert_ne!(Secrets::generate().to_bytes(), kept);
        assert_eq!(Secrets::from_bytes(&kept[1..]).map(|s| s.to_bytes()), Err(SecretsError(103)));
        assert_eq!(Secrets::from_bytes(&[]).map(|s| s.to_bytes()), Err(SecretsError(0)));
    }

    #[test]
    fn debug_shows_none() {
        assert_eq!(format!("{:?}", Secrets::split(&[0x42; 104])), "Secrets(secret)");
    }
}
