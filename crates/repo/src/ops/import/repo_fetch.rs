//! Fetching and updating imports of other repositories.

use haul_storage::transfer::{TransferMode, TransferReport};
use haul_storage::{ErrorKind, Oid};

use super::fetch::{is_cached, note_partial, noted};
use super::repo::{announcement, get, open, shown};
use crate::metafile::dvc_file::DvcFile;
use crate::metafile::repo_dependency::RepoDependency;
use crate::ops::checkout::refuse_unsaved;
use crate::ops::obtain::ProjectPath;
use crate::ops::remove::delete_out;
use crate::ops::session::Session;
use crate::ops::status::out_state;
use crate::ops::{Failure, FetchOptions, FetchReport, ImportDepth, RemoteFetch, UpdateOptions, UpdateReport};
use crate::{Error, Out, Result, Selection, Stage};

/// An import whose data another repository has.
#[derive(Debug, Clone)]
pub(in crate::ops) struct RepoImport {
    pub(in crate::ops) out: Out,
    pub(in crate::ops) dependency: RepoDependency,
    /// The path as DVC shows it.
    pub(in crate::ops) display: String,
}

/// The imports that lead to one another, of which none may come twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportChain(Vec<(String, Option<String>, String)>);

impl ImportChain {
    /// Adds an import.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] if it imports itself.
    pub(super) fn with(&self, dependency: &RepoDependency, found: &ProjectPath) -> Result<Self> {
        let link = (dependency.url.clone(), found.project.commit(), found.path.clone());
        if self.0.contains(&link) {
            let message = format!("`{}` includes circular imports: it imports itself", shown(dependency));
            return Err(Error::BadOut(message));
        }
        let mut chain = self.0.clone();
        chain.push(link);
        Ok(Self(chain))
    }
}

impl RepoImport {
    /// Whether both are the same data of the same commit.
    pub(in crate::ops) fn is_same(&self, other: &Self) -> bool {
        self.out.oid == other.out.oid && self.dependency == other.dependency
    }
}

/// Gets what the cache lacks of imports from the repositories that have it, at the commits that are recorded.
pub(in crate::ops) async fn fetch_repo_imports(
    session: &Session<'_>,
    imports: &[RepoImport],
    options: &FetchOptions,
    chain: &ImportChain,
    report: &mut FetchReport,
) {
    for import in imports {
        let oid = import.out.oid.or_else(|| noted(session.memo.dir(), &import.dependency));
        let fetched = match is_cached(session, &Out { oid, ..import.out.clone() }) {
            Ok(true) => continue,
            Ok(false) if options.mode == TransferMode::DryRun => continue,
            Ok(false) => fetch_one(session, import, options.jobs, chain).await,
            Err(error) => Err(error),
        };
        match fetched {
            Ok(n_transferred) => report.remotes.push(RemoteFetch {
                remote: haul_config::mask_urls(&import.dependency.url),
                location: haul_config::mask_urls(&import.dependency.url),
                transfer: TransferReport { n_transferred, ..TransferReport::default() },
            }),
            Err(error) => {
                let is_interrupted = error.is_interrupted();
                let display = import.display.clone();
                let error = if is_interrupted {
                    error
                } else {
                    let path = Some(import.dependency.path.clone());
                    Error::Import { display: display.clone(), path, source: Box::new(error) }
                };
                report.failed.push(Failure { subject: display, path: None, error });
                if is_interrupted {
                    break;
                }
            }
        }
    }
}

async fn fetch_one(
    session: &Session<'_>,
    import: &RepoImport,
    jobs: Option<usize>,
    chain: &ImportChain,
) -> Result<u64> {
    let found = open(session.repo, &import.dependency, session.cancel, chain)?;
    let state = get(session, &found, jobs).await?;
    match import.out.oid {
        None => note_partial(session, &import.dependency, state.oid)?,
        Some(oid) if oid != state.oid => return Err(other_content(&import.dependency, &import.display, oid)),
        Some(_) => {}
    }
    Ok(state.n_files.unwrap_or(1))
}

fn other_content(dependency: &RepoDependency, display: &str, oid: Oid) -> Error {
    let message = format!(
        "`{}` does not have the content that is recorded of `{display}` (`{oid}`)",
        shown(dependency)
    );
    let hint = format!("take over what it has with `haul update {display}.dvc`");
    haul_storage::Error::new(ErrorKind::Corrupt, message).with_hint(hint).into()
}

/// Takes over what the other repository has now: into the cache, the `.dvc` file and the workspace; or as far as the options
/// say.
///
/// # Errors
///
/// [`Error::UnsavedFiles`] if files of the workspace would be lost.
///
/// Deviation: DVC deletes files of the workspace that are saved nowhere, and asks nothing.
///
/// Deviation: without the data, DVC writes a checksum of the file that it takes for an edit itself.
pub(in crate::ops) async fn update_repo_import(
    session: &Session<'_>,
    selection: &Selection,
    stage: &Stage,
    dependency: &RepoDependency,
    options: &UpdateOptions,
    report: &mut UpdateReport,
) -> Result<()> {
    let repo = session.repo;
    if matches!(options.depth, ImportDepth::Remote(_)) {
        return Err(Error::BadOut(String::from("an import of a repository cannot be sent to a remote")));
    }
    let out = &selection.index.outs[stage.outs.start];
    let rev = options.revision.clone().or_else(|| dependency.rev.clone());
    let mut dependency = RepoDependency { rev, rev_lock: None, ..dependency.clone() };
    let found = open(repo, &dependency, session.cancel, &ImportChain::default())?;
    dependency.rev_lock = found.project.commit();
    let recorded = stage.repo_source().map(|recorded| (&recorded.rev, &recorded.rev_lock));
    let is_new = recorded != Some((&dependency.rev, &dependency.rev_lock));
    if !is_new && !stage.checksum_changed && out_state(session, out)?.is_none() {
        let address = stage.addressing(repo.current_dir());
        report.announcements.push(format!("'{address}' didn't change, skipping"));
        return Ok(());
    }
    report.announcements.push(announcement(repo, &dependency, &out.path));
    let selected =
        selection.outs.iter().filter(|selected| selection.index.outs[selected.out].path == out.path);
    refuse_unsaved(session, &selection.index, &selected.cloned().collect::<Vec<_>>())?;
    let mut state = None;
    if options.depth == ImportDepth::NoDownload {
        found.part().await?;
        delete_out(session, out)?;
    } else {
        state = Some(get(session, &found, options.jobs).await?);
    }
    let lock = repo.lock(options.wait)?;
    let mut file = DvcFile::read(&stage.metafile)?;
    file.set_repo_import(&dependency, state.as_ref())?;
    if file.write()? {
        report.recorded.push(stage.metafile.clone());
    }
    drop(lock);
    if options.depth == ImportDepth::Workspace {
        super::update::check_out(repo, stage, options, session, report)?;
    }
    Ok(())
}
