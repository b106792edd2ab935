//! What a killed upload needs to go on.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Oid;
use crate::hash::md5;

/// The note about one multipart upload: a small text file, named by where the object goes.
#[derive(Debug)]
pub(super) struct Resume {
    file: PathBuf,
    /// The first lines of the note. A note with others is about another upload.
    head: String,
}

impl Resume {
    /// Looks into `state_dir` for the upload of a file with this content to this place, in parts of this size.
    pub(super) fn new(
        state_dir: &Path,
        location: &str,
        key: &str,
        oid: &Oid,
        size_bytes: u64,
        part_bytes: u64,
    ) -> Self {
        let place = format!("{location}\n{key}");
        let file = state_dir.join("uploads").join(hex::encode(md5(place.as_bytes())));
        Self { file, head: format!("upload 2\n{place}\n{oid} {size_bytes} {part_bytes}\n") }
    }

    /// Returns the id of the upload that was under way.
    pub(super) fn upload_id(&self) -> Option<String> {
        let note = fs_err::read_to_string(&self.file).ok()?;
        let id = note.strip_prefix(&self.head)?.strip_suffix('\n')?;
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// Notes the id. Not to be able to is no reason to fail: a killed upload then starts over.
    pub(super) fn remember(&self, upload_id: &str) {
        if upload_id.contains('\n') {
            return;
        }
        let folder = self.file.parent().expect("the note lies in a folder");
        let written = fs_err::create_dir_all(folder).and_then(|()| {
            let mut note = tempfile::NamedTempFile::new_in(folder)?;
            writeln!(note, "{}{upload_id}", self.head)?;
            note.persist(&self.file)?;
            Ok(())
        });
        if let Err(error) = written {
            tracing::debug!(%error, "an upload could not be noted");
        }
    }

    /// Deletes the note.
    pub(super) fn forget(&self) {
        if let Err(error) = fs_err::remove_file(&self.file) {
            tracing::debug!(%error, "the note of an upload stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_knows_only_the_same_upload() {
        let folder = tempfile::tempdir().unwrap();
        let note_of = |location: &str, content: u8, part_bytes: u64| {
            Resume::new(folder.path(), location, "key", &Oid::file([content; 16]), 10, part_bytes)
        };
        let note = note_of("s3://b", 1, 5);
        assert_eq!(note.upload_id(), None);
        note.remember("id");
        assert_eq!(note_of("s3://b", 1, 5).upload_id().as_deref(), Some("id"));
        assert_eq!(note_of("s3://b", 1, 6).upload_id(), None);
        assert_eq!(note_of("s3://b", 2, 5).upload_id(), None);
        assert_eq!(note_of("s3://c", 1, 5).upload_id(), None);
        note.forget();
        assert_eq!(note.upload_id(), None);
    }
}
