//! XChaCha20-Poly1305 with a random 24-byte nonce in front: the one symmetric cipher of the house.
//!
//! Owns nonce and tag. Must not know keys' origin, purposes or padding. 2^80 messages under one key before two random
//! 192-bit nonces meet with probability 2^-32: no counter to lose in a crash.

use crate::canon;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const NONCE_BYTES: usize = 24;
/// Nonce and tag.
pub(crate) const CIPHER_OVERHEAD_BYTES: usize = NONCE_BYTES + 16;

/// `plain`, readable only with `key` and the same `associated` bytes.
pub(crate) fn lock(key: &[u8; 32], associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = canon::random();
    let payload = Payload { msg: plain, aad: associated };
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("only a plaintext over 256 GiB is refused");
    let mut out = Vec::with_capacity(NONCE_BYTES + sealed.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    out
}

/// What [`lock`] was given; none when key, associated bytes or ciphertext are not the same.
pub(crate) fn unlock(key: &[u8; 32], associated: &[u8], locked: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = locked.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: associated };
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload).ok()
}
