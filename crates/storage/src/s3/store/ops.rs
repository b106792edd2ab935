//! One function per S3 call. Keys are whole.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{StreamExt as _, stream};
use http::Method;
use http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use md5::{Digest, Md5};

use crate::s3::client::{Answer, Call, Client, Expect};
use crate::s3::reply::documents::{DeleteReply, PartsReply, etag, parse_create_multipart, parse_new_object};
use crate::s3::reply::web_page::WebPage;
use crate::s3::reply::xml::{MalformedXml, escape_into};
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::{Op, copy_source};
use crate::s3::request::options::Checksums;
use crate::s3::request::payload::Payload;
use crate::store::etags_of_parts;
use crate::{Error, ErrorKind, Md5Digest, Result, ServerReply, Uploaded, UploadedPart};

/// DeleteObject requests at once, where DeleteObjects does not work.
const DELETES_AT_ONCE: usize = 16;
/// Most keys that one DeleteObjects may name.
const MAX_DELETE: usize = 1000;

const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// What HeadObject tells.
#[derive(Debug)]
pub(crate) struct HeadReply {
    pub size_bytes: u64,
    pub etag: Option<String>,
    pub last_modified: Option<i64>,
    pub headers: HeaderMap,
}

/// What the server says of something that was sent, and how it keeps it.
#[derive(Debug)]
pub(crate) struct Stored<T> {
    pub what: T,
    /// Whether the server encrypts in a way that takes the MD5 out of entity tags.
    pub hides_md5: bool,
}

impl<T> Stored<T> {
    fn new(what: T, answer: &Answer) -> Self {
        Self { what, hides_md5: hides_md5(&answer.headers) }
    }
}

/// Whether a reply says that the object is encrypted in a way that takes the MD5 out of its entity tag:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>.
pub(crate) fn hides_md5(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-server-side-encryption-customer-algorithm")
        || headers
            .get("x-amz-server-side-encryption")
            .is_some_and(|encryption| encryption.as_bytes().starts_with(b"aws:kms"))
}

impl Client {
    /// PutObject: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
    ///
    /// A reply without an entity tag is not S3's, and the object not put.
    pub(crate) async fn put_object(
        &self,
        key: &str,
        payload: Payload,
        md5: Option<&Md5Digest>,
        mut headers: HeaderMap,
    ) -> Result<Stored<Uploaded>> {
        if let Some(md5) = md5 {
            headers.insert(CONTENT_MD5, base64_value(md5));
        }
        let is_conditional = headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MATCH);
        let call = Call { headers, payload, ..Call::new(Op::Put, Method::PUT, Some(key)) };
        let mut attempts = self.attempts();
        let answer = match self.send_from(&call, &mut attempts).await {
            Ok(answer) => answer,
            // An attempt whose reply got lost may have done its work: then it is our own object that is in the way.
            Err(error)
                if is_conditional && attempts.count() > 1 && error.kind() == ErrorKind::Precondition =>
            {
                return self.put_before(key, md5, error).await;
            }
            Err(error) => return Err(error),
        };
        let uploaded = uploaded(&answer);
        if uploaded.etag.is_none() {
            return Err(self.no_etag(&call));
        }
        Ok(Stored::new(uploaded, &answer))
    }

    /// Looks whether an earlier attempt put the object that now contradicts the condition of its repetition.
    async fn put_before(&self, key: &str, md5: Option<&Md5Digest>, error: Error) -> Result<Stored<Uploaded>> {
        let head = self.head_object(key, HeaderMap::new(), Query::default()).await;
        if let Ok(Some(head)) = &head
            && !hides_md5(&head.headers)
            && let Some(found) = head.etag.as_deref()
            && let Some(md5) = md5
        {
            if found.eq_ignore_ascii_case(&hex::encode(md5)) {
                let version_id = head.headers.get("x-amz-version-id").and_then(|id| id.to_str().ok());
                let what = Uploaded { etag: head.etag.clone(), version_id: version_id.map(str::to_owned) };
                return Ok(Stored { what, hides_md5: false });
            }
            // Of other bytes: not ours.
            if found.len() == 32 {
                return Err(error);
            }
        }
        let message = format!(
            "cannot tell whether `s3://{}/{key}` was put: the server's reply got lost, and now an object is there",
            self.options.bucket
        );
        Err(Error::new(ErrorKind::Server, message).with_source(error))
    }

    /// Makes the error of a reply that tells no entity tag, which S3 gives to everything that it keeps.
    fn no_etag(&self, call: &Call<'_>) -> Error {
        self.malformed(call, MalformedXml("the reply has no ETag".into()))
    }

    /// HeadObject: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>; `None` if it is not there.
    pub(crate) async fn head_object(
        &self,
        key: &str,
        headers: HeaderMap,
        query: Query,
    ) -> Result<Option<HeadReply>> {
        let op = if query.has("versionId") { Op::HeadVersion } else { Op::Head };
        let call = Call { query, headers, ..Call::new(op, Method::HEAD, Some(key)) };
        let answer = match self.send(&call).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(page) = WebPage::in_headers(&answer.headers) {
            return Err(self.malformed(&call, page));
        }
        let size_bytes =
            answer.header("content-length").and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
                self.malformed(
                    &call,
                    crate::s3::reply::xml::MalformedXml("the reply has no Content-Length".into()),
                )
            })?;
        Ok(Some(HeadReply {
            size_bytes,
            etag: answer.header("etag").and_then(etag),
            last_modified: answer.header("last-modified").and_then(parse_http_date),
            headers: answer.headers,
        }))
    }

    /// CopyObject within the bucket: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
    pub(crate) async fn copy_object(&self, from: &str, to: &str) -> Result<Uploaded> {
        let mut call = Call { expect: Expect::Xml, ..Call::new(Op::Copy, Method::PUT, Some(to)) };
        let source = copy_source(&self.options.bucket, from)?;
        call.headers.insert(HeaderName::from_static("x-amz-copy-source"), source);
        let answer = self.send(&call).await?;
        let etag = parse_new_object(&answer.body).map_err(|malformed| self.malformed(&call, malformed))?;
        if etag.is_none() {
            return Err(self.no_etag(&call));
        }
        Ok(Uploaded { etag, ..uploaded(&answer) })
    }

    /// CreateMultipartUpload: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>.
    ///
    /// With checksums, AWS takes those of the parts only if the upload was announced with their algorithm, and then wants
    /// to see them again at its end. It is what the AWS SDKs send; s3fs, and so DVC, sends them with the parts alone.
    pub(crate) async fn create_upload(&self, key: &str, mut headers: HeaderMap) -> Result<Stored<String>> {
        if self.options.checksums == Checksums::WhenSupported {
            headers.insert(CHECKSUM_ALGORITHM, HeaderValue::from_static("CRC32"));
        }
        let call = Call {
            query: Query::default().with("uploads", ""),
            headers,
            expect: Expect::Xml,
            ..Call::new(Op::CreateMultipart, Method::POST, Some(key))
        };
        let answer = self.send(&call).await?;
        let id =
            parse_create_multipart(&answer.body).map_err(|malformed| self.malformed(&call, malformed))?;
        Ok(Stored::new(id, &answer))
    }

    /// UploadPart: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html>.
    pub(crate) async fn upload_part(
        &self,
        key: &str,
        id: &str,
        number: u32,
        payload: Payload,
        md5: &Md5Digest,
    ) -> Result<Stored<UploadedPart>> {
        let size_bytes = payload.len_bytes();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_MD5, base64_value(md5));
        let call = Call {
            query: Query::default().with("uploadId", id).with("partNumber", &number.to_string()),
            headers,
            payload,
            ..Call::new(Op::UploadPart, Method::PUT, Some(key))
        };
        let answer = self.send(&call).await?;
        let etag = answer.headers.get(ETAG).and_then(|value| value.to_str().ok());
        let etag = etag.ok_or_else(|| self.no_etag(&call))?.to_owned();
        // A server that does not send it back does not keep it.
        let crc32 = answer.header("x-amz-checksum-crc32").map(str::to_owned);
        Ok(Stored::new(UploadedPart { number, etag, md5: Some(*md5), crc32, size_bytes }, &answer))
    }

    /// ListParts, all pages: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>.
    pub(crate) async fn list_upload(&self, key: &str, id: &str) -> Result<Option<Vec<UploadedPart>>> {
        let mut parts = Vec::new();
        let mut marker: Option<u32> = None;
        loop {
            let mut query = Query::default().with("uploadId", id);
            if let Some(marker) = marker {
                query = query.with("part-number-marker", &marker.to_string());
            }
            let call =
                Call { query, expect: Expect::Xml, ..Call::new(Op::ListParts, Method::GET, Some(key)) };
            let answer = match self.send(&call).await {
                Ok(answer) => answer,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut page =
                PartsReply::parse(&answer.body).map_err(|malformed| self.malformed(&call, malformed))?;
            parts.append(&mut page.parts);
            match page.next {
                None => return Ok(Some(latest(parts))),
                Some(next) if marker.is_none_or(|marker| next > marker) => marker = Some(next),
                Some(_) => {
                    let malformed =
                        crate::s3::reply::xml::MalformedXml("the list of parts does not move on".into());
                    return Err(self.malformed(&call, malformed));
                }
            }
        }
    }

    /// CompleteMultipartUpload: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>.
    pub(crate) async fn complete_upload(
        &self,
        key: &str,
        id: &str,
        parts: &[UploadedPart],
    ) -> Result<Stored<Uploaded>> {
        let mut xml =
            String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for part in parts {
            let _ = write!(xml, "<Part><PartNumber>{}</PartNumber><ETag>", part.number);
            escape_into(&mut xml, &part.etag);
            xml.push_str("</ETag>");
            if let Some(crc32) = &part.crc32 {
                xml.push_str("<ChecksumCRC32>");
                escape_into(&mut xml, crc32);
                xml.push_str("</ChecksumCRC32>");
            }
            xml.push_str("</Part>");
        }
        xml.push_str("</CompleteMultipartUpload>");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_MD5, base64_value(&Md5::digest(xml.as_bytes())));
        let call = Call {
            query: Query::default().with("uploadId", id),
            headers,
            payload: Payload::bytes(xml),
            expect: Expect::Xml,
            ..Call::new(Op::CompleteMultipart, Method::POST, Some(key))
        };
        let mut attempts = self.attempts();
        let answer = match self.send_from(&call, &mut attempts).await {
            Ok(answer) => answer,
            // The last failure is the one at hand; an attempt before it may have done its work.
            Err(error) if attempts.count() > 1 => return self.completed_before(key, parts, error).await,
            Err(error) => return Err(error),
        };
        let etag = parse_new_object(&answer.body).map_err(|malformed| self.malformed(&call, malformed))?;
        if etag.is_none() {
            return Err(self.no_etag(&call));
        }
        Ok(Stored::new(Uploaded { etag, ..uploaded(&answer) }, &answer))
    }

    /// Looks whether an upload that is "not known" was completed by an attempt whose reply got lost.
    ///
    /// Only an entity tag made of those of the parts proves it. Whatever else lies under the key, of this size or not,
    /// may have been there before.
    async fn completed_before(
        &self,
        key: &str,
        parts: &[UploadedPart],
        error: Error,
    ) -> Result<Stored<Uploaded>> {
        let is_unknown = error.reply().and_then(|reply| reply.code.as_deref()) == Some("NoSuchUpload");
        let expected = etags_of_parts(parts);
        if !is_unknown || expected.is_empty() {
            return Err(error);
        }
        match self.head_object(key, HeaderMap::new(), Query::default()).await {
            Ok(Some(head)) if head.etag.as_ref().is_some_and(|etag| expected.contains(etag)) => {
                let version_id = head.headers.get("x-amz-version-id").and_then(|id| id.to_str().ok());
                let what = Uploaded { etag: head.etag.clone(), version_id: version_id.map(str::to_owned) };
                Ok(Stored { what, hides_md5: hides_md5(&head.headers) })
            }
            _ => Err(error),
        }
    }

    /// AbortMultipartUpload: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>.
    pub(crate) async fn abort_upload(&self, key: &str, id: &str) -> Result<()> {
        let query = Query::default().with("uploadId", id);
        match self.send(&Call { query, ..Call::new(Op::AbortMultipart, Method::DELETE, Some(key)) }).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// DeleteObjects: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>.
    ///
    /// Each key comes with the version to delete, or none: all with one, or all without. Returns what is still there, by
    /// its place in `named`, with the reason. What was not there is not among it.
    pub(crate) async fn delete_objects(
        &self,
        named: &[(String, Option<String>)],
    ) -> Result<Vec<(usize, Error)>> {
        let has_versions = named.first().is_some_and(|(_, version_id)| version_id.is_some());
        let op = if has_versions { Op::DeleteVersions } else { Op::BulkDelete };
        let mut failed = Vec::new();
        for (chunk, start) in named.chunks(MAX_DELETE).zip((0..).step_by(MAX_DELETE)) {
            let errors = match self.delete_chunk(op, chunk).await {
                Ok(errors) => errors,
                // A server without this call.
                Err(error) if error.kind() == ErrorKind::Unsupported => self.delete_each(chunk, 0).await,
                // Ceph asks for the right to delete on the bucket here, where a policy may grant it on the objects only.
                // Whether it does, one of them tells.
                Err(error) if error.kind() == ErrorKind::Denied => {
                    let Some((key, version_id)) = chunk.first() else { continue };
                    if self.delete_object(key, version_id.as_deref()).await.is_err() {
                        return Err(error);
                    }
                    self.delete_each(&chunk[1..], 1).await
                }
                Err(error) => return Err(error),
            };
            failed.extend(errors.into_iter().map(|(index, error)| (start + index, error)));
        }
        Ok(failed)
    }

    /// Deletes one by one, several at once; returns what is still there, counted from `start`.
    async fn delete_each(&self, named: &[(String, Option<String>)], start: usize) -> Vec<(usize, Error)> {
        // Owned names: the compiler cannot tell that a stream of futures with borrowed ones may cross threads.
        let owned: Vec<_> = named.iter().cloned().zip(start..).collect();
        stream::iter(owned)
            .map(|((key, version_id), index)| async move {
                let deleted = self.delete_object(&key, version_id.as_deref()).await;
                deleted.err().map(|error| (index, error))
            })
            .buffer_unordered(DELETES_AT_ONCE)
            .filter_map(|failed| async move { failed })
            .collect()
            .await
    }

    /// One DeleteObjects of at most [`MAX_DELETE`] keys, each with the version to delete, if one is named.
    ///
    /// Returns what is still there, by its place in `named`.
    async fn delete_chunk(&self, op: Op, named: &[(String, Option<String>)]) -> Result<Vec<(usize, Error)>> {
        let mut xml = String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (key, version_id) in named {
            xml.push_str("<Object><Key>");
            escape_into(&mut xml, key);
            xml.push_str("</Key>");
            if let Some(version_id) = version_id {
                xml.push_str("<VersionId>");
                escape_into(&mut xml, version_id);
                xml.push_str("</VersionId>");
            }
            xml.push_str("</Object>");
        }
        xml.push_str("</Delete>");
        let mut call = Call {
            query: Query::default().with("delete", ""),
            expect: Expect::Xml,
            ..Call::new(op, Method::POST, None)
        };
        call.headers.insert(CONTENT_MD5, base64_value(&Md5::digest(xml.as_bytes())));
        call.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        call.payload = Payload::bytes(xml);
        let answer = self.send(&call).await?;
        let reply = DeleteReply::parse(&answer.body).map_err(|malformed| self.malformed(&call, malformed))?;
        let mut pending: BTreeMap<(&str, Option<&str>), usize> =
            named.iter().zip(0..).map(|((key, id), index)| ((key.as_str(), id.as_deref()), index)).collect();
        for (key, version_id) in &reply.deleted {
            // Without a named version, the one that is told is that of a new delete marker.
            let version_id = version_id.as_deref().filter(|_| op == Op::DeleteVersions);
            settle(&mut pending, key, version_id);
        }
        let mut failed = Vec::new();
        for error in &reply.errors {
            let version_id = error.version_id.as_deref().filter(|_| op == Op::DeleteVersions);
            // An error for a key that was not asked for is none of ours.
            let Some(index) = settle(&mut pending, &error.key, version_id) else { continue };
            if matches!(error.code.as_deref(), Some("NoSuchKey" | "NoSuchVersion")) {
                continue;
            }
            let is_denied = error.code.as_deref() == Some("AccessDenied");
            let kind = if is_denied { ErrorKind::Denied } else { ErrorKind::Server };
            let message = format!("cannot delete `s3://{}/{}`", self.options.bucket, error.key);
            let reply = ServerReply {
                status: 200,
                code: error.code.clone(),
                message: error.message.clone(),
                ..ServerReply::default()
            };
            let mut still_there = Error::new(kind, message).with_reply(reply);
            if is_denied {
                still_there = still_there.with_hint(self.right_hint(op));
            }
            failed.push((index, still_there));
        }
        for ((key, _), index) in pending {
            let message = format!(
                "cannot tell whether `s3://{}/{key}` was deleted: the server's reply does not name it",
                self.options.bucket
            );
            failed.push((index, Error::new(ErrorKind::Corrupt, message)));
        }
        failed.sort_by_key(|(index, _)| *index);
        Ok(failed)
    }

    /// DeleteObject: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>.
    pub(crate) async fn delete_object(&self, key: &str, version_id: Option<&str>) -> Result<()> {
        let (op, query) = match version_id {
            Some(id) => (Op::DeleteVersion, Query::default().with("versionId", id)),
            None => (Op::Delete, Query::default()),
        };
        match self.send(&Call { query, ..Call::new(op, Method::DELETE, Some(key)) }).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Takes what a reply names out of what was asked for. Some servers do not repeat the version that was named.
fn settle<'a>(
    pending: &mut BTreeMap<(&'a str, Option<&'a str>), usize>,
    key: &'a str,
    version_id: Option<&'a str>,
) -> Option<usize> {
    let named = pending
        .range((key, None)..)
        .map(|(named, _)| *named)
        .take_while(|(other, _)| *other == key)
        .find(|(_, other)| version_id.is_none() || *other == version_id)?;
    pending.remove(&named)
}

/// Keeps the last of parts with the same number: some servers list replaced ones as well.
fn latest(parts: Vec<UploadedPart>) -> Vec<UploadedPart> {
    let by_number: BTreeMap<u32, UploadedPart> = parts.into_iter().map(|part| (part.number, part)).collect();
    by_number.into_values().collect()
}

fn uploaded(answer: &Answer) -> Uploaded {
    Uploaded {
        etag: answer.header("etag").and_then(etag),
        version_id: answer.header("x-amz-version-id").map(str::to_owned),
    }
}

fn base64_value(digest: &[u8]) -> HeaderValue {
    HeaderValue::from_str(&BASE64.encode(digest)).expect("base64 is plain ASCII")
}

/// Reads the date of a header, in seconds since the Unix epoch.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}
