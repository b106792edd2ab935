//! Users and their rights.

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};
use std::sync::Arc;

use super::options::User;
use super::running::Shared;

/// A right, with its name in IAM policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the IAM reference")]
pub enum Permission {
    ListBucket,
    ListBucketVersions,
    GetObject,
    GetObjectVersion,
    GetObjectAcl,
    PutObject,
    PutObjectAcl,
    DeleteObject,
    DeleteObjectVersion,
    AbortMultipartUpload,
    ListMultipartUploadParts,
    ListBucketMultipartUploads,
    GetBucketLocation,
    GetBucketVersioning,
    PutBucketVersioning,
    CreateBucket,
    ListAllMyBuckets,
}

impl Permission {
    /// Returns the rights that a call needs.
    fn needed(operation: &str, query: &str, headers: &http::HeaderMap) -> Vec<Self> {
        let of_version = query.split('&').any(|pair| pair.starts_with("versionId="));
        let mut needed = match operation {
            "ListObjects" | "ListObjectsV2" | "HeadBucket" => vec![Self::ListBucket],
            "ListObjectVersions" => vec![Self::ListBucketVersions],
            "GetObject" | "HeadObject" if of_version => vec![Self::GetObjectVersion],
            "GetObject" | "HeadObject" => vec![Self::GetObject],
            "CopyObject" | "UploadPartCopy" => vec![Self::GetObject, Self::PutObject],
            "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
                vec![Self::PutObject]
            }
            "DeleteObject" if of_version => vec![Self::DeleteObjectVersion],
            "DeleteObject" | "DeleteObjects" => vec![Self::DeleteObject],
            "AbortMultipartUpload" => vec![Self::AbortMultipartUpload],
            "ListParts" => vec![Self::ListMultipartUploadParts],
            "ListMultipartUploads" => vec![Self::ListBucketMultipartUploads],
            "GetObjectAcl" => vec![Self::GetObjectAcl],
            "PutObjectAcl" => vec![Self::PutObjectAcl],
            "GetBucketLocation" => vec![Self::GetBucketLocation],
            "GetBucketVersioning" => vec![Self::GetBucketVersioning],
            "PutBucketVersioning" => vec![Self::PutBucketVersioning],
            "CreateBucket" => vec![Self::CreateBucket],
            _ => vec![Self::ListAllMyBuckets],
        };
        let speaks_of_acl =
            headers.keys().any(|name| name == "x-amz-acl" || name.as_str().starts_with("x-amz-grant-"));
        if speaks_of_acl && needed.contains(&Self::PutObject) {
            needed.push(Self::PutObjectAcl);
        }
        needed
    }
}

/// The key pairs, for `s3s`' check of signatures, and their rights.
pub(crate) struct Gate {
    pub(crate) shared: Arc<Shared>,
}

#[async_trait::async_trait]
impl S3Auth for Gate {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let user = self.shared.user(access_key);
        user.map(|user| SecretKey::from(user.secret_key)).ok_or_else(|| {
            s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.")
        })
    }
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = context.s3_op().name();
        let needed =
            Permission::needed(operation, context.uri().query().unwrap_or_default(), context.headers());
        let Some(credentials) = context.credentials() else {
            return self.check_anonymous(context, &needed);
        };
        let user = self.shared.user(&credentials.access_key).expect("its key has just been looked up");
        let token = context.headers().get("x-amz-security-token").map(http::HeaderValue::as_bytes);
        if token != user.session_token.as_deref().map(str::as_bytes) {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        let bucket = context.s3_path().get_bucket_name();
        if user.bucket.is_some() && user.bucket.as_deref() != bucket {
            return Err(s3_error!(AccessDenied, "User {} has no rights here", user.access_key));
        }
        // A bulk deletion is checked key by key, as versions need another right.
        let is_bulk = operation == "DeleteObjects" && may(&user, Permission::DeleteObjectVersion);
        match needed.iter().find(|permission| !is_bulk && !may(&user, **permission)) {
            None => Ok(()),
            Some(missing) => Err(s3_error!(
                AccessDenied,
                "User {} is not authorized to perform: s3:{missing:?}",
                user.access_key
            )),
        }
    }
}

impl Gate {
    /// Allows requests without keys to read public buckets and objects with a public ACL.
    fn check_anonymous(&self, context: &S3AccessContext<'_>, needed: &[Permission]) -> S3Result<()> {
        let state = self.shared.state();
        let bucket = context.s3_path().get_bucket_name().and_then(|name| state.buckets.get(name));
        let reads = needed.iter().all(|need| matches!(need, Permission::ListBucket | Permission::GetObject));
        let allowed = reads
            && bucket.is_some_and(|bucket| {
                let object = context
                    .s3_path()
                    .get_object_key()
                    .and_then(|key| bucket.version(key, None))
                    .and_then(|version| version.object.as_ref());
                let acl = object.and_then(|object| object.attributes.acl.as_deref());
                bucket.public_read || acl.is_some_and(|acl| acl.starts_with("public-read"))
            });
        if allowed { Ok(()) } else { Err(s3_error!(AccessDenied, "Access Denied")) }
    }
}

pub(crate) fn may(user: &User, permission: Permission) -> bool {
    user.permissions.as_ref().is_none_or(|permissions| permissions.contains(&permission))
}
