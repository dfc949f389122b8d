//! Grants: who belongs to a fleet, in what role, on whose word. Verified offline, against the fleet key alone.
//!
//! ```text
//! FleetKey ─▶ Device(operator) ─▶ Invite ─▶ Device ─▶ Invite ─▶ Device …      a link is signed by the subject before it
//! ```
//!
//! Owns the chain and its scope rule. Must not know who consumes an invite once (the relay's ledger), or how devices
//! are revoked (it asks).
//!
//! Rules, each checked on every link:
//! 1. The fleet key grants devices; a device that is an operator grants invites; an invite grants a device.
//! 2. No link is wider than the one before: a joiner has exactly its invite's role, and no pool its issuer has not.
//! 3. A device's expiry ends its membership, and with it everything granted under it: nothing granted outlives its grantor.
//! 4. An invite's expiry is a deadline for *joining*. Only [`Chain::verify_joining`] checks it, at the relay, when the
//!    invite is consumed; [`Chain::verify`] does not, or every device would leave with its ticket's ten minutes. The
//!    joiner writes its own time of joining, so that an offline verifier could not check it anyway.
//! 5. Whoever is revoked takes along what it granted: its key might have granted it after it was stolen. An invite's
//!    key can be revoked like a device's.

use crate::canon;
use crate::key::{DeviceKey, Domain, FleetKey, Signature, verify};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId, InviteId};
use serde::{Deserialize, Serialize};

/// A founder and three generations of invited devices: more is a fleet that lost track of who trusts whom.
pub const CHAIN_LINKS_MAX: usize = 7;
/// A chain travels in the first frame (4 KiB) and in a ticket (4 KiB of text): seven links with ordinary names fit.
pub const CHAIN_BYTES_MAX: usize = 2048;
/// More pools than that is a label scheme, which requirements do better.
const POOLS_MAX: usize = 16;
/// A name is shown in listings.
const NAME_BYTES_MAX: usize = 64;

/// What a grant makes of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantKind {
    /// A member.
    Device,
    /// A key that may grant one device; single use, which the relay sees to.
    Invite(InviteId),
}

/// One statement: this key belongs to the fleet, as this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The key spoken of.
    pub subject: DeviceId,
    /// Its X25519 public key, to which fleet keys are wrapped.
    pub sealing_key: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// Pools it may serve. None means every pool for an operator, the default pool for others.
    pub pools: Vec<String>,
    /// What its owner calls it: 1 to 64 bytes, printable.
    pub name: String,
    /// Member or invitation.
    pub kind: GrantKind,
    /// When the issuer says it wrote this; no rule trusts it.
    pub issued_at_unix_ms: u64,
    /// End of membership (device) or deadline for joining (invite, which must have one).
    pub expires_at_unix_ms: Option<u64>,
}

/// Against what a signed thing is verified.
#[derive(Clone, Copy)]
pub struct Trust<'a> {
    /// The root.
    pub fleet: FleetId,
    /// The verifier's wall clock.
    pub now_unix_ms: u64,
    /// Asked for every key of a chain, invites included.
    pub is_revoked: &'a dyn Fn(&DeviceId) -> bool,
}

impl Trust<'static> {
    /// Trust in `fleet` with nobody revoked.
    #[must_use]
    pub fn new(fleet: FleetId, now_unix_ms: u64) -> Self {
        Self { fleet, now_unix_ms, is_revoked: &|_| false }
    }
}

/// What a verified chain says about its last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key.
    pub device: DeviceId,
    /// Its X25519 public key.
    pub sealing_key: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// As in [`Grant::pools`].
    pub pools: Vec<String>,
    /// What its owner calls it.
    pub name: String,
    /// The invite it came by (or is); none for the founder.
    pub invite: Option<InviteId>,
    /// Every key above it, founder first: whose revocation ends it too.
    pub path: Vec<DeviceId>,
    /// End of membership, or the invite's deadline.
    pub expires_at_unix_ms: Option<u64>,
}

/// Why a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not a chain, or not its only encoding.
    #[error("the grant chain is damaged: join again with a new ticket")]
    Malformed,
    /// Over [`CHAIN_LINKS_MAX`] or [`CHAIN_BYTES_MAX`].
    #[error("the grant chain is too long: let an operator closer to the founder invite, or use fewer pools and shorter names")]
    TooLong,
    /// A name or pool outside its bounds.
    #[error("`{0}` cannot be a device or pool name: use 1 to 64 printable characters, at most 16 pools")]
    Name(String),
    /// A link is not signed by the key before it, or for another fleet.
    #[error("link {link} of the grant chain is not signed by its issuer for this fleet")]
    Signature {
        /// From 0, the fleet key's own grant.
        link: usize,
    },
    /// The links are not in the order rule 1 asks for.
    #[error("link {link} of the grant chain may not follow the one before it: only operators invite, only invites enrol")]
    Order {
        /// From 0.
        link: usize,
    },
    /// A link grants more than its issuer holds.
    #[error("link {link} of the grant chain gives a wider {what} than its issuer holds")]
    Widened {
        /// From 0.
        link: usize,
        /// `role`, `pools` or `expiry`.
        what: &'static str,
    },
    /// A device's membership is over.
    #[error("the membership of {0} has expired: join again with a new ticket")]
    Expired(DeviceId),
    /// The deadline for joining has passed.
    #[error("the ticket has expired: ask an operator for a new one (`ostler invite`)")]
    InviteExpired,
    /// A key of the chain was turned away.
    #[error("{0} was revoked: an operator must invite this device again")]
    Revoked(DeviceId),
    /// The chain ends in an invite where a device is needed, or the reverse.
    #[error("the grant chain speaks of {0}, which is not what is asked for here")]
    WrongEnd(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    grant: Grant,
    signature: Signature,
}

/// Signed grants from the fleet key to one key. Carried everywhere, trusted only by [`Chain::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain {
    links: Vec<Link>,
}

impl Chain {
    /// The founder's chain: the fleet key makes `device` an operator of every pool, for as long as it is not revoked.
    ///
    /// # Errors
    /// When `name` is out of bounds.
    pub fn found(fleet: &FleetKey, device: &DeviceKey, name: &str, now_unix_ms: u64) -> Result<Self, ChainError> {
        let grant = Grant {
            subject: device.id(),
            sealing_key: device.sealing_key(),
            role: Role::Operator,
            pools: Vec::new(),
            name: name.to_owned(),
            kind: GrantKind::Device,
            issued_at_unix_ms: now_unix_ms,
            expires_at_unix_ms: None,
        };
        permits(0, None, None, &grant)?;
        let signature = fleet.sign(Domain::Grant, &signed_bytes(fleet.id(), &fleet.id().0, &grant));
        Ok(Self { links: vec![Link { grant, signature }] })
    }

    /// One more link, signed by the holder of the last key; refused here if any verifier would refuse it.
    pub(crate) fn extend(&self, fleet: FleetId, issuer: &DeviceKey, grant: Grant) -> Result<Self, ChainError> {
        let signature = issuer.sign(Domain::Grant, &signed_bytes(fleet, &issuer.id().0, &grant));
        let mut links = self.links.clone();
        links.push(Link { grant, signature });
        let longer = Self { links };
        longer.walk(&Trust::new(fleet, 0))?;
        Self::decode(&longer.encode())
    }

    /// Who the chain speaks of, if everything it says holds.
    ///
    /// # Errors
    /// Any rule of this file broken. An invite's passed deadline is none: see rule 4.
    pub fn verify(&self, trust: &Trust<'_>) -> Result<Member, ChainError> {
        self.walk(trust)?;
        match self.last().kind {
            GrantKind::Device => Ok(self.member()),
            GrantKind::Invite(_) => Err(ChainError::WrongEnd("an invite")),
        }
    }

    /// As [`Chain::verify`], and the invite's deadline has not passed: what the relay asks when a device joins.
    ///
    /// # Errors
    /// As [`Chain::verify`]; a chain that came by no invite cannot join; a passed deadline.
    pub fn verify_joining(&self, trust: &Trust<'_>) -> Result<Member, ChainError> {
        let member = self.verify(trust)?;
        let invite = self.links.len().checked_sub(2).map(|at| &self.links[at].grant);
        in_time(invite.ok_or(ChainError::WrongEnd("the founder"))?, trust.now_unix_ms)?;
        Ok(member)
    }

    /// The invite this chain ends in: what the relay asks when an operator announces one, and a joiner of its ticket.
    /// The inviter is the last of the member's path.
    ///
    /// # Errors
    /// As [`Chain::verify`]; a passed deadline.
    pub fn verify_invite(&self, trust: &Trust<'_>) -> Result<Member, ChainError> {
        self.walk(trust)?;
        match self.last().kind {
            GrantKind::Invite(_) => in_time(self.last(), trust.now_unix_ms).map(|()| self.member()),
            GrantKind::Device => Err(ChainError::WrongEnd("a device")),
        }
    }

    /// The statements, founder first, unverified: for showing.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.links.iter().map(|link| &link.grant)
    }

    /// Its one encoding, at most [`CHAIN_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canon::encode(self)
    }

    /// Reads `bytes`, without trusting what they say.
    ///
    /// # Errors
    /// When they are too long, damaged, or followed by more.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChainError> {
        if bytes.len() > CHAIN_BYTES_MAX {
            return Err(ChainError::TooLong);
        }
        let chain: Self = canon::decode(bytes, CHAIN_BYTES_MAX).ok_or(ChainError::Malformed)?;
        match chain.links.len() {
            0 => Err(ChainError::Malformed),
            1..=CHAIN_LINKS_MAX => Ok(chain),
            _ => Err(ChainError::TooLong),
        }
    }

    /// The last grant: whom the chain is about.
    pub(crate) fn last(&self) -> &Grant {
        &self.links.last().expect("found and decode make no empty chain").grant
    }

    /// End of the last device's membership: nothing granted below may outlive it.
    pub(crate) fn horizon(&self) -> Option<u64> {
        self.grants().filter(|g| g.kind == GrantKind::Device).last().and_then(|g| g.expires_at_unix_ms)
    }

    fn walk(&self, trust: &Trust<'_>) -> Result<(), ChainError> {
        // A chain inside another record did not pass through `decode`.
        if self.links.is_empty() || self.links.len() > CHAIN_LINKS_MAX {
            return Err(ChainError::TooLong);
        }
        let mut issuer: Option<&Grant> = None;
        let mut horizon = None;
        for (at, Link { grant, signature }) in self.links.iter().enumerate() {
            let key = issuer.map_or(trust.fleet.0, |g| g.subject.0);
            if !verify(&key, Domain::Grant, &signed_bytes(trust.fleet, &key, grant), signature) {
                return Err(ChainError::Signature { link: at });
            }
            permits(at, issuer, horizon, grant)?;
            if (trust.is_revoked)(&grant.subject) {
                return Err(ChainError::Revoked(grant.subject));
            }
            if grant.kind == GrantKind::Device {
                horizon = grant.expires_at_unix_ms;
                if horizon.is_some_and(|end| trust.now_unix_ms >= end) {
                    return Err(ChainError::Expired(grant.subject));
                }
            }
            issuer = Some(grant);
        }
        Ok(())
    }

    fn member(&self) -> Member {
        let last = self.last();
        let invite = self.grants().filter_map(|g| match g.kind {
            GrantKind::Invite(id) => Some(id),
            GrantKind::Device => None,
        });
        Member {
            device: last.subject,
            sealing_key: last.sealing_key,
            role: last.role,
            pools: last.pools.clone(),
            name: last.name.clone(),
            invite: invite.last(),
            path: self.grants().take(self.links.len() - 1).map(|g| g.subject).collect(),
            expires_at_unix_ms: last.expires_at_unix_ms,
        }
    }
}

/// Fleet and issuer are signed but not carried: a verifier knows both.
fn signed_bytes(fleet: FleetId, issuer: &[u8; 32], grant: &Grant) -> Vec<u8> {
    canon::encode(&(fleet, issuer, grant))
}

fn in_time(invite: &Grant, now_unix_ms: u64) -> Result<(), ChainError> {
    match invite.expires_at_unix_ms {
        Some(deadline) if now_unix_ms < deadline => Ok(()),
        Some(_) | None => Err(ChainError::InviteExpired),
    }
}

/// May `issuer` (the fleet key when none), whose membership ends at `horizon`, say `grant`?
fn permits(link: usize, issuer: Option<&Grant>, horizon: Option<u64>, grant: &Grant) -> Result<(), ChainError> {
    named(grant)?;
    let Some(issuer) = issuer else {
        return if grant.kind == GrantKind::Device { Ok(()) } else { Err(ChainError::Order { link }) };
    };
    let in_order = match (issuer.kind, grant.kind) {
        (GrantKind::Device, GrantKind::Invite(_)) => issuer.role == Role::Operator && grant.expires_at_unix_ms.is_some(),
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
