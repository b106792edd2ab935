//! [`S3Store`] as a store of the `object_store` crate.
//!
//! Differences from that crate's own S3 client: a listing skips keys that its `Path` cannot hold (as `a//b`) instead
//! of failing as a whole, and objects come with ACLs, grants and encryption as the options say.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeZone, Utc};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, Error as OsError, GetOptions, GetRange, GetResult,
    GetResultPayload, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};

use super::S3Store;
use super::download::{Wanted, open};
use super::list::{ListRequest, Page, list_page};
use super::ops::parse_http_date;
use crate::s3::reply::documents::Listed;
use crate::s3::request::endpoint::Query;
use crate::s3::request::payload::Payload;
use crate::{Body, Error, ErrorKind, ListFrom, ReadStore as _, UploadedPart};

const STORE: &str = "S3";

impl fmt::Display for S3Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.location())
    }
}

/// Turns an error around, as far as the other crate can tell errors apart; ours is its source.
fn convert(path: &str, error: Error) -> OsError {
    let path = path.to_owned();
    let is_not_modified = error.reply().is_some_and(|reply| reply.status == 304);
    let kind = error.kind();
    let source = error.into();
    match kind {
        _ if is_not_modified => OsError::NotModified { path, source },
        ErrorKind::NotFound => OsError::NotFound { path, source },
        ErrorKind::Denied => OsError::PermissionDenied { path, source },
        ErrorKind::Unauthenticated => OsError::Unauthenticated { path, source },
        ErrorKind::Precondition => OsError::Precondition { path, source },
        ErrorKind::Unsupported => OsError::NotSupported { source },
        _ => OsError::Generic { store: STORE, source },
    }
}

fn not_supported(what: &str) -> OsError {
    OsError::NotSupported { source: what.to_owned().into() }
}

impl S3Store {
    /// Returns the metadata of a listed object, or `None` for a key outside the prefix or one no `Path` can hold.
    fn meta(&self, object: Listed) -> Option<ObjectMeta> {
        let key = self.below_prefix(&object.key)?;
        // `Path` drops a slash at either end, so that the object would be another one.
        let location = Path::parse(key).ok().filter(|path| path.as_ref() == key);
        let Some(location) = location else {
            tracing::warn!(key = object.key, "skipping an object whose key is not a path");
            return None;
        };
        Some(ObjectMeta {
            location,
            last_modified: timestamp(object.last_modified),
            size: object.size_bytes,
            e_tag: object.etag.map(|tag| format!("\"{tag}\"")),
            version: None,
        })
    }

    /// Lists below a folder, page by page.
    fn pages(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
    ) -> BoxStream<'static, Result<Page, OsError>> {
        let store = self.clone();
        let prefix = self.full_key(&folder(prefix));
        let from = match offset.map(|offset| self.full_key(offset.as_ref())) {
            Some(key) if !key.starts_with(&prefix) && key > prefix => {
                return futures::stream::empty().boxed();
            }
            Some(key) if key.starts_with(&prefix) => ListFrom::AfterKey(key),
            _ => ListFrom::Start,
        };
        futures::stream::try_unfold(Some(from), move |from| {
            let (store, prefix) = (store.clone(), prefix.clone());
            async move {
                let Some(from) = from else { return Ok(None) };
                let request = ListRequest { prefix: &prefix, ..ListRequest::default() };
                let page = list_page(&store.client, &request, &from)
                    .await
                    .map_err(|error| convert(&prefix, error))?;
                let next = page.next.clone();
                Ok(Some((page, next)))
            }
        })
        .boxed()
    }

    fn list_objects(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let store = self.clone();
        self.pages(prefix, offset)
            .map_ok(move |page| {
                let store = store.clone();
                let objects =
                    page.reply.objects.into_iter().filter_map(move |object| store.meta(object)).map(Ok);
                futures::stream::iter(objects)
            })
            .try_flatten()
            .boxed()
    }
}

fn folder(prefix: Option<&Path>) -> String {
    match prefix {
        Some(prefix) if !prefix.as_ref().is_empty() => format!("{prefix}/"),
        _ => String::new(),
    }
}

fn timestamp(seconds: Option<i64>) -> DateTime<Utc> {
    Utc.timestamp_opt(seconds.unwrap_or(0), 0).single().unwrap_or_default()
}

/// Makes the headers that describe an object.
fn attribute_headers(attributes: &Attributes, tags: &str) -> object_store::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (attribute, value) in attributes {
        let name = match attribute {
            Attribute::ContentDisposition => header::CONTENT_DISPOSITION,
            Attribute::ContentEncoding => header::CONTENT_ENCODING,
            Attribute::ContentLanguage => header::CONTENT_LANGUAGE,
            Attribute::ContentType => header::CONTENT_TYPE,
            Attribute::CacheControl => header::CACHE_CONTROL,
            Attribute::StorageClass => HeaderName::from_static("x-amz-storage-class"),
            Attribute::Metadata(name) => HeaderName::try_from(format!("x-amz-meta-{name}"))
                .map_err(|_| not_supported("a name of metadata that is not a header's"))?,
            _ => return Err(not_supported("an attribute that S3 does not know")),
        };
        headers.insert(name, header_value(value)?);
    }
    if !tags.is_empty() {
        headers.insert(HeaderName::from_static("x-amz-tagging"), header_value(tags)?);
    }
    Ok(headers)
}

fn header_value(text: &str) -> object_store::Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| not_supported("a value that an HTTP header cannot carry"))
}

fn attributes(headers: &HeaderMap) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let attribute = match name.as_str() {
            "content-disposition" => Attribute::ContentDisposition,
            "content-encoding" => Attribute::ContentEncoding,
            "content-language" => Attribute::ContentLanguage,
            "content-type" => Attribute::ContentType,
            "cache-control" => Attribute::CacheControl,
            "x-amz-storage-class" => Attribute::StorageClass,
            other => match other.strip_prefix("x-amz-meta-") {
                Some(name) => Attribute::Metadata(name.to_owned().into()),
                None => continue,
            },
        };
        attributes.insert(attribute, value.to_owned().into());
    }
    attributes
}

fn conditions(options: &GetOptions) -> object_store::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [(header::IF_MATCH, &options.if_match), (header::IF_NONE_MATCH, &options.if_none_match)]
    {
        if let Some(value) = value {
            headers.insert(name, header_value(value)?);
        }
    }
    for (name, time) in [
        (header::IF_MODIFIED_SINCE, options.if_modified_since),
        (header::IF_UNMODIFIED_SINCE, options.if_unmodified_since),
    ] {
        if let Some(time) = time {
            headers.insert(name, header_value(&httpdate::fmt_http_date(time.into()))?);
        }
    }
    Ok(headers)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn put_result(uploaded: crate::Uploaded) -> PutResult {
    PutResult {
        e_tag: uploaded.etag.map(|tag| format!("\"{tag}\"")),
        version: uploaded.version_id,
        extensions: http::Extensions::new(),
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let mut headers = attribute_headers(&options.attributes, options.tags.encoded())?;
        let is_create = matches!(options.mode, PutMode::Create);
        match options.mode {
            PutMode::Overwrite => {}
            PutMode::Create => {
                headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            PutMode::Update(version) => {
                let tag =
                    version.e_tag.ok_or_else(|| not_supported("an update without the object's ETag"))?;
                headers.insert(header::IF_MATCH, header_value(&tag)?);
            }
        }
        let bytes = Bytes::from(payload);
        let md5 = crate::hash::md5(&bytes);
        let key = self.full_key(location.as_ref());
        let put = self.client.put_object(&key, Payload::bytes(bytes), Some(&md5), headers).await;
        let reply = put.map_err(|error| match convert(location.as_ref(), error) {
            OsError::Precondition { path, source } if is_create => OsError::AlreadyExists { path, source },
            other => other,
        })?;
        Ok(put_result(reply.what))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let id = self.create_multipart_opts(location, options).await?;
        Ok(Box::new(Upload {
            store: self.clone(),
            location: location.clone(),
            id,
            n_parts: 0,
            parts: Arc::default(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let key = self.full_key(location.as_ref());
        let headers = conditions(&options)?;
        let query = match &options.version {
            Some(version) => Query::default().with("versionId", version),
            None => Query::default(),
        };
        let error = |error| convert(location.as_ref(), error);
        let meta = |size, tag: Option<String>, headers: &HeaderMap| ObjectMeta {
            location: location.clone(),
            last_modified: timestamp(header_text(headers, "last-modified").and_then(parse_http_date)),
            size,
            e_tag: tag.map(|tag| format!("\"{tag}\"")),
            version: header_text(headers, "x-amz-version-id").map(str::to_owned),
        };
        if options.head {
            let head = self.client.head_object(&key, headers, query).await.map_err(error)?;
            let head = head.ok_or_else(|| OsError::NotFound {
                path: location.to_string(),
                source: "the object does not exist".into(),
            })?;
            return Ok(GetResult {
                payload: GetResultPayload::Stream(futures::stream::empty().boxed()),
                meta: meta(head.size_bytes, head.etag, &head.headers),
                range: 0..head.size_bytes,
                attributes: attributes(&head.headers),
                extensions: http::Extensions::new(),
            });
        }
        let wanted = match options.range {
            None => Wanted::All,
            Some(GetRange::Bounded(range)) if range.is_empty() => {
                return Err(OsError::Generic { store: STORE, source: "an empty range is asked for".into() });
            }
            Some(GetRange::Bounded(range)) => Wanted::Bounded(range),
            Some(GetRange::Offset(start)) => Wanted::From(start),
            Some(GetRange::Suffix(n_bytes)) => Wanted::Last(n_bytes),
        };
        let opened = open(&self.client, &key, query, &wanted, headers).await.map_err(error)?;
        let path = location.to_string();
        let Some(size_bytes) = opened.size_bytes else {
            let source = "the server does not say how long the object is, or ignores the range".into();
            return Err(OsError::Generic { store: STORE, source });
        };
        Ok(GetResult {
            meta: meta(size_bytes, opened.etag, &opened.headers),
            attributes: attributes(&opened.headers),
            range: opened.range,
            payload: GetResultPayload::Stream(
                opened.stream.map_err(move |error| convert(&path, error)).boxed(),
            ),
            extensions: http::Extensions::new(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let store = self.clone();
        locations
            .ready_chunks(1000)
            .then(move |chunk| {
                let store = store.clone();
                async move { futures::stream::iter(store.delete_paths(chunk).await) }
            })
            .flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.list_objects(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.list_objects(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let folder = folder(prefix);
        let mut options =
            PaginatedListOptions { delimiter: Some("/".into()), ..PaginatedListOptions::default() };
        let mut whole = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
            extensions: http::Extensions::new(),
        };
        loop {
            let page = self.list_paginated(Some(&folder), options.clone()).await?;
            whole.common_prefixes.extend(page.result.common_prefixes);
            whole.objects.extend(page.result.objects);
            match page.page_token {
                Some(token) => options.page_token = Some(token),
                None => return Ok(whole),
            }
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        if matches!(options.mode, CopyMode::Create) {
            return Err(not_supported("a copy that must not replace an object"));
        }
        let (source, target) = (self.full_key(from.as_ref()), self.full_key(to.as_ref()));
        self.client.copy_object(&source, &target).await.map_err(|error| convert(from.as_ref(), error))?;
        Ok(())
    }
}

impl S3Store {
    async fn delete_paths(&self, chunk: Vec<object_store::Result<Path>>) -> Vec<object_store::Result<Path>> {
        let keys: Vec<_> = chunk.iter().flatten().map(|path| (self.full_key(path.as_ref()), None)).collect();
        let mut failed: std::collections::BTreeMap<String, Error> =
            match self.client.delete_objects(&keys).await {
                Ok(failed) => {
                    failed.into_iter().map(|(index, error)| (keys[index].0.clone(), error)).collect()
                }
                Err(error) => {
                    let source = Arc::new(error);
                    return chunk
                        .into_iter()
                        .map(|path| {
                            path.and_then(|_| {
                                Err(OsError::Generic { store: STORE, source: Arc::clone(&source).into() })
                            })
                        })
                        .collect();
                }
            };
        let outcome = |path: Path| match failed.remove(&self.full_key(path.as_ref())) {
            Some(error) => Err(convert(path.as_ref(), error)),
            None => Ok(path),
        };
        let mut outcome = outcome;
        chunk.into_iter().map(|path| path.and_then(&mut outcome)).collect()
    }
}

#[async_trait]
impl PaginatedListStore for S3Store {
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> object_store::Result<PaginatedListResult> {
        let prefix = self.full_key(prefix.unwrap_or_default());
        let from = match (options.page_token, options.offset) {
            (Some(token), _) => ListFrom::Token(token),
            (None, Some(offset)) => ListFrom::AfterKey(self.full_key(&offset)),
            (None, None) => ListFrom::Start,
        };
        let request = ListRequest {
            prefix: &prefix,
            delimiter: options.delimiter.as_deref(),
            max_keys: options.max_keys,
        };
        let page = list_page(&self.client, &request, &from).await.map_err(|error| convert(&prefix, error))?;
        let below = |prefix: &String| Path::parse(self.below_prefix(prefix)?).ok();
        Ok(PaginatedListResult {
            result: ListResult {
                common_prefixes: page.reply.common_prefixes.iter().filter_map(below).collect(),
                objects: page.reply.objects.into_iter().filter_map(|object| self.meta(object)).collect(),
                extensions: http::Extensions::new(),
            },
            page_token: page.next.and_then(|next| match next {
                ListFrom::Token(token) => Some(token),
                ListFrom::Start | ListFrom::AfterKey(_) => None,
            }),
        })
    }
}

/// Stands in the name of a part for a checksum that the server does not keep; it is no base64.
const NO_CHECKSUM: &str = "-";

#[async_trait]
impl MultipartStore for S3Store {
    async fn create_multipart(&self, path: &Path) -> object_store::Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<MultipartId> {
        let headers = attribute_headers(&options.attributes, options.tags.encoded())?;
        let id = self.client.create_upload(&self.full_key(path.as_ref()), headers).await;
        id.map(|started| started.what).map_err(|error| convert(path.as_ref(), error))
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        let number = u32::try_from(part_idx + 1).map_err(|_| not_supported("so many parts"))?;
        let bytes = Bytes::from(data);
        let md5 = crate::hash::md5(&bytes);
        let body = Body::bytes(bytes);
        let part = crate::MultipartStore::put_part(self, path.as_ref(), id, number, &body, &md5).await;
        let part = part.map_err(|error| convert(path.as_ref(), error))?;
        // Size and checksum travel with the tag: the completion names them.
        let crc32 = part.crc32.as_deref().unwrap_or(NO_CHECKSUM);
        Ok(PartId { content_id: format!("{} {crc32} {}", part.size_bytes, part.etag) })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let parts: Option<Vec<UploadedPart>> = (1..)
            .zip(&parts)
            .map(|(number, part)| {
                let (size, rest) = part.content_id.split_once(' ')?;
                let (crc32, tag) = rest.split_once(' ')?;
                let crc32 = (crc32 != NO_CHECKSUM).then(|| crc32.to_owned());
                let size_bytes = size.parse().ok()?;
                Some(UploadedPart { number, etag: tag.to_owned(), md5: None, crc32, size_bytes })
            })
            .collect();
        let parts = parts.ok_or_else(|| not_supported("a part of another store"))?;
        let done = self.client.complete_upload(&self.full_key(path.as_ref()), id, &parts).await;
        done.map(|done| put_result(done.what)).map_err(|error| convert(path.as_ref(), error))
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> object_store::Result<()> {
        let aborted = self.client.abort_upload(&self.full_key(path.as_ref()), id).await;
        aborted.map_err(|error| convert(path.as_ref(), error))
    }
}

/// A multipart upload under way.
#[derive(Debug)]
struct Upload {
    store: S3Store,
    location: Path,
    id: MultipartId,
    n_parts: usize,
    /// By index; parts may finish in any order.
    parts: Arc<Mutex<Vec<Option<PartId>>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, location, id, parts) =
            (self.store.clone(), self.location.clone(), self.id.clone(), Arc::clone(&self.parts));
        let index = self.n_parts;
        self.n_parts += 1;
        Box::pin(async move {
            let part = MultipartStore::put_part(&store, &location, &id, index, data).await?;
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            if parts.len() <= index {
                parts.resize(index + 1, None);
            }
            parts[index] = Some(part);
            Ok(())
        })
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let parts: Option<Vec<PartId>> =
            self.parts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let mut parts = parts
            .filter(|parts| parts.len() == self.n_parts)
            .ok_or_else(|| OsError::Generic { store: STORE, source: "a part was not uploaded".into() })?;
        if parts.is_empty() {
            // An upload needs a part, be it an empty one.
            parts.push(
                MultipartStore::put_part(&self.store, &self.location, &self.id, 0, PutPayload::new()).await?,
            );
        }
        MultipartStore::complete_multipart(&self.store, &self.location, &self.id, parts).await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        MultipartStore::abort_multipart(&self.store, &self.location, &self.id).await
    }
}
