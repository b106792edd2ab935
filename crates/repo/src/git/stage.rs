//! `git add`.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stage, Stat};

use super::{Git, bytes_of};
use crate::{Error, Result};

impl Git {
    /// Writes files into the index, as `git add` does; paths that are gone are taken out, paths outside of the
    /// work tree are left alone.
    ///
    /// Deviation: no clean filter and no change of line ends is applied. The files DVC stages are written by
    /// DVC, with LF, and have no filters.
    pub fn stage(&self, paths: &[PathBuf]) -> Result<()> {
        let repo = self.repo.to_thread_local();
        let index_path = repo.index_path();
        // The lock comes before reading: what another `git add` writes in between must not be lost.
        let patience = gix::lock::acquire::Fail::AfterDurationWithBackoff(LOCK_PATIENCE);
        let lock = gix::lock::File::acquire_to_update_resource(&index_path, patience, None, 0)
            .map_err(|source| Error::git("cannot lock the index of Git", source))?;
        let mut index = if index_path.exists() {
            repo.open_index().map_err(|source| Error::git("cannot read the index of Git", source))?
        } else {
            gix::index::File::from_state(gix::index::State::new(repo.object_hash()), index_path)
        };
        let mut changed = false;
        for path in paths {
            let Some(name) = self.name(path) else { continue };
            changed |= match entry_of(&repo, path)? {
                Some(entry) => put(&mut index, name.as_ref(), &entry),
                None => take(&mut index, name.as_ref()),
            };
        }
        if changed {
            index.sort_entries();
            // The cached trees know nothing of the change; Git makes them again.
            let _trees = index.remove_tree();
            write(&index, lock).map_err(|source| Error::git("cannot write the index of Git", source))?;
        }
        Ok(())
    }
}

/// How long to wait for another process that writes the index.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

fn write(
    index: &gix::index::File,
    lock: gix::lock::File,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut out = BufWriter::new(lock);
    index.write_to(&mut out, gix::index::write::Options::default())?;
    let mut lock = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    // Git can't read an index that a power failure emptied.
    lock.with_mut(|file| file.sync_data())?;
    lock.commit().map_err(|error| error.error)?;
    Ok(())
}

struct NewEntry {
    id: gix::ObjectId,
    mode: Mode,
    stat: Stat,
}

/// Stores the content of a file as a blob; `None` if the file is gone.
fn entry_of(repo: &gix::Repository, path: &Path) -> Result<Option<NewEntry>> {
    let failed = |source| Error::io("cannot stage a file in Git", source);
    let metadata = match gix::index::fs::Metadata::from_path_no_follow(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(failed(std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))));
        }
    };
    let (mode, content) = if metadata.is_symlink() {
        (Mode::SYMLINK, bytes_of(fs_err::read_link(path).map_err(failed)?)?)
    } else if metadata.is_file() {
        let mode = if metadata.is_executable() { Mode::FILE_EXECUTABLE } else { Mode::FILE };
        (mode, BString::from(fs_err::read(path).map_err(failed)?))
    } else {
        return Ok(None);
    };
    let id = repo
        .write_blob(content.as_bytes())
        .map_err(|source| Error::git(format!("cannot store `{}` in Git", path.display()), source))?
        .detach();
    let stat = Stat::from_fs(&metadata)
        .map_err(|source| Error::git(format!("cannot stage `{}` in Git", path.display()), source))?;
    Ok(Some(NewEntry { id, mode, stat }))
}

/// Puts an entry in the place of all entries of its name; tells whether that changes anything.
fn put(index: &mut gix::index::File, name: &BStr, entry: &NewEntry) -> bool {
    if let Some(present) = index.entry_mut_by_path_and_stage(name, Stage::Unconflicted) {
        let is_same = present.id == entry.id && present.mode == entry.mode;
        (present.id, present.mode, present.stat) = (entry.id, entry.mode, entry.stat);
        return !is_same;
    }
    take(index, name);
    index.dangerously_push_entry(entry.stat, entry.id, Flags::empty(), entry.mode, name);
    // Entries are found by bisection, so they must be in order before the next question.
    index.sort_entries();
    true
}

/// Takes all entries of a name out, conflicting ones too; tells whether there were any.
fn take(index: &mut gix::index::File, name: &BStr) -> bool {
    let before = index.entries().len();
    index.remove_entries(|_, path, _| path == name);
    index.entries().len() != before
}
