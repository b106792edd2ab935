//! A repository that is only read: this one or another, in its workspace or at a commit.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use haul_config::{Config, ConfigPaths, ConfigStack, Env};
use haul_storage::Cache;

use crate::data_tree::DataTree;
use crate::git::{Git, Revision};
use crate::index::{CommitReader, Index};
use crate::paths::{normalize, posix, relative};
use crate::root::DVC_DIR;
use crate::tree::{CommitTree, Tree, WorkspaceTree, join};
use crate::workspace::checkout::cache_of;
use crate::{Error, Repo, Result};

/// Options of a command line that override the configuration of a repository.
#[derive(Debug, Clone, Default)]
pub struct ConfigOverrides {
    /// A file that is merged over the configuration files (`--config`).
    pub file: Option<std::path::PathBuf>,
    /// The default remote (`--remote`).
    pub remote: Option<String>,
    /// Options of that remote (`--remote-config`).
    pub remote_options: Vec<(String, String)>,
}

/// A DVC or Git repository, with its files and metafiles in the workspace or at a commit.
pub struct Project {
    /// Its root and configuration. For a commit, its directory may not exist.
    repo: Repo,
    at: Option<(Git, Revision)>,
    tree: Box<dyn Tree>,
    is_dvc: bool,
    index: OnceLock<Index>,
}

impl Project {
    /// Opens the workspace of the repository that contains `directory`, which may be a Git repository without DVC. As in DVC, a
    /// directory outside of a repository is opened as one without tracked data.
    pub fn of_workspace(directory: &Path, env: &Env, overrides: &ConfigOverrides) -> Result<Self> {
        let root = match crate::root::find_root(directory) {
            Ok(root) => root,
            Err(Error::NotARepository(_)) => Git::discover(directory)?
                .map_or_else(|| directory.to_owned(), |git| git.work_dir().to_owned()),
            Err(error) => return Err(error),
        };
        let root = normalize(&crate::identity::physical(&root));
        let repo = Repo::assemble(root.clone(), env, config_of(&root, None, env, overrides)?)?;
        let tree = WorkspaceTree { ignore: Arc::clone(repo.ignore()) };
        let is_dvc = tree.is_repository("")?;
        Ok(Self { repo, at: None, tree: Box::new(tree), is_dvc, index: OnceLock::new() })
    }

    /// Opens a commit of the DVC repository whose root is the directory `below` in the Git repository.
    ///
    /// # Errors
    ///
    /// [`Error::NotARepository`] if the commit does not have that directory.
    pub(crate) fn of_commit(
        git: Git,
        revision: Revision,
        below: &str,
        env: &Env,
        overrides: &ConfigOverrides,
    ) -> Result<Self> {
        let root = if below.is_empty() { git.work_dir().to_owned() } else { git.work_dir().join(below) };
        let Some(tree) = CommitTree::open(&git, &revision, below)? else {
            let message = format!("there is no `{below}` in the revision '{}'", revision.name);
            return Err(Error::NotARepository(message));
        };
        let is_dvc = tree.is_repository("")?;
        let text = tree.read_hidden(&join(DVC_DIR, "config"))?.unwrap_or_default();
        let repo = Repo::assemble(root.clone(), env, config_of(&root, Some(&text), env, overrides)?)?;
        Ok(Self { repo, at: Some((git, revision)), tree: Box::new(tree), is_dvc, index: OnceLock::new() })
    }

    /// Returns its root and configuration.
    pub(crate) fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Returns the id of the commit; `None` for a workspace.
    pub fn commit(&self) -> Option<String> {
        self.at.as_ref().map(|(_, revision)| revision.commit.to_string())
    }

    /// Returns the stages and outs; none in a Git repository without DVC.
    pub(crate) fn index(&self) -> Result<&Index> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = match &self.at {
            _ if !self.is_dvc => Index::default(),
            None => Index::collect_unchecked(&self.repo)?,
            Some((git, revision)) => CommitReader::new(&self.repo, git).read_whole(revision)?,
        };
        Ok(self.index.get_or_init(|| index))
    }

    /// Returns its files with the data of its outs.
    pub(crate) fn data_tree(&self) -> Result<DataTree<'_>> {
        Ok(DataTree::new(self.tree.as_ref(), self.index()?, self.repo.root()))
    }

    /// Returns its cache, if it has one on this machine.
    pub(crate) fn cache(&self) -> Option<Cache> {
        (self.is_dvc && self.repo.cache_dir().is_dir()).then(|| cache_of(&self.repo).looking())
    }

    /// Returns a typed path relative to the root. The typed path is relative to the working directory if that is in the
    /// workspace, else to the root. `None` if it leads out of the repository.
    pub(crate) fn path(&self, typed: &str) -> Option<String> {
        let start = if self.shows_working_directory() { self.repo.current_dir() } else { self.repo.root() };
        let absolute =
            if typed.is_empty() { self.repo.root().to_owned() } else { normalize(&start.join(typed)) };
        posix(absolute.strip_prefix(self.repo.root()).ok()?).ok()
    }

    /// Returns a path that is relative to the root in the form that [`path`](Self::path) accepts.
    pub(crate) fn shown(&self, path: &str) -> String {
        if !self.shows_working_directory() || self.repo.current_dir() == self.repo.root() {
            return path.to_owned();
        }
        relative(self.repo.root(), self.repo.current_dir()).join(path).display().to_string()
    }

    /// Returns the absolute path that a file has or would have in a workspace.
    pub(crate) fn absolute(&self, path: &str) -> std::path::PathBuf {
        if path.is_empty() { self.repo.root().to_owned() } else { self.repo.root().join(path) }
    }

    fn shows_working_directory(&self) -> bool {
        self.at.is_none() && self.repo.current_dir().starts_with(self.repo.root())
    }

    /// Opens the inner repository that contains a path, and returns it with the path in it; `None` if the path belongs to
    /// this repository.
    pub(crate) fn inner(&self, path: &str, overrides: &ConfigOverrides) -> Result<Option<(Self, String)>> {
        let ends: Vec<usize> =
            path.match_indices('/').map(|(end, _)| end).chain([path.len()]).filter(|end| *end > 0).collect();
        for end in ends.into_iter().rev() {
            let directory = &path[..end];
            if !self.tree.is_repository(directory)? {
                continue;
            }
            let rest = path[end..].trim_start_matches('/').to_owned();
            let inner = match &self.at {
                None => Self::of_workspace(&self.absolute(directory), self.repo.env(), overrides)?,
                Some((git, revision)) => {
                    let below = self.repo.root().strip_prefix(git.work_dir()).unwrap_or(Path::new(""));
                    let below = join(&posix(below)?, directory);
                    Self::of_commit(git.again(), revision.clone(), &below, self.repo.env(), overrides)?
                }
            };
            return Ok(Some((inner, rest)));
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Project {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let root = self.repo.root();
        formatter
            .debug_struct("Project")
            .field("root", &root)
            .field("at", &self.commit())
            .finish_non_exhaustive()
    }
}

/// Loads the configuration of the repository at `root`, with `text` as the content of its config file.
fn config_of(root: &Path, text: Option<&[u8]>, env: &Env, overrides: &ConfigOverrides) -> Result<Config> {
    let mut stack = ConfigStack::load(&ConfigPaths::new(env, Some(&root.join(DVC_DIR))), env)?;
    if let Some(text) = text {
        stack = stack.with_repo_text(text)?;
    }
    if let Some(file) = &overrides.file {
        stack = stack.with_file_over(&env.absolute(file))?;
    }
    if overrides.remote.is_some() || !overrides.remote_options.is_empty() {
        stack = stack.with_remote_over(overrides.remote.as_deref(), &overrides.remote_options)?;
    }
    let config = stack.config()?;
    let cache =
        config.cache.dir.as_ref().map_or_else(|| root.join(DVC_DIR).join("cache"), |dir| dir.value.clone());
    if config.core.remote.is_none() && cache.is_dir() {
        // As in DVC, the cache of a repository without a remote is used as its remote.
        let url = (String::from("url"), cache.display().to_string());
        return Ok(stack.with_remote_over(Some("auto-generated-upstream"), &[url])?.config()?);
    }
    Ok(config)
}
