//! Certificates of a private authority, for servers on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A server certificate for `localhost` and 127.0.0.1, and the authority that signed it. All PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The authority's certificate, which clients must trust.
    pub authority_pem: String,
    /// The server's certificate.
    pub certificate_pem: String,
    /// The server's private key.
    pub key_pem: String,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// The paths of the files of a certificate.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The authority's certificate, as a CA bundle.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes an authority, and a certificate that it signs.
    pub fn generate() -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "haul test authority");
        let authority_certificate = authority.self_signed(&authority_key)?;

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?;
        Ok(Self {
            authority_pem: authority_certificate.pem(),
            certificate_pem: server_certificate.pem(),
            key_pem: server_key.serialize_pem(),
        })
    }

    /// Makes a self-signed certificate that is marked as an authority, as `openssl req -x509` does.
    pub fn generate_self_signed() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { authority_pem: pem.clone(), certificate_pem: pem, key_pem: key.serialize_pem() })
    }

    /// Writes the three files into a directory.
    pub fn write_to(&self, folder: &Path) -> Result<CertificateFiles> {
        fs_err::create_dir_all(folder)?;
        let files = CertificateFiles {
            authority: folder.join("ca.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        fs_err::write(&files.authority, &self.authority_pem)?;
        fs_err::write(&files.certificate, &self.certificate_pem)?;
        fs_err::write(&files.key, &self.key_pem)?;
        Ok(files)
    }

    /// Makes the configuration of a TLS server.
    pub(crate) fn acceptor(&self) -> Result<tokio_rustls::TlsAcceptor> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Ok(tokio_rustls::TlsAcceptor::from(Arc::new(config)))
    }
}
