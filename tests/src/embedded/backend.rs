//! The S3 calls of `s3s`, passed on to the functions that do the work.

use std::sync::Arc;

#[allow(clippy::wildcard_imports, reason = "one input and one output type per call")]
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::options::{BucketOptions, Versioning};
use super::running::Shared;

pub(crate) struct Backend {
    pub(crate) shared: Arc<Shared>,
}

/// A call whose work is one function over its input.
macro_rules! calls {
    ($($name:ident($input:ident) -> $output:ident = |$backend:ident, $request:ident| $work:expr;)*) => {
        #[async_trait::async_trait]
        impl S3 for Backend {
            $(async fn $name(&self, $request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                let $backend = self;
                $work.map(S3Response::new)
            })*
        }
    };
}

calls! {
    put_object(PutObjectInput) -> PutObjectOutput = |backend, request| backend.put(request.input).await;
    get_object(GetObjectInput) -> GetObjectOutput
        = |backend, request| backend.get(&request.input, request.credentials.as_ref());
    head_object(HeadObjectInput) -> HeadObjectOutput
        = |backend, request| backend.head(&request.input, request.credentials.as_ref());
    copy_object(CopyObjectInput) -> CopyObjectOutput
        = |backend, request| backend.copy(&request.input, request.credentials.as_ref());
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = |backend, request| backend.delete(&request.input);
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = |backend, request| {
        let has_checksum = request.headers.keys().any(|name| {
            name == "content-md5" || name.as_str().starts_with("x-amz-checksum-")
        });
        backend.delete_many(&request.input, has_checksum, request.credentials.as_ref())
    };
    get_object_acl(GetObjectAclInput) -> GetObjectAclOutput = |backend, request| backend.object_acl(&request.input);
    put_object_acl(PutObjectAclInput) -> PutObjectAclOutput = |backend, request| backend.set_object_acl(&request.input);

    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput
        = |backend, request| backend.create_upload(&request.input);
    upload_part(UploadPartInput) -> UploadPartOutput = |backend, request| backend.put_part(request.input).await;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput
        = |backend, request| backend.copy_part(&request.input, request.credentials.as_ref());
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput
        = |backend, request| backend.complete_upload(&request.input);
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput
        = |backend, request| backend.abort_upload(&request.input);
    list_parts(ListPartsInput) -> ListPartsOutput = |backend, request| backend.parts(&request.input);
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput
        = |backend, request| backend.uploads(&request.input);

    list_objects(ListObjectsInput) -> ListObjectsOutput = |backend, request| backend.list_v1(&request.input);
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = |backend, request| backend.list_v2(&request.input);
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput
        = |backend, request| backend.list_versions(&request.input);

    list_buckets(ListBucketsInput) -> ListBucketsOutput = |backend, request| {
        let names = backend.shared.state().buckets.keys().cloned().collect::<Vec<_>>();
        let prefix = request.input.prefix.unwrap_or_default();
        let shown = names.into_iter().filter(|name| name.starts_with(&prefix));
        let buckets = shown.map(|name| Bucket { name: Some(name), ..Bucket::default() }).collect();
        Ok(ListBucketsOutput { buckets: Some(buckets), ..ListBucketsOutput::default() })
    };
    create_bucket(CreateBucketInput) -> CreateBucketOutput = |backend, request| {
        let mut state = backend.shared.state();
        if state.buckets.contains_key(&request.input.bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        let region = request.input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
        let mut options = BucketOptions::new(request.input.bucket);
        if let Some(region) = region {
            region.as_str().clone_into(&mut options.region);
        }
        state.add_bucket(&options);
        Ok(CreateBucketOutput { location: Some(format!("/{}", options.name)) })
    };
    head_bucket(HeadBucketInput) -> HeadBucketOutput = |backend, request| {
        let region = backend.shared.state().bucket(&request.input.bucket)?.region.clone();
        Ok(HeadBucketOutput { bucket_region: Some(region), ..HeadBucketOutput::default() })
    };
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = |backend, request| {
        let region = backend.shared.state().bucket(&request.input.bucket)?.region.clone();
        // The location constraint of us-east-1, the oldest region, is empty.
        let named = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
        Ok(GetBucketLocationOutput { location_constraint: named })
    };
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = |backend, request| {
        let status = match backend.shared.state().bucket(&request.input.bucket)?.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
        };
        Ok(GetBucketVersioningOutput { status: status.map(BucketVersioningStatus::from_static), mfa_delete: None })
    };
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = |backend, request| {
        let versioning = match request.input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(s3_error!(MalformedXML)),
        };
        backend.shared.state().bucket_mut(&request.input.bucket)?.versioning = versioning;
        Ok(PutBucketVersioningOutput::default())
    };
}
