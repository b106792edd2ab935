//! Put, get, head and delete.

use std::ops::Range as ByteRange;

use s3s::auth::Credentials;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, PutObjectInput,
    PutObjectOutput, StorageClass, StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::access::{Permission, may};
use super::backend::Backend;
use super::content::{Content, receive};
use super::encryption::Encryption;
use super::options::Versioning;
use super::state::{NULL_VERSION, Object, State, Version};

pub(crate) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

/// Makes `Attributes` from the fields that put, copy and create-multipart-upload share.
macro_rules! attributes_of {
    ($backend:expr, $input:expr) => {{
        let input = $input;
        let (acl, grants) = $crate::embedded::acl::AclHeaders {
            canned: input.acl.as_ref().map(s3s::dto::ObjectCannedACL::as_str),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
            full_control: input.grant_full_control.as_deref(),
        }
        .check()?;
        $crate::embedded::state::Attributes {
            content_type: input.content_type.as_ref().map(ToString::to_string),
            metadata: input.metadata.clone().unwrap_or_default(),
            storage_class: input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            encryption: $crate::embedded::encryption::Encryption::of_new_object(
                input.server_side_encryption.as_ref(),
                input.ssekms_key_id.as_deref(),
                &$crate::embedded::encryption::CustomerKey {
                    algorithm: input.sse_customer_algorithm.as_deref(),
                    key: input.sse_customer_key.as_deref(),
                    key_md5: input.sse_customer_key_md5.as_deref(),
                },
                &$backend.shared.quirks,
                $backend.shared.tls,
            )?,
            acl,
            grants,
        }
    }};
}
pub(crate) use attributes_of;

/// Returns the MD5 of the customer key of a request to read.
macro_rules! customer_key_of {
    ($backend:expr, $input:expr) => {
        $crate::embedded::encryption::CustomerKey {
            algorithm: $input.sse_customer_algorithm.as_deref(),
            key: $input.sse_customer_key.as_deref(),
            key_md5: $input.sse_customer_key_md5.as_deref(),
        }
        .check(&$backend.shared.quirks, $backend.shared.tls)?
    };
}
pub(crate) use customer_key_of;

impl Backend {
    pub(crate) async fn put(&self, mut input: PutObjectInput) -> S3Result<PutObjectOutput> {
        // A request is refused before its body is read.
        self.shared.state().bucket(&input.bucket)?;
        let attributes = attributes_of!(self, &input);
        let (content, md5) =
            self.receive(input.body.take(), input.content_length, input.content_md5.as_deref()).await?;
        let mut state = self.shared.state();
        let current = state
            .bucket(&input.bucket)?
            .version(&input.key, None)
            .and_then(|version| version.object.as_ref());
        check_write(current, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let etag = self.etag(&mut state, hex::encode(md5), &attributes.encryption);
        let encryption = attributes.encryption.clone();
        let object = Object { content, etag: etag.clone(), attributes };
        let version_id = state.store(&input.bucket, &input.key, Some(object))?;
        Ok(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            version_id,
            ..PutObjectOutput::default()
        })
    }

    /// Receives a body and checks its `Content-MD5`.
    pub(crate) async fn receive(
        &self,
        body: Option<StreamingBlob>,
        length: Option<i64>,
        content_md5: Option<&str>,
    ) -> S3Result<(Content, [u8; 16])> {
        let body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
        let (content, md5) = receive(body, length, &self.shared.data_dir).await?;
        if let Some(expected) = content_md5 {
            check_md5(expected, md5)?;
        }
        Ok((content, md5))
    }

    /// Returns the ETag of an object whose MD5 (or MD5 of MD5s) is `md5`.
    pub(crate) fn etag(&self, state: &mut State, md5: String, encryption: &Encryption) -> String {
        if self.shared.quirks.opaque_etags {
            return format!("0x8DE{}", state.new_id());
        }
        if encryption.keeps_etag() {
            return md5;
        }
        // AWS's ETag looks like an MD5, but is not that of the content.
        format!("{:0>32}", state.new_id().replace('.', "f"))
    }

    pub(crate) fn get(
        &self,
        input: &GetObjectInput,
        reader: Option<&Credentials>,
    ) -> S3Result<GetObjectOutput> {
        let customer_key = customer_key_of!(self, input);
        let state = self.shared.state();
        let (version, object) =
            self.find(&state, &input.bucket, &input.key, input.version_id.as_deref(), reader)?;
        object.attributes.encryption.unlock(customer_key.as_deref())?;
        check_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let size_bytes = object.content.size_bytes();
        let range = match input.range.as_ref().map(|range| range.check(size_bytes)) {
            None => None,
            Some(Ok(range)) => Some(range),
            Some(Err(_)) => return Err(s3_error!(InvalidRange, "The requested range is not satisfiable")),
        };
        let content = match &range {
            None => object.content.clone(),
            Some(range) => object.content.slice(range.clone()),
        };
        let encryption = object.attributes.encryption.clone();
        Ok(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(content.size_bytes())),
            content_range: range.map(|range| content_range(&range, size_bytes)),
            body: Some(content.to_body()),
            content_type: object.attributes.content_type.clone(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(Timestamp::from(version.modified)),
            metadata: Some(object.attributes.metadata.clone()),
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            storage_class: storage_class(object),
            version_id: shown_version(&state, &input.bucket, version),
            ..GetObjectOutput::default()
        })
    }

    pub(crate) fn head(
        &self,
        input: &HeadObjectInput,
        reader: Option<&Credentials>,
    ) -> S3Result<HeadObjectOutput> {
        let customer_key = customer_key_of!(self, input);
        let state = self.shared.state();
        let (version, object) =
            self.find(&state, &input.bucket, &input.key, input.version_id.as_deref(), reader)?;
        object.attributes.encryption.unlock(customer_key.as_deref())?;
        check_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let encryption = object.attributes.encryption.clone();
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(object.content.size_bytes())),
            content_type: object.attributes.content_type.clone(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(Timestamp::from(version.modified)),
            metadata: Some(object.attributes.metadata.clone()),
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            storage_class: storage_class(object),
            version_id: shown_version(&state, &input.bucket, version),
            ..HeadObjectOutput::default()
        })
    }

    /// Finds the object to read. A user without the right to list does not learn that a key is missing.
    pub(crate) fn find<'a>(
        &self,
        state: &'a State,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        reader: Option<&Credentials>,
    ) -> S3Result<(&'a Version, &'a Object)> {
        let found = state.bucket(bucket)?.version(key, version_id);
        match found.map(|version| (version, version.object.as_ref())) {
            Some((version, Some(object))) => Ok((version, object)),
            Some((_, None)) if version_id.is_some() => {
                Err(s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource."))
            }
            _ => {
                let user = reader.and_then(|reader| self.shared.user(&reader.access_key));
                if user.is_some_and(|user| !may(&user, Permission::ListBucket)) {
                    return Err(s3_error!(AccessDenied, "Access Denied"));
                }
                match version_id {
                    Some(_) => Err(s3_error!(NoSuchVersion, "The specified version does not exist.")),
                    None => Err(no_such_key()),
                }
            }
        }
    }

    pub(crate) fn delete(&self, input: &DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        let mut state = self.shared.state();
        let deleted = delete_one(&mut state, &input.bucket, &input.key, input.version_id.as_deref())?;
        Ok(DeleteObjectOutput {
            delete_marker: deleted.marker,
            version_id: deleted.marker_version.or(deleted.version),
            request_charged: None,
        })
    }

    pub(crate) fn delete_many(
        &self,
        input: &DeleteObjectsInput,
        has_checksum: bool,
        deleter: Option<&Credentials>,
    ) -> S3Result<DeleteObjectsOutput> {
        if !has_checksum {
            return Err(s3_error!(InvalidRequest, "Missing required header for this request: Content-MD5"));
        }
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "more than 1000 keys"));
        }
        let mut state = self.shared.state();
        state.bucket(&input.bucket)?;
        let (mut shown, mut errors) = (Vec::new(), Vec::new());
        let user = deleter.and_then(|deleter| self.shared.user(&deleter.access_key));
        for object in &input.delete.objects {
            let needed = match object.version_id {
                Some(_) => Permission::DeleteObjectVersion,
                None => Permission::DeleteObject,
            };
            if user.as_ref().is_some_and(|user| !may(user, needed)) {
                errors.push(s3s::dto::Error {
                    code: Some("AccessDenied".to_owned()),
                    key: Some(object.key.clone()),
                    message: Some("Access Denied".to_owned()),
                    version_id: object.version_id.clone(),
                });
                continue;
            }
            if state.bucket(&input.bucket)?.retained.contains(&object.key) {
                errors.push(s3s::dto::Error {
                    code: Some("AccessDenied".to_owned()),
                    key: Some(object.key.clone()),
                    message: Some("the object is retained".to_owned()),
                    version_id: object.version_id.clone(),
                });
                continue;
            }
            let deleted = delete_one(&mut state, &input.bucket, &object.key, object.version_id.as_deref())?;
            shown.push(DeletedObject {
                delete_marker: deleted.marker,
                delete_marker_version_id: deleted.marker_version,
                key: Some(object.key.clone()),
                version_id: deleted.version,
            });
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let errors = (!errors.is_empty()).then_some(errors);
        Ok(DeleteObjectsOutput { deleted: (!quiet).then_some(shown), errors, request_charged: None })
    }
}

/// Returns the version id for a reply; none if the bucket never had versions.
pub(crate) fn shown_version(state: &State, bucket: &str, version: &Version) -> Option<String> {
    let versioned = state.buckets.get(bucket).is_some_and(|bucket| bucket.versioning != Versioning::Off);
    versioned.then(|| version.id.clone())
}

struct Deleted {
    marker: Option<bool>,
    marker_version: Option<String>,
    version: Option<String>,
}

fn delete_one(state: &mut State, bucket: &str, key: &str, version_id: Option<&str>) -> S3Result<Deleted> {
    let versioning = state.bucket(bucket)?.versioning;
    match version_id {
        Some(id) => {
            let objects = &mut state.bucket_mut(bucket)?.objects;
            let mut marker = None;
            if let Some(versions) = objects.get_mut(key) {
                marker =
                    versions.iter().find(|version| version.id == id).map(|version| version.object.is_none());
                versions.retain(|version| version.id != id);
                if versions.is_empty() {
                    objects.remove(key);
                }
            }
            let marker = marker.filter(|is_marker| *is_marker);
            Ok(Deleted { marker, marker_version: None, version: Some(id.to_owned()) })
        }
        None if versioning == Versioning::Off => {
            state.bucket_mut(bucket)?.objects.remove(key);
            Ok(Deleted { marker: None, marker_version: None, version: None })
        }
        None => {
            let id = state.store(bucket, key, None)?;
            Ok(Deleted {
                marker: Some(true),
                marker_version: id.or(Some(NULL_VERSION.to_owned())),
                version: None,
            })
        }
    }
}

fn storage_class(object: &Object) -> Option<StorageClass> {
    // AWS omits the header for the standard class.
    object.attributes.storage_class.clone().filter(|class| class != "STANDARD").map(StorageClass::from)
}

pub(crate) fn length(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes).expect("sizes of tests fit an i64")
}

fn content_range(range: &ByteRange<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1)
}

pub(crate) fn check_md5(expected: &str, md5: [u8; 16]) -> S3Result<()> {
    use base64::Engine;
    match base64::engine::general_purpose::STANDARD.decode(expected) {
        Ok(expected) if expected == md5 => Ok(()),
        Ok(expected) if expected.len() == 16 => {
            Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."))
        }
        _ => Err(s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")),
    }
}

fn matches(object: &Object, condition: &ETagCondition) -> bool {
    condition.is_any() || condition.as_etag().is_some_and(|etag| etag.value() == object.etag)
}

fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub(crate) fn check_write(
    current: Option<&Object>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_none_match.is_some_and(|condition| current.is_some_and(|object| matches(object, condition))) {
        return Err(precondition_failed());
    }
    match (if_match, current) {
        (Some(_), None) => Err(no_such_key()),
        (Some(condition), Some(object)) if !matches(object, condition) => Err(precondition_failed()),
        _ => Ok(()),
    }
}

pub(crate) fn check_read(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|condition| !matches(object, condition)) {
        return Err(precondition_failed());
    }
    if if_none_match.is_some_and(|condition| matches(object, condition)) {
        return Err(S3Error::new(S3ErrorCode::NotModified));
    }
    Ok(())
}
