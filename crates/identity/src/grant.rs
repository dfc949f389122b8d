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
//! 2. No link is wider than the one before (`rule`).
//! 3. A device's expiry ends its membership, and with it everything granted under it: nothing granted outlives its grantor.
//! 4. An invite's expiry is a deadline for *joining*. Only [`Chain::verify_joining`] checks it, at the relay, when the
//!    invite is consumed; [`Chain::verify`] does not, or every device would leave with its ticket's ten minutes. The
//!    joiner writes its own time of joining, so that an offline verifier could not check it anyway.
//! 5. Whoever is revoked takes along what it granted: its key might have granted it after it was stolen. An invite's
//!    key can be revoked like a device's.

pub(crate) mod rule;

use crate::canon;
use crate::key::{DeviceKey, Domain, FleetKey, Signature, verify};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId, InviteId};
use rule::{Grant, GrantKind, permits};
use serde::{Deserialize, Serialize};

/// A founder and three generations of invited devices: more is a fleet that lost track of who trusts whom.
pub(crate) const CHAIN_LINKS_MAX: usize = 7;
/// A chain travels in the first frame (4 KiB) and in a ticket (4 KiB of text): seven links with ordinary names fit.
pub(crate) const CHAIN_BYTES_MAX: usize = 2048;
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
    /// Pools it may serve. None means every pool for an operator, the default pool for others.
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
    /// More than 7 links or 2048 bytes.
    #[error(
        "the grant chain is too long: let an operator closer to the founder invite, or use fewer pools and shorter names"
    )]
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
    #[error(
        "link {link} of the grant chain may not follow the one before it: only operators invite, only invites enrol"
    )]
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

    /// The statements, founder first.
    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.links.iter().map(|link| &link.grant)
    }

    /// Its one encoding, at most 2048 bytes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, SOON, Someone, damaged, founder, terms, trust};
    use crate::{Ticket, TicketError};
    use ostler_core::ids::Digest;

    /// A link as a cheat would write it: well signed, whatever it says.
    fn forge(by: &Someone, subject: &DeviceKey, change: impl FnOnce(&mut Grant)) -> Someone {
        let mut grant = Grant {
            subject: subject.id(),
            sealing_key: subject.sealing_key(),
            role: Role::Runner,
            pools: Vec::new(),
            name: "forged".to_owned(),
            kind: GrantKind::Invite(InviteId::from_parts(NOW, [1; 10])),
            issued_at_unix_ms: NOW,
            expires_at_unix_ms: Some(SOON),
        };
        change(&mut grant);
        let signature = by.key.sign(Domain::Grant, &signed_bytes(by.fleet, &by.id().0, &grant));
        let mut chain = by.chain.clone();
        chain.links.push(Link { grant, signature });
        Someone { fleet: by.fleet, key: subject.clone(), chain }
    }

    fn device(grant: &mut Grant) {
        grant.kind = GrantKind::Device;
        grant.expires_at_unix_ms = None;
    }

    #[test]
    fn a_chain_says_who_someone_is_and_by_whom() {
        let boss = founder();
        let runner = boss.enrol(Role::Runner, &["gpu"]);
        let member = Chain::decode(&runner.chain.encode()).and_then(|c| c.verify(&trust(boss.fleet))).expect("holds");
        assert_eq!((member.device, member.sealing_key), (runner.id(), runner.key.sealing_key()));
        assert_eq!(
            (member.role, member.pools.as_slice(), member.name.as_str()),
            (Role::Runner, &["gpu".to_owned()][..], "joined")
        );
        assert_eq!(member.invite, Some(InviteId::from_parts(NOW, [3; 10])));
        assert_eq!((member.path.len(), member.path[0]), (2, boss.id()));
    }

    #[test]
    fn three_generations_of_operators_invite_and_the_fourth_is_told_why_not() {
        let mut someone = founder();
        for _ in 0..3 {
            someone = someone.enrol(Role::Operator, &[]);
        }
        assert!(someone.chain.encode().len() < CHAIN_BYTES_MAX, "{}", someone.chain.encode().len());
        let ring = someone.ring().0;
        let refused = Ticket::issue(&someone.signer(), &ring, &terms(Role::Runner, &[]));
        assert!(matches!(refused, Err(TicketError::Chain(ChainError::TooLong))), "{refused:?}");
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let runner = founder().enrol(Role::Runner, &["gpu"]);
        for bytes in damaged(&runner.chain.encode()) {
            let read = Chain::decode(&bytes).and_then(|chain| chain.verify(&trust(runner.fleet)));
            assert!(read.is_err(), "{bytes:?} says {read:?}");
        }
    }

    #[test]
    fn another_fleet_a_lost_link_and_swapped_links_are_refused() {
        let runner = founder().enrol(Role::Runner, &[]);
        assert_eq!(runner.chain.verify(&trust(founder().fleet)), Err(ChainError::Signature { link: 0 }));
        for drop in 0..2 {
            let mut chain = runner.chain.clone();
            chain.links.remove(drop);
            assert!(chain.verify(&trust(runner.fleet)).is_err(), "without link {drop}");
        }
        let mut chain = runner.chain.clone();
        chain.links.swap(1, 2);
        assert!(chain.verify(&trust(runner.fleet)).is_err());
        assert_eq!(Chain { links: Vec::new() }.verify(&trust(runner.fleet)), Err(ChainError::TooLong));
        assert_eq!(Chain::decode(&[0]), Err(ChainError::Malformed));
    }

    #[test]
    fn nobody_grants_what_the_rules_do_not_let_them() {
        let boss = founder();
        let (one, two) = (DeviceKey::generate(), DeviceKey::generate());
        let refused = |who: &Someone| who.chain.verify(&trust(who.fleet)).expect_err("a cheat");
        let order = |link| ChainError::Order { link };
        for role in [Role::Runner, Role::Viewer, Role::Gateway] {
            let invite = forge(&boss.enrol(role, &[]), &one, |g| g.role = role);
            assert_eq!(
                refused(&forge(&invite, &two, |g| {
                    device(g);
                    g.role = role;
                })),
                order(3),
                "{role} invites"
            );
        }
        assert_eq!(refused(&forge(&boss, &one, device)), order(1), "an operator enrols without an invite");
        let endless = forge(&boss, &one, |g| g.expires_at_unix_ms = None);
        assert_eq!(refused(&forge(&endless, &two, device)), order(1), "an invite without a deadline");
        let invite = forge(&boss, &one, |_| {});
        assert_eq!(refused(&forge(&forge(&invite, &two, |_| {}), &two, device)), order(2), "an invite invites");
        let risen = forge(&invite, &two, |g| {
            device(g);
            g.role = Role::Operator;
        });
        assert_eq!(refused(&risen), ChainError::Widened { link: 2, what: "role" });
    }

    #[test]
    fn pools_only_get_fewer() {
        let boss = founder();
        let cases: [(&[&str], &[&str], bool); 7] = [
            (&["a", "b"], &["a", "b"], true),
            (&["a", "b"], &["b"], true),
            (&["a"], &["a", "b"], false),
            (&["a"], &["c"], false),
            (&["a"], &[], false),
            (&[], &["a"], false),
            (&[], &[], true),
        ];
        for (invited, joined, allowed) in cases {
            let pools = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
            let invite = forge(&boss, &DeviceKey::generate(), |g| g.pools = pools(invited));
            let joiner = forge(&invite, &DeviceKey::generate(), |g| {
                device(g);
                g.pools = pools(joined);
            });
            let verdict = joiner.chain.verify(&trust(boss.fleet));
            assert_eq!(verdict.is_ok(), allowed, "{invited:?} → {joined:?}: {verdict:?}");
        }
        let gpu_only = boss.enrol(Role::Operator, &["gpu"]);
        let ring = gpu_only.ring().0;
        for (pools, allowed) in [(&["gpu"][..], true), (&["cpu"][..], false), (&[][..], false)] {
            let ticket = Ticket::issue(&gpu_only.signer(), &ring, &terms(Role::Runner, pools));
            assert_eq!(ticket.is_ok(), allowed, "{pools:?}: {ticket:?}");
        }
    }

    #[test]
    fn an_invites_deadline_binds_joining_and_not_the_joined() {
        let runner = founder().enrol(Role::Runner, &[]);
        let at = |now| Trust::new(runner.fleet, now);
        assert!(runner.chain.verify_joining(&at(SOON - 1)).is_ok());
        assert_eq!(runner.chain.verify_joining(&at(SOON)), Err(ChainError::InviteExpired));
        assert!(runner.chain.verify(&at(u64::MAX)).is_ok(), "a member stays one");
        assert!(matches!(runner.chain.verify_invite(&at(NOW)), Err(ChainError::WrongEnd(_))));
        assert!(matches!(founder().chain.verify_joining(&at(NOW)), Err(ChainError::Signature { .. })));
        let boss = founder();
        assert!(matches!(boss.chain.verify_joining(&trust(boss.fleet)), Err(ChainError::WrongEnd(_))));
    }

    #[test]
    fn an_invites_key_is_no_member() {
        let boss = founder();
        let invite = forge(&boss, &DeviceKey::generate(), |_| {});
        assert!(matches!(invite.chain.verify(&trust(boss.fleet)), Err(ChainError::WrongEnd(_))));
        assert!(invite.chain.verify_invite(&trust(boss.fleet)).is_ok());
    }

    #[test]
    fn nothing_outlives_who_granted_it() {
        let boss = founder();
        let end = NOW + 86_400_000;
        let invite = forge(&boss, &DeviceKey::generate(), |g| g.role = Role::Operator);
        let guest = forge(&invite, &DeviceKey::generate(), |g| {
            device(g);
            g.role = Role::Operator;
            g.expires_at_unix_ms = Some(end);
        });
        let at = |who: &Someone, now| who.chain.verify(&Trust::new(who.fleet, now));
        assert!(at(&guest, end - 1).is_ok());
        assert_eq!(at(&guest, end), Err(ChainError::Expired(guest.id())));

        let runner = guest.enrol(Role::Runner, &[]);
        assert_eq!(at(&runner, NOW).map(|m| m.expires_at_unix_ms), Ok(Some(end)), "accepting keeps to the bound");
        assert_eq!(at(&runner, end), Err(ChainError::Expired(guest.id())));
        let invite = forge(&guest, &DeviceKey::generate(), |_| {});
        let longer = forge(&invite, &DeviceKey::generate(), |g| {
            device(g);
            g.expires_at_unix_ms = Some(end + 1);
        });
        assert_eq!(at(&longer, NOW), Err(ChainError::Widened { link: 4, what: "expiry" }));
        let late = forge(&guest, &DeviceKey::generate(), |g| g.expires_at_unix_ms = Some(end + 1));
        assert_eq!(late.chain.verify_invite(&trust(boss.fleet)), Err(ChainError::Widened { link: 3, what: "expiry" }));
    }

    #[test]
    fn whoever_is_revoked_takes_along_what_it_granted() {
        let boss = founder();
        let second = boss.enrol(Role::Operator, &[]);
        let runner = second.enrol(Role::Runner, &[]);
        let path = runner.chain.verify(&trust(boss.fleet)).expect("a member").path;
        for gone in path.iter().copied().chain([runner.id()]) {
            let is_revoked = |id: &DeviceId| *id == gone;
            let trust = Trust { is_revoked: &is_revoked, ..trust(boss.fleet) };
            assert_eq!(runner.chain.verify(&trust), Err(ChainError::Revoked(gone)));
        }
        let is_revoked = |id: &DeviceId| *id == second.id();
        assert!(boss.chain.verify(&Trust { is_revoked: &is_revoked, ..trust(boss.fleet) }).is_ok());
    }

    /// Grants and digests outlive releases: a change here is a new version beside the old one, never instead of it.
    #[test]
    fn what_was_signed_stays_signed() {
        let (fleet, device) = (FleetKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let chain = Chain::found(&fleet, &device, "desk", NOW).expect("a fine name").encode();
        assert_eq!(
            Digest(*blake3::hash(&chain).as_bytes()).to_string(),
            "b3_1fh1z61d0smp4rfsv3cpqsc5dce0cb98fn4zc9d8pvz2kynt2qmw"
        );
        assert_eq!(
            DeviceId(device.sealing_key()).to_string(),
            "dev_0b8p80ce12xhzca6a7z3c38rp2pqdjxt47j6m05yb0asrf2dgzj0"
        );
    }

    #[test]
    fn names_are_bounded_and_printable() {
        for name in ["", " x", "x\n", "\u{1b}[31m", &"x".repeat(65)] {
            assert!(
                matches!(
                    Chain::found(&FleetKey::generate(), &DeviceKey::generate(), name, NOW),
                    Err(ChainError::Name(_))
                ),
                "{name:?}"
            );
        }
        let many = forge(&founder(), &DeviceKey::generate(), |g| g.pools = (0..17).map(|i| i.to_string()).collect());
        assert!(matches!(many.chain.verify_invite(&trust(many.fleet)), Err(ChainError::Name(_))));
    }
}
