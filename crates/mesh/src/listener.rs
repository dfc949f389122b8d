//! The relay's end: whoever knocks, and the handshake that proves a key.
//!
//! ```text
//! Listener ─accept▶ Arriving ─finish▶ Connection
//!    └ gate: enter, retry, ignore      └ within 5 s, never awaited where others wait
//! ```
//!
//! Owns the socket and the count of unfinished handshakes. Must not know which keys are paired: a revoked or unknown key
//! gets a connection like any other, and is told so by whoever reads its hello.

use crate::close::{Close, Closed};
use crate::connection::Connection;
use crate::gate::{Gate, Knock, Network};
use crate::secrets::Secrets;
use crate::tls::{Identity, KeyError, peer_key};
use crate::transport;
use ostler_identity::RelayKey;
use quinn::{Endpoint, Incoming, ServerConfig, TokioRuntime};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A handshake takes one or two round trips; a peer that needs longer is broken or hostile.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Peers that do not confirm a farewell within this learn it from a stateless reset.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// Why the relay cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the port.
    #[error("UDP port {port} is in use: stop what listens there (`ss -ulpn 'sport = :{port}'`), or set another `listen` address", port = .0.port())]
    InUse(SocketAddr),
    /// The address is not one of this machine's.
    #[error("{0} is not an address of this machine: listen on 0.0.0.0 or [::], or on an address it has")]
    NotHere(SocketAddr),
    /// A port below 1024 without the right to it.
    #[error("not allowed to listen on {0}: take a port from 1024 on, or grant CAP_NET_BIND_SERVICE")]
    Denied(SocketAddr),
    /// Anything else the system said.
    #[error("cannot listen on {0}: {1}")]
    Socket(SocketAddr, io::Error),
    /// The relay's key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl BindError {
    fn of(listen: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::InUse(listen),
            ErrorKind::AddrNotAvailable => Self::NotHere(listen),
            ErrorKind::PermissionDenied => Self::Denied(listen),
            _ => Self::Socket(listen, error),
        }
    }
}

/// Why somebody who knocked did not become a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArriveError {
    /// Too slow.
    #[error("the handshake took longer than 5 s")]
    Slow,
    /// It failed: no certificate, another protocol, a broken packet.
    #[error("the handshake failed: {0}")]
    Failed(Closed),
}

/// A bound socket that takes connections.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    local: SocketAddr,
    gate: Arc<Mutex<Gate>>,
}

impl Listener {
    /// Binds `listen` and starts answering. `secrets` should be those of the relay's former life.
    ///
    /// # Errors
    /// When the address cannot be had, or the key is unusable.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(listen: SocketAddr, key: &RelayKey, secrets: &Secrets) -> Result<Self, BindError> {
        let crypto = Identity::new(&key.pkcs8_der())?.server()?;
        let mut config = ServerConfig::new(Arc::new(crypto), secrets.token_key());
        transport::harden(&mut config);
        let socket = UdpSocket::bind(listen).map_err(|error| BindError::of(listen, error))?;
        transport::widen(&socket);
        let local = socket.local_addr().map_err(|error| BindError::of(listen, error))?;
        let endpoint = Endpoint::new(secrets.endpoint(), Some(config), socket, Arc::new(TokioRuntime))
            .map_err(|error| BindError::of(listen, error))?;
        Ok(Self { endpoint, local, gate: Arc::default() })
    }

    /// The bound address, with the port the system chose when zero was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next who may shake hands; none once the listener is closed. Cancel-safe.
    pub async fn accept(&self) -> Option<Arriving> {
        loop {
            let incoming = self.endpoint.accept().await?;
            let from = Network::of(incoming.remote_address().ip());
            match lock(&self.gate).knock(from, incoming.remote_address_validated()) {
                Knock::Enter => {
                    let permit = Permit { gate: self.gate.clone(), from };
                    return Some(Arriving { incoming, _permit: permit });
                }
                // A retry that cannot be asked for twice refuses the connection as it is dropped.
                Knock::Retry => drop(incoming.retry()),
                Knock::Ignore => incoming.ignore(),
            }
        }
    }

    /// Handshakes done or under way whose connections are still open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.endpoint.open_connections()
    }

    /// Closes every connection with `farewell`, takes no more, and waits up to 2 s until the peers heard it.
    pub async fn close(&self, farewell: Close) {
        self.endpoint.close(farewell.code(), farewell.to_string().as_bytes());
        let _confirmed = tokio::time::timeout(FAREWELL_WITHIN, self.endpoint.wait_idle()).await;
    }
}

/// Somebody who may shake hands. Dropped, it is refused.
#[derive(Debug)]
pub struct Arriving {
    incoming: Incoming,
    _permit: Permit,
}

impl Arriving {
    /// Where it comes from, as it says; proven only by the handshake.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.incoming.remote_address()
    }

    /// Shakes hands, within 5 s. Await it in a task of its own, never where the next one is accepted.
    ///
    /// # Errors
    /// A peer without a key of its own, with another protocol, too slow, or gone.
    pub async fn finish(self) -> Result<Connection, ArriveError> {
        let failed = |error: quinn::ConnectionError| ArriveError::Failed(error.into());
        let connecting = self.incoming.accept().map_err(failed)?;
        let quic = tokio::time::timeout(HANDSHAKE_WITHIN, connecting).await.map_err(|_| ArriveError::Slow)?;
        let quic = quic.map_err(failed)?;
        let nameless = || ArriveError::Failed(Closed::Broken("no key was proven".to_owned()));
        let peer = peer_key(quic.peer_identity()).ok_or_else(nameless)?;
        Ok(Connection::new(quic, peer))
    }
}

/// One unfinished handshake, counted while it lives.
#[derive(Debug)]
struct Permit {
    gate: Arc<Mutex<Gate>>,
    from: Network,
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.gate).leave(self.from);
    }
}

/// Counts stay right whoever panicked: each change is one call.
fn lock(gate: &Mutex<Gate>) -> std::sync::MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}
