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
        let known = [
            (ErrorKind::AddrInUse, Self::InUse(listen)),
            (ErrorKind::AddrNotAvailable, Self::NotHere(listen)),
            (ErrorKind::PermissionDenied, Self::Denied(listen)),
        ];
        let told = known.into_iter().find_map(|(kind, told)| (kind == error.kind()).then_some(told));
        told.unwrap_or(Self::Socket(listen, error))
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
        self.finish_within(HANDSHAKE_WITHIN).await
    }

    async fn finish_within(self, patience: Duration) -> Result<Connection, ArriveError> {
        let failed = |error: quinn::ConnectionError| ArriveError::Failed(error.into());
        let connecting = self.incoming.accept().map_err(failed)?;
        let quic = tokio::time::timeout(patience, connecting).await.map_err(|_| ArriveError::Slow)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Ends, loopback, soon};
    use crate::tls::SERVER_NAME;
    use crate::{Dialer, StreamError};
    use ostler_identity::DeviceKey;
    use quinn::crypto::rustls::QuicClientConfig;
    use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use quinn::rustls::sign::{CertifiedKey, SingleCertAndKey};
    use quinn::rustls::{self, ClientConfig};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

    /// How a hostile client differs from ours.
    enum Trick {
        NoCertificate,
        /// The certificate of one device, the key of another.
        Stolen,
        /// A key that is not Ed25519.
        Curve,
        /// Two certificates where one says all.
        Chain,
        Protocol(&'static [u8]),
    }

    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>) {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = CertificateParams::new([SERVER_NAME.to_owned()]).expect("a name").self_signed(&key);
        (certificate.expect("signed").der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()))
    }

    fn hostile(trick: &Trick) -> quinn::ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible));
        let (certificate, key) = pair(&PKCS_ED25519);
        let shown = match trick {
            Trick::NoCertificate => None,
            Trick::Stolen => Some((vec![pair(&PKCS_ED25519).0], key)),
            Trick::Curve => Some(pair(&PKCS_ECDSA_P256_SHA256)).map(|(certificate, key)| (vec![certificate], key)),
            Trick::Chain => Some((vec![certificate, pair(&PKCS_ED25519).0], key)),
            Trick::Protocol(_) => Some((vec![certificate], key)),
        };
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = provider.key_provider.load_private_key(key.into()).expect("a key");
                let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
        };
        let protocol = if let Trick::Protocol(name) = trick { name } else { &b"ostler/1"[..] };
        config.alpn_protocols = vec![protocol.to_vec()];
        quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).expect("TLS 1.3")))
    }

    /// Believes any relay.
    #[derive(Debug)]
    struct Gullible;

    impl rustls::client::danger::ServerCertVerifier for Gullible {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &rustls::pki_types::ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::General("not spoken".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            vec![rustls::SignatureScheme::ED25519]
        }
    }

    fn half_open(listener: &Listener) -> bool {
        lock(&listener.gate).busy()
    }

    #[tokio::test]
    async fn each_end_knows_the_key_of_the_other() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        assert_eq!((relay.peer(), dialer.relay()), (ends.device.id(), ends.relay.id()));
        assert_eq!(dialer.remote(), ends.listener.local_addr());
        assert!(!half_open(&ends.listener), "a finished handshake is counted no more");
    }

    #[tokio::test]
    async fn nobody_enters_without_a_proven_ed25519_key_and_our_protocol() {
        let tricks = [
            Trick::NoCertificate,
            Trick::Stolen,
            Trick::Curve,
            Trick::Chain,
            Trick::Protocol(b"h3"),
            Trick::Protocol(b"ostler/2"),
        ];
        for (n, trick) in tricks.iter().enumerate() {
            let ends = Ends::new();
            let stranger = Endpoint::client(loopback()).expect("a socket");
            let connecting = stranger.connect_with(hostile(trick), ends.listener.local_addr(), SERVER_NAME);
            let arrive = async { ends.listener.accept().await.expect("a knock").finish().await };
            let outcome = async {
                match connecting.expect("dialled").await {
                    Ok(quic) => quic.closed().await,
                    Err(error) => error,
                }
            };
            let (arrived, told) = soon("a refusal", async { tokio::join!(arrive, outcome) }).await;
            assert!(matches!(arrived, Err(ArriveError::Failed(Closed::Broken(_)))), "trick {n}: {arrived:?}");
            assert!(matches!(told, quinn::ConnectionError::ConnectionClosed(_)), "trick {n}: {told:?}");
            assert!(!half_open(&ends.listener));
        }
        let ends = Ends::new();
        let stranger = Endpoint::client(loopback()).expect("a socket");
        let fair = hostile(&Trick::Protocol(b"ostler/1"));
        let connecting = stranger.connect_with(fair, ends.listener.local_addr(), SERVER_NAME).expect("dialled");
        let arrive = async { ends.listener.accept().await.expect("a knock").finish().await };
        let (arrived, quic) = soon("a connection", async { tokio::join!(arrive, connecting) }).await;
        assert!(arrived.is_ok() && quic.is_ok(), "without a trick the same client enters");
    }

    #[tokio::test]
    async fn a_handshake_has_a_deadline_and_is_never_counted_after_it() {
        let ends = Ends::new();
        // Lets the first packet through and nothing back, so that the handshake never ends.
        let drain = tokio::net::UdpSocket::bind(loopback()).await.expect("a free port");
        let address = [drain.local_addr().expect("bound").to_string()];
        let pass_one = async {
            let mut packet = [0; 2_048];
            let (bytes, _) = drain.recv_from(&mut packet).await.expect("a packet");
            drain.send_to(&packet[..bytes], ends.listener.local_addr()).await.expect("passed on");
        };
        let arrive = async {
            pass_one.await;
            let arriving = ends.listener.accept().await.expect("a knock");
            assert!(half_open(&ends.listener));
            arriving.finish_within(Duration::from_millis(200)).await
        };
        let arrived = tokio::select! {
            arrived = soon("a verdict", arrive) => arrived,
            dialled = ends.dialer.dial(&address, ends.relay.id()) => panic!("no answer came: {dialled:?}"),
        };
        assert!(matches!(arrived, Err(ArriveError::Slow)), "{arrived:?}");
        assert!(!half_open(&ends.listener));
    }

    #[tokio::test]
    async fn a_port_in_use_says_which_and_what_to_do() {
        let ends = Ends::new();
        let taken = ends.listener.local_addr();
        let error = Listener::bind(taken, &ends.relay, &Secrets::generate()).expect_err("taken");
        assert!(matches!(error, BindError::InUse(at) if at == taken));
        assert!(error.to_string().contains(&taken.port().to_string()) && error.to_string().contains("listen"));
        let foreign = "192.0.2.1:0".parse().expect("an address");
        let error = Listener::bind(foreign, &ends.relay, &Secrets::generate()).expect_err("not ours");
        assert!(matches!(error, BindError::NotHere(_)), "{error}");
    }

    #[tokio::test]
    async fn every_code_arrives_both_ways() {
        for code in [Close::Done, Close::Restarting, Close::Revoked, Close::Superseded, Close::Protocol, Close::Busy] {
            let ends = Ends::new();
            for from_relay in [true, false] {
                let (relay, dialer) = ends.connect().await;
                let (closing, told) = if from_relay { (relay, dialer) } else { (dialer, relay) };
                closing.close(code);
                assert_eq!(soon("the close", told.closed()).await, Closed::Peer(code));
                assert_eq!(told.over().and_then(|closed| closed.code()), Some(code));
                assert_eq!(closing.closed().await, Closed::Here);
                assert!(matches!(told.accept_bi().await, Err(StreamError::Lost(Closed::Peer(c))) if c == code));
            }
        }
    }

    #[tokio::test]
    async fn a_closing_relay_says_farewell_to_all_and_takes_no_more() {
        let ends = Ends::new();
        let (_kept, first) = ends.connect().await;
        let (_kept_too, second) = ends.connect().await;
        soon("the farewell", ends.listener.close(Close::Restarting)).await;
        assert_eq!(soon("a code", first.closed()).await.code(), Some(Close::Restarting));
        assert_eq!(soon("a code", second.closed()).await.code(), Some(Close::Restarting));
        assert!(ends.listener.accept().await.is_none());
    }

    /// A relay in a runtime of its own, that can be taken away as by SIGKILL: nobody is told.
    fn doomed(listen: SocketAddr, key: &RelayKey, secrets: &Secrets) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = {
            let _inside = runtime.enter();
            Listener::bind(listen, key, secrets).expect("a free port")
        };
        let local = listener.local_addr();
        let served = async move {
            let mut kept = Vec::new();
            while let Some(arriving) = listener.accept().await {
                kept.push(arriving.finish().await);
            }
        };
        // The task lives as long as its runtime: that is what is taken away.
        drop(runtime.spawn(served));
        (runtime, local)
    }

    #[tokio::test]
    async fn a_relay_that_was_killed_and_kept_its_secrets_is_noticed_at_once() {
        let (key, secrets) = (RelayKey::generate(), Secrets::generate());
        let (life, address) = doomed(loopback(), &key, &secrets);
        let dialer = Dialer::new(&DeviceKey::generate()).expect("a socket");
        let connection = soon("a connection", dialer.dial(&[address.to_string()], key.id())).await.expect("there");
        let mut stream = connection.open_uni().await.expect("a stream");
        stream.send(&1u8).await.expect("sent");
        life.shutdown_background();
        let next = Secrets::from_bytes(&secrets.to_bytes()).expect("kept");
        let reborn = async {
            loop {
                match Listener::bind(address, &key, &next) {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let listener = soon("the port", reborn).await;
        let talk = async {
            while stream.send(&2u8).await.is_ok() && connection.over().is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // Well under the idle timeout of 30 s: `soon` would say otherwise.
        let (closed, ()) = soon("the reset", async { tokio::join!(connection.closed(), talk) }).await;
        assert_eq!(closed, Closed::Restarted);
        let arrive = async { listener.accept().await.expect("a knock").finish().await };
        let again = [address.to_string()];
        let (arrived, dialled) =
            soon("a new connection", async { tokio::join!(arrive, dialer.dial(&again, key.id())) }).await;
        assert!(arrived.is_ok() && dialled.is_ok());
    }

    #[tokio::test]
    async fn sixty_four_strangers_fill_their_windows_and_an_honest_one_is_served() {
        let ends = Ends::new();
        let mut kept = Vec::new();
        let mut taken = 0;
        for _ in 0..64 {
            let (relay, dialer) = ends.connect().await;
            let quic = dialer.quic();
            let mut streams = Vec::new();
            for _ in 0..transport::STRANGER_BIDI {
                streams.push(soon("a stream", quic.open_bi()).await.expect("allowed").0);
            }
            let more = tokio::time::timeout(Duration::from_millis(5), quic.open_bi()).await;
            assert!(more.is_err(), "one stream too many was allowed");
            for _ in 0..transport::UNI {
                streams.push(soon("a stream", quic.open_uni()).await.expect("allowed"));
            }
            let mut one = 0;
            for stream in &mut streams {
                while let Ok(bytes) = tokio::time::timeout(Duration::from_millis(2), stream.write(&[7; 65_536])).await {
                    one += bytes.expect("open");
                }
            }
            assert!(one <= transport::STRANGER_WINDOW as usize, "{one} bytes of one stranger");
            taken += one;
            kept.push((relay, dialer, streams));
        }
        let (least, most) = (8 * 1024 * 1024, 64 * transport::STRANGER_WINDOW as usize);
        assert!((least..=most).contains(&taken), "{taken} bytes of all strangers");
        let (relay, dialer) = ends.connect().await;
        let (mut send, _recv) = dialer.open_bi().await.expect("a stream");
        send.send(&"hello".to_owned()).await.expect("sent");
        let (_send, mut recv) = soon("a stream", relay.accept_bi()).await.expect("a stream");
        assert_eq!(soon("a word", recv.recv::<String>(64)).await, Ok(Some("hello".to_owned())));
    }

    #[tokio::test]
    async fn a_member_gets_more_room_than_a_stranger() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let mut streams = Vec::new();
        for _ in 0..transport::STRANGER_BIDI {
            streams.push(dialer.open_bi().await.expect("allowed"));
        }
        assert!(tokio::time::timeout(Duration::from_millis(50), dialer.open_bi()).await.is_err());
        relay.trusted();
        for _ in transport::STRANGER_BIDI..transport::MEMBER_BIDI {
            streams.push(soon("a stream", dialer.open_bi()).await.expect("allowed"));
        }
        assert!(tokio::time::timeout(Duration::from_millis(50), dialer.open_bi()).await.is_err());
    }
}
