//! A PEM file of certificates.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::certificate::Certificate;

/// The labels that OpenSSL takes for a certificate, besides `CERTIFICATE` itself.
const OTHER_LABELS: [&str; 2] = ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"];

/// Reads the certificates of a file; the error says what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let mut text = fs_err::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => BundleError::Malformed("it is not text".to_owned()),
        _ => BundleError::Unreadable(error),
    })?;
    for label in OTHER_LABELS {
        text = text.replace(label, "CERTIFICATE");
    }
    let mut certificates = Vec::new();
    for der in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let der = der.map_err(|error| BundleError::Malformed(error.to_string()))?;
        certificates.push(without_trust_settings(der)?);
    }
    if certificates.is_empty() {
        return Err(BundleError::Empty);
    }
    Ok(certificates)
}

/// Takes off what OpenSSL writes behind a `TRUSTED CERTIFICATE`: a name, and what it is trusted for.
fn without_trust_settings(der: CertificateDer<'static>) -> Result<CertificateDer<'static>, BundleError> {
    // A certificate that cannot be read is passed over later, as in OpenSSL.
    let Some(rest) = Certificate::rest(&der).filter(|rest| !rest.is_empty()) else { return Ok(der) };
    if restricts(rest) {
        return Err(BundleError::Restricted);
    }
    Ok(CertificateDer::from(der[..der.len() - rest.len()].to_vec()))
}

/// Whether OpenSSL's settings begin with the purposes for which the certificate is, or is not, trusted.
///
/// Source: `X509_CERT_AUX` in <https://github.com/openssl/openssl/blob/master/crypto/x509/x_x509a.c>.
fn restricts(settings: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const REJECT: u8 = 0xa0;
    matches!(settings, [SEQUENCE, length, SEQUENCE | REJECT, ..] if *length > 0)
        || !matches!(settings, [SEQUENCE, length, ..] if *length < 0x80)
}

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(std::io::Error),
    /// The file is not PEM.
    #[error("{0}")]
    Malformed(String),
    /// The file holds something else, or nothing.
    #[error("it holds no certificate in PEM form")]
    Empty,
    /// A certificate carries trust settings, which only OpenSSL knows.
    #[error("it holds a `TRUSTED CERTIFICATE` with OpenSSL's own list of purposes")]
    Restricted,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = include_str!("fixtures/self-signed.pem");
    const TRUSTED: &str = include_str!("fixtures/trusted.pem");
    const RESTRICTED: &str = include_str!("fixtures/restricted.pem");

    fn read_text(text: &str) -> Result<Vec<CertificateDer<'static>>, BundleError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn every_label_that_openssl_takes_names_the_same_certificate() {
        let plain = read_text(PLAIN).unwrap();
        assert_eq!(plain.len(), 1);
        assert_eq!(read_text(&PLAIN.replace("CERTIFICATE", "X509 CERTIFICATE")).unwrap(), plain);
        assert_eq!(read_text(TRUSTED).unwrap(), plain);
        assert_eq!(read_text(&format!("# a comment\n{PLAIN}\n{TRUSTED}")).unwrap().len(), 2);
    }

    #[test]
    fn file_that_is_no_bundle_is_refused_with_the_reason() {
        assert!(matches!(read_text("hello"), Err(BundleError::Empty)));
        assert!(matches!(read_text(""), Err(BundleError::Empty)));
        let broken = PLAIN.replace("-----END CERTIFICATE-----", "");
        assert!(matches!(read_text(&broken), Err(BundleError::Malformed(_))));
        assert!(matches!(read_text(RESTRICTED), Err(BundleError::Restricted)));
        assert!(matches!(read(Path::new("/none/ca.pem")), Err(BundleError::Unreadable(_))));
    }
}
