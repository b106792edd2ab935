//! Copies on the server.

use std::time::SystemTime;

use s3s::auth::Credentials;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETag, Timestamp,
    UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Result, s3_error};

use super::backend::Backend;
use super::content::Content;
use super::encryption::CustomerKey;
use super::object::{attributes_of, check_read, shown_version};
use super::state::Object;

struct Source {
    object: Object,
    version_id: Option<String>,
}

impl Backend {
    pub(crate) fn copy(
        &self,
        input: &CopyObjectInput,
        reader: Option<&Credentials>,
    ) -> S3Result<CopyObjectOutput> {
        let source = self.source(
            &input.copy_source,
            &CustomerKey {
                algorithm: input.copy_source_sse_customer_algorithm.as_deref(),
                key: input.copy_source_sse_customer_key.as_deref(),
                key_md5: input.copy_source_sse_customer_key_md5.as_deref(),
            },
            reader,
        )?;
        check_read(
            &source.object,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        )?;
        let mut attributes = attributes_of!(self, input);
        if input.metadata_directive.as_ref().is_none_or(|directive| directive.as_str() != "REPLACE") {
            attributes.metadata.clone_from(&source.object.attributes.metadata);
            attributes.content_type.clone_from(&source.object.attributes.content_type);
        }
        let mut state = self.shared.state();
        let md5 = content_md5(&source.object.content)?;
        let etag = self.etag(&mut state, hex::encode(md5), &attributes.encryption);
        let encryption = attributes.encryption.clone();
        let object = Object { content: source.object.content, etag: etag.clone(), attributes };
        let version_id = state.store(&input.bucket, &input.key, Some(object))?;
        Ok(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(etag)),
                last_modified: Some(Timestamp::from(SystemTime::now())),
                ..CopyObjectResult::default()
            }),
            copy_source_version_id: source.version_id,
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            version_id,
            ..CopyObjectOutput::default()
        })
    }

    pub(crate) fn copy_part(
        &self,
        input: &UploadPartCopyInput,
        reader: Option<&Credentials>,
    ) -> S3Result<UploadPartCopyOutput> {
        let source = self.source(
            &input.copy_source,
            &CustomerKey {
                algorithm: input.copy_source_sse_customer_algorithm.as_deref(),
                key: input.copy_source_sse_customer_key.as_deref(),
                key_md5: input.copy_source_sse_customer_key_md5.as_deref(),
            },
            reader,
        )?;
        check_read(
            &source.object,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        )?;
        let content = match &input.copy_source_range {
            None => source.object.content,
            Some(range) => {
                let range = s3s::dto::Range::parse(range)
                    .map_err(|_| s3_error!(InvalidArgument, "x-amz-copy-source-range is malformed"))?
                    .check(source.object.content.size_bytes())
                    .map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable"))?;
                source.object.content.slice(range)
            }
        };
        let md5 = content_md5(&content)?;
        let encryption =
            self.store_part(&input.bucket, &input.upload_id, &input.key, input.part_number, content, md5)?;
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(hex::encode(md5))),
                last_modified: Some(Timestamp::from(SystemTime::now())),
                ..CopyPartResult::default()
            }),
            copy_source_version_id: source.version_id,
            server_side_encryption: encryption.server_side(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5,
            ssekms_key_id: encryption.kms_key_id,
            ..UploadPartCopyOutput::default()
        })
    }

    fn source(
        &self,
        source: &CopySource,
        key: &CustomerKey<'_>,
        reader: Option<&Credentials>,
    ) -> S3Result<Source> {
        let CopySource::Bucket { bucket, key: name, version_id } = source else {
            return Err(s3_error!(NotImplemented, "copies from access points"));
        };
        let customer_key = key.check(&self.shared.quirks, self.shared.tls)?;
        let state = self.shared.state();
        let (version, object) = self.find(&state, bucket, name, version_id.as_deref(), reader)?;
        object.attributes.encryption.unlock(customer_key.as_deref())?;
        let version_id = shown_version(&state, bucket, version);
        Ok(Source { object: object.clone(), version_id })
    }
}

fn content_md5(content: &Content) -> S3Result<[u8; 16]> {
    content.md5().map_err(s3s::S3Error::internal_error)
}
