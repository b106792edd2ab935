//! Hashes many files with all processors and all SIMD lanes.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::reader::{self, FileSink, Run};
use crate::progress::{Observer, Phase};
use crate::{Md5Digest, Result};

/// The hash that names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Flavour {
    /// `md5`: the MD5 of the bytes.
    #[default]
    Md5,
    /// `md5-dos2unix`, of DVC 2: the MD5 of a text with its line ends converted to LF, or of the bytes of a binary file.
    Md5Dos2Unix,
}

/// A file's hash, and its metadata.
#[derive(Debug, Clone)]
pub struct HashedFile {
    /// The digest.
    pub digest: Md5Digest,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The metadata that `fstat` returned, which was the same before the first and after the last byte was read.
    pub metadata: std::fs::Metadata,
}

/// Hashes one file.
pub fn hash_file(path: &Path, flavour: Flavour) -> Result<HashedFile> {
    let paths = [path.to_path_buf()];
    let token = CancellationToken::new();
    let run = Run { flavour, n_threads: Some(1), observer: &crate::progress::NoObserver, cancel: &token };
    reader::run(&paths, &HashOnly, run).pop().expect("one answer for one path")
}

/// Hashes files in parallel, with `n_threads` threads or one for each processor; the answers are in the order of
/// `paths`. Only regular files can be hashed; symbolic links are followed. A file that changes while it is read is
/// an error. Reports in [`Phase::Hashing`]. After a cancellation, the files that were not hashed yet
/// are [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
pub fn hash_files(
    paths: &[PathBuf],
    flavour: Flavour,
    n_threads: Option<usize>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Vec<Result<HashedFile>> {
    reader::run(paths, &HashOnly, Run { flavour, n_threads, observer, cancel })
}

/// Keeps the digest and drops the bytes.
struct HashOnly;

impl FileSink for HashOnly {
    type Stream = ();
    type Output = HashedFile;

    const PHASE: Phase = Phase::Hashing;
    const WRITES: bool = false;

    fn small(&self, _path: &Path, _bytes: &[u8], hashed: HashedFile) -> Result<HashedFile> {
        Ok(hashed)
    }

    fn begin(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn write(&self, _stream: &mut (), _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn finish(&self, _path: &Path, _stream: (), hashed: HashedFile) -> Result<HashedFile> {
        Ok(hashed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::hash::md5;
    use crate::progress::NoObserver;

    #[test]
    fn hash_files_of_all_sizes_equal_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = [0, 1, 63, 64, 65, 4096, 262_143, 262_144, 262_145, 300_000, 1 << 20, (3 << 20) + 7];
        let mut paths = Vec::new();
        let mut expected = Vec::new();
        for (index, size) in sizes.iter().cycle().take(60).enumerate() {
            let bytes: Vec<u8> = (0..*size).map(|at: usize| (at * 7 + index).to_le_bytes()[0]).collect();
            let path = folder.path().join(index.to_string());
            fs_err::write(&path, &bytes).unwrap();
            expected.push((md5(&bytes), bytes.len() as u64));
            paths.push(path);
        }
        for n_threads in [1, 2, 7, 100] {
            let hashed =
                hash_files(&paths, Flavour::Md5, Some(n_threads), &NoObserver, &CancellationToken::new());
            let hashed: Vec<_> = hashed
                .into_iter()
                .map(|file| file.map(|file| (file.digest, file.size_bytes)).unwrap())
                .collect();
            assert_eq!(hashed, expected, "{n_threads} threads");
        }
    }

    #[test]
    fn hash_files_reports_each_failure_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["a", "gone", "b"].iter().map(|name| folder.path().join(name)).collect();
        fs_err::write(&paths[0], "a").unwrap();
        fs_err::write(&paths[2], "b").unwrap();
        let mut all = paths.clone();
        all.push(folder.path().to_path_buf());
        let hashed = hash_files(&all, Flavour::Md5, None, &NoObserver, &CancellationToken::new());
        assert_eq!(hashed[0].as_ref().unwrap().digest, md5(b"a"));
        assert_eq!(hashed[1].as_ref().unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(hashed[2].as_ref().unwrap().digest, md5(b"b"));
        assert!(hashed[3].is_err());
    }

    #[test]
    fn hash_files_after_cancellation_hashes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs_err::write(&path, "a").unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();
        let hashed = hash_files(&[path], Flavour::Md5, None, &NoObserver, &cancel);
        assert_eq!(hashed[0].as_ref().unwrap_err().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn hash_file_of_text_follows_dvc_2() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs_err::write(&path, "a\r\nb\r\n").unwrap();
        assert_eq!(hash_file(&path, Flavour::Md5Dos2Unix).unwrap().digest, md5(b"a\nb\n"));
        assert_eq!(hash_file(&path, Flavour::Md5).unwrap().digest, md5(b"a\r\nb\r\n"));
        fs_err::write(&path, "a\r\n".repeat(200_000)).unwrap();
        assert_eq!(hash_file(&path, Flavour::Md5Dos2Unix).unwrap().size_bytes, 600_000);
        assert_eq!(
            hash_file(&path, Flavour::Md5Dos2Unix).unwrap().digest,
            md5("a\n".repeat(200_000).as_bytes())
        );
    }
}
