//! Key epochs: generations of the fleet's sealing key, made by operators, carried by the relay, read by members.
//!
//! ```text
//! record n, signed by an operator { n, wraps: newest key to each member (HPKE, RFC 9180), older: keys 1..n-1 under key n }
//!
//!   first ─▶ 1 ─ rotate ─▶ 2 ─ rotate ─▶ …        the newest record alone gives a member every epoch
//! ```
//!
//! Owns making, rotating and reading records. Must not know when to rotate (a revocation does) or where records lie.
//!
//! Rules: a record is believed only if an operator who is a member *now* signed it; a keyring never goes back to an older
//! record, and never takes another key for an epoch it holds. A member that was turned away keeps what it could read, and
//! reads nothing sealed later.

use crate::canon;
use crate::grant::Trust;
use crate::key::{DeviceKey, Domain};
use crate::seal::{EpochSecret, Keyring, cipher, packed, same, unpacked};
use crate::statement::{self, Signer, StatementError};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ostler_core::device::Role;
use ostler_core::ids::FleetId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Members and open invites of one fleet: 4096 wraps are under half a frame of 1 MiB.
const RECIPIENTS_MAX: usize = 4096;
/// One rotation per revocation: 4096 older keys are 128 KiB of a record.
const EPOCHS_MAX: usize = 4096;
/// A record travels in one control frame.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Why a record was not made or not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// Not signed by an operator of the fleet, or damaged.
    #[error("the fleet's key record is refused: {0}")]
    Statement(#[from] StatementError),
    /// Well signed, but its parts do not fit each other.
    #[error("the fleet's key record is inconsistent: ask an operator to rotate the key (`ostler devices revoke` does)")]
    Inconsistent,
    /// No wrap for this device.
    #[error(
        "key epoch {0} was not made for this device: it was revoked, or joined after a rotation it missed; join again"
    )]
    NotForUs(u32),
    /// Older than what this device or its ticket already knows.
    #[error("the relay offers key epoch {offered} although {known} exists: it was rolled back, or it hides the newest")]
    Stale {
        /// The record's number.
        offered: u32,
        /// The newest known here.
        known: u32,
    },
    /// Another key for a known epoch.
    #[error("two different keys claim to be epoch {0}: two operators rotated at once, or someone forks the fleet")]
    Conflict(u32),
    /// More than 4096 recipients or epochs.
    #[error("a fleet has at most 4096 members and open invites, and 4096 key epochs: revoke what is no longer used")]
    TooMany,
}

/// One member's copy of the newest key. The recipient is named by its public key.
#[derive(Serialize, Deserialize)]
struct Wrap {
    recipient: [u8; 32],
    encapsulated: [u8; 32],
    sealed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    number: u32,
    wraps: Vec<Wrap>,
    older: Vec<u8>,
}

impl Keyring {
    /// The first epoch of a fleet: a keyring, and its record for the relay. `recipients` are sealing keys, the
    /// signer's own included by itself.
    ///
    /// # Errors
    /// When there are too many recipients.
    pub fn first(signer: &Signer<'_>, recipients: &[[u8; 32]]) -> Result<(Self, Vec<u8>), EpochError> {
        Self { fleet: signer.fleet, keys: vec![Zeroizing::new(canon::random())] }.record(signer, recipients)
    }

    /// A new epoch for `recipients` (every device not revoked, every open invite; the signer by itself): the longer
    /// keyring, to be used once the relay has taken the record.
    ///
    /// A recipient whose key is no point of X25519 gets no wrap: it would hurt nobody but itself.
    ///
    /// # Errors
    /// When there are too many recipients or epochs.
    pub fn rotate(&self, signer: &Signer<'_>, recipients: &[[u8; 32]]) -> Result<(Self, Vec<u8>), EpochError> {
        let mut next = self.clone();
        next.keys.push(Zeroizing::new(canon::random()));
        next.record(signer, recipients)
    }

    /// The keyring behind the newest record, for a device it was wrapped to.
    ///
    /// # Errors
    /// See [`EpochError`].
    pub fn from_record(record: &[u8], device: &DeviceKey, trust: &Trust<'_>) -> Result<Self, EpochError> {
        let record = Record::verified(record, trust)?;
        let key = record.unwrap_for(trust.fleet, device)?.ok_or(EpochError::NotForUs(record.number))?;
        record.keyring(trust.fleet, key)
    }

    /// Takes a newer record in. The same record again is fine and changes nothing; true when there was something new.
    ///
    /// # Errors
    /// See [`EpochError`]; the keyring is then as before.
    pub fn advance(&mut self, record: &[u8], device: &DeviceKey, trust: &Trust<'_>) -> Result<bool, EpochError> {
        let record = Record::verified(record, trust)?;
        let known = self.newest();
        if record.number < known {
            return Err(EpochError::Stale { offered: record.number, known });
        }
        let held = (record.number == known).then(|| self.newest_key().clone());
        let key = match record.unwrap_for(self.fleet, device)?.or(held) {
            Some(key) => key,
            None => return Err(EpochError::NotForUs(record.number)),
        };
        let newer = record.keyring(self.fleet, key)?;
        newer.agrees(self)?;
        let grew = newer.newest() > known;
        *self = newer;
        Ok(grew)
    }

    /// The keyring for the holder of a ticket made under epoch `number` with `secret`.
    pub(crate) fn from_invite(
        record: &[u8],
        invite: &DeviceKey,
        (number, secret): (u32, &EpochSecret),
        trust: &Trust<'_>,
    ) -> Result<Self, EpochError> {
        let record = Record::verified(record, trust)?;
        if record.number < number {
            return Err(EpochError::Stale { offered: record.number, known: number });
        }
        let held = (record.number == number).then(|| secret.clone());
        let key = held.or(record.unwrap_for(trust.fleet, invite)?).ok_or(EpochError::NotForUs(record.number))?;
        let keyring = record.keyring(trust.fleet, key)?;
        if keyring.key(number).is_none_or(|key| !same(key, secret)) {
            return Err(EpochError::Conflict(number));
        }
        Ok(keyring)
    }

    fn record(self, signer: &Signer<'_>, recipients: &[[u8; 32]]) -> Result<(Self, Vec<u8>), EpochError> {
        let mut recipients = recipients.to_vec();
        recipients.push(signer.key.sealing_key());
        recipients.sort_unstable();
        recipients.dedup();
        if recipients.len() > RECIPIENTS_MAX || self.keys.len() > EPOCHS_MAX {
            return Err(EpochError::TooMany);
        }
        let (number, newest) = (self.newest(), self.newest_key());
        let wraps = recipients.iter().filter_map(|to| Wrap::to(to, self.fleet, number, newest)).collect();
        let older = packed(&self.keys[..self.keys.len() - 1]);
        let older = cipher::lock(newest, &info(self.fleet, number), &older);
        let bytes = statement::sign(signer, Domain::KeyEpoch, &Record { number, wraps, older });
        Ok((self, bytes))
    }

    fn agrees(&self, with: &Self) -> Result<(), EpochError> {
        let differs = self.keys.iter().zip(&with.keys).position(|(a, b)| !same(a, b));
        match differs {
            Some(at) => Err(EpochError::Conflict(u32::try_from(at + 1).expect("epoch counts are bounded"))),
            None => Ok(()),
        }
    }
}

impl Record {
    fn verified(bytes: &[u8], trust: &Trust<'_>) -> Result<Self, EpochError> {
        let (_, record): (_, Self) = statement::open(bytes, RECORD_BYTES_MAX, Domain::KeyEpoch, Role::decides, trust)?;
        let bounded = record.wraps.len() <= RECIPIENTS_MAX && (1..=EPOCHS_MAX).contains(&(record.number as usize));
        if bounded { Ok(record) } else { Err(EpochError::TooMany) }
    }

    /// The newest key, if it was wrapped to `device`.
    fn unwrap_for(&self, fleet: FleetId, device: &DeviceKey) -> Result<Option<EpochSecret>, EpochError> {
        let ours = device.sealing_key();
        match self.wraps.iter().find(|wrap| wrap.recipient == ours) {
            Some(wrap) => wrap.open(fleet, self.number, device).map(Some).ok_or(EpochError::Inconsistent),
            None => Ok(None),
        }
    }

    fn keyring(&self, fleet: FleetId, newest: EpochSecret) -> Result<Keyring, EpochError> {
        let plain = cipher::unlock(&newest, &info(fleet, self.number), &self.older).ok_or(EpochError::Inconsistent)?;
        let mut keys = unpacked(&Zeroizing::new(plain)).ok_or(EpochError::Inconsistent)?;
        keys.push(newest);
        if keys.len() != self.number as usize {
            return Err(EpochError::Inconsistent);
        }
        Ok(Keyring { fleet, keys })
    }
}

impl Wrap {
    fn to(recipient: &[u8; 32], fleet: FleetId, number: u32, key: &EpochSecret) -> Option<Self> {
        let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(recipient).ok()?;
        let (encapsulated, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &info(fleet, number),
            key.as_slice(),
            recipient,
        )
        .ok()?;
        Some(Self { recipient: *recipient, encapsulated: encapsulated.to_bytes().into(), sealed })
    }

    fn open(&self, fleet: FleetId, number: u32, device: &DeviceKey) -> Option<EpochSecret> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&self.encapsulated).ok()?;
        let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &device.opening_key(),
            &encapsulated,
            &info(fleet, number),
            &self.sealed,
            &self.recipient,
        );
        let plain = Zeroizing::new(plain.ok()?);
        <[u8; 32]>::try_from(plain.as_slice()).ok().map(Zeroizing::new)
    }
}

/// Binds a wrap to its fleet and epoch (HPKE `info`).
fn info(fleet: FleetId, number: u32) -> Vec<u8> {
    canon::encode(&("ostler key epoch v1", fleet, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, Someone, damaged, founder, terms, trust};
    use crate::grant::ChainError;
    use crate::seal::{OpenError, Purpose};
    use crate::ticket::Ticket;
    use ostler_core::ids::{DeviceId, RunId};

    const BODY: Purpose = Purpose::Body { run: RunId([7; 16]) };

    fn to(members: &[&Someone]) -> Vec<[u8; 32]> {
        members.iter().map(|m| m.key.sealing_key()).collect()
    }

    #[test]
    fn the_newest_record_gives_a_member_every_epoch_and_others_none() {
        let boss = founder();
        let (early, late, gone) =
            (boss.enrol(Role::Runner, &[]), boss.enrol(Role::Viewer, &[]), boss.enrol(Role::Runner, &[]));
        let (ring, first) = Keyring::first(&boss.signer(), &to(&[&early, &gone])).expect("made");
        let old = ring.seal(&BODY, b"old");
        let (ring, second) = ring.rotate(&boss.signer(), &to(&[&early, &late])).expect("rotated");
        let new = ring.seal(&BODY, b"new");

        let read = |who: &Someone, record: &[u8]| Keyring::from_record(record, &who.key, &trust(boss.fleet));
        for who in [&boss, &early, &late] {
            let theirs = read(who, &second).expect("wrapped to them");
            assert_eq!(theirs.newest(), 2);
            assert_eq!(
                (theirs.open(&BODY, &old), theirs.open(&BODY, &new)),
                (Ok(b"old".to_vec()), Ok(b"new".to_vec()))
            );
        }
        assert_eq!(read(&late, &first), Err(EpochError::NotForUs(1)));
        assert_eq!(read(&gone, &second), Err(EpochError::NotForUs(2)));
        let theirs = read(&gone, &first).expect("was a member then");
        assert_eq!(theirs.open(&BODY, &new), Err(OpenError::UnknownEpoch { needed: 2, newest: 1 }));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let boss = founder();
        let (_, record) = boss.ring();
        for bytes in damaged(&record) {
            assert!(Keyring::from_record(&bytes, &boss.key, &trust(boss.fleet)).is_err());
        }
    }

    #[test]
    fn only_an_operator_of_this_fleet_who_still_is_one_makes_records() {
        let boss = founder();
        let refused = |record: &[u8], who: &Someone| match Keyring::from_record(record, &who.key, &trust(boss.fleet)) {
            Err(EpochError::Statement(error)) => error,
            other => panic!("{other:?}"),
        };
        for role in [Role::Runner, Role::Viewer, Role::Gateway] {
            let cheat = boss.enrol(role, &[]);
            let error = refused(&cheat.ring().1, &cheat);
            assert_eq!(error, StatementError::Role { device: cheat.id(), role });
        }
        let foreign = founder();
        assert_eq!(refused(&foreign.ring().1, &foreign), ChainError::Signature { link: 0 }.into());
        let is_revoked = |id: &DeviceId| *id == boss.id();
        let distrust = Trust { is_revoked: &is_revoked, ..trust(boss.fleet) };
        assert!(Keyring::from_record(&boss.ring().1, &boss.key, &distrust).is_err());
    }

    #[test]
    fn a_keyring_goes_forward_only() {
        let boss = founder();
        let runner = boss.enrol(Role::Runner, &[]);
        let (one, first) = Keyring::first(&boss.signer(), &to(&[&runner])).expect("made");
        let (two, second) = one.rotate(&boss.signer(), &to(&[&runner])).expect("rotated");
        let (_, fork) = one.rotate(&boss.signer(), &to(&[&runner])).expect("rotated twice from one");
        let (_, past) = two.rotate(&boss.signer(), &[]).expect("rotated");
        let mut ring = Keyring::from_record(&first, &runner.key, &trust(boss.fleet)).expect("read");
        let mut take = |record: &[u8]| ring.advance(record, &runner.key, &trust(boss.fleet));
        assert_eq!(take(&first), Ok(false));
        assert_eq!(take(&second), Ok(true));
        assert_eq!(take(&second), Ok(false));
        assert_eq!(take(&first), Err(EpochError::Stale { offered: 1, known: 2 }));
        assert_eq!(take(&fork), Err(EpochError::Conflict(2)));
        assert_eq!(take(&past), Err(EpochError::NotForUs(3)));
        let (_, other) = Keyring::first(&boss.signer(), &to(&[&runner]))
            .and_then(|(r, _)| r.rotate(&boss.signer(), &to(&[&runner])))
            .expect("made");
        assert_eq!(take(&other), Err(EpochError::Conflict(1)));
        assert!(ring == two, "nothing refused left a trace");
    }

    #[test]
    fn a_ticket_opens_the_epoch_it_was_made_under_and_later_ones_wrapped_to_its_invite() {
        let boss = founder();
        let (ring, first) = boss.ring();
        let (ring, second) = ring.rotate(&boss.signer(), &[]).expect("rotated");
        let ticket = Ticket::issue(&boss.signer(), &ring, &terms(Role::Runner, &[])).expect("issued");
        let now = trust(boss.fleet);
        assert!(ticket.keyring(&second, &now).expect("the ticket's own") == ring);
        assert_eq!(ticket.keyring(&first, &now), Err(EpochError::Stale { offered: 1, known: 2 }));
        let invite = ticket.invitation(NOW).expect("fresh");
        let (next, third) = ring.rotate(&boss.signer(), &[invite.sealing_key]).expect("rotated");
        assert!(ticket.keyring(&third, &now).expect("wrapped to the invite") == next);
        let (_, without) = next.rotate(&boss.signer(), &[]).expect("rotated");
        assert_eq!(ticket.keyring(&without, &now), Err(EpochError::NotForUs(4)));
        let (_, fork) = boss.ring().0.rotate(&boss.signer(), &[]).expect("another history");
        assert!(matches!(ticket.keyring(&fork, &now), Err(EpochError::Inconsistent)));

        let (other, _) = boss.ring().0.rotate(&boss.signer(), &[]).expect("another history");
        let (_, fork) = other.rotate(&boss.signer(), &[invite.sealing_key]).expect("rotated");
        assert_eq!(ticket.keyring(&fork, &now), Err(EpochError::Conflict(2)), "a longer history that is not ours");

        // A joiner that opened by its ticket keeps up with records that do not name it yet.
        let newcomer = DeviceKey::generate();
        let mut theirs = ticket.keyring(&second, &now).expect("read");
        assert_eq!(theirs.advance(&second, &newcomer, &now), Ok(false));
    }

    #[test]
    fn a_hopeless_recipient_hurts_only_itself_and_too_many_are_refused() {
        let boss = founder();
        let (_, record) = Keyring::first(&boss.signer(), &[[0; 32]]).expect("made for the others");
        assert!(Keyring::from_record(&record, &boss.key, &trust(boss.fleet)).is_ok());
        let many: Vec<[u8; 32]> = (0..4096u32).map(|i| *blake3::hash(&i.to_be_bytes()).as_bytes()).collect();
        assert!(matches!(Keyring::first(&boss.signer(), &many), Err(EpochError::TooMany)));
    }
}
