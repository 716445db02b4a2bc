//! TLS 1.3 with X25519MLKEM768 alone, and libp2p's rules for certificates.

use crate::NetworkError;
use libp2p::{identity::Keypair, tls::certificate};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, NamedGroup, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{aws_lc_rs, aws_lc_rs::kx_group},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::{fmt::Display, sync::Arc};

/// The only key exchange, also asked for after the handshake.
pub const GROUP: NamedGroup = NamedGroup::X25519MLKEM768;

/// Both ends. They resume nothing, and log no secrets whatever the environment says.
pub fn configs(key: &Keypair) -> Result<(Arc<ClientConfig>, Arc<ServerConfig>), NetworkError> {
    let (certificate, secret) = certificate::generate(key).map_err(error)?;
    let secret = aws_lc_rs::sign::any_ecdsa_type(&secret).map_err(error)?;
    // rustls refuses libp2p's critical extension in `with_single_cert`.
    let certified = Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate], secret)));
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519MLKEM768];
    let provider = Arc::new(provider);
    let versions = &[&rustls::version::TLS13];

    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Rules))
        .with_client_cert_resolver(certified.clone());
    client.alpn_protocols = vec![b"libp2p".to_vec()];
    client.enable_sni = false;
    client.resumption = rustls::client::Resumption::disabled();

    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(error)?
        .with_client_cert_verifier(Arc::new(Rules))
        .with_cert_resolver(certified);
    server.alpn_protocols = vec![b"libp2p".to_vec()];
    server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok((Arc::new(client), Arc::new(server)))
}

fn error(error: impl Display) -> NetworkError {
    NetworkError::Tls(error.to_string())
}

/// One self-signed certificate, whose extension says by which libp2p key it was made.
#[derive(Debug)]
struct Rules;

impl Rules {
    fn certificate(end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if !others.is_empty() {
            return Err(general("more than one certificate"));
        }
        certificate::parse(end).map(|_| ()).map_err(general)
    }

    fn signature(
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = certificate::parse(end).map_err(general)?;
        certificate
            .verify_signature(signed.scheme, message, signed.signature())
            .map_err(general)?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn schemes() -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn general(error: impl Display) -> Error {
    Error::General(error.to_string())
}

impl ServerCertVerifier for Rules {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::certificate(end, others)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(general("TLS 1.2"))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signature(message, end, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}

impl ClientCertVerifier for Rules {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::certificate(end, others)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(general("TLS 1.2"))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signature(message, end, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}
