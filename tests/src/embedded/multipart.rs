//! Multipart uploads.

use std::time::SystemTime;

use md5::{Digest, Md5};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part, Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Result, s3_error};
use std::collections::BTreeMap;

use super::backend::Backend;
use super::content::Content;
use super::encryption::Encryption;
use super::object::{attributes_of, check_write, customer_key_of, length};
use super::state::{Bucket, Object, Upload, UploadedPart};

fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

impl Bucket {
    fn upload(&self, id: &str, key: &str) -> S3Result<&Upload> {
        self.uploads.get(id).filter(|upload| upload.key == key).ok_or_else(no_such_upload)
    }
}

impl Backend {
    pub(crate) fn create_upload(
        &self,
        input: &CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let attributes = attributes_of!(self, input);
        let encryption = attributes.encryption.clone();
        let mut state = self.shared.state();
        let id = format!("upload-{}", state.new_id());
        let upload = Upload {
            key: input.key.clone(),
            attributes,
            initiated: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        state.bucket_mut(&input.bucket)?.uploads.insert(id.clone(), upload);
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            upload_id: Some(id),
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(crate) async fn put_part(&self, mut input: UploadPartInput) -> S3Result<UploadPartOutput> {
        if !(1..=10_000).contains(&input.part_number) {
            return Err(s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive"
            ));
        }
        let customer_key = customer_key_of!(self, input);
        let encryption = {
            let state = self.shared.state();
            let upload = state.bucket(&input.bucket)?.upload(&input.upload_id, &input.key)?;
            upload.attributes.encryption.clone()
        };
        if encryption.customer_key_md5 != customer_key {
            return Err(s3_error!(
                InvalidRequest,
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters."
            ));
        }
        let (content, md5) =
            self.receive(input.body.take(), input.content_length, input.content_md5.as_deref()).await?;
        let encryption =
            self.store_part(&input.bucket, &input.upload_id, &input.key, input.part_number, content, md5)?;
        Ok(UploadPartOutput {
            e_tag: Some(ETag::Strong(hex::encode(md5))),
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            ..UploadPartOutput::default()
        })
    }

    /// Stores a part; returns the encryption of the upload.
    pub(crate) fn store_part(
        &self,
        bucket: &str,
        upload_id: &str,
        key: &str,
        number: i32,
        content: Content,
        md5: [u8; 16],
    ) -> S3Result<Encryption> {
        let mut state = self.shared.state();
        let bucket = state.bucket_mut(bucket)?;
        let upload = bucket
            .uploads
            .get_mut(upload_id)
            .filter(|upload| upload.key == key)
            .ok_or_else(no_such_upload)?;
        upload.parts.insert(number, UploadedPart { content, md5, modified: SystemTime::now() });
        Ok(upload.attributes.encryption.clone())
    }

    pub(crate) fn complete_upload(
        &self,
        input: &CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let mut state = self.shared.state();
        let bucket = state.bucket(&input.bucket)?;
        let upload = bucket.upload(&input.upload_id, &input.key)?;
        let current = bucket.version(&input.key, None).and_then(|version| version.object.as_ref());
        check_write(current, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let named =
            input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref()).unwrap_or_default();
        let (content, etag) = assemble(upload, named, self.shared.quirks.min_part_size_bytes)?;
        let attributes = upload.attributes.clone();
        let etag = self.etag(&mut state, etag, &attributes.encryption);
        let encryption = attributes.encryption.clone();
        let object = Object { content, etag: etag.clone(), attributes };
        let version_id = state.store(&input.bucket, &input.key, Some(object))?;
        state.bucket_mut(&input.bucket)?.uploads.remove(&input.upload_id);
        Ok(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            e_tag: Some(ETag::Strong(etag)),
            server_side_encryption: encryption.server_side(),
            ssekms_key_id: encryption.kms_key_id,
            version_id,
            ..CompleteMultipartUploadOutput::default()
        })
    }

    pub(crate) fn abort_upload(
        &self,
        input: &AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let mut state = self.shared.state();
        let bucket = state.bucket_mut(&input.bucket)?;
        bucket.upload(&input.upload_id, &input.key)?;
        bucket.uploads.remove(&input.upload_id);
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(crate) fn parts(&self, input: &ListPartsInput) -> S3Result<ListPartsOutput> {
        let state = self.shared.state();
        let upload = state.bucket(&input.bucket)?.upload(&input.upload_id, &input.key)?;
        let after = input.part_number_marker.unwrap_or(0);
        let limit = self.shared.page_limit(input.max_parts);
        let mut parts: Vec<Part> = upload
            .parts
            .range(after.saturating_add(1)..)
            .take(limit + 1)
            .map(|(number, part)| Part {
                e_tag: Some(ETag::Strong(part.etag())),
                last_modified: Some(Timestamp::from(part.modified)),
                part_number: Some(*number),
                size: Some(length(part.content.size_bytes())),
                ..Part::default()
            })
            .collect();
        let is_truncated = parts.len() > limit;
        parts.truncate(limit);
        Ok(ListPartsOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            upload_id: Some(input.upload_id.clone()),
            is_truncated: Some(is_truncated),
            max_parts: i32::try_from(limit).ok(),
            part_number_marker: Some(after),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }

    pub(crate) fn uploads(&self, input: &ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        let state = self.shared.state();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let mut uploads: Vec<MultipartUpload> = state
            .bucket(&input.bucket)?
            .uploads
            .iter()
            .filter(|(_, upload)| upload.key.starts_with(prefix))
            .map(|(id, upload)| MultipartUpload {
                initiated: Some(Timestamp::from(upload.initiated)),
                key: Some(upload.key.clone()),
                upload_id: Some(id.clone()),
                ..MultipartUpload::default()
            })
            .collect();
        uploads.sort_by(|left, right| (&left.key, &left.upload_id).cmp(&(&right.key, &right.upload_id)));
        let place = |upload: &MultipartUpload| (upload.key.clone(), upload.upload_id.clone());
        if let Some(key_marker) = &input.key_marker {
            // A marker without an id skips all uploads of its key.
            let id_marker = input.upload_id_marker.clone();
            uploads.retain(|upload| match upload.key.as_ref() {
                Some(key) if key == key_marker => id_marker.is_some() && upload.upload_id > id_marker,
                key => key > Some(key_marker),
            });
        }
        let limit = self.shared.page_limit(input.max_uploads);
        let is_truncated = uploads.len() > limit;
        uploads.truncate(limit);
        let (next_key_marker, next_upload_id_marker) =
            if is_truncated { uploads.last().map(place).unwrap_or_default() } else { (None, None) };
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            is_truncated: Some(is_truncated),
            next_key_marker,
            next_upload_id_marker,
            prefix: input.prefix.clone(),
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }
}

/// Checks the named parts and concatenates them; returns content and ETag.
fn assemble(
    upload: &Upload,
    named: &[s3s::dto::CompletedPart],
    min_size_bytes: u64,
) -> S3Result<(Content, String)> {
    if named.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    if !named.is_sorted_by(|left, right| left.part_number < right.part_number) {
        return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
    }
    let mut hash = Md5::new();
    let mut contents = Vec::with_capacity(named.len());
    for (index, part) in named.iter().enumerate() {
        let found = part.part_number.and_then(|number| upload.parts.get(&number));
        let etag = part.e_tag.as_ref().map(ETag::value);
        let found = found.filter(|found| etag == Some(found.etag().as_str())).ok_or_else(|| {
            s3_error!(InvalidPart, "One or more of the specified parts could not be found.")
        })?;
        if index + 1 < named.len() && found.content.size_bytes() < min_size_bytes {
            return Err(s3_error!(
                EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size"
            ));
        }
        hash.update(found.md5);
        contents.push(found.content.clone());
    }
    Ok((Content::concat(contents), format!("{}-{}", hex::encode(hash.finalize()), named.len())))
}
