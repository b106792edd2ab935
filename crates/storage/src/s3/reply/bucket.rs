//! What servers say of a bucket: how it encrypts, and how long it keeps objects.

use super::documents::not_empty;
use super::xml::{MalformedXml, Tag, walk};

/// What a bucket encrypts new objects with, unless they say it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The KMS key, if one is named.
    pub kms_key_id: Option<String>,
}

/// How long a bucket keeps each version of an object from being deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectLock {
    /// `GOVERNANCE` or `COMPLIANCE`; `None` if only objects that say it themselves are locked.
    pub mode: Option<String>,
    /// For how long, as `30 days`.
    pub period: Option<String>,
}

/// Reads the reply to GetBucketEncryption; `None` if there is no rule.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html>.
pub(crate) fn parse_encryption(xml: &[u8]) -> Result<Option<DefaultEncryption>, MalformedXml> {
    let mut found = DefaultEncryption::default();
    walk(xml, |path, text| {
        match path {
            [
                Tag::ServerSideEncryptionConfiguration,
                Tag::Rule,
                Tag::ApplyServerSideEncryptionByDefault,
                last,
            ] => match last {
                Tag::SSEAlgorithm => text.trim().clone_into(&mut found.algorithm),
                Tag::KMSMasterKeyID => found.kms_key_id = not_empty(text.trim()),
                _ => {}
            },
            [Tag::ServerSideEncryptionConfiguration, ..] => {}
            _ => return Err(MalformedXml("it is not the encryption of a bucket".into())),
        }
        Ok(())
    })?;
    Ok(Some(found).filter(|found| !found.algorithm.is_empty()))
}

/// Reads the reply to GetObjectLockConfiguration; `None` if it is off.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html>.
pub(crate) fn parse_object_lock(xml: &[u8]) -> Result<Option<ObjectLock>, MalformedXml> {
    let mut is_on = false;
    let mut found = ObjectLock::default();
    walk(xml, |path, text| {
        let text = text.trim();
        match path {
            [Tag::ObjectLockConfiguration, Tag::ObjectLockEnabled] => is_on = text == "Enabled",
            [Tag::ObjectLockConfiguration, Tag::Rule, Tag::DefaultRetention, last] => match last {
                Tag::Mode => found.mode = not_empty(text),
                Tag::Days => found.period = not_empty(text).map(|days| format!("{days} days")),
                Tag::Years => found.period = not_empty(text).map(|years| format!("{years} years")),
                _ => {}
            },
            [Tag::ObjectLockConfiguration, ..] => {}
            _ => return Err(MalformedXml("it is not the object lock of a bucket".into())),
        }
        Ok(())
    })?;
    Ok(is_on.then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_and_lock_are_read_as_aws_and_minio_write_them() {
        let aws = b"<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>\
            <ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:k</KMSMasterKeyID>\
            </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>\
            </ServerSideEncryptionConfiguration>";
        let found = parse_encryption(aws).unwrap().unwrap();
        assert_eq!((found.algorithm.as_str(), found.kms_key_id.as_deref()), ("aws:kms", Some("arn:k")));
        assert_eq!(parse_encryption(b"<ServerSideEncryptionConfiguration/>").unwrap(), None);
        let lock = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
            <Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        let found = parse_object_lock(lock).unwrap().unwrap();
        assert_eq!((found.mode.as_deref(), found.period.as_deref()), (Some("GOVERNANCE"), Some("30 days")));
        assert_eq!(parse_object_lock(b"<ObjectLockConfiguration/>").unwrap(), None);
        // A server that does not know the question lists the bucket.
        assert!(parse_object_lock(b"<ListBucketResult/>").is_err());
        assert!(parse_encryption(b"<ListBucketResult/>").is_err());
    }
}
