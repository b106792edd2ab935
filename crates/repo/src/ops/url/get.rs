//! `get-url`: copy what lies under a URL.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use haul_storage::progress::Observer;
use haul_storage::source::{SourceEntry, save};
use haul_storage::{CancellationToken, ErrorKind};

use super::{Surroundings, look};
use crate::ops::import::{check_paths, resolve_out};
use crate::workspace::scan::many;
use crate::{Error, Result};

/// Files that are got at once, unless the user says how many.
const JOBS: usize = 16;

/// What to get, and where to put it.
#[derive(Debug, Clone, Default)]
pub struct GetUrlOptions {
    /// The URL, or a path.
    pub url: String,
    /// Where it is put, as typed.
    pub out: Option<String>,
    /// Overwrite what is there (`-f`).
    pub force: bool,
    /// Requests under way at once (`-j`).
    pub jobs: Option<usize>,
    /// Options of the URL (`--fs-config`).
    pub fs_config: Vec<(String, String)>,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// Refuses files whose directories below `out` are symbolic links: what is written through them lands elsewhere.
fn refuse_links<'a>(out: &Path, files: impl Iterator<Item = &'a Path>) -> Result<()> {
    let mut seen = HashSet::new();
    for file in files {
        let above =
            file.ancestors().skip(1).take_while(|directory| directory.starts_with(out) && *directory != out);
        for directory in above {
            let is_new = seen.insert(directory.to_owned());
            if is_new && fs_err::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_symlink()) {
                let message =
                    format!("`{}` is a symbolic link: nothing is written through it", directory.display());
                return Err(Error::Workspace { path: directory.to_owned(), message });
            }
        }
    }
    Ok(())
}

/// Copies a file, or a directory, each file by a rename. What was copied stays if others fail.
///
/// # Errors
///
/// [`Error::BadOut`] if something is there already, [`Error::NoUrl`] if there is nothing under the URL.
pub async fn get_url(
    surroundings: &Surroundings<'_>,
    options: &GetUrlOptions,
    observer: &dyn Observer,
) -> Result<PathBuf> {
    let current_dir = surroundings.env.current_dir();
    let out = resolve_out(current_dir, &options.url, options.out.as_deref(), options.force)?;
    let out = current_dir.join(out);
    let (remote, source) = surroundings.open(&options.url, &options.fs_config)?;
    let root = look(source.as_ref(), &options.url, None).await?;
    let files: Vec<(SourceEntry, PathBuf)> = if root.is_dir {
        let entries = source.walk().await?;
        check_paths(&entries, source.location())?;
        fs_err::create_dir_all(&out).map_err(|error| Error::io("cannot write what was asked for", error))?;
        entries
            .into_iter()
            .map(|entry| (out.join(&entry.path), entry))
            .map(|(path, entry)| (entry, path))
            .collect()
    } else {
        vec![(root, out.clone())]
    };
    refuse_links(&out, files.iter().map(|(_, path)| path.as_path()))?;
    let jobs = options.jobs.filter(|jobs| *jobs > 0).or(remote.jobs.map(|jobs| jobs.value.get()));
    let answers = save(&source, &files, jobs.unwrap_or(JOBS), &options.cancel, observer).await;
    let mut errors = Vec::new();
    for answer in answers {
        match answer {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(Error::Interrupted),
            Err(error) => errors.push(error.into()),
            Ok(()) => {}
        }
    }
    many(errors).map(|()| out)
}
