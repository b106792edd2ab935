//! Signs requests with signature version 4, in headers.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv4.html>; the work is done by `aws-sigv4`.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::Credentials;

/// What a signature is valid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningScope<'a> {
    /// The service, such as `s3` or `sts`.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// The time of the request; servers refuse one that differs from theirs by more than minutes.
    pub time: SystemTime,
}

/// Which part of the body is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedPayload<'a> {
    /// All of it.
    Bytes(&'a [u8]),
    /// Its SHA-256, in lower-case hexadecimal digits.
    Sha256Hex(&'a str),
    /// Nothing (`UNSIGNED-PAYLOAD`); S3 over TLS only.
    Unsigned,
}

/// A request that cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign the request")]
pub struct SigningError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Signs a request: adds `x-amz-date`, the session token and `authorization` to `headers`, for S3 also
/// `x-amz-content-sha256`.
///
/// The signature covers all `headers` except `user-agent` and hop-by-hop headers, which proxies change; it also covers
/// `host`, which `headers` may omit. `uri` is absolute and percent-encoded as it will be sent; for S3 its path is
/// signed unchanged.
///
/// # Errors
/// If a header is not text, the URI is invalid, or the keys contain characters that a header cannot.
pub fn sign(
    method: &http::Method,
    uri: &str,
    headers: &mut HeaderMap,
    payload: SignedPayload<'_>,
    scope: SigningScope<'_>,
    credentials: &Credentials,
) -> Result<(), SigningError> {
    // `aws-sigv4` logs the request with all headers, session tokens and customer keys included, at trace level.
    let silent = tracing::subscriber::NoSubscriber::default();
    let signed = tracing::subscriber::with_default(silent, || {
        signature(method, uri, headers, payload, scope, credentials)
    })
    .map_err(SigningError)?;
    headers.extend(signed);
    Ok(())
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn signature(
    method: &http::Method,
    uri: &str,
    headers: &HeaderMap,
    payload: SignedPayload<'_>,
    scope: SigningScope<'_>,
    credentials: &Credentials,
) -> Result<Vec<(HeaderName, HeaderValue)>, BoxError> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token.as_ref().map(|token| token.expose().clone()),
        None,
        "haul",
    )
    .into();
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(settings)
        .build()?
        .into();
    let mut texts = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        texts.push((name.as_str(), value.to_str()?));
    }
    let body = match payload {
        SignedPayload::Bytes(bytes) => SignableBody::Bytes(bytes),
        SignedPayload::Sha256Hex(digest) => SignableBody::Precomputed(digest.to_owned()),
        SignedPayload::Unsigned => SignableBody::UnsignedPayload,
    };
    let request = SignableRequest::new(method.as_str(), uri, texts.into_iter(), body)?;
    let (instructions, _) = aws_sigv4::http_request::sign(request, &params)?.into_parts();
    let (signed, _) = instructions.into_parts();
    let mut added = Vec::with_capacity(signed.len());
    for header in signed {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(header.sensitive() || header.name() == "authorization");
        added.push((HeaderName::from_static(header.name()), value));
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceName;

    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, "GET Object".
    #[test]
    fn signature_of_the_documentation_is_reproduced() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            SourceName::Explicit,
        );
        let time = jiff::Timestamp::from_second(1_369_353_600).unwrap().into();
        let scope = SigningScope { service: "s3", region: "us-east-1", time };
        let mut headers = HeaderMap::new();
        headers.insert("range", HeaderValue::from_static("bytes=0-9"));
        let uri = "https://examplebucket.s3.amazonaws.com/test.txt";
        sign(&http::Method::GET, uri, &mut headers, SignedPayload::Bytes(b""), scope, &credentials).unwrap();
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(
            authorization.ends_with("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{authorization}"
        );
        assert!(headers["authorization"].is_sensitive());
    }

    #[test]
    fn session_token_is_added_and_signed() {
        let credentials = Credentials::new("AKID", "SECRET", SourceName::Explicit)
            .with_session_token(Some("TOKEN".to_owned()));
        let scope = SigningScope { service: "sts", region: "eu-west-1", time: SystemTime::UNIX_EPOCH };
        let mut headers = HeaderMap::new();
        let uri = "https://sts.eu-west-1.amazonaws.com/";
        sign(&http::Method::POST, uri, &mut headers, SignedPayload::Bytes(b"x"), scope, &credentials)
            .unwrap();
        assert_eq!(headers["x-amz-security-token"], "TOKEN");
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("/eu-west-1/sts/aws4_request"), "{authorization}");
        assert!(
            authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
        assert!(!headers.contains_key("x-amz-content-sha256"));
    }
}
