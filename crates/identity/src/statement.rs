//! A statement: some payload, signed by a member, carrying the chain that says who that is.
//!
//! ```text
//! Statement { chain, payload, signature over (fleet, payload) under the payload's own domain }
//! ```
//!
//! Owns the envelope that bodies, epoch records, verdicts and tombstones share. Must not know what they say.

use crate::canon;
use crate::grant::{Chain, ChainError, Member, Trust};
use crate::key::{DeviceKey, Domain, Signature, verify};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Who speaks: a device's key with the chain that makes it a member.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The fleet spoken in.
    pub fleet: FleetId,
    /// The device's key.
    pub key: &'a DeviceKey,
    /// Its chain.
    pub chain: &'a Chain,
}

/// Why a signed statement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Too long, damaged, or followed by more.
    #[error("the signed statement is damaged")]
    Malformed,
    /// The signer is no member.
    #[error("the signer is not a member: {0}")]
    Chain(#[from] ChainError),
    /// The signer is a member whose role may not say this.
    #[error("signed by {device}, a {role}, whose word does not count here")]
    Role {
        /// Who signed.
        device: DeviceId,
        /// In what role.
        role: Role,
    },
    /// Not signed by the device its chain names.
    #[error("the signature does not fit: the statement was changed, or made for another fleet")]
    Signature,
    /// Well signed, for another run.
    #[error("the statement was made for another run")]
    Elsewhere,
}

#[derive(Serialize, Deserialize)]
struct Statement {
    chain: Chain,
    payload: Vec<u8>,
    signature: Signature,
}

/// `payload`, signed.
pub(crate) fn sign<T: Serialize>(signer: &Signer<'_>, domain: Domain, payload: &T) -> Vec<u8> {
    let payload = canon::encode(payload);
    let signature = signer.key.sign(domain, &canon::encode(&(signer.fleet, &payload)));
    canon::encode(&Statement { chain: signer.chain.clone(), payload, signature })
}

/// The payload and who signed it: a member in a role that `may`.
pub(crate) fn open<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    bytes_max: usize,
    domain: Domain,
    may: fn(Role) -> bool,
    trust: &Trust<'_>,
) -> Result<(Member, T), StatementError> {
    let Statement { chain, payload, signature } = canon::decode(bytes, bytes_max).ok_or(StatementError::Malformed)?;
    let member = chain.verify(trust)?;
    if !verify(&member.device.0, domain, &canon::encode(&(trust.fleet, &payload)), &signature) {
        return Err(StatementError::Signature);
    }
    if !may(member.role) {
        return Err(StatementError::Role { device: member.device, role: member.role });
    }
    let value = canon::decode(&payload, bytes_max).ok_or(StatementError::Malformed)?;
    Ok((member, value))
}
