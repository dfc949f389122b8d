//! Devices of a fleet as the relay's ledger keeps them: who is paired, in what role, and who was turned away.
//!
//! Owns the durable rows. Must not know cryptography: chains and signatures are opaque bytes here, checked by the
//! identity room before a row is made.

use crate::ids::{DeviceId, InviteId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a device may do in its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// A person: submits, cancels, decides approvals, invites and revokes.
    Operator,
    /// A machine that executes runs; never submits, decides or reads another runner's run.
    Runner,
    /// A person who only reads.
    Viewer,
    /// A process that submits on behalf of others; never decides.
    Gateway,
}

impl Role {
    /// May submit, cancel and retry runs.
    #[must_use]
    pub const fn submits(self) -> bool {
        matches!(self, Self::Operator | Self::Gateway)
    }

    /// May decide approvals, invite and revoke.
    #[must_use]
    pub const fn decides(self) -> bool {
        matches!(self, Self::Operator)
    }

    /// May read runs, events and listings.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Operator | Self::Viewer | Self::Gateway)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Runner => "runner",
            Self::Viewer => "viewer",
            Self::Gateway => "gateway",
        })
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: use operator, runner, viewer or gateway")]
pub struct RoleError(pub String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "operator" => Ok(Self::Operator),
            "runner" => Ok(Self::Runner),
            "viewer" => Ok(Self::Viewer),
            "gateway" => Ok(Self::Gateway),
            other => Err(RoleError(other.to_owned())),
        }
    }
}

/// A paired device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its public key.
    pub id: DeviceId,
    /// What its grant lets it do.
    pub role: Role,
    /// Pools a runner may serve; the pool `default` when its grant names none.
    pub pools: Vec<String>,
    /// What its owner calls it.
    pub name: String,
    /// Its X25519 public key, to which fleet keys are wrapped.
    pub sealing_key: [u8; 32],
    /// The encoded grant chain, verifiable offline against the fleet key.
    pub chain: Vec<u8>,
    /// When it was paired.
    pub enrolled_at: Timestamp,
    /// The signed tombstone, if it was revoked.
    pub revoked: Option<Vec<u8>>,
}

/// An outstanding or spent invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Named inside the signed grant, so that it is consumed once.
    pub id: InviteId,
    /// Its X25519 public key: a fleet key made before it is used is wrapped to it too.
    pub sealing_key: [u8; 32],
    /// Role the joining device gets.
    pub role: Role,
    /// Who invited.
    pub inviter: DeviceId,
    /// After this it is refused.
    pub expires_at: Timestamp,
    /// The device that used it.
    pub spent_by: Option<DeviceId>,
}

/// One generation of the fleet's sealing key: ciphertext for the relay, signed by an operator's device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEpoch {
    /// Starts at 1, grows by one with each rotation.
    pub number: u32,
    /// The encoded, signed wraps.
    pub bytes: Vec<u8>,
}
