//! `import-url`: data of a URL, copied and tracked with where it came from.

mod fetch;
mod get;
mod land;
mod look;
mod place;
mod repo;
mod repo_fetch;
mod shown;
mod status;
mod update;

use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

pub(in crate::ops) use self::fetch::{ImportedOut, fetch_imports, is_cached, partial_state};
pub(in crate::ops) use self::get::{get, send};
pub(in crate::ops) use self::land::Landing;
pub(in crate::ops) use self::look::{Looked, Opened, check_paths};
pub(in crate::ops) use self::place::{Place, resolve_out};
pub(in crate::ops) use self::repo::open as open_import;
pub use self::repo::{Import, ImportOptions};
pub(in crate::ops) use self::repo_fetch::{ImportChain, RepoImport, fetch_repo_imports, update_repo_import};
use self::shown::{absolute_url, written_path};
pub(in crate::ops) use self::shown::{announcement, shown};
pub use self::status::{SourceToAsk, ask_sources};
pub(in crate::ops) use self::update::update_import;
use super::CheckoutReport;
use super::session::Stores;
use crate::metafile::dependency::{Dependency, DependencyHash};
use crate::metafile::dvc_file::{DvcFile, OutState};
use crate::metafile::import::NewImport;
use crate::{Error, Index, LockWait, Repo, Result, TransferLock};

/// Files that are got at once unless the user or the remote says otherwise.
const JOBS: usize = 16;

/// How much of an import is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ImportDepth {
    /// The data goes into the cache and the workspace.
    #[default]
    Workspace,
    /// The data goes to a remote, the default one if none is named, and nowhere else (`--to-remote`, `-r`).
    Remote(Option<String>),
    /// The source is looked at, and its data stays there (`--no-download`).
    NoDownload,
    /// Only the `.dvc` file is written (`--no-exec`).
    NoExec,
}

/// What to import, and how.
#[derive(Debug, Clone, Default)]
pub struct ImportUrlOptions {
    /// The URL, or a path.
    pub url: String,
    /// Where it is put, as typed.
    pub out: Option<String>,
    /// How much of it is done.
    pub depth: ImportDepth,
    /// Overwrite what is there (`-f`).
    pub force: bool,
    /// Options of the source for this import alone (`--fs-config`).
    pub fs_config: Vec<(String, String)>,
    /// Ask for versions (`--version-aware`).
    pub version_aware: bool,
    /// Requests under way at once (`-j`).
    pub jobs: Option<usize>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was imported.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// Files that Git should know; absolute.
    pub files_to_track: Vec<PathBuf>,
    /// What became of the workspace.
    pub checkout: CheckoutReport,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

/// An import that can begin.
#[derive(Debug)]
pub struct ImportUrl<'a> {
    repo: &'a Repo,
    options: &'a ImportUrlOptions,
    place: Place,
    dependency: Dependency,
}

impl<'a> ImportUrl<'a> {
    /// Finds out what is imported where. Nothing is asked of the source.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] or [`Error::OverlappingOuts`] in DVC's words; [`Error::Config`] for a remote that does not exist.
    pub fn prepare(repo: &'a Repo, options: &'a ImportUrlOptions) -> Result<Self> {
        let _lock = repo.lock(options.wait)?;
        let out = resolve_out(repo.current_dir(), &options.url, options.out.as_deref(), options.force)?;
        let out = match (&options.depth, &options.out) {
            // As DVC: without a place, what goes to a remote is tracked here.
            (ImportDepth::Remote(_), None) => {
                Path::new(&out).file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            _ => out,
        };
        let index = Index::collect(repo)?;
        let place = Place::of(repo, &index, &out)?;
        let mut fs_config = options.fs_config.clone();
        if options.version_aware {
            fs_config.push(("version_aware".to_owned(), "true".to_owned()));
        }
        let path = written_path(repo, &options.url, &place);
        let dependency = Dependency { path, options: fs_config, ..Dependency::default() };
        // What cannot be used is said before anything is announced.
        let wdir = place.out.parent().unwrap_or(repo.root());
        if let ImportDepth::Remote(remote) = &options.depth {
            repo.config().remote(remote.as_deref())?;
        }
        repo.config().external(&absolute_url(wdir, &dependency.path), &dependency.options)?;
        Ok(Self { repo, options, place, dependency })
    }

    /// Returns DVC's sentence on what is about to happen; `None` where it says nothing.
    pub fn announcement(&self) -> Option<String> {
        let is_said = matches!(self.options.depth, ImportDepth::Workspace | ImportDepth::NoDownload);
        is_said.then(|| announcement(self.repo, self.wdir(), &self.dependency, &self.place.out))
    }

    fn wdir(&self) -> &Path {
        self.place.out.parent().unwrap_or(self.repo.root())
    }

    /// Imports: the data first, then Git is told to look away, then the `.dvc` file, then the workspace. Killed at any
    /// moment, the same command goes on.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] if there is nothing at the URL, in DVC's words.
    pub async fn run(self, observer: &dyn Observer) -> Result<ImportReport> {
        let Self { repo, options, place, dependency } = &self;
        let stores = Stores::of(repo);
        let session = stores.session(repo, observer, &options.cancel);
        let _share = TransferLock::share(session.memo.dir(), options.wait, &options.cancel)?;
        let mut report = ImportReport::default();
        let mut state = None;
        let mut recorded = dependency.clone();
        let mut can_push = true;
        if options.depth != ImportDepth::NoExec {
            let opened = Opened::of(repo, self.wdir(), dependency)?;
            can_push = !opened.source.is_version_aware();
            let shown = shown(repo, self.wdir(), dependency);
            let mut looked = found(opened.look(dependency).await, &opened, &shown)?;
            if looked.is_empty() {
                report.warnings.push(format!("'{shown}' is empty."));
            }
            looked.store_list(&session)?;
            state = match &options.depth {
                ImportDepth::Workspace => Some(get(&session, &opened, &looked, options.jobs).await?),
                ImportDepth::Remote(remote) => {
                    Some(send(&session, &opened, &looked, remote.as_deref(), options.jobs).await?)
                }
                ImportDepth::NoDownload | ImportDepth::NoExec => None,
            };
            match &state {
                Some(state) => note_local_hash(&mut looked, state),
                None => looked.hash_local(&session, self.wdir())?,
            }
            if looked.is_empty() && options.depth == ImportDepth::Workspace {
                report.warnings.push(format!("'{}' is empty.", repo.display_path(&place.out)));
            }
            recorded = looked.dependency;
        }
        let import = NewImport {
            dependency: recorded.value(),
            out_path: &place.name,
            state: state.as_ref(),
            can_push,
            has_checksum: options.depth != ImportDepth::NoExec,
        };
        let write = || write_file(place, &import, |known| known.set_import(&recorded, state.as_ref()));
        Landing {
            session: &session,
            place,
            is_ignored: true,
            is_checked_out: options.depth == ImportDepth::Workspace,
            force: options.force,
            wait: options.wait,
        }
        .land(write, &mut report)?;
        Ok(report)
    }
}

/// Writes the `.dvc` file; one that tracks the same import keeps its comments and notes.
fn write_file(
    place: &Place,
    import: &NewImport<'_>,
    set: impl FnOnce(&mut DvcFile) -> Result<()>,
) -> Result<()> {
    let mut file = DvcFile::new_import(&place.metafile, import)?;
    if let Some(mut known) = DvcFile::read(&place.metafile).ok().filter(|_| import.has_checksum) {
        let text = known.text().to_owned();
        let is_same = set(&mut known).is_ok() && known.imports_as(&file);
        if is_same {
            file = known;
        } else {
            tracing::debug!(n_bytes = text.len(), "a `.dvc` file is written anew");
        }
    }
    file.write()?;
    Ok(())
}

/// Returns what was found, or DVC's sentence on a source that is not there.
fn found(looked: Result<Option<Looked>>, opened: &Opened, shown: &str) -> Result<Looked> {
    let is_web = matches!(
        opened.source.kind(),
        haul_storage::source::SourceKind::Http | haul_storage::source::SourceKind::Https
    );
    match looked {
        Ok(Some(looked)) => Ok(looked),
        Ok(None) => Err(Error::NoSource { shown: shown.to_owned(), source: None }),
        // As DVC: a web server that does not answer has nothing.
        Err(Error::Storage(error)) if is_web && error.kind() != haul_storage::ErrorKind::Interrupted => {
            Err(Error::NoSource { shown: shown.to_owned(), source: Some(Box::new(error)) })
        }
        Err(error) => Err(error),
    }
}

/// Local content is recorded by the hash of what was read.
fn note_local_hash(looked: &mut Looked, state: &OutState) {
    if looked.dependency.hash.is_none() && looked.dependency.files.is_none() {
        looked.dependency.hash = Some(DependencyHash::Md5(state.oid.to_string()));
    }
}
