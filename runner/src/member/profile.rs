//! The profile: which fleet, and where its relay is. Lines of text, so that a person can read it.
//!
//! ```text
//! fleet flt_…
//! relay 127.0.0.1:7433#rly_…
//! ```

use ostler_core::ids::FleetId;
use ostler_identity::RelayAddress;

/// Where a runner belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) fleet: FleetId,
    /// At least one.
    pub(super) relays: Vec<RelayAddress>,
}

impl Profile {
    pub(super) fn print(&self) -> String {
        let relays = self.relays.iter().map(|relay| format!("relay {relay}\n"));
        std::iter::once(format!("fleet {}\n", self.fleet)).chain(relays).collect()
    }

    /// Reads what [`Profile::print`] wrote; the error is the reason in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        let (mut fleet, mut relays) = (None, Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once(' ') {
                Some(("fleet", id)) => fleet = Some(id.parse().map_err(|error| format!("{error}"))?),
                Some(("relay", address)) => relays.push(address.parse().map_err(|error| format!("{error}"))?),
                Some(_) | None => return Err(format!("unknown line `{}`", line.escape_debug())),
            }
        }
        let fleet = fleet.ok_or("it has no line `fleet`")?;
        if relays.is_empty() { Err("it has no line `relay`".to_owned()) } else { Ok(Self { fleet, relays }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::ids::RelayId;

    #[test]
    fn a_profile_reads_back_and_a_broken_one_says_why() {
        let relay = RelayAddress::new("relay.example.org:7433", RelayId([3; 32])).expect("an address");
        let profile = Profile { fleet: FleetId([7; 32]), relays: vec![relay] };
        assert_eq!(Profile::parse(profile.print().as_bytes()), Ok(profile.clone()));
        for broken in ["", "fleet x\n", &format!("fleet {}\n", profile.fleet), "relay a\n", "what is\n", "\u{ff}"] {
            assert!(Profile::parse(broken.as_bytes()).is_err(), "{broken:?}");
        }
        assert!(Profile::parse(b"\xff\xfe").is_err());
    }
}
