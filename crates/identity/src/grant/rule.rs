//! One grant, and what may follow it: the scope rule.
//!
//! ```text
//! fleet key ─▶ Device          operator ─▶ Invite{deadline}          Invite ─▶ Device, same role
//!                 every link:  pools ⊆ the issuer's, no expiry after the grantor's own
//! ```
//!
//! Owns what a link may say after another. Must not know signatures, clocks or revocations (the chain).

use super::ChainError;
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, InviteId};
use serde::{Deserialize, Serialize};

/// More pools than that is a label scheme, which requirements do better.
const POOLS_MAX: usize = 16;
/// A name is shown in listings.
const NAME_BYTES_MAX: usize = 64;

/// What a grant makes of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GrantKind {
    /// A member.
    Device,
    /// A key that may grant one device; single use, which the relay sees to.
    Invite(InviteId),
}

/// One statement: this key belongs to the fleet, as this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The key spoken of.
    pub(crate) subject: DeviceId,
    /// Its X25519 public key, to which fleet keys are wrapped.
    pub(crate) sealing_key: [u8; 32],
    /// What it may do.
    pub(crate) role: Role,
    /// Pools it may serve. None means every pool for an operator, the default pool for others.
    pub(crate) pools: Vec<String>,
    /// What its owner calls it: 1 to 64 bytes, printable.
    pub(crate) name: String,
    /// Member or invitation.
    pub(crate) kind: GrantKind,
    /// When the issuer says it wrote this; no rule trusts it.
    pub(crate) issued_at_unix_ms: u64,
    /// End of membership (device) or deadline for joining (invite, which must have one).
    pub(crate) expires_at_unix_ms: Option<u64>,
}

/// May `issuer` (the fleet key when none), whose membership ends at `horizon`, say `grant`?
pub(super) fn permits(
    link: usize,
    issuer: Option<&Grant>,
    horizon: Option<u64>,
    grant: &Grant,
) -> Result<(), ChainError> {
    named(grant)?;
    let Some(issuer) = issuer else {
        return if grant.kind == GrantKind::Device { Ok(()) } else { Err(ChainError::Order { link }) };
    };
    let in_order = match (issuer.kind, grant.kind) {
        (GrantKind::Device, GrantKind::Invite(_)) => {
            issuer.role == Role::Operator && grant.expires_at_unix_ms.is_some()
        }
        (GrantKind::Invite(_), GrantKind::Device) => true,
        (GrantKind::Device, GrantKind::Device) | (GrantKind::Invite(_), GrantKind::Invite(_)) => false,
    };
    let inviting = issuer.kind == GrantKind::Device;
    let role_fits = inviting || grant.role == issuer.role;
    let expiry_fits = horizon.is_none_or(|end| grant.expires_at_unix_ms.is_some_and(|e| e <= end));
    match (in_order, role_fits, pools_fit(issuer, grant), expiry_fits) {
        (false, ..) => Err(ChainError::Order { link }),
        (_, false, ..) => Err(ChainError::Widened { link, what: "role" }),
        (_, _, false, _) => Err(ChainError::Widened { link, what: "pools" }),
        (.., false) => Err(ChainError::Widened { link, what: "expiry" }),
        (true, true, true, true) => Ok(()),
    }
}

/// No pools means all of them for an operator and the default pool for others, so that an empty list is
/// narrower than a full one in one place and wider in another.
fn pools_fit(issuer: &Grant, grant: &Grant) -> bool {
    if issuer.pools.is_empty() {
        return issuer.role == Role::Operator || grant.pools.is_empty();
    }
    !grant.pools.is_empty() && grant.pools.iter().all(|pool| issuer.pools.contains(pool))
}

fn named(grant: &Grant) -> Result<(), ChainError> {
    if grant.pools.len() > POOLS_MAX {
        return Err(ChainError::Name(format!("{} pools", grant.pools.len())));
    }
    let printable = |text: &String| {
        !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.trim() == text && !text.chars().any(char::is_control)
    };
    match std::iter::once(&grant.name).chain(&grant.pools).find(|text| !printable(text)) {
        Some(bad) => Err(ChainError::Name(bad.chars().filter(|c| !c.is_control()).take(NAME_BYTES_MAX).collect())),
        None => Ok(()),
    }
}
