//! Direct access of tests to the store, without requests.

use bytes::Bytes;

use super::content::Content;
use super::options::BucketOptions;
use super::running::EmbeddedS3;
use super::state::{Attributes, Object, Upload};

/// An object, or a version of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// Its version; `null` if it was written while versioning was off.
    pub version_id: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its storage class.
    pub storage_class: Option<String>,
    /// Its canned ACL.
    pub acl: Option<String>,
    /// Permission and grantee of each grant header, such as `("READ", "id=\"abc\"")`.
    pub grants: Vec<(String, String)>,
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub server_side_encryption: Option<String>,
    /// The KMS key.
    pub kms_key_id: Option<String>,
    /// The base64 MD5 of the SSE-C key.
    pub customer_key_md5: Option<String>,
}

impl EmbeddedS3 {
    /// Returns the keys of a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.objects(bucket).into_iter().map(|object| object.key).collect()
    }

    /// Returns the objects of a plain listing of the bucket.
    pub fn objects(&self, bucket: &str) -> Vec<StoredObject> {
        let state = self.shared().state();
        let bucket = state.buckets.get(bucket).expect("the bucket exists");
        bucket.current().map(|(key, version, object)| shown(key, &version.id, object)).collect()
    }

    /// Returns all versions of a key except delete markers, the newest last.
    pub fn versions(&self, bucket: &str, key: &str) -> Vec<StoredObject> {
        let state = self.shared().state();
        let bucket = state.buckets.get(bucket).expect("the bucket exists");
        let versions = bucket.objects.get(key).map(Vec::as_slice).unwrap_or_default();
        let of_object = versions.iter().filter_map(|version| Some((version, version.object.as_ref()?)));
        of_object.map(|(version, object)| shown(key, &version.id, object)).collect()
    }

    /// Returns the newest version of a key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.objects(bucket).into_iter().find(|object| object.key == key)
    }

    /// Returns the bytes of a key.
    pub fn bytes(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let content = {
            let state = self.shared().state();
            let bucket = state.buckets.get(bucket).expect("the bucket exists");
            bucket.version(key, None)?.object.as_ref()?.content.clone()
        };
        Some(content.to_bytes().expect("the server's own files can be read"))
    }

    /// Writes bytes to a key without any checks, to prepare a remote or to damage it.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        let content = Content::from(bytes.into());
        let etag = hex::encode(content.md5().expect("memory can be read"));
        let object = Object { content, etag, attributes: Attributes::default() };
        self.shared().state().store(bucket, key, Some(object)).expect("the bucket exists");
    }

    /// Flips a bit in the newest version of a key, as a faulty disk would: its entity tag and its version stay.
    pub fn decay(&self, bucket: &str, key: &str) {
        let mut bytes = self.bytes(bucket, key).expect("the key exists").to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let mut state = self.shared().state();
        let objects = &mut state.bucket_mut(bucket).expect("the bucket exists").objects;
        let newest = objects.get_mut(key).and_then(|versions| versions.last_mut()).expect("the key exists");
        newest.object.as_mut().expect("it is no delete marker").content = Content::from(Bytes::from(bytes));
    }

    /// Removes all versions of a key; returns whether there was one.
    pub fn remove(&self, bucket: &str, key: &str) -> bool {
        let mut state = self.shared().state();
        state.bucket_mut(bucket).expect("the bucket exists").objects.remove(key).is_some()
    }

    /// Deletes a key like a request without a version id: in a bucket with versions, a delete marker hides them.
    pub fn hide(&self, bucket: &str, key: &str) {
        self.shared().state().store(bucket, key, None).expect("the bucket exists");
    }

    /// Makes DeleteObjects refuse a key, as if a retention rule applied to the object.
    pub fn retain(&self, bucket: &str, key: &str) {
        let mut state = self.shared().state();
        state.bucket_mut(bucket).expect("the bucket exists").retained.insert(key.to_owned());
    }

    /// Sets the age of an object.
    pub fn age(&self, bucket: &str, key: &str, age: std::time::Duration) {
        let mut state = self.shared().state();
        let objects = &mut state.bucket_mut(bucket).expect("the bucket exists").objects;
        let newest = objects.get_mut(key).and_then(|versions| versions.last_mut()).expect("the key exists");
        newest.modified -= age;
    }

    /// Makes a bucket, unless it exists.
    pub fn add_bucket(&self, options: &BucketOptions) {
        self.shared().state().add_bucket(options);
    }

    /// Adds an unfinished multipart upload of this age.
    ///
    /// # Panics
    /// If there is no such bucket.
    pub fn leave_upload(&self, bucket: &str, key: &str, age: std::time::Duration) {
        let mut state = self.shared().state();
        let id = format!("upload-{}", state.new_id());
        let (attributes, parts) = (Attributes::default(), std::collections::BTreeMap::new());
        let initiated = std::time::SystemTime::now() - age;
        let upload = Upload { key: key.to_owned(), attributes, initiated, parts };
        state.bucket_mut(bucket).expect("the bucket exists").uploads.insert(id, upload);
    }

    /// Returns the keys of multipart uploads that were neither completed nor aborted, in order.
    ///
    /// # Panics
    /// If there is no such bucket.
    pub fn upload_keys(&self, bucket: &str) -> Vec<String> {
        let state = self.shared().state();
        let uploads = &state.buckets.get(bucket).expect("the bucket exists").uploads;
        let mut keys: Vec<String> = uploads.values().map(|upload| upload.key.clone()).collect();
        keys.sort();
        keys
    }

    /// Returns the number of parts of such uploads.
    ///
    /// # Panics
    /// If there is no such bucket.
    pub fn open_parts(&self, bucket: &str) -> usize {
        let state = self.shared().state();
        let uploads = &state.buckets.get(bucket).expect("the bucket exists").uploads;
        uploads.values().map(|upload| upload.parts.len()).sum()
    }

    /// Returns the number of multipart uploads that were neither completed nor aborted.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        self.shared().state().buckets.get(bucket).expect("the bucket exists").uploads.len()
    }
}

fn shown(key: &str, version_id: &str, object: &Object) -> StoredObject {
    let attributes = object.attributes.clone();
    StoredObject {
        key: key.to_owned(),
        version_id: version_id.to_owned(),
        size_bytes: object.content.size_bytes(),
        etag: object.etag.clone(),
        content_type: attributes.content_type,
        storage_class: attributes.storage_class,
        acl: attributes.acl,
        grants: attributes.grants,
        server_side_encryption: attributes.encryption.server_side,
        kms_key_id: attributes.encryption.kms_key_id,
        customer_key_md5: attributes.encryption.customer_key_md5,
    }
}
