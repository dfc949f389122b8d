//! Who may begin a handshake now: what a flood of strangers can make the relay hold.
//!
//! ```text
//! half-open │ up to 200   above                         from 800 on
//! a knock   │ enters      unproven address: retry       ignored
//!           │             its network holds 256: ignored
//! ```
//!
//! Pure. Owns counts of unfinished handshakes, in all and by network; an entry lives only as long as a handshake.
//! Must not know sockets. A retry costs the sender a round trip and us no memory, and proves that its address is real.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Unfinished handshakes from which on addresses must be proven: a third of a second's worth.
const LOADED: usize = 200;
/// Unfinished handshakes from which on knocks are ignored: their senders try again by themselves within a second.
const FULL: usize = 800;
/// Unfinished handshakes of one network (IPv4 /24, IPv6 /56) while loaded: a fleet behind one address may storm, and
/// leaves room for others.
const PER_NETWORK: usize = 256;

/// What becomes of a knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knock {
    /// It may shake hands; to be followed by one [`Gate::leave`].
    Enter,
    /// It must first prove its address.
    Retry,
    /// No answer.
    Ignore,
}

/// An IPv4 /24 or an IPv6 /56, tagged by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network([u8; 8]);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        let mut bytes = [0; 8];
        match address.to_canonical() {
            IpAddr::V4(v4) => bytes[1..4].copy_from_slice(&v4.octets()[..3]),
            IpAddr::V6(v6) => {
                bytes[0] = 6;
                bytes[1..].copy_from_slice(&v6.octets()[..7]);
            }
        }
        Self(bytes)
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    half_open: usize,
    networks: BTreeMap<Network, usize>,
}

impl Gate {
    pub(crate) fn knock(&mut self, from: Network, proven: bool) -> Knock {
        let held = self.networks.get(&from).copied().unwrap_or(0);
        if self.half_open >= FULL || (self.half_open >= LOADED && held >= PER_NETWORK) {
            return Knock::Ignore;
        }
        if self.half_open >= LOADED && !proven {
            return Knock::Retry;
        }
        self.half_open += 1;
        self.networks.insert(from, held + 1);
        Knock::Enter
    }

    pub(crate) fn leave(&mut self, from: Network) {
        self.half_open = self.half_open.saturating_sub(1);
        match self.networks.get_mut(&from) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) | None => {
                self.networks.remove(&from);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn busy(&self) -> bool {
        self.half_open > 0 || !self.networks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: u16) -> Network {
        let [a, b] = n.to_be_bytes();
        Network::of(IpAddr::from([10, a, b, 1]))
    }

    #[test]
    fn a_quiet_gate_lets_everybody_in() {
        let mut gate = Gate::default();
        for _ in 0..LOADED {
            assert_eq!(gate.knock(network(1), false), Knock::Enter);
        }
    }

    #[test]
    fn a_loaded_gate_wants_proof_and_a_full_one_is_silent() {
        let mut gate = Gate::default();
        for n in 0..LOADED {
            gate.knock(network(n as u16), false);
        }
        assert_eq!(gate.knock(network(7), false), Knock::Retry);
        for _ in LOADED..FULL {
            assert_eq!(gate.knock(network((gate.half_open % 200) as u16), true), Knock::Enter);
        }
        assert_eq!(gate.knock(network(7), true), Knock::Ignore);
        gate.leave(network(7));
        assert_eq!(gate.knock(network(7), true), Knock::Enter);
    }

    #[test]
    fn one_network_leaves_room_for_others() {
        let mut gate = Gate::default();
        for _ in 0..PER_NETWORK {
            assert_eq!(gate.knock(network(1), true), Knock::Enter);
        }
        assert_eq!(gate.knock(network(1), true), Knock::Ignore);
        assert_eq!(gate.knock(network(2), true), Knock::Enter);
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let mut gate = Gate::default();
        for n in 0..500 {
            gate.knock(network(n), true);
        }
        for n in 0..500 {
            gate.leave(network(n));
        }
        assert_eq!((gate.half_open, gate.networks.len()), (0, 0));
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let mapped: IpAddr = "::ffff:10.0.1.9".parse().expect("an address");
        assert_eq!(Network::of(mapped), network(1));
        assert_ne!(Network::of("2001:db8::1".parse().expect("an address")), network(1));
    }
}
