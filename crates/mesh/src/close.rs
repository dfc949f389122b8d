//! Why a connection ends: the codes we close with, and what is known when one is over.
//!
//! Owns the golden numbers. They are appended, never reused: old peers carry them.

use quinn::{ConnectionError, VarInt};

/// What a side says as it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Close {
    /// 0: nothing more to say; also what a dropped connection says.
    #[error("done")]
    Done,
    /// 1: the process stops and comes back: dial again soon, with jitter.
    #[error("restarting")]
    Restarting,
    /// 2: the device was turned away: dialling again is useless until it is paired anew.
    #[error("revoked")]
    Revoked,
    /// 3: the same device connected again; this connection is the older one.
    #[error("superseded by a newer connection of the same device")]
    Superseded,
    /// 4: the peer broke the protocol: a bad frame, a frame out of turn, or one that never ended.
    #[error("protocol broken")]
    Protocol,
    /// 5: too much to do: dial again later, with backoff.
    #[error("busy")]
    Busy,
}

impl Close {
    const ALL: [Self; 6] = [Self::Done, Self::Restarting, Self::Revoked, Self::Superseded, Self::Protocol, Self::Busy];

    pub(crate) const fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Done => 0,
            Self::Restarting => 1,
            Self::Revoked => 2,
            Self::Superseded => 3,
            Self::Protocol => 4,
            Self::Busy => 5,
        })
    }

    fn from_code(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|close| close.code() == code)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The peer closed it and said why.
    #[error("the peer closed the connection: {0}")]
    Peer(Close),
    /// The peer closed it with a code this release does not know.
    #[error("the peer closed the connection with code {0}, which this release does not know: update the older side")]
    Unknown(u64),
    /// This side closed it.
    #[error("closed here")]
    Here,
    /// The peer lost the connection's state: it was restarted without a farewell.
    #[error("the peer was restarted")]
    Restarted,
    /// Nothing was heard for [the idle timeout](crate::Connection): the peer or the path is gone.
    #[error("nothing was heard from the peer any more: its machine, its process or the network is gone")]
    Silent,
    /// QUIC or TLS failed, or the peer refused the handshake.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Closed {
    /// The peer's code, if it closed with one we know.
    #[must_use]
    pub const fn code(&self) -> Option<Close> {
        match self {
            Self::Peer(close) => Some(*close),
            Self::Unknown(_) | Self::Here | Self::Restarted | Self::Silent | Self::Broken(_) => None,
        }
    }
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Close::from_code(close.error_code).map_or(Self::Unknown(close.error_code.into_inner()), Self::Peer)
            }
            ConnectionError::LocallyClosed => Self::Here,
            ConnectionError::Reset => Self::Restarted,
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::CidsExhausted => Self::Broken(printable(&error.to_string())),
        }
    }
}

/// A reason may be the peer's words: bounded, and without control characters that a terminal would obey.
fn printable(text: &str) -> String {
    const REASON_CHARS_MAX: usize = 200;
    text.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_golden_and_read_back() {
        let codes: Vec<u64> = Close::ALL.into_iter().map(|close| close.code().into_inner()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5], "done, restarting, revoked, superseded, protocol, busy: for ever");
        for close in Close::ALL {
            assert_eq!(Close::from_code(close.code()), Some(close));
        }
        assert_eq!(Close::from_code(VarInt::from_u32(6)), None);
    }

    #[test]
    fn a_hostile_reason_is_short_and_harmless() {
        let shown = printable(&"\x1b[2J\u{7}x\n".repeat(400));
        assert!(shown.chars().count() <= 200 && !shown.chars().any(char::is_control), "{shown}");
    }
}
