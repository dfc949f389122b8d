//! The first frames of a connection: which versions are spoken, who comes, and why a peer is sent away.

use ostler_core::ids::{Incarnation, SessionId};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Protocol versions this release speaks. 1: the first.
pub const VERSIONS: RangeInclusive<u16> = 1..=1;

/// The first frame of every stream: what the stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Open {
    /// The control stream, once per connection and before any other.
    Control(Hello),
    /// A runner's heartbeats.
    Beats,
    /// A runner's events.
    Events,
    /// A client's request follows.
    Request,
}

/// Who comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest and newest protocol version the peer speaks.
    pub versions: (u16, u16),
    /// Its release, for people.
    pub release: String,
    /// The encoded grant chain of the device whose key made the TLS connection.
    pub chain: Vec<u8>,
    /// What it comes for.
    pub intent: Intent,
}

/// What a peer comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// To execute runs.
    Work,
    /// To ask and to be told.
    Client,
}

/// The relay lets a peer in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version both speak from here on.
    pub version: u16,
    /// The relay's release, for people.
    pub release: String,
    /// The life of its database: another one than remembered means that a backup was restored.
    pub incarnation: Incarnation,
    /// This connection.
    pub session: SessionId,
    /// The fleet's newest key epoch, once it has one: encoded, signed, wrapped; it opens to all before it.
    pub epochs: Vec<Vec<u8>>,
    /// Signed tombstones of revoked devices.
    pub tombstones: Vec<Vec<u8>>,
}

/// The relay sends a peer away. Before a device is known, the reasons say no more than they must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// No common version.
    #[error("the relay speaks protocol versions {0} to {1}: update the older side")]
    Version(u16, u16),
    /// Unknown, revoked, spent or badly granted: one answer for all.
    #[error(
        "the relay does not know this device: pair it with a new ticket (`ostler invite`), or ask an operator whether it was revoked"
    )]
    Device,
    /// The role of the device does not come for this.
    #[error("this device's role does not allow that")]
    Role,
    /// Too many connections.
    #[error("the relay is busy: try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u64,
    },
}

/// The relay's answer to a hello.
pub type Farewell = Result<Welcome, Refused>;

/// The newest version both sides speak.
///
/// # Errors
/// [`Refused::Version`] with this release's range.
pub fn negotiate(theirs: (u16, u16)) -> Result<u16, Refused> {
    let newest = theirs.1.min(*VERSIONS.end());
    if newest < theirs.0 || newest < *VERSIONS.start() {
        return Err(Refused::Version(*VERSIONS.start(), *VERSIONS.end()));
    }
    Ok(newest)
}
