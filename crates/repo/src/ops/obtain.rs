//! Getting a part of a repository that is looked into, this one or another: which files it has, and their objects.

use std::collections::BTreeSet;

use haul_storage::progress::Observer;
use haul_storage::{Cache, CancellationToken};

use super::collect::{Collected, Request, collect_selection};
use super::fetch::{FetchOptions, FetchReport, fetch_collected};
use super::import::ImportChain;
use super::learn::learn;
use super::session::Session;
use crate::data_tree::{DataObject, DataTree};
use crate::external::{Location, open};
use crate::index::Selected;
use crate::metafile::dir_manifest::check_path;
use crate::ops::Failure;
use crate::tree::join;
use crate::workspace::state::Memo;
use crate::{Error, Project, Result, Selection};

/// A part of a repository.
pub(super) struct Part {
    pub(super) is_dir: bool,
    /// Its files, with their paths below it; a part that is a file has one with an empty path.
    pub(super) files: Vec<PartFile>,
}

/// A file of a part.
pub(super) struct PartFile {
    pub(super) path: String,
    pub(super) source: FileSource,
}

/// Where the content of a file is.
pub(super) enum FileSource {
    /// In the tree of the repository, at this path.
    Tree(String),
    /// Under its hash.
    Object(DataObject),
}

/// A repository, and a path in it.
pub(super) struct ProjectPath {
    pub(super) project: Project,
    /// The path below the root of the repository.
    pub(super) path: String,
    /// The imports that led here.
    pub(super) chain: ImportChain,
}

/// Finds the repository of a location that holds a path: the one that was named, or one inside of it.
pub(super) fn find(
    location: &Location,
    path: &str,
    env: &haul_config::Env,
    cancel: &CancellationToken,
) -> Result<ProjectPath> {
    let project = open(location, env, cancel)?;
    let below = project.path(path).ok_or_else(|| no_such_file(path))?;
    Ok(match project.inner(&below, &location.overrides)? {
        Some((project, path)) => ProjectPath { project, path, chain: ImportChain::default() },
        None => ProjectPath { project, path: below, chain: ImportChain::default() },
    })
}

impl ProjectPath {
    /// Returns the files at the path as DVC copies them: without metafiles, and from the tree where it has them.
    pub(super) async fn part(&self) -> Result<(Part, DataTree<'_>)> {
        let mut tree = self.project.data_tree()?;
        if let Some(error) =
            learn(&self.project, &mut tree, &self.path, &self.chain).await?.into_iter().next()
        {
            return Err(error);
        }
        let found = tree.stat(&self.path)?.ok_or_else(|| self.not_found())?;
        let source = |path: &str, is_in_tree: bool, object: Option<DataObject>| match object {
            _ if is_in_tree => Ok(FileSource::Tree(path.to_owned())),
            Some(object) => Ok(FileSource::Object(object)),
            None => Err(Error::no_target(
                path.to_owned(),
                format!("no hash of '{path}' is recorded in its repository"),
            )),
        };
        let mut files = Vec::new();
        if found.is_dir {
            let skipped = if self.path.is_empty() { 0 } else { self.path.len() + 1 };
            tree.walk(&self.path, false, &mut |path, entry| {
                if !entry.is_dir && !entry.is_metafile() {
                    let source = source(path, entry.is_in_tree, entry.object)?;
                    let below = &path[skipped..];
                    check_path(below).map_err(|reason| {
                        let shown = below.escape_debug();
                        Error::BadOut(format!("the repository names the path `{shown}`, which {reason}"))
                    })?;
                    files.push(PartFile { path: below.to_owned(), source });
                }
                Ok(true)
            })?;
        } else {
            let source = source(&self.path, found.is_in_tree, found.object)?;
            files.push(PartFile { path: String::new(), source });
        }
        Ok((Part { is_dir: found.is_dir, files }, tree))
    }

    /// Gets the objects of a part into `cache`: from the cache of the repository if this machine has it, else from its
    /// remotes, with its configuration.
    pub(super) async fn fetch(
        &self,
        tree: &DataTree<'_>,
        part: &Part,
        into: IntoCache<'_>,
        options: &FetchOptions,
    ) -> Result<FetchReport> {
        if !part.files.iter().any(|file| matches!(file.source, FileSource::Object(_))) {
            return Ok(FetchReport::default());
        }
        let session = Session {
            repo: self.project.repo(),
            cache: into.cache,
            memo: into.memo,
            observer: into.observer,
            cancel: &options.cancel,
        };
        let request = Request::of_fetch(options);
        let selection = self.selection(tree, part)?;
        let collected: Collected =
            collect_selection(&session, &request, &selection, self.project.cache().as_ref())?;
        fetch_collected(session, collected, options, &self.chain).await
    }

    /// Selects the outs that files of the part are objects of: at the path, below it, and the part of the one around it.
    fn selection(&self, tree: &DataTree<'_>, part: &Part) -> Result<Selection> {
        let objects: BTreeSet<String> = part
            .files
            .iter()
            .filter(|file| matches!(file.source, FileSource::Object(_)))
            .map(|file| if file.path.is_empty() { self.path.clone() } else { join(&self.path, &file.path) })
            .collect();
        let has_objects = |out: &str| {
            let next = objects.range(out.to_owned()..).next();
            objects.contains(out)
                || next.is_some_and(|path| is_below(path, out))
                || objects.range(format!("{out}/")..).next().is_some_and(|path| is_below(path, out))
        };
        let mut outs = Vec::new();
        for (path, out) in tree.numbered_outs().filter(|(path, _)| has_objects(path)) {
            let within = match self.path.strip_prefix(path) {
                Some("") => None,
                Some(rest) if rest.starts_with('/') => Some(rest[1..].to_owned()),
                _ if is_below(path, &self.path) => None,
                _ => continue,
            };
            outs.push(Selected { out, within });
        }
        let index = self.project.index()?.clone();
        Ok(Selection::of_outs(index, outs))
    }

    fn not_found(&self) -> Error {
        no_such_file(&self.path)
    }
}

/// Whether a path lies below a directory, of which the root has the empty path.
fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Where objects go.
#[derive(Clone, Copy)]
pub(super) struct IntoCache<'a> {
    pub(super) cache: &'a Cache,
    pub(super) memo: &'a Memo,
    pub(super) observer: &'a dyn Observer,
}

/// Returns the first thing that kept a fetch from being complete.
pub(super) fn incomplete(report: FetchReport) -> Option<Error> {
    if let Some(Failure { error, .. }) = report.failed.into_iter().next() {
        return Some(error);
    }
    for remote in report.remotes {
        let (location, transfer) = (remote.location, remote.transfer);
        if transfer.is_interrupted {
            return Some(Error::Interrupted);
        }
        if let Some(error) = transfer.stopped_by {
            return Some(error.into());
        }
        if let Some(failed) = transfer.failed.into_iter().next() {
            return Some(failed.error.into());
        }
        if let Some(missing) = transfer.missing.first() {
            let message = format!("`{}` (md5 {}) was not found on `{location}`", missing.path, missing.oid);
            let kind = haul_storage::ErrorKind::NotFound;
            let hint = "the repository that has the data has to push it first";
            return Some(Error::Storage(haul_storage::Error::new(kind, message).with_hint(hint)));
        }
    }
    None
}

pub(super) fn no_such_file(path: &str) -> Error {
    Error::no_target(path.to_owned(), format!("[Errno 2] No such file or directory: '{path}'"))
}
