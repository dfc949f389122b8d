//! The profile: which fleet, and where its relay is. Lines of text, so that a person can read it.
//!
//! ```text
//! fleet flt_…
//! relay 127.0.0.1:4433#rly_…
//! ```

use ostler_core::ids::FleetId;
use ostler_identity::RelayAddress;

/// What a device knows of its fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) fleet: FleetId,
    pub(super) relays: Vec<RelayAddress>,
}

impl Profile {
    pub(super) const fn new(fleet: FleetId) -> Self {
        Self { fleet, relays: Vec::new() }
    }

    pub(super) fn print(&self) -> String {
        let relays = self.relays.iter().map(|relay| format!("relay {relay}\n"));
        std::iter::once(format!("fleet {}\n", self.fleet)).chain(relays).collect()
    }

    /// Reads what [`Profile::print`] wrote; the error is the reason in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not text".to_owned())?;
        let (mut fleet, mut relays) = (None, Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once(' ') {
                Some(("fleet", id)) => fleet = Some(id.parse().map_err(|e| format!("{e}"))?),
                Some(("relay", address)) => relays.push(address.parse().map_err(|e| format!("{e}"))?),
                Some(_) | None => return Err(format!("unknown line `{}`", line.escape_debug())),
            }
        }
        let fleet = fleet.ok_or_else(|| "no line `fleet`".to_owned())?;
        Ok(Self { fleet, relays })
    }
}
