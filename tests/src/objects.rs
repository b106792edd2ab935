//! Writes DVC's objects directly, to prepare a remote or to make a hostile one.

use md5::{Digest, Md5};

use crate::embedded::EmbeddedS3;
use crate::environment::Folder;

/// The bucket of the repositories of [`crate::TestEnvironment::repository_at`].
pub const BUCKET: &str = "bucket";
/// The prefix of their objects in [`BUCKET`].
pub const PREFIX: &str = "store";

/// Returns the MD5 of some bytes, in hexadecimal digits.
pub fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// Returns the key of an object on a remote; `oid` may end with `.dir`.
pub fn key_of(oid: &str) -> String {
    format!("{PREFIX}/files/md5/{}/{}", &oid[..2], &oid[2..])
}

/// Writes an object to the key that a push would use; returns its oid.
pub fn put_object(server: &EmbeddedS3, bytes: &[u8]) -> String {
    let oid = md5_of(bytes);
    server.put(BUCKET, &key_of(&oid), bytes.to_vec());
    oid
}

/// Writes a directory manifest with these entries to the key that a push would use; returns its oid.
///
/// The entries are neither sorted nor validated.
pub fn put_directory(server: &EmbeddedS3, entries: &[(&str, &str)]) -> String {
    let bytes = directory_bytes(entries);
    let oid = format!("{}.dir", md5_of(bytes.as_bytes()));
    server.put(BUCKET, &key_of(&oid), bytes);
    oid
}

/// Returns the bytes of a directory manifest: MD5 and relative path of each entry.
pub fn directory_bytes(entries: &[(&str, &str)]) -> String {
    let entry = |(md5, path): &(&str, &str)| {
        let path = serde_json::to_string(path).expect("a string can be written as JSON");
        format!("{{\"md5\": \"{md5}\", \"relpath\": {path}}}")
    };
    format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// Writes `PATH.dvc` for an out with this oid, without sizes, which are optional.
pub fn track(folder: &Folder<'_>, path: &str, oid: &str) {
    let text = format!("outs:\n- md5: {oid}\n  hash: md5\n  path: {path}\n");
    folder.write(format!("{path}.dvc"), text);
}

/// Returns whether an oid, or the key of an object, is that of a directory manifest.
pub fn is_directory(oid_or_key: &str) -> bool {
    oid_or_key.strip_suffix(".dir").is_some()
}
