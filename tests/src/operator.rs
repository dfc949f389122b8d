//! An operator's own keys in a test's hands: to sign what a client never would, and to found fleets that no relay knows.
//!
//! Owns keys. Must not know connections.

use ostler_client::Client;
use ostler_core::approval::{Choice, Remark};
use ostler_core::device::Role;
use ostler_core::ids::{DeviceId, FleetId, InviteId, RunId};
use ostler_core::task::Task;
use ostler_identity::{
    Chain, DeviceKey, Expected, FleetKey, Keyring, Purpose, RelayAddress, Signer, Terms, Ticket, Tombstone, Verdict,
    sign_body,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long what is made here is good for.
const LASTS_MS: u64 = 600_000;

/// Milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "what people sign carries wall time")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 584556019")
}

/// Sixteen bytes of time and chance, as ids are made of.
#[must_use]
pub fn chance() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// A member with its key, its chain and the fleet's keyring.
#[derive(Debug)]
pub struct Operator {
    /// The fleet.
    pub fleet: FleetId,
    /// The device.
    pub key: DeviceKey,
    /// Its grants.
    pub chain: Chain,
    /// What opens the fleet's ciphertexts.
    pub keyring: Keyring,
    /// The first key record of the fleet, if it founded that; empty else.
    pub record: Vec<u8>,
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.key.id())
    }
}

impl Operator {
    /// The founder of a fleet of its own.
    ///
    /// # Panics
    /// Never: a founder's name is fine and its recipients are few.
    #[must_use]
    pub fn found() -> Self {
        let (root, key) = (FleetKey::generate(), DeviceKey::generate());
        let chain = Chain::found(&root, &key, "desk", unix_ms()).expect("a fine name");
        let signer = Signer { fleet: root.id(), key: &key, chain: &chain };
        let (keyring, record) = Keyring::first(&signer, &[]).expect("few recipients");
        Self { fleet: root.id(), key, chain, keyring, record }
    }

    /// The person behind `client`, read from its files.
    ///
    /// # Panics
    /// When they are not there.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let (dir, fleet) = (client.home().dir(), client.fleet());
        let key = DeviceKey::load(&dir.join("device.key")).expect("a key");
        let read = |name: &str| std::fs::read(dir.join(name)).expect("a file of the home");
        let chain = Chain::decode(&read("chain")).expect("a chain");
        let keyring = Keyring::from_cache(fleet, &key, &read("keyring")).expect("a keyring");
        let record = std::fs::read(dir.join("record")).unwrap_or_default();
        Self { fleet, key, chain, keyring, record }
    }

    /// Another member of the same fleet, in this role.
    ///
    /// # Panics
    /// When it may not invite.
    #[must_use]
    pub fn enrol(&self, role: Role) -> Self {
        let relay = RelayAddress::new("127.0.0.1:9", ostler_core::ids::RelayId([9; 32])).expect("an address");
        let (ticket, key) = (self.ticket(&relay, role), DeviceKey::generate());
        let chain = ticket.accept(&key, "joined", unix_ms()).expect("a good ticket");
        Self { fleet: self.fleet, key, chain, keyring: self.keyring.clone(), record: self.record.clone() }
    }

    /// Its device.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// Who signs.
    #[must_use]
    pub const fn signer(&self) -> Signer<'_> {
        Signer { fleet: self.fleet, key: &self.key, chain: &self.chain }
    }

    /// A ticket that no relay was told of.
    ///
    /// # Panics
    /// When it may not invite.
    #[must_use]
    pub fn ticket(&self, relay: &RelayAddress, role: Role) -> Ticket {
        let now_unix_ms = unix_ms();
        let terms = Terms {
            relays: vec![relay.clone()],
            role,
            pools: vec![],
            invite: InviteId::from_parts(now_unix_ms, chance()),
            now_unix_ms,
            expires_at_unix_ms: now_unix_ms + LASTS_MS,
        };
        Ticket::issue(&self.signer(), &self.keyring, &terms).expect("an operator invites")
    }

    /// A signed verdict.
    ///
    /// # Panics
    /// Never: the message is short.
    #[must_use]
    pub fn verdict(&self, question: &Expected, choice: Choice) -> Vec<u8> {
        Verdict::sign(&self.signer(), &self.keyring, question, choice, &Remark::default(), unix_ms() + LASTS_MS)
            .expect("short")
    }

    /// A task, signed and sealed for `run`.
    ///
    /// # Panics
    /// Never: tasks encode.
    #[must_use]
    pub fn sealed(&self, run: RunId, task: &Task) -> Vec<u8> {
        let plain = postcard::to_allocvec(task).expect("tasks encode");
        self.keyring.seal(&Purpose::Body { run }, &sign_body(&self.signer(), run, &plain))
    }

    /// A signed word that `device` no longer belongs.
    #[must_use]
    pub fn tombstone(&self, device: DeviceId) -> Vec<u8> {
        let at_unix_ms = unix_ms();
        Tombstone { device, serial: at_unix_ms, at_unix_ms, reason: "lost".to_owned() }.sign(&self.signer())
    }
}
