//! [`S3Store`]: a bucket below a prefix, for the transfer engine and as an `object_store`.
//!
//! | module | |
//! |---|---|
//! | `ops`, `list`, `uploads`, `download` | one function per call; listings; GET that goes on where it broke off |
//! | `locked` | objects that the customer key does not open |
//! | `versions` | [`S3Store`] as a store that keeps versions |
//! | `examine` | what the bucket is set up to do |
//! | `object_store` | [`S3Store`] as a store of the `object_store` crate |

mod download;
mod examine;
pub(super) mod list;
mod locked;
mod object_store;
mod ops;
mod uploads;
pub(super) mod versions;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use haul_auth::{Clock, ProvideCredentials, SystemClock};
use http::header::{HeaderMap, HeaderValue, IF_MATCH};

use crate::s3::client::Client;
use crate::s3::reply::documents::etag;
use crate::s3::reply::etags::EtagKnowledge;
use crate::s3::request::endpoint::{Endpoint, Query};
use crate::s3::request::options::{AddressingStyle, ListApi, S3Options};
use crate::s3::request::payload::Payload;
use crate::s3::transport::exchange::Transport;
use crate::s3::transport::http_client::{Http, HttpTransport};
use crate::{
    Body, DeleteStore, Download, Error, ErrorKind, ListFrom, ListPage, ListStore, Md5Digest, MultipartStore,
    ObjectInfo, OpenUpload, ReadStore, RemoteStore, Result, StoreLimits, TroubleListener, Uploaded,
    UploadedPart, WaitListener, WriteStore,
};
use download::{Wanted, open};
use list::{ListRequest, list_page};
use ops::{Stored, hides_md5};
use uploads::list_uploads;

/// Most bytes of one PUT and of one part.
const MAX_PUT_BYTES: u64 = 5 << 30;
/// Fewest bytes of a part, but for the last.
const MIN_PART_BYTES: u64 = 5 << 20;
/// Most parts of an upload.
const MAX_PARTS: u32 = 10_000;

/// A bucket, or what lies below a prefix of it, on AWS or any other server that speaks S3.
///
/// Cheap to clone. It implements [`RemoteStore`] and the traits of `object_store`: `ObjectStore`,
/// `MultipartStore` and `PaginatedListStore`, all with keys below the prefix.
#[derive(Clone)]
pub struct S3Store {
    pub(crate) client: Arc<Client>,
    location: String,
    /// What all keys start with: empty, or with a `/` at its end.
    key_prefix: String,
    etags: Arc<EtagKnowledge>,
}

impl S3Store {
    /// Makes a store; nothing is sent. `http` may be shared between stores and with the credential chain.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an endpoint, a CA bundle or an option that cannot be used.
    pub fn new(options: S3Options, credentials: Arc<dyn ProvideCredentials>, http: &Http) -> Result<Self> {
        let uses_tls = Endpoint::resolve(&options)?.is_tls();
        let transport = HttpTransport::new(http.client(uses_tls)?, options.max_bandwidth);
        Self::with_transport(options, credentials, Arc::new(transport), Arc::new(SystemClock))
    }

    pub(crate) fn with_transport(
        options: S3Options,
        credentials: Arc<dyn ProvideCredentials>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let location = options.location();
        let key_prefix =
            if options.prefix.is_empty() { String::new() } else { format!("{}/", options.prefix) };
        let client = Arc::new(Client::new(options, transport, credentials, clock)?);
        Ok(Self { client, location, key_prefix, etags: Arc::default() })
    }

    /// Tells `listener` of servers that keep calls waiting; the first one that is set stays.
    pub(crate) fn tell_of_waits(&self, listener: Arc<dyn WaitListener>) {
        self.client.tell_of_waits(listener);
    }

    /// Returns the server that requests go to, as `https://minio.example.org:9000`.
    pub fn endpoint(&self) -> String {
        self.client.endpoint().origin()
    }

    /// Whether listings use the second version of the protocol.
    pub fn lists_by_v2(&self) -> bool {
        self.client.options.list_api == ListApi::V2
    }

    /// Returns the URL that an object has there, as it is sent and signed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a key that cannot be sent.
    pub fn url(&self, key: &str) -> Result<String> {
        Ok(self.client.endpoint().object(&self.full_key(key), Query::default())?.url())
    }

    /// Returns where the bucket's name goes: path or host.
    pub fn addressing(&self) -> AddressingStyle {
        self.client.endpoint().addressing()
    }

    /// Returns by how many seconds the server's clock is ahead of this machine's, once it answered and told the time.
    pub fn clock_skew(&self) -> Option<i64> {
        self.client.measured_skew()
    }

    /// Returns the region that requests are signed for; it follows what the server says.
    pub fn region(&self) -> String {
        self.client.endpoint().region().to_owned()
    }

    /// Returns the whole key of a key below the prefix.
    pub(crate) fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.key_prefix)
    }

    /// Returns what of a whole key lies below the prefix.
    pub(crate) fn below_prefix<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.key_prefix)
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Store")
            .field("location", &self.location)
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

impl S3Store {
    /// Takes note of how the server encrypts what was sent: by default, it may encrypt what it was not asked to.
    fn learn<T>(&self, stored: Stored<T>) -> T {
        if stored.hides_md5 {
            self.etags.note_other();
        }
        stored.what
    }

    /// Compares the entity tag of an upload with the digest of its body.
    fn check_etag(&self, key: &str, etag: Option<&str>, md5: &Md5Digest) -> Result<()> {
        if !self.limits().etag_is_md5 || self.etags.check(etag, md5) {
            return Ok(());
        }
        let message = format!(
            "the server stored other bytes than were sent as `s3://{}/{key}`: it answers with the entity tag `{}`",
            self.client.options.bucket,
            etag.unwrap_or_default()
        );
        Err(Error::new(ErrorKind::Corrupt, message))
    }
}

impl RemoteStore for S3Store {
    fn as_list(&self) -> Option<&dyn ListStore> {
        Some(self)
    }

    fn as_write(&self) -> Option<&dyn WriteStore> {
        Some(self)
    }

    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        Some(self)
    }

    fn as_multipart(&self) -> Option<&dyn MultipartStore> {
        Some(self)
    }
}

#[async_trait]
impl ReadStore for S3Store {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> &'static str {
        "a bucket"
    }

    fn limits(&self) -> StoreLimits {
        let options = &self.client.options;
        StoreLimits {
            multipart_threshold_bytes: options.multipart_threshold_bytes.min(MAX_PUT_BYTES),
            part_size_bytes: options.part_size_bytes.clamp(MIN_PART_BYTES, MAX_PUT_BYTES),
            max_parts: MAX_PARTS,
            max_concurrency: options.max_concurrency,
            max_queue: options.max_queue,
            etag_is_md5: options.customer_key.is_none()
                && !options.object.hides_md5()
                && self.etags.may_be_md5(),
            has_customer_key: options.customer_key.is_some(),
        }
    }

    fn tell_of_trouble(&self, listener: Weak<dyn TroubleListener>) {
        self.client.tell_of_trouble(listener);
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let head = self.client.head_object(&self.full_key(key), HeaderMap::new(), Query::default()).await;
        let head = match head {
            Err(error) if self.may_be_locked(&error) => {
                self.prove_absent(key, error).await?;
                None
            }
            head => head?,
        };
        if head.as_ref().is_some_and(|head| hides_md5(&head.headers)) {
            // The bucket encrypts by default; a listing does not tell.
            self.etags.note_other();
        }
        Ok(head.map(|head| ObjectInfo {
            key: key.to_owned(),
            size_bytes: head.size_bytes,
            etag: head.etag,
            last_modified: head.last_modified,
        }))
    }

    async fn confirm(&self) -> Result<bool> {
        if self.client.has_seen_bucket() {
            return Ok(false);
        }
        // One byte of what is not there: the rights are those that the HEAD needed, and the reply says what is missing.
        match self.get(crate::probe::ABSENT, Some(0..1), None).await {
            Err(error) if error.kind() == ErrorKind::NoSuchBucket => {
                let mut whole =
                    Error::new(ErrorKind::NoSuchBucket, format!("cannot use `{}`", self.location));
                if let Some(reply) = error.reply() {
                    whole = whole.with_reply(reply.clone());
                }
                Err(match error.hint() {
                    Some(hint) => whole.with_hint(hint),
                    None => whole,
                })
            }
            Err(error) if error.is_transient() || error.kind() == ErrorKind::Unauthenticated => Err(error),
            _ => Ok(true),
        }
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download> {
        let mut headers = HeaderMap::new();
        if let Some(tag) = if_match {
            let value = HeaderValue::from_str(&format!("\"{}\"", etag(tag).unwrap_or_default())).map_err(
                |source| Error::new(ErrorKind::Config, "malformed entity tag").with_source(source),
            )?;
            headers.insert(IF_MATCH, value);
        }
        let wanted = match range {
            None => Wanted::All,
            Some(range) if range.is_empty() => {
                return Err(Error::new(ErrorKind::Config, format!("no bytes of `{key}` are asked for")));
            }
            Some(range) => Wanted::Bounded(range),
        };
        let opened = open(&self.client, &self.full_key(key), Query::default(), &wanted, headers).await?;
        Ok(Download { size_bytes: opened.size_bytes, etag: opened.etag, stream: opened.stream })
    }
}

#[async_trait]
impl ListStore for S3Store {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        let prefix = self.full_key(prefix);
        let from = match from {
            ListFrom::AfterKey(key) => ListFrom::AfterKey(self.full_key(key)),
            other => other.clone(),
        };
        // A place before the first key or behind the last; some servers refuse markers outside the prefix.
        let from = match from {
            ListFrom::AfterKey(key) if !key.starts_with(&prefix) && key > prefix => {
                return Ok(ListPage::default());
            }
            ListFrom::AfterKey(key) if !key.starts_with(&prefix) => ListFrom::Start,
            other => other,
        };
        let request = ListRequest { prefix: &prefix, ..ListRequest::default() };
        let page = list_page(&self.client, &request, &from).await?;
        let objects = page.reply.objects.into_iter().filter_map(|object| {
            Some(ObjectInfo {
                key: self.below_prefix(&object.key)?.to_owned(),
                size_bytes: object.size_bytes,
                etag: object.etag,
                last_modified: object.last_modified,
            })
        });
        Ok(ListPage { objects: objects.collect(), is_truncated: page.next.is_some(), next: page.next })
    }
}

#[async_trait]
impl WriteStore for S3Store {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let key = self.full_key(key);
        let stored = self.client.put_object(&key, Payload::new(body), md5, HeaderMap::new()).await?;
        let uploaded = self.learn(stored);
        if let Some(md5) = md5 {
            self.check_etag(&key, uploaded.etag.as_deref(), md5)?;
        }
        Ok(uploaded)
    }
}

#[async_trait]
impl DeleteStore for S3Store {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        let named: Vec<_> = keys.iter().map(|key| (self.full_key(key), None)).collect();
        let failed = self.client.delete_objects(&named).await?;
        Ok(failed.into_iter().map(|(index, error)| (keys[index].clone(), error)).collect())
    }
}

#[async_trait]
impl MultipartStore for S3Store {
    async fn create_multipart(&self, key: &str) -> Result<String> {
        Ok(self.learn(self.client.create_upload(&self.full_key(key), HeaderMap::new()).await?))
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        let key = self.full_key(key);
        let part = self.client.upload_part(&key, upload_id, number, Payload::new(body), md5).await?;
        let part = self.learn(part);
        self.check_etag(&key, Some(part.etag.trim_matches('"')), md5)?;
        Ok(part)
    }

    async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        self.client.list_upload(&self.full_key(key), upload_id).await
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        Ok(self.learn(self.client.complete_upload(&self.full_key(key), upload_id, parts).await?))
    }

    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        self.client.abort_upload(&self.full_key(key), upload_id).await
    }

    async fn list_uploads(&self) -> Result<Vec<OpenUpload>> {
        let below = &self.key_prefix;
        let mut uploads = list_uploads(&self.client, below, below).await?;
        if uploads.is_empty() && !below.is_empty() {
            // MinIO takes the prefix for a whole key. Without one it lists what was started since it was started itself.
            uploads = match list_uploads(&self.client, "", below).await {
                // A policy may tie the right to the prefix.
                Err(error) if error.kind() == ErrorKind::Denied => Vec::new(),
                uploads => uploads?,
            };
        }
        let uploads = uploads.into_iter().filter_map(|upload| {
            Some(OpenUpload { key: self.below_prefix(&upload.key)?.to_owned(), ..upload })
        });
        Ok(uploads.collect())
    }
}
