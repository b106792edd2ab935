//! The state of the server: buckets, keys, versions, unfinished uploads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use s3s::{S3Result, s3_error};

use super::content::Content;
use super::encryption::Encryption;
use super::options::{BucketOptions, Versioning};

/// The version id of objects that are written while versioning is off or suspended.
pub(crate) const NULL_VERSION: &str = "null";

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    last_id: u64,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) region: String,
    pub(crate) versioning: Versioning,
    pub(crate) public_read: bool,
    /// The versions of each key, the newest last; never empty.
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    /// Keys that DeleteObjects refuses to delete, as with a retention rule.
    pub(crate) retained: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) modified: SystemTime,
    /// `None` for a delete marker.
    pub(crate) object: Option<Object>,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) content: Content,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) attributes: Attributes,
}

/// The metadata that a client sends with an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) encryption: Encryption,
    pub(crate) acl: Option<String>,
    /// Permission and grantee, such as `("READ", "id=\"abc\"")`.
    pub(crate) grants: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) initiated: SystemTime,
    pub(crate) parts: BTreeMap<i32, UploadedPart>,
}

#[derive(Debug, Clone)]
pub(crate) struct UploadedPart {
    pub(crate) content: Content,
    pub(crate) md5: [u8; 16],
    pub(crate) modified: SystemTime,
}

impl UploadedPart {
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

impl State {
    pub(crate) fn add_bucket(&mut self, options: &BucketOptions) {
        self.buckets.entry(options.name.clone()).or_insert_with(|| Bucket {
            region: options.region.clone(),
            versioning: options.versioning,
            public_read: options.public_read,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
            retained: BTreeSet::new(),
        });
    }

    pub(crate) fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        self.buckets.get(name).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    pub(crate) fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    /// Returns a new id: opaque, and not in the order of time.
    pub(crate) fn new_id(&mut self) -> String {
        self.last_id += 1;
        format!("{:08x}.{:06x}", self.last_id.wrapping_mul(0x9e37_79b9) & 0xffff_ffff, self.last_id)
    }

    /// Makes `object` (or a delete marker) the newest version of `key`; returns its id, if the bucket has ids.
    pub(crate) fn store(
        &mut self,
        bucket: &str,
        key: &str,
        object: Option<Object>,
    ) -> S3Result<Option<String>> {
        let new_id = self.new_id();
        let bucket = self.bucket_mut(bucket)?;
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        let id = match bucket.versioning {
            Versioning::Enabled => new_id,
            Versioning::Off | Versioning::Suspended => {
                versions.retain(|version| version.id != NULL_VERSION);
                NULL_VERSION.to_owned()
            }
        };
        versions.push(Version { id: id.clone(), modified: SystemTime::now(), object });
        Ok((bucket.versioning != Versioning::Off).then_some(id))
    }
}

impl Bucket {
    /// Returns the newest version of a key, or the one with the id.
    pub(crate) fn version(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let versions = self.objects.get(key)?;
        match id {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.id == id),
        }
    }

    /// Returns the objects of a plain listing.
    pub(crate) fn current(&self) -> impl Iterator<Item = (&str, &Version, &Object)> {
        self.objects.iter().filter_map(|(key, versions)| {
            let version = versions.last()?;
            Some((key.as_str(), version, version.object.as_ref()?))
        })
    }
}
