//! Two real ends on loopback for the tests of this crate.

use crate::{Connection, Dialer, Listener, Secrets};
use ostler_identity::{DeviceKey, RelayKey};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What a test waits for comes well within this, or never.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

pub(crate) struct Ends {
    pub(crate) listener: Listener,
    pub(crate) dialer: Dialer,
    pub(crate) relay: RelayKey,
    pub(crate) device: DeviceKey,
}

impl Ends {
    pub(crate) fn new() -> Self {
        let (relay, device) = (RelayKey::generate(), DeviceKey::generate());
        let listener = Listener::bind(loopback(), &relay, &Secrets::generate()).expect("a free port");
        Self { listener, dialer: Dialer::new(&device).expect("a socket"), relay, device }
    }

    pub(crate) fn address(&self) -> Vec<String> {
        vec![self.listener.local_addr().to_string()]
    }

    /// One connection: the relay's end and the dialler's.
    pub(crate) async fn connect(&self) -> (Connection, Connection) {
        let arrive = async { self.listener.accept().await.expect("listening").finish().await.expect("a key") };
        let address = self.address();
        let dial = async { self.dialer.dial(&address, self.relay.id()).await.expect("the relay is there") };
        soon("a connection", async { tokio::join!(arrive, dial) }).await
    }
}
