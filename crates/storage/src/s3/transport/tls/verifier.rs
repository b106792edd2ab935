//! The check of the server's certificate.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::{Certificate, Validity};
use super::trouble::TlsTrouble;

/// Believes a server that a trusted certificate signed, and one that shows a trusted certificate itself.
///
/// The second is what OpenSSL does with the certificate that `openssl req -x509` makes: it signed itself and calls
/// itself an authority, which webpki refuses to see at a server. Exactly that certificate is believed then: the same
/// bytes, valid today, for a server, for this host.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
    trusted: Vec<CertificateDer<'static>>,
    /// Whether a trusted certificate restricts names. webpki does not apply that to common names.
    constrains_names: bool,
}

impl Verifier {
    /// Takes the trusted certificates; those that are malformed are passed over, as in OpenSSL.
    ///
    /// # Errors
    /// None of them can be used.
    pub(super) fn new(
        trusted: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let (n_added, n_ignored) = roots.add_parsable_certificates(trusted.iter().cloned());
        if n_ignored > 0 {
            tracing::debug!(n_ignored, "trusted certificates are malformed");
        }
        if n_added == 0 {
            return Err(Error::General("no certificate can be used".to_owned()));
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let constrains_names =
            trusted.iter().filter_map(Certificate::parse).any(|certificate| certificate.constrains_names());
        Ok(Self {
            authorities,
            algorithms: provider.signature_verification_algorithms,
            trusted,
            constrains_names,
        })
    }

    /// Checks a certificate that is trusted itself.
    fn check_trusted(
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = Certificate::parse(certificate).ok_or(CertificateError::BadEncoding)?;
        match parsed.validity(now) {
            Validity::NotYet => return Err(CertificateError::NotValidYet.into()),
            Validity::Expired => return Err(CertificateError::Expired.into()),
            Validity::Now => {}
        }
        if !parsed.may_be_a_server() {
            return Err(CertificateError::InvalidPurpose.into());
        }
        if is_named(&parsed, server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        if parsed.is_version_1() {
            return Err(CertificateError::NotValidForName.into());
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    /// Whether a certificate whose chain is right may be known by its common name: nothing restricts names.
    fn takes_common_name(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
    ) -> bool {
        !self.constrains_names
            && !chain.iter().any(|link| Certificate::parse(link).is_none_or(|link| link.constrains_names()))
            && Certificate::parse(certificate).is_some_and(|certificate| is_named(&certificate, server_name))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let error = match self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            return Self::check_trusted(end_entity, server_name, now);
        }
        if TlsTrouble::of(&error) == Some(TlsTrouble::Untrusted) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        // The name is looked at last: the chain is right.
        let is_only_the_name = matches!(
            error,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            )
        );
        if is_only_the_name && self.takes_common_name(end_entity, intermediates, server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // webpki does not read certificates of version 1, but their keys are like any others.
        match Certificate::parse(certificate).filter(Certificate::is_version_1) {
            Some(old) => {
                verify_tls13_signature_with_raw_key(message, &old.public_key(), signature, &self.algorithms)
            }
            None => self.authorities.verify_tls13_signature(message, certificate, signature),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a certificate without a list of DNS names has the server's name as its common name.
///
/// OpenSSL, hence DVC, takes that for hosts, not for addresses.
fn is_named(certificate: &Certificate<'_>, server_name: &ServerName<'_>) -> bool {
    matches!(server_name, ServerName::DnsName(name) if certificate.is_named(name.as_ref()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::time::Duration;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::sign::CertifiedKey;

    use super::*;

    const SELF_SIGNED: &str = include_str!("fixtures/self-signed.pem");
    const COMMON_NAME: &str = include_str!("fixtures/common-name.pem");
    const VERSION_1: &str = include_str!("fixtures/version-1.pem");
    const OTHER_NAME: &str = include_str!("fixtures/other-name.pem");
    const FOR_CLIENTS: &str = include_str!("fixtures/for-clients.pem");
    const FOR_SIGNING: &str = include_str!("fixtures/for-signing.pem");
    const AUTHORITY: &str = include_str!("fixtures/authority.pem");
    const UNDER_AUTHORITY: &str = include_str!("fixtures/under-authority.pem");
    const STRICT_AUTHORITY: &str = include_str!("fixtures/strict-authority.pem");
    const UNDER_STRICT_AUTHORITY: &str = include_str!("fixtures/under-strict-authority.pem");
    /// Both certificates have this key.
    const KEY: &str = include_str!("fixtures/common-name.key");

    /// 2030; the fixtures are valid from 2026 on, for a hundred years.
    const TODAY: Duration = Duration::from_hours(525_960);
    const CENTURY: Duration = Duration::from_secs(4_000_000_000);

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    fn certificate(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn verifier(trusted: &str) -> Verifier {
        Verifier::new(vec![certificate(trusted)], &provider()).unwrap()
    }

    fn check(trusted: &str, shown: &str, host: &str, now: Duration) -> Result<(), Error> {
        let name = ServerName::try_from(host).unwrap();
        let now = UnixTime::since_unix_epoch(now);
        verifier(trusted).verify_server_cert(&certificate(shown), &[], &name, &[], now).map(|_| ())
    }

    /// What Python's `ssl`, hence DVC, and curl say of the same certificates.
    #[test]
    fn certificate_that_is_configured_is_believed_as_openssl_believes_it() {
        for (pem, host, expected) in [
            (SELF_SIGNED, "localhost", true),
            (SELF_SIGNED, "127.0.0.1", true),
            (SELF_SIGNED, "example.org", false),
            (SELF_SIGNED, "127.0.0.2", false),
            (COMMON_NAME, "localhost", true),
            (COMMON_NAME, "LOCALHOST", true),
            (COMMON_NAME, "127.0.0.1", false),
            (COMMON_NAME, "example.org", false),
            (VERSION_1, "localhost", true),
            (VERSION_1, "127.0.0.1", false),
            (VERSION_1, "example.org", false),
            // The common name does not count beside a list of names.
            (OTHER_NAME, "localhost", false),
            (OTHER_NAME, "other.example.org", true),
            (FOR_CLIENTS, "localhost", false),
            (FOR_SIGNING, "localhost", false),
        ] {
            let outcome = check(pem, pem, host, TODAY);
            assert_eq!(outcome.is_ok(), expected, "{host} {outcome:?}\n{pem}");
        }
    }

    #[test]
    fn certificate_is_believed_only_in_its_time_and_only_itself() {
        let dates = |now| match check(SELF_SIGNED, SELF_SIGNED, "localhost", now) {
            Err(Error::InvalidCertificate(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(dates(Duration::ZERO), CertificateError::NotValidYet);
        assert_eq!(dates(CENTURY * 2), CertificateError::Expired);
        // Another one for the same name is a stranger.
        let stranger = check(SELF_SIGNED, COMMON_NAME, "localhost", TODAY).unwrap_err();
        assert_eq!(stranger, CertificateError::UnknownIssuer.into());
        assert!(check(COMMON_NAME, SELF_SIGNED, "localhost", TODAY).is_err());
        assert!(check(AUTHORITY, SELF_SIGNED, "localhost", TODAY).is_err());
    }

    #[test]
    fn certificate_under_an_authority_may_have_a_common_name_unless_the_authority_restricts_names() {
        assert!(check(AUTHORITY, UNDER_AUTHORITY, "localhost", TODAY).is_ok());
        assert!(check(AUTHORITY, UNDER_AUTHORITY, "127.0.0.1", TODAY).is_err());
        assert!(check(AUTHORITY, UNDER_AUTHORITY, "example.org", TODAY).is_err());
        assert!(check(SELF_SIGNED, UNDER_AUTHORITY, "localhost", TODAY).is_err());
        assert!(check(STRICT_AUTHORITY, UNDER_STRICT_AUTHORITY, "localhost", TODAY).is_err());
    }

    /// Shakes hands in memory with a server that shows `pem` and has the key of the fixtures.
    fn shake_hands(pem: &str) -> Result<(), Error> {
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let certified = CertifiedKey::new(vec![certificate(pem)], key);
        let server = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
        let client = super::super::client_config(vec![certificate(pem)]).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut Cursor::new(wire)).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            client.read_tls(&mut Cursor::new(wire)).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn server_has_to_have_the_key_of_the_certificate_of_either_version() {
        assert_eq!(shake_hands(COMMON_NAME), Ok(()));
        assert_eq!(shake_hands(VERSION_1), Ok(()));
        let stolen = shake_hands(SELF_SIGNED).unwrap_err();
        assert_eq!(stolen, CertificateError::BadSignature.into());
    }
}
