//! Signature version 4, in headers.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. Our own, because the
//! signers at hand either log requests whole at trace level, customer keys included, or work on one HTTP stack's types only.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use haul_auth::Credentials;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::endpoint::Target;

/// The SHA-256 of nothing.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Stands for the hash of a body that is not signed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Signs requests; keeps the signing key, which changes once a day.
#[derive(Default)]
pub(crate) struct Signer {
    cached: Mutex<Option<CachedKey>>,
}

struct CachedKey {
    date: String,
    region: String,
    access_key_id: String,
    /// Kept to notice another secret under the same id.
    secret_digest: [u8; 32],
    key: [u8; 32],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// A header of the signature has a value HTTP cannot carry: the keys are malformed.
#[derive(Debug, thiserror::Error)]
#[error("the credentials hold characters that an HTTP header cannot carry")]
pub(crate) struct MalformedCredentials;

impl Signer {
    /// Signs a request: adds `x-amz-date`, `x-amz-content-sha256`, the session token and `authorization` to `headers`.
    ///
    /// Every header that is there already is signed, but `content-length`, which proxies may drop, and
    /// `user-agent`, which they may change.
    pub(crate) fn sign(
        &self,
        method: &Method,
        target: &Target,
        headers: &mut HeaderMap,
        payload_hash: &str,
        credentials: &Credentials,
        region: &str,
        now: SystemTime,
    ) -> Result<(), MalformedCredentials> {
        let timestamp = DateTime::<Utc>::from(now).format("%Y%m%dT%H%M%SZ").to_string();
        let date = &timestamp[..8];
        headers.insert(X_AMZ_DATE, value(&timestamp)?);
        headers.insert(X_AMZ_CONTENT_SHA256, value(payload_hash)?);
        if let Some(token) = &credentials.session_token {
            let mut token = value(token.expose())?;
            token.set_sensitive(true);
            headers.insert(X_AMZ_SECURITY_TOKEN, token);
        }
        let (canonical, signed_headers) = canonical_request(method, target, headers, payload_hash)?;
        let scope = format!("{date}/{region}/s3/aws4_request");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{}",
            hex::encode(Sha256::digest(canonical.as_bytes()))
        );
        let signature = hex::encode(hmac(&self.key(credentials, date, region), to_sign.as_bytes()));
        let mut authorization = value(&format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
            credentials.access_key_id
        ))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    fn key(&self, credentials: &Credentials, date: &str, region: &str) -> [u8; 32] {
        let secret = credentials.secret_access_key.expose();
        let secret_digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = &*cached
            && cached.date == date
            && cached.region == region
            && cached.access_key_id == credentials.access_key_id
            && cached.secret_digest == secret_digest
        {
            return cached.key;
        }
        let start = zeroize::Zeroizing::new(format!("AWS4{secret}"));
        let key = [date, region, "s3", "aws4_request"]
            .iter()
            .fold(None, |key: Option<[u8; 32]>, step| {
                Some(hmac(key.as_ref().map_or(start.as_bytes(), |key| &key[..]), step.as_bytes()))
            })
            .unwrap_or_default();
        *cached = Some(CachedKey {
            date: date.to_owned(),
            region: region.to_owned(),
            access_key_id: credentials.access_key_id.clone(),
            secret_digest,
            key,
        });
        key
    }
}

fn canonical_request(
    method: &Method,
    target: &Target,
    headers: &HeaderMap,
    payload_hash: &str,
) -> Result<(String, String), MalformedCredentials> {
    let mut lines: Vec<(&str, &str)> = vec![("host", &target.authority)];
    for (name, value) in headers {
        if !matches!(name.as_str(), "authorization" | "content-length" | "user-agent") {
            lines.push((name.as_str(), value.to_str().map_err(|_| MalformedCredentials)?.trim()));
        }
    }
    lines.sort_unstable();
    let mut text = format!("{method}\n{}\n{}\n", target.path, target.query.canonical());
    for (name, value) in &lines {
        // Runs of blanks count as one, as servers and proxies may make them one.
        if value.contains("  ") {
            let folded: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
            let _ = writeln!(text, "{name}:{}", folded.join(" "));
        } else {
            let _ = writeln!(text, "{name}:{value}");
        }
    }
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    let signed_headers = names.join(";");
    let _ = write!(text, "\n{signed_headers}\n{payload_hash}");
    Ok((text, signed_headers))
}

fn value(text: &str) -> Result<HeaderValue, MalformedCredentials> {
    HeaderValue::from_str(text).map_err(|_| MalformedCredentials)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::endpoint::Query;
    use haul_auth::SourceName;

    /// The examples of the S3 API reference (see the module's source link): 24 May 2013, bucket `examplebucket`.
    fn signature(
        method: Method,
        path: &str,
        query: Query,
        extra: &[(&'static str, &str)],
        hash: &str,
    ) -> String {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            SourceName::Environment,
        );
        let target = Target {
            scheme: "https",
            authority: "examplebucket.s3.amazonaws.com".into(),
            path: path.into(),
            query,
        };
        let mut headers: HeaderMap = extra
            .iter()
            .map(|(name, text)| (HeaderName::from_static(name), HeaderValue::from_str(text).unwrap()))
            .collect();
        let now = DateTime::parse_from_rfc3339("2013-05-24T00:00:00Z").unwrap().into();
        let signer = Signer::default();
        for _ in 0..2 {
            headers.remove(AUTHORIZATION);
            signer.sign(&method, &target, &mut headers, hash, &credentials, "us-east-1", now).unwrap();
        }
        assert!(headers[AUTHORIZATION].is_sensitive());
        headers[AUTHORIZATION].to_str().unwrap().rsplit('=').next().unwrap().to_owned()
    }

    #[test]
    fn published_get_example_is_met() {
        let signed =
            signature(Method::GET, "/test.txt", Query::default(), &[("range", "bytes=0-9")], EMPTY_SHA256);
        assert_eq!(signed, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    #[test]
    fn published_put_example_is_met() {
        let headers =
            [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let signed = signature(Method::PUT, "/test%24file.text", Query::default(), &headers, hash);
        assert_eq!(signed, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn published_query_examples_are_met() {
        let lifecycle = Query::default().with("lifecycle", "");
        let signed = signature(Method::GET, "/", lifecycle, &[], EMPTY_SHA256);
        assert_eq!(signed, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        let list = Query::default().with("prefix", "J").with("max-keys", "2");
        let signed = signature(Method::GET, "/", list, &[], EMPTY_SHA256);
        assert_eq!(signed, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    }

    #[test]
    fn another_secret_or_region_is_another_signature() {
        let target =
            Target { scheme: "http", authority: "h".into(), path: "/b".into(), query: Query::default() };
        let signer = Signer::default();
        let mut seen = std::collections::BTreeSet::new();
        for (secret, region) in [("s1", "r1"), ("s2", "r1"), ("s1", "r2"), ("s1", "r1")] {
            let mut headers = HeaderMap::new();
            let credentials = Credentials::new("id", secret, SourceName::Environment);
            signer
                .sign(
                    &Method::GET,
                    &target,
                    &mut headers,
                    UNSIGNED_PAYLOAD,
                    &credentials,
                    region,
                    SystemTime::UNIX_EPOCH,
                )
                .unwrap();
            seen.insert(headers[AUTHORIZATION].to_str().unwrap().to_owned());
        }
        assert_eq!(seen.len(), 3);
    }
}
