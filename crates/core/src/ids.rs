//! Typed identifiers: 128 time-ordered bits (or a public key) behind a human prefix.
//!
//! Owns how an id is made, printed and parsed. Must not know where time or chance come from: both are arguments.
//!
//! A time-ordered id is 48 bits of Unix milliseconds and 80 bits of chance (the layout of ULID), printed
//! as 26 characters of Crockford base32, so that text order is creation order and redb writes stay local.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a printed 128-bit id after its prefix.
pub const ID_CHARS: usize = 26;
/// Characters of a printed 32-byte key after its prefix.
pub const KEY_CHARS: usize = 52;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix names another kind of thing, or none.
    #[error("`{text}` is not {kind}: it should start with `{prefix}_`")]
    Prefix {
        /// What was given.
        text: String,
        /// What it should have been, with its article.
        kind: &'static str,
        /// The prefix expected.
        prefix: &'static str,
    },
    /// Wrong length or a character outside Crockford base32.
    #[error("`{0}` is damaged: copy it whole, or give a unique prefix where a command accepts one")]
    Damaged(String),
}

fn encode(bytes: &[u8], out: &mut String) {
    // The first character carries the odd bits, so that equal lengths sort like the bytes.
    let chars = (bytes.len() * 8).div_ceil(5);
    let pad = chars * 5 - bytes.len() * 8;
    for i in 0..chars {
        let mut value = 0usize;
        for bit in i * 5..i * 5 + 5 {
            value <<= 1;
            if bit >= pad {
                let at = bit - pad;
                value |= usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
            }
        }
        out.push(char::from(ALPHABET[value]));
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let chars = (N * 8).div_ceil(5);
    if text.len() != chars {
        return None;
    }
    let pad = chars * 5 - N * 8;
    let mut out = [0u8; N];
    for (i, c) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|a| *a == c.to_ascii_lowercase())?;
        for b in 0..5 {
            let set = value >> (4 - b) & 1 == 1;
            match (i * 5 + b).checked_sub(pad) {
                Some(at) if set => out[at / 8] |= 1 << (7 - at % 8),
                None if set => return None,
                Some(_) | None => {}
            }
        }
    }
    Some(out)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The prefix of the printed form.
            pub const PREFIX: &'static str = $prefix;

            /// Prefix and first characters: enough for a person to tell two apart in a listing.
            #[must_use]
            pub fn short(&self) -> String {
                let full = self.to_string();
                // Time-ordered ids share their first characters; the tail tells them apart.
                if $bytes == 16 { format!("{}_{}", $prefix, &full[full.len() - 10..]) } else { full[..$prefix.len() + 11].to_owned() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = String::with_capacity($prefix.len() + KEY_CHARS + 1);
                out.push_str(concat!($prefix, "_"));
                encode(&self.0, &mut out);
                f.write_str(&out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| IdError::Prefix {
                    text: text.to_owned(),
                    kind: $kind,
                    prefix: $prefix,
                })?;
                decode(body).map(Self).ok_or_else(|| IdError::Damaged(text.to_owned()))
            }
        }
    };
}

macro_rules! ordered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        id!($(#[$doc])* $name, 16, $prefix, $kind);

        impl $name {
            /// An id made at `unix_ms` (48 bits) with 80 bits of `chance`.
            #[must_use]
            pub fn from_parts(unix_ms: u64, chance: [u8; 10]) -> Self {
                let mut bytes = [0u8; 16];
                bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
                bytes[6..].copy_from_slice(&chance);
                Self(bytes)
            }

            /// When it was made, in Unix milliseconds, by its maker's clock.
            #[must_use]
            pub fn unix_ms(&self) -> u64 {
                let mut ms = [0u8; 8];
                ms[2..].copy_from_slice(&self.0[..6]);
                u64::from_be_bytes(ms)
            }
        }
    };
}

ordered_id!(
    /// One piece of agent work, from submission to outcome.
    RunId, "run", "a run"
);
ordered_id!(
    /// One question put to people about one exact action.
    ApprovalId, "apr", "an approval"
);
ordered_id!(
    /// One single-use invitation.
    InviteId, "inv", "an invite"
);
ordered_id!(
    /// One QUIC connection of a worker, as the relay counts them.
    SessionId, "ses", "a session"
);
id!(
    /// A device's Ed25519 public key: its identity.
    DeviceId, 32, "dev", "a device"
);
id!(
    /// A fleet's Ed25519 public key: the root of its grants.
    FleetId, 32, "flt", "a fleet"
);
id!(
    /// A relay's Ed25519 public key: what a ticket pins.
    RelayId, 32, "rly", "a relay"
);
id!(
    /// BLAKE3 digest of some exact bytes.
    Digest, 32, "b3", "a digest"
);

/// A random number made when a database is created or restored, or when a runner process starts:
/// two lives of one thing never share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// The exclusive right to execute a run: the fencing token. `epoch` only grows within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseId {
    /// The run.
    pub run: RunId,
    /// Grows by exactly one with each grant; the first is 1.
    pub epoch: u64,
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.run, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_creation_order_and_round_trips() {
        let early = RunId::from_parts(1_000, [0xff; 10]);
        let late = RunId::from_parts(1_001, [0; 10]);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().len(), 4 + ID_CHARS);
        assert_eq!(early.to_string().parse::<RunId>(), Ok(early));
        assert_eq!(late.unix_ms(), 1_001);
        let key = DeviceId([0xa5; 32]);
        assert_eq!(key.to_string().len(), 4 + KEY_CHARS);
        assert_eq!(key.to_string().parse::<DeviceId>(), Ok(key));
    }

    #[test]
    fn another_kind_and_a_damaged_text_are_told_apart() {
        let run = RunId::from_parts(7, [3; 10]).to_string();
        assert!(matches!(run.parse::<ApprovalId>(), Err(IdError::Prefix { prefix: "apr", .. })));
        assert!(matches!(run[..20].parse::<RunId>(), Err(IdError::Damaged(_))));
        assert!(matches!("run_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<RunId>(), Err(IdError::Damaged(_))));
    }
}
