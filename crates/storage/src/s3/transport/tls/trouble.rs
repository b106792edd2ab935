//! Why a handshake failed, and what to change.

use std::path::PathBuf;

use haul_config::Located;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use url::{Host, Url};

use super::bundle;
use super::certificate::Certificate;
use crate::s3::reply::describe::Subject;
use crate::s3::request::options::{ServerTrust, from_origin};

/// What haul can do, for servers that can do nothing of it.
const ABILITIES: &str = "haul speaks TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, with servers whose \
                         key is RSA of 2048 bits or more, P-256, P-384 or Ed25519";

/// Why a handshake failed, as far as the user can do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsTrouble {
    /// The server found nothing that both sides can do.
    NothingInCommon,
    /// The server knows only versions of TLS that are not safe.
    OldVersion,
    /// The server does not answer in TLS.
    NotTls,
    /// The certificate is not valid yet, or not any more.
    Dates,
    /// The certificate is for another host.
    Name,
    /// The certificate is not for servers.
    Purpose,
    /// The certificate has a form or a key that haul cannot check.
    Certificate,
    /// The certificate is of version 1, and not trusted itself.
    Version1,
    /// No trusted authority signed the certificate.
    Untrusted,
}

impl TlsTrouble {
    pub(crate) fn of(error: &Error) -> Option<Self> {
        Some(match error {
            Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
            )
            | Error::PeerIncompatible(
                PeerIncompatible::NoCipherSuitesInCommon
                | PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NoSignatureSchemesInCommon,
            ) => Self::NothingInCommon,
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::OldVersion,
            Error::InvalidMessage(_) => Self::NotTls,
            Error::InvalidCertificate(error) => match error {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::Dates,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::Name
                }
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                    Self::Purpose
                }
                CertificateError::UnknownIssuer => Self::Untrusted,
                // So ring calls a key that is too short, too.
                CertificateError::BadSignature
                | CertificateError::BadEncoding
                | CertificateError::UnhandledCriticalExtension
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                    Self::Certificate
                }
                // rustls has no names for these.
                CertificateError::Other(other) => match format!("{:?}", other.0).as_str() {
                    "CaUsedAsEndEntity" => Self::Untrusted,
                    "UnsupportedCertVersion" => Self::Version1,
                    _ => Self::Certificate,
                },
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// Whether bytes were changed on their way, so that another connection may be a good one.
///
/// What ends a handshake is a matter of settings, unless a record is not what its sender wrote. Behind the handshake,
/// only what the server says of the client, as that it wants a certificate, is.
pub(crate) fn is_damage(error: &Error, is_handshake: bool) -> bool {
    match error {
        Error::DecryptError
        | Error::AlertReceived(
            AlertDescription::BadRecordMac
            | AlertDescription::DecryptError
            | AlertDescription::RecordOverflow,
        ) => true,
        Error::AlertReceived(AlertDescription::DecodeError | AlertDescription::UnexpectedMessage) => {
            !is_handshake
        }
        Error::AlertReceived(_) => false,
        _ => !is_handshake,
    }
}

/// Says what to change.
pub(crate) fn hint(subject: &Subject<'_>, trouble: Option<TlsTrouble>) -> String {
    let bundle = match &subject.options.trust {
        ServerTrust::CaBundle(path) => Some(path),
        ServerTrust::System | ServerTrust::Anyone => None,
    };
    let new_certificate = new_certificate(subject);
    match trouble {
        Some(TlsTrouble::NothingInCommon) => {
            let reason = unsupported_key(bundle);
            format!(
                "{reason}{ABILITIES}; allow one of these on the server, or make it another key: {new_certificate}"
            )
        }
        Some(TlsTrouble::OldVersion) => {
            "the server speaks only TLS 1.1 or older; allow TLS 1.2 or 1.3 on it".to_owned()
        }
        Some(TlsTrouble::NotTls) => format!(
            "the server does not answer in TLS; for one without it type {}",
            subject.modify(&format!("endpointurl {}", without_tls(subject)))
        ),
        Some(TlsTrouble::Dates) => {
            format!("set this machine's clock, or make the server a new certificate: {new_certificate}")
        }
        Some(TlsTrouble::Name) => format!(
            "use a name of the certificate in the endpoint ({}), or make the server one for this name: \
             {new_certificate}",
            subject.modify("endpointurl https://NAME:PORT")
        ),
        Some(TlsTrouble::Purpose) => {
            format!("the certificate is not for a server; make it another: {new_certificate}")
        }
        Some(TlsTrouble::Certificate) => {
            let reason = unsupported_key(bundle);
            format!("{reason}haul cannot check this certificate; make the server another: {new_certificate}")
        }
        Some(TlsTrouble::Version1) => format!(
            "the certificate is of version 1; have its authority sign it with extensions (`-extfile` of \
             `openssl x509 -req`), or make the server another: {new_certificate}"
        ),
        Some(TlsTrouble::Untrusted) | None => match bundle {
            Some(path) => format!(
                "the CA bundle `{}`{} does not certify this server; name the server's certificate, or that of its \
                 authority, with {}",
                path.value.display(),
                from_origin(&path.origin),
                subject.modify("ssl_verify /path/to/ca.pem")
            ),
            None => format!(
                "name the server's certificate, or that of its private authority, with {}; for a server without TLS \
                 use an `http://` endpoint",
                subject.modify("ssl_verify /path/to/ca.pem")
            ),
        },
    }
}

fn without_tls(subject: &Subject<'_>) -> String {
    subject.endpoint.origin().replacen("https://", "http://", 1)
}

/// Returns the command that makes a key, and a certificate of it for this server, that haul and DVC take.
fn new_certificate(subject: &Subject<'_>) -> String {
    let url = Url::parse(&subject.endpoint.origin()).ok();
    let (host, kind) = match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => (name.to_owned(), "DNS"),
        Some(Host::Ipv4(address)) => (address.to_string(), "IP"),
        Some(Host::Ipv6(address)) => (address.to_string(), "IP"),
        None => ("HOST".to_owned(), "DNS"),
    };
    format!(
        "`openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN={host} -addext subjectAltName={kind}:{host} \
         -keyout private.key -out public.crt`"
    )
}

/// Names the key of a configured certificate where haul cannot check what it signs.
fn unsupported_key(bundle: Option<&Located<PathBuf>>) -> String {
    let Some(path) = bundle else { return String::new() };
    let certificates = bundle::read(&path.value).unwrap_or_default();
    let key = certificates.iter().find_map(|certificate| Certificate::parse(certificate)?.unsupported_key());
    key.map(|key| format!("the certificate in `{}` has {key}; ", path.value.display())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_on_the_way_is_no_matter_of_settings() {
        for (error, in_handshake, behind_it) in [
            (Error::DecryptError, true, true),
            (Error::AlertReceived(AlertDescription::BadRecordMac), true, true),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), false, true),
            (Error::AlertReceived(AlertDescription::CertificateRequired), false, false),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), false, false),
            (CertificateError::UnknownIssuer.into(), false, true),
        ] {
            assert_eq!(
                (is_damage(&error, true), is_damage(&error, false)),
                (in_handshake, behind_it),
                "{error}"
            );
        }
    }

    #[test]
    fn failures_are_told_apart() {
        for (error, expected) in [
            (Error::AlertReceived(AlertDescription::HandshakeFailure), Some(TlsTrouble::NothingInCommon)),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), Some(TlsTrouble::OldVersion)),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), Some(TlsTrouble::NotTls)),
            (CertificateError::Expired.into(), Some(TlsTrouble::Dates)),
            (CertificateError::NotValidForName.into(), Some(TlsTrouble::Name)),
            (CertificateError::InvalidPurpose.into(), Some(TlsTrouble::Purpose)),
            (CertificateError::UnknownIssuer.into(), Some(TlsTrouble::Untrusted)),
            (CertificateError::BadSignature.into(), Some(TlsTrouble::Certificate)),
            (CertificateError::Revoked.into(), None),
            (Error::DecryptError, None),
        ] {
            assert_eq!(TlsTrouble::of(&error), expected, "{error}");
        }
    }
}
