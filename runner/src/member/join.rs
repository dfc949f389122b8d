//! Joining a fleet with a ticket: one connection spends the invite and brings the fleet's keys; only then is anything whole.
//!
//! ```text
//! ticket ─ accept ─▶ chain ─ hello ─▶ Welcome{epochs} ─ keyring ─▶ keyring, chain, profile on disk
//! ```
//!
//! The device key is written first and kept, so that a ticket spent by a connection that was lost still fits.

use super::{Member, MemberError, file, profile::Profile};
use crate::uplink::greet::{GreetError, greet};
use ostler_boot::{Clock, PlaceError, private_dir};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId};
use ostler_identity::{ChainError, DeviceKey, EpochError, KeyFileError, Ticket, TicketError, Trust};
use ostler_mesh::{Close, DialError, Dialer};
use std::path::{Path, PathBuf};

/// Why a runner did not join. Nothing but a key was written.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is a runner already.
    #[error("{0} already holds a paired runner: start it, or set OSTLER_HOME to pair a second one on this machine")]
    Joined(PathBuf),
    /// The ticket is for somebody else.
    #[error("this ticket is for {0} role: make one for a runner with `ostler invite --role runner`")]
    Role(Role),
    /// The ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// What the ticket grants.
    #[error(transparent)]
    Grant(#[from] ChainError),
    /// The relay was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The relay did not let it in.
    #[error(transparent)]
    Greet(#[from] GreetError),
    /// The relay has no key record for it.
    #[error(transparent)]
    Keys(#[from] EpochError),
    /// The relay has no key record at all.
    #[error("the relay has no keys of this fleet yet: an operator must connect to it first, then join again")]
    NoKeys,
    /// The directory.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its files.
    #[error(transparent)]
    Member(#[from] MemberError),
}

/// A new member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its device.
    pub device: DeviceId,
    /// The fleet.
    pub fleet: FleetId,
    /// What it is called.
    pub name: String,
    /// Pools it may serve; empty for the default pool.
    pub pools: Vec<String>,
}

/// Pairs a runner called `name` whose directory is `home` with the ticket's fleet.
///
/// # Errors
/// [`JoinError`], each saying what to do. The ticket is spent by the relay's welcome and by nothing before it.
pub async fn join(home: &Path, ticket: &Ticket, name: &str) -> Result<Joined, JoinError> {
    if home.join("profile").exists() {
        return Err(JoinError::Joined(home.to_owned()));
    }
    private_dir(home)?;
    let now = Clock::start().now_ms();
    let invitation = ticket.invitation(now)?;
    if invitation.role != Role::Runner {
        return Err(JoinError::Role(invitation.role));
    }
    let key = device_key(&home.join("device.key")).map_err(MemberError::from)?;
    let chain = ticket.accept(&key, name, now)?;
    let relay = ticket.relays().first().expect("a ticket names a relay").relay();
    let addresses: Vec<String> = ticket.relays().iter().map(|relay| relay.authority().to_owned()).collect();
    let dialer = Dialer::new(&key)?;
    let connection = dialer.dial(&addresses, relay).await?;
    let (welcome, _control) = greet(&connection, &chain).await?;
    let record = welcome.epochs.last().ok_or(JoinError::NoKeys)?;
    let keyring = ticket.keyring(record, &Trust::new(ticket.fleet(), now))?;
    file::replace(&home.join("keyring"), &keyring.to_cache(&key))?;
    file::replace(&home.join("chain"), &chain.encode())?;
    let profile = Profile { fleet: ticket.fleet(), relays: ticket.relays().to_vec() };
    file::replace(&home.join("profile"), profile.print().as_bytes())?;
    Member::open(home)?.learn(&welcome.epochs, &welcome.tombstones, now)?;
    connection.close(Close::Done);
    dialer.farewell().await;
    Ok(Joined { device: key.id(), fleet: ticket.fleet(), name: name.to_owned(), pools: invitation.pools })
}

fn device_key(path: &Path) -> Result<DeviceKey, KeyFileError> {
    match DeviceKey::load(path) {
        Err(KeyFileError::Missing(_)) => {
            let key = DeviceKey::generate();
            key.save(path)?;
            Ok(key)
        }
        loaded => loaded,
    }
}
