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
use ostler_core::device::Role;
use ostler_core::ids::DeviceId;
use serde::{Deserialize, Serialize};

/// A sentence.
const REASON_BYTES_MAX: usize = 256;
/// Longest tombstone: its reason, its chain, and under 256 bytes of ids and signature.
const TOMBSTONE_BYTES_MAX: usize = CHAIN_BYTES_MAX + REASON_BYTES_MAX + 256;

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
        let fits = |at: &usize| self.reason.is_char_boundary(*at);
        let end = (0..=REASON_BYTES_MAX.min(self.reason.len())).rev().find(fits).unwrap_or(0);
        self.reason.truncate(end);
        statement::sign(signer, Domain::Tombstone, &self)
    }

    /// The revocation in `bytes` and the operator who signed it.
    ///
    /// # Errors
    /// When it is damaged, or its signer is not an operator of the fleet.
    pub fn verify(bytes: &[u8], trust: &Trust<'_>) -> Result<(Self, Member), StatementError> {
        let (member, tombstone): (_, Self) =
            statement::open(bytes, TOMBSTONE_BYTES_MAX, Domain::Tombstone, Role::decides, trust)?;
        if tombstone.reason.len() > REASON_BYTES_MAX {
            return Err(StatementError::Malformed);
        }
        Ok((tombstone, member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, damaged, founder, trust};

    fn about(device: DeviceId) -> Tombstone {
        Tombstone { device, serial: 1, at_unix_ms: NOW, reason: "lost in a train".to_owned() }
    }

    #[test]
    fn an_operators_word_holds_and_every_changed_byte_is_refused() {
        let boss = founder();
        let gone = boss.enrol(Role::Runner, &[]);
        let bytes = about(gone.id()).sign(&boss.signer());
        let (tombstone, by) = Tombstone::verify(&bytes, &trust(boss.fleet)).expect("holds");
        assert_eq!((tombstone, by.device), (about(gone.id()), boss.id()));
        for bytes in damaged(&bytes) {
            assert!(Tombstone::verify(&bytes, &trust(boss.fleet)).is_err());
        }
    }

    #[test]
    fn others_revoke_nobody() {
        let boss = founder();
        for role in [Role::Runner, Role::Viewer, Role::Gateway] {
            let cheat = boss.enrol(role, &[]);
            let refused = Tombstone::verify(&about(boss.id()).sign(&cheat.signer()), &trust(boss.fleet));
            assert!(matches!(refused, Err(StatementError::Role { .. })), "{refused:?}");
        }
        let foreign = founder();
        assert!(Tombstone::verify(&about(boss.id()).sign(&foreign.signer()), &trust(boss.fleet)).is_err());
    }

    #[test]
    fn revoking_the_revoker_lets_nobody_back_in() {
        let boss = founder();
        let second = boss.enrol(Role::Operator, &[]);
        let bytes = about(boss.id()).sign(&second.signer());
        let is_revoked = |id: &DeviceId| *id == second.id();
        let admission = Trust { is_revoked: &is_revoked, ..trust(boss.fleet) };
        assert!(Tombstone::verify(&bytes, &admission).is_err(), "not taken from the revoked");
        assert!(Tombstone::verify(&bytes, &trust(boss.fleet)).is_ok(), "but kept when it was taken before");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let boss = founder();
        let long = Tombstone { reason: "ü".repeat(200), ..about(boss.id()) };
        let (read, _) = Tombstone::verify(&long.sign(&boss.signer()), &trust(boss.fleet)).expect("holds");
        assert_eq!(read.reason, "ü".repeat(128));
    }
}
