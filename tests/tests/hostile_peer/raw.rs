//! A QUIC client without manners: any key or none, any protocol name, any bytes.
//!
//! Owns what our own dialer would never do. Must not know what the relay should answer.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one ending and shows any other")]

use ostler_core::ids::RelayId;
use ostler_identity::{Chain, DeviceKey};
use ostler_proto::{Hello, Intent, Open, VERSIONS, encode};
use ostler_tests::WAIT;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use quinn::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};
use quinn::{ConnectionError, Endpoint, RecvStream, SendStream};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::sync::Arc;

/// What our relay speaks.
pub(crate) const PROTOCOL: &[u8] = b"ostler/1";

/// Believes any relay.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn config(key: Option<&DeviceKey>, protocol: &[u8]) -> quinn::ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible));
    let mut config = match key {
        None => builder.with_no_client_auth(),
        Some(key) => {
            let der = PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec());
            let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).expect("a device's key");
            let certificate = CertificateParams::new(["ostler".to_owned()]).expect("a name").self_signed(&pair);
            let chain = vec![certificate.expect("signed").der().clone()];
            builder.with_client_auth_cert(chain, der.into()).expect("a usable key")
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).expect("TLS 1.3")))
}

/// A connection that says what it is told to.
pub(crate) struct Raw {
    pub(crate) quic: quinn::Connection,
    _endpoint: Endpoint,
}

/// Dials. A refusal of the key comes after our side is done: see [`Raw::closed`].
pub(crate) async fn knock(relay: SocketAddr, key: Option<&DeviceKey>, protocol: &[u8]) -> Result<Raw, ConnectionError> {
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket");
    let connecting = endpoint.connect_with(config(key, protocol), relay, "ostler").expect("an address");
    let quic = tokio::time::timeout(WAIT, connecting).await.expect("an answer in time")?;
    Ok(Raw { quic, _endpoint: endpoint })
}

/// A hello with `chain`.
pub(crate) fn hello(chain: &[u8], intent: Intent) -> Open {
    let versions = (*VERSIONS.start(), *VERSIONS.end());
    Open::Control(Hello { versions, release: "raw".to_owned(), chain: chain.to_vec(), intent })
}

/// A whole frame of anything.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a short frame");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// What is wrong with each, and the bytes: none of them is a frame that a reader with the limit `max` takes.
pub(crate) fn bad_frames(max: usize) -> Vec<(&'static str, Vec<u8>)> {
    let over = u32::try_from(max + 1).expect("a limit").to_be_bytes().to_vec();
    // Whatever a reader takes this for, it is whole before its last byte.
    let trailing = [&encode(&Open::Beats)[..], &[0; 64]].concat();
    vec![
        ("length zero", frame(&[])),
        ("length 2^32-1", vec![0xff; 4]),
        ("over the limit", over),
        ("a variant nobody knows", frame(&[0xff, 0xff, 0xff, 0xff, 0x0f])),
        ("a vector of 2^32 elements", frame(&[3, 0xff, 0xff, 0xff, 0xff, 0x0f])),
        ("cut short", vec![0, 0, 0, 9, 1]),
        ("trailing bytes", frame(&trailing)),
    ]
}

impl Raw {
    /// A member's connection, greeted.
    pub(crate) async fn member(
        relay: SocketAddr,
        key: &DeviceKey,
        chain: &Chain,
        intent: Intent,
    ) -> (Self, SendStream, RecvStream) {
        let raw = knock(relay, Some(key), PROTOCOL).await.expect("a handshake");
        let (mut out, mut into) = raw.quic.open_bi().await.expect("a stream");
        out.write_all(&frame(&encode(&hello(&chain.encode(), intent)))).await.expect("sent");
        let answer: ostler_proto::Farewell = read(&mut into).await.expect("an answer");
        answer.expect("let in");
        (raw, out, into)
    }

    /// Writes `bytes` on a new stream and ends it.
    pub(crate) async fn say(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        let (mut out, into) = self.quic.open_bi().await.expect("a stream");
        // The relay may hang up before all is written: that is what the test looks at.
        if out.write_all(bytes).await.is_ok() {
            out.finish().unwrap_or_default();
        }
        (out, into)
    }

    /// The code the relay closed with.
    pub(crate) async fn closed(&self) -> u64 {
        match tokio::time::timeout(WAIT, self.quic.closed()).await.expect("the relay hangs up in time") {
            ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("the relay did not close in order: {other}"),
        }
    }
}

/// One frame; none when the stream ends first.
pub(crate) async fn read<T: DeserializeOwned>(into: &mut RecvStream) -> Option<T> {
    let whole = async {
        let mut length = [0; 4];
        into.read_exact(&mut length).await.ok()?;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("a length")];
        into.read_exact(&mut bytes).await.ok()?;
        Some(ostler_proto::decode(&bytes).expect("the relay's frames are whole"))
    };
    tokio::time::timeout(WAIT, whole).await.expect("an answer in time")
}

/// The pin of a relay nobody has.
pub(crate) const NOBODY: RelayId = RelayId([3; 32]);
