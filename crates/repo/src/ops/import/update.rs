//! `update` of an import: take over what its source has now.

use std::path::Path;

use haul_storage::source::SourceVersion;

use super::get::{get, send};
use super::look::{Looked, Opened};
use super::status::is_changed;
use super::{announcement, found, note_local_hash, shown};
use crate::git::gitignore;
use crate::metafile::dependency::Dependency;
use crate::metafile::dvc_file::{DvcFile, OutState};
use crate::ops::checkout::refuse_unsaved;
use crate::ops::remove::delete_out;
use crate::ops::session::Session;
use crate::ops::status::out_state;
use crate::ops::{CheckoutOptions, EntryState, ImportDepth, UpdateOptions, UpdateReport, checkout};
use crate::{Repo, Result, SelectOptions, Selection, Stage};

/// Takes over what the source of an import has: into the cache, the `.dvc` file and the workspace; or as far as the
/// options say.
///
/// # Errors
///
/// [`Error::UnsavedFiles`](crate::Error::UnsavedFiles) if files of the workspace would be lost.
/// Deviation: files of the workspace that are saved nowhere are kept, and the update is refused. DVC deletes them.
///
/// Deviation: the checksum of the `.dvc` file is always that of what it says. After `--to-remote`, and after `--no-download` of
/// an import that had its data, DVC leaves an old one, and then shows `changed checksum`.
pub(in crate::ops) async fn update_import(
    session: &Session<'_>,
    selection: &Selection,
    stage: &Stage,
    dependency: &Dependency,
    options: &UpdateOptions,
    report: &mut UpdateReport,
) -> Result<()> {
    let repo = session.repo;
    let out = &selection.index.outs[stage.outs.start];
    let opened = latest(repo, &stage.wdir, dependency, options.revision.as_deref())?;
    let shown = shown(repo, &stage.wdir, dependency);
    let mut looked = found(opened.look(dependency).await, &opened, &shown)?;
    looked.hash_local(session, &stage.wdir)?;
    let is_new = is_changed(dependency, &looked);
    let mut state = None;
    match &options.depth {
        ImportDepth::Remote(remote) => {
            looked.store_list(session)?;
            state = Some(send(session, &opened, &looked, remote.as_deref(), options.jobs).await?);
        }
        depth => {
            let out_state = out_state(session, out)?;
            if !is_new && out_state.is_none() && !stage.checksum_changed {
                let address = stage.addressing(repo.current_dir());
                report.announcements.push(format!("'{address}' didn't change, skipping"));
                return Ok(());
            }
            report.announcements.push(announcement(repo, &stage.wdir, dependency, &out.path));
            let selected =
                selection.outs.iter().filter(|selected| selection.index.outs[selected.out].path == out.path);
            refuse_unsaved(session, &selection.index, &selected.cloned().collect::<Vec<_>>())?;
            looked.store_list(session)?;
            if *depth == ImportDepth::NoDownload {
                delete_out(session, out)?;
            } else if is_new
                || stage.checksum_changed
                || out.oid.is_none()
                || out_state == Some(EntryState::NotInCache)
            {
                state = Some(get(session, &opened, &looked, options.jobs).await?);
            } else {
                return check_out(repo, stage, options, session, report);
            }
        }
    }
    if let Some(state) = &state {
        note_local_hash(&mut looked, state);
    }
    record(repo, stage, &out.path, &looked, state.as_ref(), options, report)?;
    if options.depth == ImportDepth::Workspace {
        check_out(repo, stage, options, session, report)
    } else {
        Ok(())
    }
}

fn record(
    repo: &Repo,
    stage: &Stage,
    out: &Path,
    looked: &Looked,
    state: Option<&OutState>,
    options: &UpdateOptions,
    report: &mut UpdateReport,
) -> Result<()> {
    let _lock = repo.lock(options.wait)?;
    if let (Some(git), false) = (repo.git(), matches!(options.depth, ImportDepth::Remote(_))) {
        gitignore::ignore(git, out)?;
    }
    let mut file = DvcFile::read(&stage.metafile)?;
    file.set_import(&looked.dependency, state)?;
    if file.write()? {
        report.recorded.push(stage.metafile.clone());
    }
    Ok(())
}

pub(super) fn check_out(
    repo: &Repo,
    stage: &Stage,
    options: &UpdateOptions,
    session: &Session<'_>,
    report: &mut UpdateReport,
) -> Result<()> {
    let targets = vec![repo.display_path(&stage.metafile)];
    let options = CheckoutOptions {
        select: SelectOptions { targets, ..SelectOptions::default() },
        wait: options.wait,
        cancel: options.cancel.clone(),
        ..CheckoutOptions::default()
    };
    let done = checkout(repo, &options, session.observer)?;
    report.checkout.failed.extend(done.failed);
    report.checkout.warnings.extend(done.warnings);
    Ok(())
}

/// Opens what a source shows now, or at a version, whichever version is recorded.
pub(super) fn latest(
    repo: &Repo,
    wdir: &Path,
    dependency: &Dependency,
    revision: Option<&str>,
) -> Result<Opened> {
    let revision = revision.filter(|_| dependency.is_version_aware());
    let version = revision.map_or(SourceVersion::Latest, |id| SourceVersion::Id(id.to_owned()));
    Opened::at(repo, wdir, dependency, &version)
}
