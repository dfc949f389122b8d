//! Tickets: a single-use invitation as one word of text.
//!
//! ```text
//! ostler1 ‖ base32( postcard{relay, addresses, fleet, invite seed, chain to the invite, newest epoch key} ‖ checksum )
//!
//! operator ── issue ──▶ text ── parse ──▶ accept ──▶ Chain of the new device ──▶ relay consumes the invite's id, once
//! ```
//!
//! Owns the text and what its holder can do with it. Must not know how it travelled; it is a secret until it is spent,
//! never to be put into an argument list. The holder gets the newest epoch key in the ticket itself: a key wrapped to
//! the invite at the relay would be read by the same holder, and needs a second thing to go right.

pub(crate) mod address;

use crate::canon::{self, base32};
use crate::epoch::EpochError;
use crate::grant::rule::{Grant, GrantKind};
use crate::grant::{Chain, ChainError, Member, Trust};
use crate::key::DeviceKey;
use crate::seal::{EpochSecret, Keyring};
use crate::statement::Signer;
use address::{AddressError, RelayAddress};
use ostler_core::device::Role;
use ostler_core::ids::{FleetId, InviteId, RelayId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// Longest ticket, in characters: it still fits a terminal's paste and the largest QR code.
pub const TICKET_CHARS_MAX: usize = 4096;
/// A relay has at most this many addresses: a name, IPv4, IPv6, a private one.
const ADDRESSES_MAX: usize = 4;
const PREFIX: &str = "ostler1";
/// 32 bits tell damage from deceit; deceit is the signatures' business.
const CHECKSUM_BYTES: usize = 4;

/// What an operator offers.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where the relay is, one to four addresses, all with the same pin.
    pub relays: Vec<RelayAddress>,
    /// Role the joining device gets.
    pub role: Role,
    /// Pools it may serve.
    pub pools: Vec<String>,
    /// Consumed once by the relay.
    pub invite: InviteId,
    /// Wall clock.
    pub now_unix_ms: u64,
    /// Deadline for joining.
    pub expires_at_unix_ms: u64,
}

/// Why a ticket was not made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Something else was given.
    #[error("this is not a ticket: a ticket is one long word that starts with `ostler1`, printed by `ostler invite`")]
    NotATicket,
    /// Over [`TICKET_CHARS_MAX`].
    #[error("this is too long for a ticket: pass the ticket alone, without what was printed around it")]
    TooLong,
    /// Characters missing, added or changed.
    #[error("the ticket is damaged: copy it again, whole")]
    Damaged,
    /// Undamaged, but not something this release understands.
    #[error(
        "the ticket is of another release, or was not made by `ostler invite`: upgrade both sides and ask for a new one"
    )]
    Foreign,
    /// Addresses missing, too many, or with different pins.
    #[error("a ticket names one to four addresses of one relay")]
    Addresses,
    /// An address in the ticket is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Its grants do not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

#[derive(Clone, Serialize, Deserialize)]
struct Contents {
    relay: RelayId,
    authorities: Vec<String>,
    fleet: FleetId,
    seed: [u8; 32],
    chain: Chain,
    epoch: u32,
    secret: [u8; 32],
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.seed.zeroize();
        self.secret.zeroize();
    }
}

/// A single-use invitation. `to_string` prints the secret text; `Debug` does not.
#[derive(Clone)]
pub struct Ticket {
    contents: Contents,
    relays: Vec<RelayAddress>,
    invite: InviteId,
}

impl Ticket {
    /// A ticket signed by an operator, with a fresh invite key and the newest epoch key of `keyring`.
    ///
    /// # Errors
    /// When the signer may not invite, the terms are wider than what it holds, or the text would be too long.
    pub fn issue(signer: &Signer<'_>, keyring: &Keyring, terms: &Terms) -> Result<Self, TicketError> {
        let invite = DeviceKey::generate();
        let grant = Grant {
            subject: invite.id(),
            sealing_key: invite.sealing_key(),
            role: terms.role,
            pools: terms.pools.clone(),
            name: "invite".to_owned(),
            kind: GrantKind::Invite(terms.invite),
            issued_at_unix_ms: terms.now_unix_ms,
            expires_at_unix_ms: Some(terms.expires_at_unix_ms),
        };
        let contents = Contents {
            relay: terms.relays.first().ok_or(TicketError::Addresses)?.relay(),
            authorities: terms.relays.iter().map(|relay| relay.authority().to_owned()).collect(),
            fleet: signer.fleet,
            seed: *invite.seed(),
            chain: signer.chain.extend(signer.fleet, signer.key, grant)?,
            epoch: keyring.newest(),
            secret: **keyring.newest_key(),
        };
        let ticket = Self::checked(contents)?;
        if ticket.relays != terms.relays {
            return Err(TicketError::Addresses);
        }
        if ticket.to_string().len() > TICKET_CHARS_MAX {
            return Err(TicketError::TooLong);
        }
        Ok(ticket)
    }

    /// The chain with which `device` joins: the invite grants it its own role and pools, under `name`.
    ///
    /// # Errors
    /// When the deadline has passed or `name` is out of bounds.
    pub fn accept(&self, device: &DeviceKey, name: &str, now_unix_ms: u64) -> Result<Chain, TicketError> {
        let Contents { fleet, chain, .. } = &self.contents;
        let invite = chain.verify_invite(&Trust::new(*fleet, now_unix_ms))?;
        let grant = Grant {
            subject: device.id(),
            sealing_key: device.sealing_key(),
            role: invite.role,
            pools: invite.pools,
            name: name.to_owned(),
            kind: GrantKind::Device,
            issued_at_unix_ms: now_unix_ms,
            expires_at_unix_ms: chain.horizon(),
        };
        Ok(chain.extend(*fleet, &self.key(), grant)?)
    }

    /// The fleet's keyring, from the newest record the relay has.
    ///
    /// # Errors
    /// See [`EpochError`]; a record older than the ticket is refused.
    pub fn keyring(&self, record: &[u8], trust: &Trust<'_>) -> Result<Keyring, EpochError> {
        let secret: EpochSecret = Zeroizing::new(self.contents.secret);
        Keyring::from_invite(record, &self.key(), (self.contents.epoch, &secret), trust)
    }

    /// What the invite grants, if it holds and its deadline has not passed. Its `sealing_key` is the one that a
    /// rotation wraps to until the ticket is spent.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub fn invitation(&self, now_unix_ms: u64) -> Result<Member, ChainError> {
        self.contents.chain.verify_invite(&Trust::new(self.contents.fleet, now_unix_ms))
    }

    /// The invite's id, which the relay consumes.
    #[must_use]
    pub fn invite(&self) -> InviteId {
        self.invite
    }

    /// The chain that ends in the invite: what an operator announces to the relay.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.contents.chain
    }

    /// The fleet to be joined.
    #[must_use]
    pub fn fleet(&self) -> FleetId {
        self.contents.fleet
    }

    /// The relay's addresses, in the order to be tried, with its pin.
    #[must_use]
    pub fn relays(&self) -> &[RelayAddress] {
        &self.relays
    }

    fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.contents.seed)
    }

    fn checked(contents: Contents) -> Result<Self, TicketError> {
        if !(1..=ADDRESSES_MAX).contains(&contents.authorities.len()) {
            return Err(TicketError::Addresses);
        }
        let address = |authority: &String| RelayAddress::new(authority, contents.relay);
        let relays = contents.authorities.iter().map(address).collect::<Result<_, _>>()?;
        // Time is not known here; at zero no deadline has passed and every signature is still checked.
        let member = contents.chain.verify_invite(&Trust::new(contents.fleet, 0))?;
        let invite = member.invite.ok_or(TicketError::Foreign)?;
        let ticket = Self { contents, relays, invite };
        if ticket.key().id() != member.device || ticket.contents.epoch == 0 {
            Err(TicketError::Foreign)
        } else {
            Ok(ticket)
        }
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *blake3::hash(bytes).as_bytes().first_chunk().expect("a digest is longer than a checksum")
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Zeroizing::new(canon::encode_within(&self.contents, TICKET_CHARS_MAX));
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        write!(f, "{PREFIX}{}", *Zeroizing::new(base32::encode(&bytes)))
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}, {}, secret)", self.invite, self.contents.fleet)
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    /// Reads a ticket in any case, with line breaks and blanks anywhere.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        // Wrapped lines add some; a file that is no ticket is refused before it is looked at.
        if text.len() > 2 * TICKET_CHARS_MAX {
            return Err(TicketError::TooLong);
        }
        let mut word = Zeroizing::new(String::with_capacity(text.len()));
        word.extend(text.chars().filter(|c| !c.is_whitespace()));
        let text = word;
        if text.len() > TICKET_CHARS_MAX {
            return Err(TicketError::TooLong);
        }
        let fits = text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        if !fits {
            return Err(TicketError::NotATicket);
        }
        let bytes = Zeroizing::new(base32::decode(&text[PREFIX.len()..]).ok_or(TicketError::Damaged)?);
        let (contents, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(TicketError::Damaged)?;
        if checksum(contents) != *sum {
            return Err(TicketError::Damaged);
        }
        Self::checked(canon::decode(contents, TICKET_CHARS_MAX).ok_or(TicketError::Foreign)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, SOON, founder, terms, trust};

    fn issue(role: Role) -> (Ticket, crate::fixture::Someone) {
        let boss = founder();
        let ticket = Ticket::issue(&boss.signer(), &boss.ring().0, &terms(role, &["gpu"])).expect("issued");
        (ticket, boss)
    }

    #[test]
    fn a_ticket_survives_paper_and_enrols_whom_it_says() {
        let (ticket, boss) = issue(Role::Runner);
        let text = ticket.to_string();
        assert!(text.starts_with("ostler1") && text.len() < 1200, "{}", text.len());
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        let wrapped = text
            .as_bytes()
            .chunks(60)
            .map(|l| String::from_utf8_lossy(l).into_owned())
            .collect::<Vec<_>>()
            .join("\r\n  ");
        for form in [text.clone(), text.to_uppercase(), format!("\n{wrapped}\n")] {
            let read: Ticket = form.parse().expect("the same ticket");
            assert_eq!(read.to_string(), text);
            assert_eq!(
                (read.fleet(), read.invite(), read.relays()),
                (boss.fleet, ticket.invite(), &terms(Role::Runner, &[]).relays[..])
            );
            let device = DeviceKey::generate();
            let member =
                read.accept(&device, "box", NOW).expect("joins").verify_joining(&trust(boss.fleet)).expect("holds");
            assert_eq!((member.device, member.role, member.invite), (device.id(), Role::Runner, Some(ticket.invite())));
            assert_eq!((member.name.as_str(), member.pools), ("box", vec!["gpu".to_owned()]));
        }
    }

    #[test]
    fn every_changed_missing_or_added_character_is_damage() {
        let (ticket, _) = issue(Role::Runner);
        let text = ticket.to_string();
        for at in PREFIX.len()..text.len() {
            for other in ["a", "z", "2", "0", "-", ""] {
                if text[at..=at] == *other {
                    continue;
                }
                let bad = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert_eq!(bad.parse::<Ticket>().err(), Some(TicketError::Damaged), "{at} {other}");
            }
        }
        assert_eq!(format!("{text}a").parse::<Ticket>().err(), Some(TicketError::Damaged));
        assert_eq!("ostler1".parse::<Ticket>().err(), Some(TicketError::Damaged));
    }

    #[test]
    fn what_is_no_ticket_is_told_so() {
        for text in ["", "hello", "ostler2abc", "ostler", "run_01h", "ünïcödé"] {
            assert_eq!(text.parse::<Ticket>().err(), Some(TicketError::NotATicket), "{text}");
        }
        assert_eq!("ostler1".repeat(600).parse::<Ticket>().err(), Some(TicketError::TooLong));
        assert_eq!(" ".repeat(1 << 20).parse::<Ticket>().err(), Some(TicketError::TooLong));
        let foreign = |payload: &[u8]| {
            let bytes = [payload, &checksum(payload)].concat();
            format!("{PREFIX}{}", base32::encode(&bytes)).parse::<Ticket>().err()
        };
        assert_eq!(foreign(b""), Some(TicketError::Foreign));
        assert_eq!(foreign(&[0xff; 300]), Some(TicketError::Foreign));
    }

    /// A checksum is no secret: whoever changes a ticket can make it whole again, and meets the signatures.
    #[test]
    fn a_changed_ticket_with_a_fitting_checksum_meets_the_signatures() {
        let (ticket, _) = issue(Role::Runner);
        let whole = canon::encode(&ticket.contents);
        let relay = 0..32;
        let plain = 32..32 + 2 + "relay.example.org:4433".len();
        let secret = whole.len() - 33..whole.len();
        for at in (0..whole.len()).filter(|at| !relay.contains(at) && !plain.contains(at) && !secret.contains(at)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let sum = checksum(&bytes);
            bytes.extend(sum);
            let error = format!("{PREFIX}{}", base32::encode(&bytes)).parse::<Ticket>().err();
            assert!(matches!(error, Some(TicketError::Foreign | TicketError::Chain(_))), "{at}: {error:?}");
        }
    }

    #[test]
    fn an_expired_ticket_and_a_wrong_signer_are_refused() {
        let (ticket, boss) = issue(Role::Operator);
        let late = ticket.accept(&DeviceKey::generate(), "late", SOON);
        assert_eq!(late, Err(TicketError::Chain(ChainError::InviteExpired)));
        assert!(ticket.to_string().parse::<Ticket>().is_ok(), "still readable, so that the error can say why");
        assert_eq!(ticket.invitation(SOON), Err(ChainError::InviteExpired));
        for role in [Role::Runner, Role::Viewer, Role::Gateway] {
            let member = boss.enrol(role, &["gpu"]);
            let refused = Ticket::issue(&member.signer(), &boss.ring().0, &terms(role, &["gpu"]));
            assert!(matches!(refused, Err(TicketError::Chain(ChainError::Order { link: 3 }))), "{refused:?}");
        }
    }

    #[test]
    fn addresses_are_one_to_four_of_one_relay() {
        let boss = founder();
        let ring = boss.ring().0;
        let issue = |relays: Vec<RelayAddress>| {
            Ticket::issue(&boss.signer(), &ring, &Terms { relays, ..terms(Role::Runner, &[]) })
        };
        let address = |port: u16, pin: u8| RelayAddress::new(&format!("h:{port}"), RelayId([pin; 32])).expect("fine");
        assert!(issue((1..=4).map(|p| address(p, 1)).collect()).is_ok());
        for bad in [vec![], (1..=5).map(|p| address(p, 1)).collect(), vec![address(1, 1), address(2, 2)]] {
            assert_eq!(issue(bad).err(), Some(TicketError::Addresses));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let (ticket, _) = issue(Role::Runner);
        let text = format!("{ticket:?}");
        assert!(text.contains("inv_") && !text.contains(&ticket.to_string()[40..80]) && text.len() < 150, "{text}");
    }
}
