//! The end of runners and clients: one relay, known by its key, at one of several addresses.
//!
//! ```text
//! names ─resolve▶ candidates ─one every 250 ms, side by side▶ the first that proves the pinned key
//! ```
//!
//! Owns the sockets, one per address family, that outlive connections. Must not know when to try again
//! ([`Redial`](crate::Redial)) or who may come in.

use crate::close::Closed;
use crate::connection::Connection;
use crate::tls::{Identity, KeyError, SERVER_NAME};
use crate::transport;
use ostler_core::ids::RelayId;
use ostler_identity::DeviceKey;
use quinn::{ClientConfig, Connecting, Endpoint, EndpointConfig, TokioRuntime};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinSet;

/// A relay that is there answers within round trips; three lost packets still fit.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A resolver that takes longer is not going to answer.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);
/// Head start of an earlier address (RFC 8305): `localhost` is often `::1` first, where nobody listens.
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses tried in one go: more is a mistake in a resolver or a ticket.
const CANDIDATES_MAX: usize = 16;
/// Farewells that are not confirmed within this go unconfirmed: a command line must end.
const FAREWELL_WITHIN: Duration = Duration::from_millis(250);

/// Why there is no connection to the relay.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No address to try.
    #[error("no address of the relay is known: give one as HOST:PORT, or pair with a ticket that names one")]
    NoAddress,
    /// No address could be resolved.
    #[error("cannot resolve `{address}`: {error}: check the name, and that this machine's DNS works")]
    Name {
        /// What was to be resolved.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody answered.
    #[error(
        "no relay answered at {addresses}: check that it runs, that the address is right, and that UDP is let through to it"
    )]
    Unreachable {
        /// What was tried.
        addresses: String,
    },
    /// Somebody with another key answered.
    #[error(
        "what answers at {addresses} has the key {seen}, not {pinned} as the ticket says: nothing was sent to it; \
         if the relay was made anew pair again with a new ticket, else somebody is in between"
    )]
    WrongRelay {
        /// What was tried.
        addresses: String,
        /// The key to be expected.
        pinned: RelayId,
        /// The key that was shown.
        seen: RelayId,
    },
    /// It answered, and would not.
    #[error("the relay at {addresses} refused the connection ({closed}): if it stays so, update the older side")]
    Refused {
        /// What was tried.
        addresses: String,
        /// What it said.
        closed: Closed,
    },
    /// This device's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No socket to be had.
    #[error("cannot open a UDP socket: {0}")]
    Socket(#[from] io::Error),
}

/// A connection, or what the other side said, if anything.
type Attempt = Result<quinn::Connection, Option<Closed>>;

/// Dials as one device.
#[derive(Debug)]
pub struct Dialer {
    identity: Arc<Identity>,
    v4: Option<Endpoint>,
    v6: Option<Endpoint>,
    patience: Duration,
}

impl Dialer {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When neither IPv4 nor IPv6 gives a socket, or the key is unusable.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(key: &DeviceKey) -> Result<Self, DialError> {
        let identity = Arc::new(Identity::new(&key.pkcs8_der())?);
        let v6 = local(Ipv6Addr::UNSPECIFIED.into()).ok();
        let v4 = match (local(Ipv4Addr::UNSPECIFIED.into()), &v6) {
            (Ok(endpoint), _) => Some(endpoint),
            (Err(_), Some(_)) => None,
            (Err(error), None) => return Err(error.into()),
        };
        Ok(Self { identity, v4, v6, patience: CONNECT_WITHIN })
    }

    /// Connects to the relay with the key `relay` at the first of `addresses` (`host:port`) that proves it, within
    /// about 5 s after the last was resolved. That the relay takes *our* key is known only when it answers: in TLS 1.3
    /// this side is done first.
    ///
    /// # Errors
    /// Each says what to do. A wrong key is told before anything but a handshake was sent.
    pub async fn dial(&self, addresses: &[String], relay: RelayId) -> Result<Connection, DialError> {
        let candidates = resolve(addresses).await?;
        let seen = Arc::new(OnceLock::new());
        let mut config = ClientConfig::new(Arc::new(self.identity.client(relay, seen.clone())?));
        config.transport_config(transport::dialing());
        let refused = match self.race(config, candidates).await {
            Ok(quic) => return Ok(Connection::new(quic, relay.0)),
            Err(refused) => refused,
        };
        let addresses = addresses.join(", ");
        Err(match (seen.get(), refused) {
            (Some(seen), _) => DialError::WrongRelay { addresses, pinned: relay, seen: *seen },
            (None, Some(closed)) => DialError::Refused { addresses, closed },
            (None, None) => DialError::Unreachable { addresses },
        })
    }

    /// The first to connect; the others are dropped. In vain, what one of those who answered said.
    async fn race(&self, config: ClientConfig, candidates: Vec<SocketAddr>) -> Attempt {
        let mut waiting = candidates.into_iter();
        let mut running = JoinSet::new();
        let mut refused = None;
        loop {
            let next = waiting.next();
            let more = next.is_some();
            if let Some(connecting) = next.and_then(|address| self.begin(config.clone(), address)) {
                running.spawn(connect(connecting, self.patience));
            }
            let Some(first) = first_of(&mut running, more).await else {
                if more {
                    continue;
                }
                return Err(refused);
            };
            match first {
                Ok(quic) => return Ok(quic),
                Err(said) => refused = refused.or(said),
            }
        }
    }

    fn begin(&self, config: ClientConfig, address: SocketAddr) -> Option<Connecting> {
        let endpoint = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        endpoint.as_ref()?.connect_with(config, address, SERVER_NAME).ok()
    }

    /// Waits until relays heard that closed connections are closed, for at most 250 ms: to be called before a process
    /// ends, which would otherwise leave the relay waiting for the idle timeout.
    pub async fn farewell(&self) {
        let idle = async {
            for endpoint in [&self.v4, &self.v6].into_iter().flatten() {
                endpoint.wait_idle().await;
            }
        };
        let _confirmed = tokio::time::timeout(FAREWELL_WITHIN, idle).await;
    }
}

fn local(address: IpAddr) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind((address, 0))?;
    transport::widen(&socket);
    Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))
}

async fn connect(connecting: Connecting, patience: Duration) -> Attempt {
    match tokio::time::timeout(patience, connecting).await {
        Ok(Ok(quic)) => Ok(quic),
        Ok(Err(quinn::ConnectionError::TimedOut)) | Err(_) => Err(None),
        Ok(Err(error)) => Err(Some(error.into())),
    }
}

/// The next attempt to end; none when nothing runs, or when another candidate is due.
async fn first_of(running: &mut JoinSet<Attempt>, more: bool) -> Option<Attempt> {
    let ended = running.join_next();
    let ended = if more { tokio::time::timeout(HEAD_START, ended).await.ok()? } else { ended.await };
    Some(ended?.unwrap_or(Err(None)))
}

async fn resolve(addresses: &[String]) -> Result<Vec<SocketAddr>, DialError> {
    let mut found = Vec::new();
    let mut failed = DialError::NoAddress;
    for address in addresses {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let looked_up = tokio::time::timeout(RESOLVE_WITHIN, tokio::net::lookup_host(address)).await;
        match looked_up.map_err(late).flatten() {
            Ok(more) => found.extend(more.filter(|one| !found.contains(one)).collect::<Vec<_>>()),
            Err(error) => failed = DialError::Name { address: address.clone(), error },
        }
    }
    found.truncate(CANDIDATES_MAX);
    if found.is_empty() { Err(failed) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Ends, loopback, soon};
    use crate::{Close, Listener, Secrets};
    use ostler_identity::RelayKey;

    /// An address where a socket is open and nobody answers.
    fn deaf() -> (UdpSocket, String) {
        let socket = UdpSocket::bind(loopback()).expect("a free port");
        let address = socket.local_addr().expect("bound").to_string();
        (socket, address)
    }

    async fn fails(ends: &Ends, addresses: &[String], relay: RelayId) -> DialError {
        soon("an error", ends.dialer.dial(addresses, relay)).await.expect_err("no relay there")
    }

    #[tokio::test]
    async fn another_key_than_the_pinned_one_is_named_and_told_nothing() {
        let ends = Ends::new();
        let pinned = RelayKey::generate().id();
        let address = ends.address();
        let arrive = async { ends.listener.accept().await.expect("a knock").finish().await };
        let (arrived, error) = tokio::join!(arrive, fails(&ends, &address, pinned));
        assert!(arrived.is_err(), "nothing was sent to it");
        let text = error.to_string();
        let DialError::WrongRelay { pinned: was_pinned, seen, .. } = error else { panic!("{text}") };
        assert_eq!((was_pinned, seen), (pinned, ends.relay.id()));
        assert!(text.contains(&seen.to_string()) && text.contains("ticket"), "{text}");
    }

    #[tokio::test]
    async fn a_later_address_wins_over_silent_and_wrong_ones() {
        let ends = Ends::new();
        let (_socket, deaf) = deaf();
        let impostor = Listener::bind(loopback(), &RelayKey::generate(), &Secrets::generate()).expect("a port");
        let addresses = [deaf, impostor.local_addr().to_string(), ends.address().remove(0)];
        let accept = async {
            tokio::select! {
                arriving = impostor.accept() => drop(arriving.expect("listening").finish().await),
                () = std::future::pending() => {}
            }
            std::future::pending::<()>().await;
        };
        let arrive = async { ends.listener.accept().await.expect("a knock").finish().await };
        let both = async { tokio::join!(arrive, ends.dialer.dial(&addresses, ends.relay.id())) };
        let (arrived, dialled) = tokio::select! {
            ended = soon("a connection", both) => ended,
            () = accept => unreachable!("it waits for ever"),
        };
        assert_eq!(dialled.expect("the third").remote(), ends.listener.local_addr());
        assert!(arrived.is_ok());
    }

    #[tokio::test]
    async fn a_relay_that_is_not_there_says_what_to_look_at() {
        let mut ends = Ends::new();
        ends.dialer.patience = Duration::from_millis(300);
        let relay = ends.relay.id();
        let (_socket, deaf) = deaf();
        let error = fails(&ends, std::slice::from_ref(&deaf), relay).await;
        assert!(matches!(&error, DialError::Unreachable { addresses } if *addresses == deaf), "{error}");
        assert!(error.to_string().contains("UDP"));
        assert!(matches!(fails(&ends, &[], relay).await, DialError::NoAddress));
        for name in ["no-such-host.invalid:4433", "no port at all"] {
            let error = fails(&ends, &[name.to_owned()], relay).await;
            assert!(matches!(&error, DialError::Name { address, .. } if address == name), "{error}");
        }
    }

    #[tokio::test]
    async fn a_name_with_an_address_nobody_listens_on_costs_a_head_start_only() {
        let ends = Ends::new();
        let name = [format!("localhost:{}", ends.listener.local_addr().port())];
        let arrive = async { ends.listener.accept().await.expect("a knock").finish().await };
        let both = async { tokio::join!(arrive, ends.dialer.dial(&name, ends.relay.id())) };
        let (_arrived, dialled) = tokio::time::timeout(CONNECT_WITHIN / 2, both).await.expect("no full timeout");
        assert!(dialled.is_ok());
    }

    #[tokio::test]
    async fn a_refusing_relay_is_told_from_a_missing_one() {
        let ends = Ends::new();
        let address = ends.address();
        let refuse = async { drop(ends.listener.accept().await.expect("a knock")) };
        let ((), error) = tokio::join!(refuse, fails(&ends, &address, ends.relay.id()));
        assert!(matches!(error, DialError::Refused { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_farewell_reaches_the_relay_before_the_process_ends() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        dialer.close(Close::Done);
        ends.dialer.farewell().await;
        assert_eq!(soon("the close", relay.closed()).await.code(), Some(Close::Done));
    }
}
