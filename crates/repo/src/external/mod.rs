//! Opens other repositories: by a local path, or by a URL that Git clones.

mod clone;

use std::path::Path;

use haul_config::Env;
use haul_storage::CancellationToken;

use crate::git::Git;
use crate::paths::{normalize, posix};
use crate::root::find_root;
use crate::{ConfigOverrides, Project, Result};

/// A repository and a revision of it.
#[derive(Debug, Clone, Default)]
pub struct Location {
    /// A path, or a URL that `git clone` accepts.
    pub url: String,
    /// A revision of Git; none means the workspace of a path, and the default branch of a URL.
    pub revision: Option<String>,
    /// Settings that override its configuration.
    pub overrides: ConfigOverrides,
}

/// Opens a repository; for a URL, a clone is created or updated first.
///
/// # Errors
///
/// [`Error::Clone`](crate::Error::Clone) if it cannot be cloned; [`Error::UnknownRevision`](crate::Error::UnknownRevision).
pub fn open(location: &Location, env: &Env, cancel: &CancellationToken) -> Result<Project> {
    let path = env.absolute(&location.url);
    let overrides = &location.overrides;
    if !location.url.is_empty() && path.exists() {
        let path = normalize(&crate::identity::physical(&path));
        let Some(name) = &location.revision else {
            if is_bare(&path) || !path.is_dir() {
                return cloned(location, env, cancel);
            }
            return Project::of_workspace(&path, env, overrides);
        };
        if let Some(git) = Git::discover(&path)? {
            let root = find_root(&path).unwrap_or_else(|_| git.work_dir().to_owned());
            let below = root.strip_prefix(git.work_dir()).map_or_else(|_| Ok(String::new()), posix)?;
            let revision = git.resolve(name)?;
            return Project::of_commit(git, revision, &below, env, overrides);
        }
    }
    cloned(location, env, cancel)
}

/// Returns whether a path is a bare Git repository.
fn is_bare(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

fn cloned(location: &Location, env: &Env, cancel: &CancellationToken) -> Result<Project> {
    let name = location.revision.as_deref();
    let git = clone::open(&location.url, name, env, cancel)?;
    let revision = git.resolve(name.unwrap_or("HEAD"))?;
    Project::of_commit(git, revision, "", env, &location.overrides)
}
