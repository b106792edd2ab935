//! TLS: which certificates to believe, and what to say where there is none.
//!
//! | file | |
//! |---|---|
//! | `bundle` | the PEM file of `ssl_verify`, `AWS_CA_BUNDLE` and so on |
//! | `certificate` | what one certificate says |
//! | `verifier` | the check of the server's certificate |
//! | `trouble` | why a handshake failed, and what to change |
//!
//! The cryptography is ring's. aws-lc-rs, measured in its place with 15 kinds of servers, adds one: keys on P-521. For
//! that it takes a C toolchain, 79 s of processor time more to build (139 s instead of 60 s), and 2.2 MB in the program.
//! Ed448, keys for RSA-PSS alone, and TLS 1.2 without ECDHE or with CBC work with neither: rustls does not have them.

mod bundle;
mod certificate;
mod trouble;
mod verifier;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

pub use certificate::ServerCertificate;

pub(super) use bundle::{BundleError, read as read_bundle};
pub(crate) use trouble::TlsTrouble;
pub(in crate::s3) use trouble::{hint, is_damage};

/// Makes the settings of a client that believes `trusted`, and whom they certify.
pub(super) fn client_config(
    trusted: Vec<CertificateDer<'static>>,
) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = provider();
    let verifier = verifier::Verifier::new(trusted, &provider)?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the certificates of the operating system, where they are files; elsewhere it checks certificates itself.
///
/// A system without any, as a container with nothing but the binary, gets Mozilla's list, which botocore and DVC always
/// bring along. Where the user says where the certificates are, nothing stands in for them.
#[expect(clippy::unnecessary_wraps, reason = "there are none on other systems")]
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
pub(super) fn system_certificates() -> Option<Vec<CertificateDer<'static>>> {
    let loaded = rustls_native_certs::load_native_certs();
    let has_none = loaded.certs.is_empty() && loaded.errors.is_empty() && !are_named();
    for error in loaded.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    Some(if has_none {
        tracing::debug!("the system has no certificates: Mozilla's list is used");
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec()
    } else {
        loaded.certs
    })
}

/// Whether the environment says where the system's certificates are: that of the process, which rustls-native-certs reads.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn are_named() -> bool {
    haul_config::Env::from_process()
        .is_ok_and(|env| env.is_set("SSL_CERT_FILE") || env.is_set("SSL_CERT_DIR"))
}

/// Returns the certificates of the operating system, where they are files; elsewhere it checks certificates itself.
#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
pub(super) fn system_certificates() -> Option<Vec<CertificateDer<'static>>> {
    None
}

/// Returns the cryptography of this process: another part of the program may have chosen one already.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default()
        .map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone)
}
