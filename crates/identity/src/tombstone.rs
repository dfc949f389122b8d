//! Tombstones: an operator's signed word that a device (or an invite's key) no longer belongs.
//!
//! Owns the bytes. Must not know how connections are closed or keys rotated.
//!
//! The relay takes a tombstone only from an operator not revoked at that moment. Whoever checks a stored one later must
//! not ask whether its signer was revoked since ([`crate::Trust::new`] does not): a revocation is only ever a denial,
//! and revoking the revoker must not let the revoked back in.

use crate::grant::{CHAIN_BYTES_MAX, Member, Trust};
use crate::key::Domain;
use crate::statement::{self, Signer, StatementError};
use ostler_core::ids::DeviceId;
use serde::{Deserialize, Serialize};

/// A sentence.
const REASON_BYTES_MAX: usize = 256;
/// Longest tombstone: its reason, its chain, and under 256 bytes of ids and signature.
pub const TOMBSTONE_BYTES_MAX: usize = CHAIN_BYTES_MAX + REASON_BYTES_MAX + 256;

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Who no longer belongs: a device, or an invite's key.
    pub device: DeviceId,
    /// Of two about the same device, the higher counts.
    pub serial: u64,
    /// The operator's wall clock.
    pub at_unix_ms: u64,
    /// For people, in clear; cut at 256 bytes.
    pub reason: String,
}

impl Tombstone {
    /// This revocation, signed.
    #[must_use]
    pub fn sign(mut self, signer: &Signer<'_>) -> Vec<u8> {
        self.reason.truncate(self.reason.floor_char_boundary(REASON_BYTES_MAX));
        statement::sign(signer, Domain::Tombstone, &self)
    }

    /// The revocation in `bytes` and the operator who signed it.
    ///
    /// # Errors
    /// When it is damaged, or its signer is not an operator of the fleet.
    pub fn verify(bytes: &[u8], trust: &Trust<'_>) -> Result<(Self, Member), StatementError> {
        let (member, tombstone): (_, Self) = statement::open(bytes, TOMBSTONE_BYTES_MAX, Domain::Tombstone, trust)?;
        if tombstone.reason.len() > REASON_BYTES_MAX {
            return Err(StatementError::Malformed);
        }
        Ok((tombstone, member))
    }
}
