//! `push` to a cloud-versioned remote.

use std::path::PathBuf;

use haul_storage::ErrorKind;
use haul_storage::transfer::{RemoteCheck, RequestCounts, TransferMode, TransferOptions, TransferReport};
use haul_storage::versions::{self, NewVersion, RecordedState, RecordedVersion, VersionUpload};

use super::file::{OutFile, files_of};
use super::journal::Journal;
use super::record::{Change, Recorded, record, version_on};
use super::{VersionedBatch, VersionedOut};
use crate::ops::Failure;
use crate::ops::session::Session;
use crate::{Error, Result};

/// What a push did.
#[derive(Debug, Default)]
pub(in crate::ops) struct Pushed {
    pub(in crate::ops) transfer: TransferReport,
    /// Metafiles that were written; absolute.
    pub(in crate::ops) recorded: Vec<PathBuf>,
    pub(in crate::ops) failed: Vec<Failure>,
}

/// An out on its way.
struct Work<'a> {
    out: &'a VersionedOut,
    files: Vec<OutFile>,
    /// Files of it that are not there.
    n_lacking: usize,
    is_changed: bool,
}

/// Sends the files of which no version is recorded, or whose recorded version is gone or hidden; records the new versions
/// of each out that is complete then.
///
/// Deviation: a file that is hidden by a delete marker is pushed again, so that the bucket shows the tree that was pushed;
/// DVC leaves it hidden, because its recorded version exists.
pub(in crate::ops) async fn push(
    session: &Session<'_>,
    batch: &VersionedBatch,
    options: &TransferOptions,
) -> Result<Pushed> {
    let mut pushed = Pushed::default();
    let mut work: Vec<Work<'_>> = Vec::new();
    for out in &batch.outs {
        match files_of(session, out).and_then(|files| refuse_split(session, batch, out, files)) {
            Ok(files) => {
                // An empty directory has nothing to send, and still loses its manifest.
                let is_changed = files.is_empty() && out.out.oid.is_some() && out.out.files.is_none();
                work.push(Work { out, files, n_lacking: 0, is_changed });
            }
            Err(error) => pushed.failed.push(Failure { subject: out.display.clone(), path: None, error }),
        }
    }
    let journal = Journal::open(session.memo.dir(), batch.store.location());
    let (places, counts) = lacking(session, batch, &mut work, &journal, options).await?;
    let uploads: Vec<VersionUpload> = places
        .iter()
        .map(|(at, index)| {
            let OutFile { key, layout, oid, display, .. } = &work[*at].files[*index];
            VersionUpload { key: key.clone(), layout: *layout, oid: *oid, path: display.as_str().into() }
        })
        .collect();
    let note = |index: usize, version: &NewVersion| {
        let VersionUpload { key, layout, oid, .. } = &uploads[index];
        journal.add(key, *layout, *oid, version);
    };
    let sent =
        versions::push(session.cache, &batch.store, &uploads, options, &note, session.observer).await?;
    for ((at, index), version) in places.into_iter().zip(sent.versions) {
        match version {
            Some(version) => work[at].take(index, &batch.remote, version),
            None => work[at].n_lacking += 1,
        }
    }
    pushed.transfer = sent.report;
    let n_selected = work.iter().flat_map(|work| &work.files).filter(|file| file.is_selected).count();
    pushed.transfer.n_present = (n_selected - uploads.len()) as u64;
    pushed.transfer.requests += counts;
    if options.mode == TransferMode::DryRun {
        return Ok(pushed);
    }
    work.retain(|work| work.n_lacking == 0);
    let keys: Vec<String> = work.iter().flat_map(|work| &work.files).map(|file| file.key.clone()).collect();
    let complete: Vec<_> = work
        .into_iter()
        .filter(|work| work.is_changed)
        .map(|work| (work.out, Change::Files(with_sizes(session, work.files))))
        .collect();
    let Recorded { files, failed } = record(session, &complete)?;
    if failed.is_empty() {
        journal.forget(&keys.iter().map(String::as_str).collect());
    }
    pushed.recorded = files;
    pushed.failed.extend(failed);
    Ok(pushed)
}

impl Work<'_> {
    fn take(&mut self, index: usize, remote: &str, version: NewVersion) {
        let file = &mut self.files[index];
        file.size_bytes = Some(version.size_bytes);
        file.version = Some(version_on(remote, version.etag, version.version_id));
        file.is_new = true;
        self.is_changed = true;
    }
}

/// Refuses to send a part of a directory to one remote when others of its files are recorded on another one: with what
/// would then be recorded, no single remote has the directory.
fn refuse_split(
    session: &Session<'_>,
    batch: &VersionedBatch,
    out: &VersionedOut,
    files: Vec<OutFile>,
) -> Result<Vec<OutFile>> {
    let is_elsewhere = |file: &&OutFile| !file.is_selected && file.version_id(&batch.remote).is_none();
    let Some(other) = files.iter().filter(is_elsewhere).find_map(OutFile::home) else { return Ok(files) };
    let message = format!(
        "a part of `{}` cannot be pushed to remote `{}`: `{}` records its other files on remote `{other}`",
        out.display,
        batch.remote,
        session.repo.display_path(&out.recorded_in())
    );
    let hint = format!("push all of it: `haul push -r {} {}`", batch.remote, out.display);
    Err(Error::Storage(haul_storage::Error::new(ErrorKind::Unsupported, message).with_hint(hint)))
}

/// Finds the files that are not on the remote: those without a recorded version, but for the ones that the journal
/// knows, and those whose version is gone or hidden.
async fn lacking(
    session: &Session<'_>,
    batch: &VersionedBatch,
    work: &mut [Work<'_>],
    journal: &Journal,
    options: &TransferOptions,
) -> Result<(Vec<(usize, usize)>, RequestCounts)> {
    let mut places = Vec::new();
    let mut known: Vec<(usize, usize, Option<NewVersion>)> = Vec::new();
    let mut recorded = Vec::new();
    for (at, Work { files, .. }) in work.iter().enumerate() {
        for (index, file) in files.iter().enumerate().filter(|(_, file)| file.is_selected) {
            let sent = journal.get(&file.key, file.layout, file.oid);
            let version_id = file.version_id(&batch.remote);
            match version_id.or(sent.map(|sent| sent.version_id.as_str())) {
                Some(id) => {
                    recorded.push(RecordedVersion { key: file.key.clone(), version_id: id.to_owned() });
                    known.push((at, index, sent.filter(|_| version_id.is_none()).cloned()));
                }
                None => places.push((at, index)),
            }
        }
    }
    let jobs = batch.jobs(options.jobs);
    let (states, counts) = versions::look_up(batch.store.as_ref(), &recorded, jobs).await?;
    let damaged = damaged(batch, work, &known, &recorded, options).await?;
    for (((at, index, sent), state), is_damaged) in known.into_iter().zip(states).zip(damaged) {
        let OutFile { layout, oid, .. } = work[at].files[index];
        let is_there = match state {
            _ if is_damaged => false,
            RecordedState::Latest | RecordedState::Superseded => true,
            // What stands in a metafile was seen before; what a journal says has to be seen again.
            RecordedState::Unknown => sent.is_none(),
            // Whoever does not have the file cannot show it again.
            RecordedState::Hidden => session.cache.check(layout, &oid)?.is_none(),
            RecordedState::Gone => false,
        };
        if !is_there {
            places.push((at, index));
        } else if let Some(sent) = sent {
            work[at].take(index, &batch.remote, sent);
        }
    }
    places.sort_unstable();
    Ok((places, counts))
}

/// Reads the recorded versions, if that is wanted; says which of them are damaged, or gone.
async fn damaged(
    batch: &VersionedBatch,
    work: &[Work<'_>],
    known: &[(usize, usize, Option<NewVersion>)],
    recorded: &[RecordedVersion],
    options: &TransferOptions,
) -> Result<Vec<bool>> {
    if options.remote_check == RemoteCheck::Listing {
        return Ok(vec![false; known.len()]);
    }
    let named = known.iter().zip(recorded).map(|((at, index, _), version)| {
        let file = &work[*at].files[*index];
        (version.clone(), file.layout, file.oid)
    });
    let named: Vec<_> = named.collect();
    let are_right = versions::verify(&batch.store, &named, batch.jobs(options.jobs), &options.cancel).await?;
    Ok(are_right.into_iter().map(|is_right| !is_right).collect())
}

/// Fills in the sizes of files that were not sent, as far as the cache knows them.
fn with_sizes(session: &Session<'_>, mut files: Vec<OutFile>) -> Vec<OutFile> {
    for file in files.iter_mut().filter(|file| file.size_bytes.is_none()) {
        file.size_bytes = session.cache.check(file.layout, &file.oid).ok().flatten();
    }
    files
}
