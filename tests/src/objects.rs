//! DVC's objects, made by hand: the remote of a test that starts in the middle, or one that lies.

use md5::{Digest, Md5};

use crate::embedded::EmbeddedS3;
use crate::environment::Folder;

/// Where the repositories of [`crate::TestEnvironment::repository_at`] keep their objects.
pub const BUCKET: &str = "bucket";
/// See [`BUCKET`].
pub const PREFIX: &str = "store";

/// Returns the MD5 of some bytes, in hexadecimal digits.
pub fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// Returns the key under which a remote keeps an object; `oid` may end in `.dir`.
pub fn key_of(oid: &str) -> String {
    format!("{PREFIX}/files/md5/{}/{}", &oid[..2], &oid[2..])
}

/// Puts an object where a push would; returns its oid.
pub fn put_object(server: &EmbeddedS3, bytes: &[u8]) -> String {
    let oid = md5_of(bytes);
    server.put(BUCKET, &key_of(&oid), bytes.to_vec());
    oid
}

/// Puts a directory object where a push would, with entries as they are given; returns its oid.
///
/// What DVC would sort, check or refuse is taken as it comes.
pub fn put_directory(server: &EmbeddedS3, entries: &[(&str, &str)]) -> String {
    let bytes = directory_bytes(entries);
    let oid = format!("{}.dir", md5_of(bytes.as_bytes()));
    server.put(BUCKET, &key_of(&oid), bytes);
    oid
}

/// Returns the bytes of a directory object: MD5 and relative path of each entry.
pub fn directory_bytes(entries: &[(&str, &str)]) -> String {
    let entry = |(md5, path): &(&str, &str)| {
        let path = serde_json::to_string(path).expect("a string can be written as JSON");
        format!("{{\"md5\": \"{md5}\", \"relpath\": {path}}}")
    };
    format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// Writes `PATH.dvc` for an output with this oid; it says nothing of sizes, which DVC takes for hints.
pub fn track(folder: &Folder<'_>, path: &str, oid: &str) {
    let text = format!("outs:\n- md5: {oid}\n  hash: md5\n  path: {path}\n");
    folder.write(format!("{path}.dvc"), text);
}

/// Tells whether an oid, or the key of an object, is a directory's.
pub fn is_directory(oid_or_key: &str) -> bool {
    oid_or_key.strip_suffix(".dir").is_some()
}
