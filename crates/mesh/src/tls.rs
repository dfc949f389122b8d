//! Who is at the other end: TLS 1.3 with self-signed Ed25519 certificates, believed by their key alone.
//!
//! ```text
//! relay   any well-formed Ed25519 certificate, its key proven by the handshake signature ─▶ the peer's DeviceId
//! dialer  exactly the pinned RelayId, proven the same way
//! ```
//!
//! A certificate is only the vessel of a key: names, dates and its own signature say nothing and are not looked at.
//! Owns both configurations. Must not know sockets, or which keys are paired.

use ostler_core::ids::RelayId;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::client::Resumption;
use quinn::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use quinn::rustls::crypto::CryptoProvider;
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use quinn::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use quinn::rustls::server::{NoServerSessionStorage, ParsedCertificate};
use quinn::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme, SupportedProtocolVersion,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The protocol and its version: a peer that speaks another is refused before a byte of ours is read.
const ALPN: &[u8] = b"ostler/1";
/// QUIC wants a name; ours mean nothing and are not sent.
pub(crate) const SERVER_NAME: &str = "ostler";
const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to the key's 32 bytes.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// One side's certificate with its private key, in DER.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(secret)")
    }
}

/// A key that cannot carry a certificate: never one that our identity room made.
#[derive(Debug, thiserror::Error)]
#[error("the key file holds no usable key ({0}): restore it from a backup, or pair this machine anew")]
pub struct KeyError(String);

impl KeyError {
    fn new(error: impl ToString) -> Self {
        Self(error.to_string())
    }
}

impl Identity {
    pub(crate) fn new(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = PrivatePkcs8KeyDer::from(pkcs8.to_vec());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519).map_err(KeyError::new)?;
        let certificate = CertificateParams::new([SERVER_NAME.to_owned()])
            .and_then(|params| params.self_signed(&pair))
            .map_err(KeyError::new)?;
        Ok(Self { certificate: certificate.der().clone(), key })
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    /// Both ways, no tickets, no resumption, no early data.
    pub(crate) fn server(&self) -> Result<QuicServerConfig, KeyError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(AnyDevice(Proof(provider.clone())));
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(KeyError::new)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain(), self.key.clone_key().into())
            .map_err(KeyError::new)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        QuicServerConfig::try_from(config).map_err(KeyError::new)
    }

    /// Trusts `relay` alone; `seen` tells afterwards which other key was shown instead.
    pub(crate) fn client(&self, relay: RelayId, seen: Arc<OnceLock<RelayId>>) -> Result<QuicClientConfig, KeyError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Pinned { relay, seen, proof: Proof(provider.clone()) });
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(KeyError::new)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(self.chain(), self.key.clone_key().into())
            .map_err(KeyError::new)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.enable_sni = false;
        QuicClientConfig::try_from(config).map_err(KeyError::new)
    }
}

/// The key inside a certificate: exactly one Ed25519 SubjectPublicKeyInfo.
fn key_of(certificate: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<[u8; 32], Error> {
    let spki = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    let key = spki.strip_prefix(&SPKI_PREFIX).and_then(|key| key.try_into().ok());
    key.filter(|_| chain.is_empty()).ok_or(CertificateError::BadEncoding.into())
}

/// The peer's key after the handshake proved it.
pub(crate) fn peer_key(identity: Option<Box<dyn Any>>) -> Option<[u8; 32]> {
    let chain = identity?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.split_first().and_then(|(first, rest)| key_of(first, rest).ok())
}

/// The handshake signature, by Ed25519 under TLS 1.3 and nothing else.
#[derive(Debug)]
struct Proof(Arc<CryptoProvider>);

impl Proof {
    const SCHEME: SignatureScheme = SignatureScheme::ED25519;

    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != Self::SCHEME {
            return Err(CertificateError::BadSignature.into());
        }
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }
}

fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

/// The relay's side: every device may prove its key.
#[derive(Debug)]
struct AnyDevice(Proof);

impl ClientCertVerifier for AnyDevice {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        key_of(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![Proof::SCHEME]
    }
}

/// The dialling side: one relay and no other.
#[derive(Debug)]
struct Pinned {
    relay: RelayId,
    seen: Arc<OnceLock<RelayId>>,
    proof: Proof,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = RelayId(key_of(end_entity, intermediates)?);
        if key == self.relay {
            return Ok(ServerCertVerified::assertion());
        }
        self.seen.get_or_init(|| key);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proof.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![Proof::SCHEME]
    }
}
