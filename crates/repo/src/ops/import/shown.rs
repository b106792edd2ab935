//! How the source of an import is written, and how it is shown.

use std::path::Path;

use super::Place;
use crate::Repo;
use crate::metafile::dependency::Dependency;

/// Returns the URL as it is written into the file: a path starts where the `.dvc` file is.
///
/// Deviation: DVC writes a relative path of another directory as typed, and then finds nothing there.
pub(super) fn written_path(repo: &Repo, url: &str, place: &Place) -> String {
    if url.contains("://") {
        return url.to_owned();
    }
    let absolute = repo.absolute(url);
    let wdir = place.out.parent().unwrap_or(repo.root());
    if Path::new(url).is_absolute() && !absolute.starts_with(repo.root()) {
        return url.to_owned();
    }
    if wdir == repo.current_dir() && !absolute.starts_with(repo.root()) {
        return url.to_owned();
    }
    crate::paths::relative(&absolute, wdir).display().to_string()
}

/// Returns a URL that does not depend on the directory.
pub(super) fn absolute_url(wdir: &Path, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    crate::paths::normalize(&wdir.join(path)).display().to_string()
}

/// Returns the source as DVC shows it.
pub(in crate::ops) fn shown(repo: &Repo, wdir: &Path, dependency: &Dependency) -> String {
    if dependency.path.contains("://") {
        return haul_config::mask_urls(&dependency.path);
    }
    let absolute = crate::paths::normalize(&wdir.join(&dependency.path));
    if absolute.starts_with(repo.root()) {
        repo.display_path(&absolute)
    } else {
        absolute.display().to_string()
    }
}

/// Returns DVC's sentence on what is about to be imported.
pub(in crate::ops) fn announcement(repo: &Repo, wdir: &Path, dependency: &Dependency, out: &Path) -> String {
    format!("Importing '{}' -> '{}'", shown(repo, wdir, dependency), repo.display_path(out))
}
