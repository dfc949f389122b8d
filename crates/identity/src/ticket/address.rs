//! Where a relay is and which key it must have: `host:port#rly_…`.
//!
//! Owns the text an operator pins. Must not know how to dial.

use ostler_core::ids::RelayId;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The longest DNS name (RFC 1035) with a port.
const AUTHORITY_BYTES_MAX: usize = 253 + 6;

/// A relay's address with its key pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayAddress {
    authority: String,
    relay: RelayId,
}

/// Why a text is not a relay's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The part before `#`.
    #[error("`{0}` is not an address: write HOST:PORT, such as relay.example.org:4433 or [2001:db8::1]:4433")]
    Authority(String),
    /// No pin.
    #[error("the relay's key is missing: write HOST:PORT#rly_… as `ostler relay status` prints it")]
    NoPin,
    /// A pin that is none.
    #[error(transparent)]
    Pin(#[from] ostler_core::ids::IdError),
}

impl RelayAddress {
    /// `authority` is `host:port`, with an IPv6 address in brackets.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(authority: &str, relay: RelayId) -> Result<Self, AddressError> {
        let shown = || authority.chars().filter(|c| !c.is_control()).take(80).collect();
        let whole = || AddressError::Authority(shown());
        let (host, port) = authority.rsplit_once(':').ok_or_else(whole)?;
        let port_fits = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0);
        if !port_fits || authority.len() > AUTHORITY_BYTES_MAX || !is_host(host) {
            return Err(whole());
        }
        Ok(Self { authority: authority.to_owned(), relay })
    }

    /// `host:port`, as a resolver wants it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The key the relay must prove.
    #[must_use]
    pub fn relay(&self) -> RelayId {
        self.relay
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
            !host.is_empty() && host.bytes().all(word) && !host.starts_with(['-', '.'])
        }
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.authority, self.relay)
    }
}

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (authority, pin) = text.trim().split_once('#').ok_or(AddressError::NoPin)?;
        Self::new(authority, pin.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_round_trips_with_its_pin() {
        for authority in ["relay.example.org:4433", "127.0.0.1:1", "[2001:db8::1]:65535", "localhost:4433"] {
            let address = RelayAddress::new(authority, RelayId([7; 32])).expect(authority);
            assert_eq!(address.to_string().parse(), Ok(address.clone()));
            assert_eq!(address.authority(), authority);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let pin = RelayId([7; 32]);
        for bad in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            ":4433",
            "a b:1",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "-o:1",
            "user@h:1",
            "h\0:1",
            "h/x:1",
        ] {
            assert!(matches!(RelayAddress::new(bad, pin), Err(AddressError::Authority(_))), "{bad:?}");
        }
        assert_eq!("host:1".parse::<RelayAddress>(), Err(AddressError::NoPin));
        assert!(matches!("host:1#dev_x".parse::<RelayAddress>(), Err(AddressError::Pin(_))));
        assert!(RelayAddress::new(&format!("{}:1", "a".repeat(300)), pin).is_err());
    }
}
