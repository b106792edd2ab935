//! A simple S3 client for the tests' own requests, such as making a bucket or reading an object without haul.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use haul_auth::{Credentials, SignedPayload, SigningScope, SourceName, sign};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::runtime::Runtime;

use crate::announce::Announcement;

/// How long a server that reports that it is ready may still refuse requests.
const PATIENCE: Duration = Duration::from_secs(30);

thread_local! {
    /// Descriptions of what this thread read back from servers without haul.
    static READ_BACK: RefCell<BTreeSet<String>> = RefCell::default();
}

/// Records that something was read back from a server.
pub fn note_read_back(what: &str) {
    READ_BACK.with_borrow_mut(|read_back| read_back.insert(what.to_owned()));
}

/// Returns what this thread read back since the last call.
pub fn take_read_back() -> BTreeSet<String> {
    READ_BACK.take()
}

/// A blocking client for one server, with the keys of its owner.
#[derive(Debug)]
pub struct S3Client {
    http: reqwest::Client,
    runtime: Runtime,
    endpoint: String,
    region: String,
    access_key: String,
    secret_key: String,
}

/// A reply with its body.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// A short description of the request: `HEAD`, `GET ?acl`.
    asked: String,
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        if value.is_some() {
            note_read_back(&format!("{} {name}", self.asked));
        }
        value
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        if self.status.is_success() && !self.body.is_empty() {
            note_read_back(&self.asked);
        }
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Turns a status that is not a success into an error.
    pub fn ok(self, what: &str) -> Result<Self> {
        ensure!(self.status.is_success(), "{what}: {} {}", self.status, self.text());
        Ok(self)
    }
}

impl S3Client {
    /// Makes a client for an announced server.
    pub fn new(server: &Announcement) -> Result<Self> {
        let authority = server.ca_bundle.as_deref().map(fs_err::read).transpose()?;
        Ok(Self {
            http: http_client(authority.as_deref())?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            endpoint: server.endpoint.clone(),
            region: server.region.clone(),
            access_key: server.access_key.clone(),
            secret_key: server.secret_key.clone(),
        })
    }

    /// Sends a signed request. `target` is the path and the query, percent-encoded, with the slash at the start.
    pub fn send(
        &self,
        method: &Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply> {
        let body = body.into();
        let url = format!("{}{target}", self.endpoint);
        let mut signed = HeaderMap::new();
        for (name, value) in headers {
            signed.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
        let credentials = Credentials::new(&self.access_key, &self.secret_key, SourceName::Explicit);
        let scope = SigningScope { service: "s3", region: &self.region, time: SystemTime::now() };
        sign(method, &url, &mut signed, SignedPayload::Bytes(&body), scope, &credentials)?;
        self.runtime.block_on(async {
            let request = self.http.request(method.clone(), &url).headers(signed).body(body);
            let reply = request.send().await.with_context(|| format!("{method} {url}"))?;
            let (status, headers) = (reply.status(), reply.headers().clone());
            Ok(Reply { status, headers, body: reply.bytes().await?, asked: asked(method, target) })
        })
    }

    /// Reads the headers of an object.
    pub fn head(&self, bucket: &str, key: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send(&Method::HEAD, &format!("/{bucket}/{key}"), headers, Bytes::new())
    }

    /// Reads an object.
    pub fn get(&self, bucket: &str, key: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send(&Method::GET, &format!("/{bucket}/{key}"), headers, Bytes::new())
    }

    /// Lists the keys under a prefix; there are at most 1000.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let reply = self
            .send(&Method::GET, &format!("/{bucket}?list-type=2&prefix={prefix}"), &[], Bytes::new())?
            .ok("the listing")?;
        let text = reply.text();
        ensure!(!text.contains("<IsTruncated>true</IsTruncated>"), "more than a page of keys under {prefix}");
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Makes a bucket, unless it exists.
    pub fn make_bucket(&self, bucket: &str) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            // As on AWS, versitygw accepts ACLs only in buckets that are created for them.
            let ownership = [("x-amz-object-ownership", "BucketOwnerPreferred")];
            let reply = self.send(&Method::PUT, &format!("/{bucket}"), &ownership, Bytes::new())?;
            // A server that has just reported that it is ready may still reply that it is not initialised.
            if reply.status == StatusCode::SERVICE_UNAVAILABLE && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
            ensure!(
                reply.status.is_success() || reply.status == StatusCode::CONFLICT,
                "cannot make the bucket {bucket}: {} {}",
                reply.status,
                reply.text()
            );
            return Ok(());
        }
    }

    /// Sets the policy of a bucket, a JSON document.
    pub fn set_policy(&self, bucket: &str, policy: String) -> Result<()> {
        self.send(&Method::PUT, &format!("/{bucket}?policy="), &[], policy)?.ok("the bucket policy")?;
        Ok(())
    }

    /// Makes the server encrypt new objects of a bucket with this KMS key.
    pub fn encrypt_by_default(&self, bucket: &str, kms_key: &str) -> Result<()> {
        let body = format!(
            "<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>\
             <ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
             <KMSMasterKeyID>{kms_key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
             </Rule></ServerSideEncryptionConfiguration>"
        );
        self.send(&Method::PUT, &format!("/{bucket}?encryption="), &[], body)?.ok("default encryption")?;
        Ok(())
    }

    /// Turns on versioning for a bucket.
    pub fn enable_versioning(&self, bucket: &str) -> Result<()> {
        let body = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        self.send(&Method::PUT, &format!("/{bucket}?versioning="), &[], body)?.ok("versioning")?;
        Ok(())
    }
}

/// Describes a request: the method and the parameters of the query that name the operation.
fn asked(method: &Method, target: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let what =
        names.filter(|name| !matches!(*name, "" | "prefix" | "versionId")).collect::<Vec<_>>().join("&");
    match what.as_str() {
        "" => method.to_string(),
        "list-type" => "listing".to_owned(),
        what => format!("{method} ?{what}"),
    }
}

/// Makes an HTTP client that trusts only one authority.
pub(crate) fn http_client(authority_pem: Option<&[u8]>) -> Result<reqwest::Client> {
    // An error means that a provider is already installed.
    rustls::crypto::ring::default_provider().install_default().ok();
    let certificates = match authority_pem {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem)?,
        None => Vec::new(),
    };
    let client = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .tls_certs_only(certificates);
    Ok(client.build()?)
}
