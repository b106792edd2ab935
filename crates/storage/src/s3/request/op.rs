//! The S3 operations that are used, and the headers each of them carries.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::endpoint::encode_key;
use super::options::{CustomerKey, S3Options};
use crate::{Error, ErrorKind, Result};

/// An S3 operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Put,
    Copy,
    CreateMultipart,
    UploadPart,
    CompleteMultipart,
    AbortMultipart,
    ListParts,
    ListUploads,
    Get,
    GetVersion,
    Head,
    HeadVersion,
    List,
    ListVersions,
    Delete,
    DeleteVersion,
    BulkDelete,
    DeleteVersions,
    BucketVersioning,
    BucketEncryption,
    ObjectLock,
}

impl Op {
    /// Tells whether ACL, grants, encryption and storage class belong to it.
    pub(crate) fn creates_object(self) -> bool {
        matches!(self, Self::Put | Self::Copy | Self::CreateMultipart)
    }

    /// Tells whether the server needs the customer key of SSE-C.
    ///
    /// Part listings need it as well where the upload was started with a checksum; servers without that rule ignore it.
    fn needs_customer_key(self) -> bool {
        self.creates_object()
            || matches!(self, Self::UploadPart | Self::CompleteMultipart | Self::ListParts)
            || self.reads_object()
    }

    /// Tells whether it looks for an object that may be missing.
    pub(crate) fn reads_object(self) -> bool {
        matches!(self, Self::Get | Self::GetVersion | Self::Head | Self::HeadVersion)
    }

    /// Tells whether its right is one on objects, not on the bucket.
    pub(crate) fn concerns_objects(self) -> bool {
        !matches!(
            self,
            Self::List
                | Self::ListVersions
                | Self::ListUploads
                | Self::BucketVersioning
                | Self::BucketEncryption
                | Self::ObjectLock
        )
    }

    /// Returns the verb of a message, as `cannot get …`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Copy => "copy",
            Self::CreateMultipart => "start the upload of",
            Self::UploadPart => "upload a part of",
            Self::CompleteMultipart => "complete the upload of",
            Self::AbortMultipart => "give up the upload of",
            Self::ListParts => "list the uploaded parts of",
            Self::ListUploads => "list the unfinished uploads to",
            Self::Get => "get",
            Self::GetVersion => "get a version of",
            Self::Head => "look at",
            Self::HeadVersion => "look at a version of",
            Self::List => "list",
            Self::ListVersions => "list the versions in",
            Self::Delete => "delete",
            Self::DeleteVersion => "delete a version of",
            Self::BulkDelete => "delete objects in",
            Self::DeleteVersions => "delete versions in",
            Self::BucketVersioning => "ask for the versioning of",
            Self::BucketEncryption => "ask for the default encryption of",
            Self::ObjectLock => "ask for the object lock of",
        }
    }

    /// Returns the right a policy must grant for it.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Put | Self::Copy | Self::CreateMultipart | Self::UploadPart | Self::CompleteMultipart => {
                "s3:PutObject"
            }
            Self::AbortMultipart => "s3:AbortMultipartUpload",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::ListUploads => "s3:ListBucketMultipartUploads",
            Self::Get | Self::Head => "s3:GetObject",
            Self::GetVersion | Self::HeadVersion => "s3:GetObjectVersion",
            Self::List => "s3:ListBucket",
            Self::ListVersions => "s3:ListBucketVersions",
            Self::Delete | Self::BulkDelete => "s3:DeleteObject",
            Self::DeleteVersion | Self::DeleteVersions => "s3:DeleteObjectVersion",
            Self::BucketVersioning => "s3:GetBucketVersioning",
            Self::BucketEncryption => "s3:GetEncryptionConfiguration",
            Self::ObjectLock => "s3:GetBucketObjectLockConfiguration",
        }
    }
}

/// The name AWS gives the operation, for logs.
impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Put => "PutObject",
            Self::Copy => "CopyObject",
            Self::CreateMultipart => "CreateMultipartUpload",
            Self::UploadPart => "UploadPart",
            Self::CompleteMultipart => "CompleteMultipartUpload",
            Self::AbortMultipart => "AbortMultipartUpload",
            Self::ListParts => "ListParts",
            Self::ListUploads => "ListMultipartUploads",
            Self::Get | Self::GetVersion => "GetObject",
            Self::Head | Self::HeadVersion => "HeadObject",
            Self::List => "ListObjects",
            Self::ListVersions => "ListObjectVersions",
            Self::Delete | Self::DeleteVersion => "DeleteObject",
            Self::BulkDelete | Self::DeleteVersions => "DeleteObjects",
            Self::BucketVersioning => "GetBucketVersioning",
            Self::BucketEncryption => "GetBucketEncryption",
            Self::ObjectLock => "GetObjectLockConfiguration",
        })
    }
}

const CUSTOMER_KEY: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm"),
    HeaderName::from_static("x-amz-server-side-encryption-customer-key"),
    HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5"),
];
const SOURCE_CUSTOMER_KEY: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-algorithm"),
    HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-key"),
    HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-key-md5"),
];

/// The headers that options put on requests, made once.
#[derive(Clone)]
pub(crate) struct OpHeaders {
    object: HeaderMap,
    customer_key: HeaderMap,
    source_customer_key: HeaderMap,
}

impl OpHeaders {
    /// Makes the headers; an option that HTTP cannot carry is an error that names it.
    pub(crate) fn new(options: &S3Options) -> Result<Self> {
        let object = &options.object;
        let mut object_headers = HeaderMap::new();
        for (option, name, value) in [
            ("acl", "x-amz-acl", &object.acl),
            ("grant_read", "x-amz-grant-read", &object.grant_read),
            ("grant_read_acp", "x-amz-grant-read-acp", &object.grant_read_acp),
            ("grant_write_acp", "x-amz-grant-write-acp", &object.grant_write_acp),
            ("grant_full_control", "x-amz-grant-full-control", &object.grant_full_control),
            ("sse", "x-amz-server-side-encryption", &object.sse),
            ("sse_kms_key_id", "x-amz-server-side-encryption-aws-kms-key-id", &object.sse_kms_key_id),
            ("storage class", "x-amz-storage-class", &object.storage_class),
        ] {
            if let Some(value) = value {
                object_headers.insert(HeaderName::from_static(name), header_value(option, value)?);
            }
        }
        let key = options.customer_key.as_ref();
        Ok(Self {
            object: object_headers,
            customer_key: key_headers(CUSTOMER_KEY, key)?,
            source_customer_key: key_headers(SOURCE_CUSTOMER_KEY, key)?,
        })
    }

    /// Adds the headers of `op`.
    pub(crate) fn apply(&self, op: Op, headers: &mut HeaderMap) {
        let sets = [
            (op.creates_object(), &self.object),
            (op.needs_customer_key(), &self.customer_key),
            (op == Op::Copy, &self.source_customer_key),
        ];
        for (_, set) in sets.into_iter().filter(|(applies, _)| *applies) {
            headers.extend(set.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
    }
}

/// The values may be secret.
impl fmt::Debug for OpHeaders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.object.keys().chain(self.customer_key.keys()).collect();
        formatter.debug_struct("OpHeaders").field("names", &names).finish_non_exhaustive()
    }
}

/// Returns the header `x-amz-copy-source`.
pub(crate) fn copy_source(bucket: &str, key: &str) -> Result<HeaderValue> {
    header_value("key", &format!("/{}/{}", encode_key(bucket), encode_key(key)))
}

fn key_headers(names: [HeaderName; 3], key: Option<&CustomerKey>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(key) = key else { return Ok(headers) };
    let mut secret = header_value("sse_customer_key", key.key_base64().expose())?;
    secret.set_sensitive(true);
    let values = [
        header_value("sse_customer_algorithm", key.algorithm())?,
        secret,
        header_value("sse_customer_key", key.key_md5_base64())?,
    ];
    headers.extend(names.into_iter().zip(values));
    Ok(headers)
}

fn header_value(option: &str, value: &str) -> Result<HeaderValue> {
    // Blanks at the ends are no part of a header's value; they would break the signature.
    HeaderValue::from_str(value.trim()).map_err(|source| {
        Error::new(ErrorKind::Config, format!("`{option}` has a value that an HTTP header cannot carry"))
            .with_source(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(op: Op) -> Vec<String> {
        let mut options = S3Options::new("b");
        options.object.acl = Some("private".into());
        options.object.sse = Some("AES256".into());
        options.customer_key = Some(CustomerKey::new("AES256", &[7; 32]));
        let mut headers = HeaderMap::new();
        OpHeaders::new(&options).unwrap().apply(op, &mut headers);
        headers
            .keys()
            .map(|name| name.as_str().replace("x-amz-", "").replace("server-side-encryption", "sse"))
            .collect()
    }

    #[test]
    fn every_operation_carries_its_headers_and_no_more() {
        let object = ["acl", "sse"];
        let key = ["sse-customer-algorithm", "sse-customer-key", "sse-customer-key-md5"];
        for op in [Op::Put, Op::CreateMultipart] {
            assert_eq!(names(op), [&object[..], &key].concat(), "{op}");
        }
        for op in [Op::UploadPart, Op::Get, Op::Head, Op::CompleteMultipart, Op::ListParts] {
            assert_eq!(names(op), key, "{op}");
        }
        for op in [Op::List, Op::Delete, Op::BulkDelete, Op::AbortMultipart] {
            assert!(names(op).is_empty(), "{op}");
        }
        assert_eq!(names(Op::Copy).len(), 8);
    }

    #[test]
    fn customer_key_is_sensitive_and_bad_values_are_named() {
        let mut options = S3Options::new("b");
        options.customer_key = Some(CustomerKey::new("AES256", &[7; 32]));
        let headers = OpHeaders::new(&options).unwrap();
        assert!(headers.customer_key[&CUSTOMER_KEY[1]].is_sensitive());
        options.object.acl = Some("a\nb".into());
        let error = OpHeaders::new(&options).unwrap_err();
        assert!(error.to_string().contains("`acl`"), "{error}");
    }
}
