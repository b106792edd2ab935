//! What a killed upload needs to go on: its id, and which parts were sent with which bytes.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::hash::md5;
use crate::{Md5Digest, Oid, UploadedPart};

/// The note about one multipart upload: a small text file, named by where the object goes.
#[derive(Debug)]
pub(super) struct Resume {
    file: PathBuf,
    /// The first lines of all notes about this place.
    place: String,
    /// The first lines of the note. A note with others is about another upload.
    head: String,
    /// The note, locked for as long as this process may be sending: no other process may give it up.
    held: Mutex<Option<File>>,
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
        let place = format!("upload 2\n{place}\n");
        let head = format!("{place}{oid} {size_bytes} {part_bytes}\n");
        Self { file, place, head, held: Mutex::default() }
    }

    /// Returns the id of the upload that was under way.
    pub(super) fn upload_id(&self) -> Option<String> {
        let note = fs_err::read_to_string(&self.file).ok()?;
        let (id, _) = note.strip_prefix(&self.head)?.split_once('\n')?;
        is_id(id).then(|| id.to_owned())
    }

    /// Returns which bytes a part was sent with, by what the store said of it then.
    ///
    /// A list of parts shows entity tags, and under some encryptions these are no MD5s. Lines that are cut or damaged
    /// are as if they were not there.
    pub(super) fn sent_parts(&self) -> Vec<(u32, String, Md5Digest)> {
        let note = fs_err::read_to_string(&self.file).unwrap_or_default();
        let lines = note
            .strip_prefix(&self.head)
            .and_then(|rest| rest.split_once('\n'))
            .map_or("", |(_, lines)| lines);
        let part = |line: &str| {
            let mut words = line.strip_suffix('\n')?.splitn(3, ' ');
            let number = words.next()?.parse().ok()?;
            let mut digest = Md5Digest::default();
            hex::decode_to_slice(words.next()?, &mut digest).ok()?;
            Some((number, words.next()?.to_owned(), digest))
        };
        lines.split_inclusive('\n').filter_map(part).collect()
    }

    /// Notes a part that was sent.
    pub(super) fn remember_part(&self, part: &UploadedPart) {
        let Some(md5) = part.md5.filter(|_| !part.etag.contains('\n')) else { return };
        let line = format!("{} {} {}\n", part.number, hex::encode(md5), part.etag);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut note) = held.as_ref()
            && let Err(error) = note.write_all(line.as_bytes())
        {
            tracing::debug!(%error, "a part of an upload could not be noted");
        }
    }

    /// Holds the note of the upload that goes on.
    pub(super) fn hold(&self) {
        let Ok(note) = fs_err::OpenOptions::new().append(true).open(&self.file) else { return };
        let note = note.into_parts().0;
        // Where there are no locks, no process is kept from giving the upload up.
        drop(note.try_lock());
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }

    /// Returns the id of an upload to this place that was under way, and that cannot go on: it is of other content, or
    /// in other parts.
    pub(super) fn id_of_another(&self) -> Option<String> {
        let note = fs_err::read_to_string(&self.file).ok()?;
        let (_, rest) = note.strip_prefix(&self.place)?.split_once('\n')?;
        let (id, _) = rest.split_once('\n')?;
        (!note.starts_with(&self.head) && is_id(id)).then(|| id.to_owned())
    }

    /// Tells whether a process that lives has noted the upload.
    pub(super) fn is_under_way(&self) -> bool {
        let Ok(note) = fs_err::File::open(&self.file) else { return false };
        matches!(note.file().try_lock(), Err(TryLockError::WouldBlock))
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
            // Where there are no locks, no process is kept from giving the upload up.
            drop(note.as_file().try_lock());
            let held = note.persist(&self.file)?;
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
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

/// Tells whether this can be the id of an upload: a note that a power failure damaged may hold anything.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
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
        let others = [("s3://b", 1, 5), ("s3://b", 1, 6), ("s3://b", 2, 5), ("s3://c", 1, 5)];
        let ids = others.map(|(location, content, part_bytes)| {
            note_of(location, content, part_bytes).id_of_another().as_deref() == Some("id")
        });
        assert_eq!(ids, [false, true, true, false]);
        note.forget();
        assert_eq!(note.upload_id(), None);
    }

    #[test]
    fn parts_are_noted_and_lines_that_are_cut_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let note = || Resume::new(folder.path(), "s3://b", "key", &Oid::file([1; 16]), 10, 5);
        let sender = note();
        sender.remember("id");
        let part = |number, etag: &str| UploadedPart {
            number,
            etag: etag.to_owned(),
            md5: Some([7; 16]),
            crc32: None,
            size_bytes: 5,
        };
        sender.remember_part(&part(1, "\"a b\""));
        drop(sender);
        let next = note();
        next.hold();
        next.remember_part(&part(2, "\"c\""));
        let both = [(1, "\"a b\"".to_owned(), [7; 16]), (2, "\"c\"".to_owned(), [7; 16])];
        assert_eq!(note().sent_parts(), both);
        let text = fs_err::read_to_string(&next.file).unwrap();
        fs_err::write(&next.file, format!("{text}nonsense\n3 0 \n4 07")).unwrap();
        assert_eq!((note().sent_parts().as_slice(), note().upload_id().as_deref()), (&both[..], Some("id")));
        fs_err::write(&next.file, &text[..text.len() - 1]).unwrap();
        assert_eq!(note().sent_parts(), both[..1]);
    }

    #[test]
    fn upload_is_under_way_for_as_long_as_its_process_may_be_sending() {
        let folder = tempfile::tempdir().unwrap();
        let note = || Resume::new(folder.path(), "s3://b", "key", &Oid::file([1; 16]), 10, 5);
        let (sender, other) = (note(), note());
        assert!(!other.is_under_way());
        sender.remember("id");
        assert!(other.is_under_way());
        drop(sender);
        assert!(!other.is_under_way());
        assert_eq!(other.upload_id().as_deref(), Some("id"));
    }

    #[test]
    fn note_that_a_power_failure_damaged_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let note = Resume::new(folder.path(), "s3://b", "key", &Oid::file([1; 16]), 10, 5);
        note.remember("id");
        let whole = fs_err::read(&note.file).unwrap();
        let cut = whole[..whole.len() - 2].to_vec();
        let zeros_at_the_end = [&whole[..whole.len() - 3], b"\0\0\n"].concat();
        for damaged in [Vec::new(), cut, vec![0; whole.len()], b"\xff\xfe\n".to_vec(), zeros_at_the_end] {
            fs_err::write(&note.file, &damaged).unwrap();
            assert_eq!((note.upload_id(), note.id_of_another()), (None, None), "{damaged:?}");
        }
        note.remember("id");
        assert_eq!(note.upload_id().as_deref(), Some("id"));
    }
}
