//! `get`: a file or directory of a repository, into the file system.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use haul_storage::progress::Observer;
use haul_storage::{Cache, CacheOptions, CancellationToken, Durability};

use super::import::resolve_out;
use super::obtain::{FileSource, IntoCache, Part, ProjectPath, find, incomplete};
use super::staging::Staging;
use crate::data_tree::{DataObject, DataTree};
use crate::external::Location;
use crate::ops::FetchOptions;
use crate::paths::normalize;
use crate::workspace::state::Memo;
use crate::{Error, Result};

/// What to get, and where to.
#[derive(Debug, Clone, Default)]
pub struct GetOptions {
    /// The repository.
    pub location: Location,
    /// The path in it.
    pub path: String,
    /// Where to put it; a directory that is there gets it under its own name.
    pub out: Option<String>,
    /// Write over what is there (`-f`).
    pub force: bool,
    /// Requests under way at once.
    pub jobs: Option<usize>,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// Copies a file or directory out of a repository. Everything arrives under temporary names beside `out` first.
///
/// # Errors
///
/// [`Error::BadOut`] in DVC's words if something is at the destination, or if that is the name of a metafile.
///
/// Deviation: with `force`, DVC puts a directory into the one of that name; here it goes over it, and files that the
/// repository does not have stay.
pub async fn get(options: &GetOptions, env: &haul_config::Env, observer: &dyn Observer) -> Result<PathBuf> {
    let shown = resolve_out(env.current_dir(), &options.path, options.out.as_deref(), options.force)?;
    let out = normalize(&env.absolute(shown));
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if crate::index::is_stage_file(&name) {
        let message = "the given path is a DVC file, you must specify a data file or a directory";
        return Err(Error::BadOut(message.to_owned()));
    }
    let place = find(&options.location, &options.path, env, &options.cancel)?;
    let (part, tree) = place.part().await?;
    let parent = out.parent().unwrap_or(Path::new("/"));
    let failed = |source| Error::io("cannot prepare the destination", source);
    fs_err::create_dir_all(parent).map_err(failed)?;
    let staging = Staging::make(parent)?;
    let objects = CacheOptions { durability: Durability::Rename, ..CacheOptions::default() };
    let cache = Cache::new(staging.path().join("objects"), objects);
    let memo = Memo::new(staging.path().join("memo"));
    let fetch =
        FetchOptions { jobs: options.jobs, cancel: options.cancel.clone(), ..FetchOptions::default() };
    let into = IntoCache { cache: &cache, memo: &memo, observer };
    if let Some(error) = incomplete(place.fetch(&tree, &part, into, &fetch).await?) {
        return Err(error);
    }
    let made = staging.path().join("made");
    write_part(&place, &tree, &part, &cache, &made, &options.cancel)?;
    put(&made, &out, part.is_dir)?;
    Ok(out)
}

/// Writes the files of a part below `made`, or to `made` itself. An object that is used once is moved.
fn write_part(
    place: &ProjectPath,
    tree: &DataTree<'_>,
    part: &Part,
    cache: &Cache,
    made: &Path,
    cancel: &CancellationToken,
) -> Result<()> {
    let failed = |source| Error::io("cannot write the destination", source);
    let mut n_uses: HashMap<DataObject, usize> = HashMap::new();
    for file in &part.files {
        if let FileSource::Object(object) = &file.source {
            *n_uses.entry(*object).or_default() += 1;
        }
    }
    if part.is_dir {
        fs_err::create_dir_all(made).map_err(failed)?;
        for directory in directories(place, tree)? {
            fs_err::create_dir_all(made.join(directory)).map_err(failed)?;
        }
    }
    // A new file shows what mode the user's files get.
    let new = fs_err::File::create_new(made.with_extension("new")).map_err(failed)?;
    let mode = new.metadata().map_err(failed)?.permissions();
    for file in &part.files {
        if cancel.is_cancelled() {
            return Err(Error::Interrupted);
        }
        let path = if part.is_dir { made.join(&file.path) } else { made.to_owned() };
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).map_err(failed)?;
        }
        match &file.source {
            FileSource::Tree(source) => {
                let mut sink = fs_err::File::create_new(&path).map_err(failed)?;
                tree.copy(source, &mut sink)?;
                sink.flush().map_err(failed)?;
            }
            FileSource::Object(object) => {
                let from = cache.object_path(object.layout, &object.oid);
                let n_left = n_uses.get_mut(object).expect("all objects were counted");
                *n_left -= 1;
                if *n_left == 0 {
                    fs_err::rename(&from, &path).map_err(failed)?;
                } else {
                    fs_err::copy(&from, &path).map_err(failed)?;
                }
                fs_err::set_permissions(&path, mode.clone()).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Returns the directories of a part, of which some may be empty in a workspace.
fn directories(place: &ProjectPath, tree: &DataTree<'_>) -> Result<Vec<String>> {
    let mut directories = Vec::new();
    let skipped = if place.path.is_empty() { 0 } else { place.path.len() + 1 };
    tree.walk(&place.path, false, &mut |path, entry| {
        directories.extend(entry.is_dir.then(|| path[skipped..].to_owned()));
        Ok(true)
    })?;
    Ok(directories)
}

/// Moves what was made to its place: as a whole where nothing is, else file by file. A link there is replaced, and not
/// followed.
fn put(made: &Path, out: &Path, is_dir: bool) -> Result<()> {
    let failed = |source| Error::io("cannot write the destination", source);
    let there = fs_err::symlink_metadata(out).ok();
    match there {
        None => return fs_err::rename(made, out).map_err(failed),
        Some(_) if !is_dir => return fs_err::rename(made, out).map_err(failed),
        Some(metadata) if !metadata.is_dir() => {
            fs_err::remove_file(out).map_err(failed)?;
            return fs_err::rename(made, out).map_err(failed);
        }
        Some(_) => {}
    }
    for entry in fs_err::read_dir(made).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let inner_is_dir = entry.file_type().map_err(failed)?.is_dir();
        put(&entry.path(), &out.join(entry.file_name()), inner_is_dir)?;
    }
    Ok(())
}
