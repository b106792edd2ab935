//! `git add`.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stage, Stat};

use super::{Git, bytes_of};
use crate::{Error, Result};

impl Git {
    /// Writes files into the index, as `git add` does; deleted paths are removed from it, and paths outside of the work tree
    /// are skipped.
    ///
    /// Deviation: haul stages files in Git without clean filters and conversion of line ends. It only stages metafiles and
    /// ignore files that DVC or haul wrote, with LF, and these have no filters.
    pub fn stage(&self, paths: &[PathBuf]) -> Result<()> {
        let repo = self.repo.to_thread_local();
        let index_path = repo.index_path();
        // The lock is taken before the index is read, so that changes by another `git add` are not lost.
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
                Some(entry) => set_entry(&mut index, name.as_ref(), &entry),
                None => remove_entries(&mut index, name.as_ref()),
            };
        }
        if changed {
            index.sort_entries();
            // The cached trees do not include the change; Git computes them again.
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
    // Git cannot read an index that a power failure emptied.
    lock.with_mut(|file| file.sync_data())?;
    lock.commit().map_err(|error| error.error)?;
    Ok(())
}

struct NewEntry {
    id: gix::ObjectId,
    mode: Mode,
    stat: Stat,
}

/// Stores the content of a file as a blob; `None` if the file does not exist.
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

/// Replaces all entries of a name by one entry. Returns whether that changed anything.
fn set_entry(index: &mut gix::index::File, name: &BStr, entry: &NewEntry) -> bool {
    if let Some(present) = index.entry_mut_by_path_and_stage(name, Stage::Unconflicted) {
        let is_same = present.id == entry.id && present.mode == entry.mode;
        (present.id, present.mode, present.stat) = (entry.id, entry.mode, entry.stat);
        return !is_same;
    }
    remove_entries(index, name);
    index.dangerously_push_entry(entry.stat, entry.id, Flags::empty(), entry.mode, name);
    // Entries are found by bisection, so they must be sorted before the next search.
    index.sort_entries();
    true
}

/// Removes all entries of a name, conflicting ones too. Returns whether there were any.
fn remove_entries(index: &mut gix::index::File, name: &BStr) -> bool {
    let before = index.entries().len();
    index.remove_entries(|_, path, _| path == name);
    index.entries().len() != before
}
