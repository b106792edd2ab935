//! What a bucket is set up to do, and what its server holds to: for people who set a remote up.

use http::Method;
use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};

use super::S3Store;
use crate::s3::client::{Call, Expect};
use crate::s3::reply::bucket::{DefaultEncryption, ObjectLock, parse_encryption, parse_object_lock};
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::Op;
use crate::s3::request::payload::Payload;
use crate::versions::VersionedStore as _;
use crate::{Body, DeleteStore as _, Error, ErrorKind, Result};

impl S3Store {
    /// Returns what the bucket encrypts new objects with, unless they say it themselves. Needs the right
    /// `s3:GetEncryptionConfiguration`.
    pub async fn default_encryption(&self) -> Result<Option<DefaultEncryption>> {
        let call = question(Op::BucketEncryption, "encryption");
        match self.client.send(&call).await {
            Ok(answer) => parse_encryption(&answer.body).map_err(|error| self.client.malformed(&call, error)),
            Err(error) if says(&error, "ServerSideEncryptionConfigurationNotFoundError") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns how long the bucket keeps objects from being deleted, if it does. Needs the right
    /// `s3:GetBucketObjectLockConfiguration`.
    pub async fn object_lock(&self) -> Result<Option<ObjectLock>> {
        let call = question(Op::ObjectLock, "object-lock");
        match self.client.send(&call).await {
            Ok(answer) => {
                parse_object_lock(&answer.body).map_err(|error| self.client.malformed(&call, error))
            }
            Err(error) if says(&error, "ObjectLockConfigurationNotFoundError") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the server holds to conditions of writes: tries to put the object `key`, which is there, once more as a
    /// new one. A server that does not hold to them writes it once more.
    pub async fn holds_to_conditions(&self, key: &str, content: &[u8]) -> Result<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let payload = Payload::new(&Body::bytes(bytes::Bytes::copy_from_slice(content)));
        let digest = crate::hash::md5(content);
        match self.client.put_object(&self.full_key(key), payload, Some(&digest), headers).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(true),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object for good: in a bucket that keeps versions, all of them, and the marks of its deletion. Returns
    /// how many versions are left.
    pub async fn erase(&self, key: &str) -> Result<usize> {
        self.delete(std::slice::from_ref(&key.to_owned())).await?;
        let page = self.list_versions(key, None).await?;
        let versions: Vec<(String, String)> = page
            .versions
            .into_iter()
            .filter(|version| version.key == key)
            .filter_map(|version| Some((version.key, version.version_id?)))
            .collect();
        if versions.is_empty() {
            return Ok(0);
        }
        Ok(self.delete_versions(&versions).await?.len())
    }
}

fn question(op: Op, name: &'static str) -> Call<'static> {
    Call { query: Query::default().with(name, ""), expect: Expect::Xml, ..Call::new(op, Method::GET, None) }
}

fn says(error: &Error, code: &str) -> bool {
    error.reply().is_some_and(|reply| reply.code.as_deref() == Some(code))
}
