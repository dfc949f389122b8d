//! A relay in this process, with a founder's client.

use crate::puppet::Puppet;
use ostler_client::{Client, Draft, Home, Offer};
use ostler_core::device::Role;
use ostler_core::task::{Task, Work};
use ostler_identity::RelayAddress;
use ostler_relay::{Relay, RelayConfig, RelayOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// The relay's timings in a test, as text of its configuration.
#[derive(Debug, Clone)]
pub struct Timings(pub String);

impl Default for Timings {
    /// Leases long enough that only tests that want it see one lapse; retries at once.
    fn default() -> Self {
        Self(
            "[backoff.infra]\nbase = '20ms'\ncap = '100ms'\n[backoff.agent]\nbase = '20ms'\ncap = '100ms'\n".to_owned(),
        )
    }
}

impl Timings {
    /// Leases that lapse within a second.
    #[must_use]
    pub fn short() -> Self {
        let lease =
            "[lease]\nttl = '600ms'\ngrace = '600ms'\nreconnect_allowance = '600ms'\naccept_timeout = '400ms'\n";
        Self(lease.to_owned() + &Self::default().0)
    }
}

/// A whole fleet but for its runners.
pub struct Fleet {
    /// The founder's client.
    pub client: Client,
    relay: Option<Relay>,
    timings: Timings,
    address: SocketAddr,
    directory: TempDir,
}

impl Fleet {
    /// A new fleet with default timings.
    pub async fn start() -> Self {
        Self::with(Timings::default()).await
    }

    /// A new fleet.
    ///
    /// # Panics
    /// When it cannot be started: then no test can run.
    pub async fn with(timings: Timings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut home = Home::found(&directory.path().join("operator"), "founder").expect("a new home");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let relay = relay(&directory, &timings, home.fleet(), any).await;
        let address = relay.local_addr();
        let pinned = RelayAddress::new(&address.to_string(), relay.id()).expect("a good address");
        home.use_relays(vec![pinned]).expect("kept");
        let client = Client::connect(home).await.expect("the founder is let in");
        Self { client, relay: Some(relay), timings, address, directory }
    }

    /// The running relay.
    ///
    /// # Panics
    /// While it is stopped.
    #[must_use]
    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("the relay runs")
    }

    /// Where everything is kept.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Stops the relay in good order.
    pub async fn stop_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
    }

    /// Starts the relay again on its own files and address.
    pub async fn start_relay(&mut self) {
        let relay = relay(&self.directory, &self.timings, self.client.fleet(), self.address).await;
        self.relay = Some(relay);
    }

    /// A runner that does what the test says.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn puppet(&self, name: &str, slots: u32) -> Puppet {
        let offer = Offer { role: Role::Runner, pools: vec![], lasts_ms: 600_000 };
        let ticket = self.client.invite(&offer).await.expect("a ticket");
        Puppet::join(&ticket, name, slots).await
    }
}

async fn relay(directory: &TempDir, timings: &Timings, fleet: ostler_core::ids::FleetId, listen: SocketAddr) -> Relay {
    let file = directory.path().join("relay.toml");
    std::fs::write(&file, &timings.0).expect("the configuration is written");
    let config = RelayConfig::read(Some(&file)).expect("the configuration is good");
    let data_dir = directory.path().join("relay");
    let http = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = RelayOptions { config, data_dir, fleet: Some(fleet), listen, http, checker: None };
    Relay::start(options).await.expect("the relay starts")
}

/// A task of the shell agent.
#[must_use]
pub fn command(argv: &[&str]) -> Task {
    Task::new("shell", Work::Command(argv.iter().map(|a| (*a).to_owned()).collect()))
}

/// A run of `true`, called `name`.
#[must_use]
pub fn draft(name: &str) -> Draft {
    Draft::new(name, command(&["true"]))
}
