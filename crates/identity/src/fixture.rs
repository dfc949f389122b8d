//! A small fleet for the tests of this crate: a founder, a keyring, and members who joined by real tickets.

use crate::{Chain, DeviceKey, FleetKey, Keyring, RelayAddress, RelayKey, Signer, Terms, Ticket, Trust};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId, InviteId};

/// When these tests happen.
pub(crate) const NOW: u64 = 1_800_000_000_000;
/// Ten minutes.
pub(crate) const SOON: u64 = NOW + 600_000;

pub(crate) struct Someone {
    pub(crate) fleet: FleetId,
    pub(crate) key: DeviceKey,
    pub(crate) chain: Chain,
}

impl Someone {
    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer { fleet: self.fleet, key: &self.key, chain: &self.chain }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// Who joined with a ticket from `self`.
    pub(crate) fn enrol(&self, role: Role, pools: &[&str]) -> Self {
        let ticket = Ticket::issue(&self.signer(), &self.ring().0, &terms(role, pools)).expect("issued");
        let key = DeviceKey::generate();
        let chain = ticket.accept(&key, "joined", NOW).expect("accepted");
        Self { fleet: self.fleet, key, chain }
    }

    /// A first keyring and its record.
    pub(crate) fn ring(&self) -> (Keyring, Vec<u8>) {
        Keyring::first(&self.signer(), &[]).expect("few recipients")
    }
}

pub(crate) fn founder() -> Someone {
    let (fleet, key) = (FleetKey::generate(), DeviceKey::generate());
    let chain = Chain::found(&fleet, &key, "desk", NOW).expect("a fine name");
    Someone { fleet: fleet.id(), key, chain }
}

pub(crate) fn terms(role: Role, pools: &[&str]) -> Terms {
    Terms {
        relays: vec![
            RelayAddress::new("relay.example.org:4433", RelayKey::from_seed(&[9; 32]).id()).expect("an address"),
        ],
        role,
        pools: pools.iter().map(|p| (*p).to_owned()).collect(),
        invite: InviteId::from_parts(NOW, [3; 10]),
        now_unix_ms: NOW,
        expires_at_unix_ms: SOON,
    }
}

pub(crate) fn trust(fleet: FleetId) -> Trust<'static> {
    Trust::new(fleet, NOW)
}

/// Every single-byte change of `bytes`, and every cut, and one byte more.
pub(crate) fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flips = (0..bytes.len()).flat_map(move |at| {
        [0x01, 0x80, 0xff].into_iter().map(move |mask| {
            let mut out = bytes.to_vec();
            out[at] ^= mask;
            out
        })
    });
    let cuts = (0..bytes.len()).map(move |at| bytes[..at].to_vec());
    flips.chain(cuts).chain([[bytes, &[0]].concat()])
}
