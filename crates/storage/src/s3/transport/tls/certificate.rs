//! What one certificate says.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

/// The curves that ring can check signatures of.
const CURVES: [&str; 2] = ["1.2.840.10045.3.1.7", "1.3.132.0.34"];
const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
const ED448: &str = "1.3.101.113";
const P521: &str = "1.3.132.0.35";
/// The shortest RSA keys that ring takes, and OpenSSL as Debian sets it up.
const LEAST_RSA_BITS: usize = 2048;

/// A parsed certificate, of any version.
#[derive(Debug)]
pub(super) struct Certificate<'a>(X509Certificate<'a>);

/// The certificate that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The hosts it is for; without any, its subject.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Whether that is the server itself.
    pub is_self_signed: bool,
    /// The moment it ceases to be valid, in seconds since the Unix epoch.
    pub expires_at: i64,
}

impl ServerCertificate {
    /// Reads a certificate; `None` if it is malformed.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        Certificate::parse(&CertificateDer::from_slice(der)).map(|certificate| certificate.facts())
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let ip = match bytes.len() {
        4 => std::net::IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => std::net::IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(ip.to_string())
}

/// Whether a certificate is valid at some time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Validity {
    NotYet,
    Now,
    Expired,
}

impl<'a> Certificate<'a> {
    /// Parses a certificate; `None` if it is malformed.
    pub(super) fn parse(der: &'a CertificateDer<'_>) -> Option<Self> {
        X509Certificate::from_der(der).ok().map(|(_, certificate)| Self(certificate))
    }

    /// Returns what stands behind the certificate.
    pub(super) fn rest(der: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
        X509Certificate::from_der(der).ok().map(|(rest, _)| rest)
    }

    /// Returns what a person wants to know of it.
    pub(super) fn facts(&self) -> ServerCertificate {
        let names = self.0.subject_alternative_name().ok().flatten();
        let names =
            names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes),
                _ => None,
            });
        let names: Vec<String> = names.collect();
        ServerCertificate {
            names: if names.is_empty() { vec![self.0.subject().to_string()] } else { names },
            issuer: self.0.issuer().to_string(),
            is_self_signed: self.0.subject() == self.0.issuer(),
            expires_at: self.0.validity().not_after.timestamp(),
        }
    }

    /// Whether it is of version 1, without any extension.
    pub(super) fn is_version_1(&self) -> bool {
        self.0.version() == X509Version::V1
    }

    /// Returns the public key with its algorithm.
    pub(super) fn public_key(&self) -> SubjectPublicKeyInfoDer<'static> {
        SubjectPublicKeyInfoDer::from(self.0.public_key().raw.to_vec())
    }

    /// Returns whether it is valid at `moment`.
    pub(super) fn validity(&self, moment: UnixTime) -> Validity {
        let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
        let validity = self.0.validity();
        if seconds < validity.not_before.timestamp() {
            Validity::NotYet
        } else if seconds > validity.not_after.timestamp() {
            Validity::Expired
        } else {
            Validity::Now
        }
    }

    /// Whether its key may be used for the handshake of a TLS server, as OpenSSL decides it: what is not said is
    /// allowed.
    ///
    /// Source: `check_purpose_ssl_server` in <https://github.com/openssl/openssl/blob/master/crypto/x509/v3_purp.c>.
    pub(super) fn may_be_a_server(&self) -> bool {
        let (Ok(usage), Ok(purposes)) = (self.0.key_usage(), self.0.extended_key_usage()) else {
            return false;
        };
        usage.is_none_or(|usage| {
            let usage = usage.value;
            usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
        }) && purposes.is_none_or(|purposes| purposes.value.server_auth)
    }

    /// Whether it restricts the names that certificates under it may have.
    pub(super) fn constrains_names(&self) -> bool {
        !matches!(self.0.name_constraints(), Ok(None))
    }

    /// Whether its common name is `host`, which counts only where it lists no DNS names, as in OpenSSL.
    pub(super) fn is_named(&self, host: &str) -> bool {
        let lists_names = match self.0.subject_alternative_name() {
            Ok(None) => false,
            Ok(Some(names)) => {
                names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_)))
            }
            Err(_) => true,
        };
        !lists_names
            && self.0.subject().iter_common_name().any(|name| {
                name.as_str().is_ok_and(|name| names_host(&name.to_lowercase(), &host.to_lowercase()))
            })
    }

    /// Names its key where haul cannot check what it signs, as `P-521`.
    pub(super) fn unsupported_key(&self) -> Option<String> {
        let key = self.0.public_key();
        let algorithm = key.algorithm.algorithm.to_id_string();
        let curve = || Some(key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string());
        match algorithm.as_str() {
            RSA => match key.parsed() {
                Ok(PublicKey::RSA(rsa)) if rsa.key_size() < LEAST_RSA_BITS => {
                    Some(format!("an RSA key of {} bits", rsa.key_size()))
                }
                _ => None,
            },
            RSA_PSS => Some("an RSA key for PSS alone".to_owned()),
            EC => match curve() {
                Some(curve) if CURVES.contains(&curve.as_str()) => None,
                Some(curve) if curve == P521 => Some("a P-521 key".to_owned()),
                Some(curve) => Some(format!("a key on the curve {curve}")),
                None => Some("a key on an unnamed curve".to_owned()),
            },
            ED25519 => None,
            ED448 => Some("an Ed448 key".to_owned()),
            other => Some(format!("a key of the kind {other}")),
        }
    }
}

/// Compares a name that may start with `*.` with a host, both in small letters.
fn names_host(name: &str, host: &str) -> bool {
    let Some(domain) = name.strip_prefix("*.") else { return name == host };
    // `*` is one label, and at least two stand behind it.
    domain.contains('.')
        && host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcard_is_one_label() {
        for (name, host, expected) in [
            ("minio.example.org", "minio.example.org", true),
            ("*.example.org", "minio.example.org", true),
            ("*.example.org", "a.minio.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.org", "example.org", false),
            ("*", "localhost", false),
            ("minio", "minio.example.org", false),
        ] {
            assert_eq!(names_host(name, host), expected, "{name} {host}");
        }
    }
}
