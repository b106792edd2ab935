//! Getting the content of a source: into the cache, or on to a remote.

use std::path::PathBuf;

use futures::StreamExt as _;
use futures::stream;
use haul_storage::source::{TakenIn, take_in};
use haul_storage::transfer::{self, Member, ObjectGroup, TransferOptions};
use haul_storage::{
    Cache, CacheOptions, Durability, ErrorKind, Layout, Oid, OidKind, RemoteOdb, open_remote_with,
};

use super::look::{Looked, Opened};
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::dvc_file::OutState;
use crate::ops::session::Session;
use crate::workspace::scan::many;
use crate::{DirManifest, Error, Result};

/// Files, and bytes, that lie on this machine at once on their way to a remote.
const BATCH_FILES: usize = 1000;
const BATCH_BYTES: u64 = 1 << 30;

/// Gets all files of a source into the cache. What was got stays if others fail.
pub(in crate::ops) async fn get(
    session: &Session<'_>,
    opened: &Opened,
    looked: &Looked,
    jobs: Option<usize>,
) -> Result<OutState> {
    let jobs = opened.jobs(jobs);
    let taken =
        take_in(session.cache, &opened.source, &looked.entries, jobs, session.cancel, session.observer).await;
    let taken = all(taken)?;
    let (state, manifest) = state_of(looked, &taken)?;
    if let Some(manifest) = manifest {
        session.cache.store_bytes(Layout::Current, OidKind::Dir, &manifest.to_bytes())?;
    }
    Ok(state)
}

/// Sends all files of a source to a remote, each through a temporary folder; a directory's manifest goes last.
///
/// Deviation: DVC sends each file under a temporary name and lets the server copy it, which leaves that object behind on S3.
pub(in crate::ops) async fn send(
    session: &Session<'_>,
    opened: &Opened,
    looked: &Looked,
    remote: Option<&str>,
    jobs: Option<usize>,
) -> Result<OutState> {
    let repo = session.repo;
    let remote = repo.config().remote(remote)?;
    remote.check_uploads()?;
    let odb = RemoteOdb::new(open_remote_with(&remote, repo.env(), repo.contact())?);
    let folder = tempfile::Builder::new()
        .prefix("to-remote-")
        .tempdir_in(made(session.memo.dir().to_owned())?)
        .map_err(|error| Error::io("cannot make a temporary folder", error))?;
    // What lies there is got again after a power failure.
    let options = CacheOptions { durability: Durability::Rename, ..CacheOptions::default() };
    let scratch = Cache::new(folder.path(), options);
    let n_jobs = opened.jobs(jobs);
    let transfer_options = TransferOptions {
        jobs: jobs.or(remote.jobs.as_ref().map(|jobs| jobs.value.get())),
        cancel: session.cancel.clone(),
        ..TransferOptions::default()
    };
    let push = async |group: ObjectGroup| -> Result<()> {
        let groups = stream::iter([Ok(group)]).boxed();
        let report = transfer::push(&scratch, &odb, groups, &transfer_options, session.observer).await?;
        if let Some(error) = report.stopped_by {
            return Err(error.into());
        }
        many(report.failed.into_iter().map(|failed| failed.error.into()).collect())?;
        if report.is_interrupted { Err(Error::Interrupted) } else { Ok(()) }
    };
    let mut taken = Vec::with_capacity(looked.entries.len());
    let mut rest = looked.entries.as_slice();
    while !rest.is_empty() {
        session.check_cancelled()?;
        let (batch, others) = rest.split_at(batch_len(rest));
        let arrived =
            all(take_in(&scratch, &opened.source, batch, n_jobs, session.cancel, session.observer).await)?;
        let member = |(entry, arrived): (&haul_storage::source::SourceEntry, &TakenIn)| Member {
            oid: arrived.oid,
            size_bytes: Some(arrived.size_bytes),
            path: entry.path.as_str().into(),
        };
        let members = batch.iter().zip(&arrived).map(member).collect();
        push(ObjectGroup {
            layout: Layout::Current,
            directory: None,
            manifest: None,
            members,
            total_bytes: None,
        })
        .await?;
        for file in &arrived {
            scratch.remove(Layout::Current, &file.oid)?;
        }
        taken.extend(arrived);
        rest = others;
    }
    let (state, manifest) = state_of(looked, &taken)?;
    if let Some(manifest) = manifest {
        // The members are there: the manifest may follow.
        let bytes = manifest.to_bytes();
        scratch.store_bytes(Layout::Current, OidKind::Dir, &bytes)?;
        let manifest = Member { oid: state.oid, size_bytes: Some(bytes.len() as u64), path: "".into() };
        let members = vec![manifest];
        push(ObjectGroup {
            layout: Layout::Current,
            directory: None,
            manifest: None,
            members,
            total_bytes: None,
        })
        .await?;
    }
    Ok(state)
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    fs_err::create_dir_all(&folder).map_err(|error| Error::io("cannot make a temporary folder", error))?;
    Ok(folder)
}

/// Returns how many of the next files lie on this machine at once.
fn batch_len(entries: &[haul_storage::source::SourceEntry]) -> usize {
    let mut n_bytes = 0;
    let fits = |entry: &&haul_storage::source::SourceEntry| {
        n_bytes += entry.size_bytes.unwrap_or_default();
        n_bytes <= BATCH_BYTES
    };
    entries.iter().take(BATCH_FILES).take_while(fits).count().max(1)
}

/// Returns all answers, or what went wrong.
fn all(answers: Vec<haul_storage::Result<TakenIn>>) -> Result<Vec<TakenIn>> {
    let mut taken = Vec::with_capacity(answers.len());
    let mut errors = Vec::new();
    for answer in answers {
        match answer {
            Ok(file) => taken.push(file),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(Error::Interrupted),
            Err(error) => errors.push(error.into()),
        }
    }
    many(errors)?;
    Ok(taken)
}

/// Returns what is to be recorded, and the manifest of a directory.
fn state_of(looked: &Looked, taken: &[TakenIn]) -> Result<(OutState, Option<DirManifest>)> {
    if !looked.is_dir {
        let file = &taken[0];
        let state =
            OutState { size_bytes: Some(file.size_bytes), ..OutState::new(file.oid, Layout::Current) };
        return Ok((state, None));
    }
    let entry = |(entry, taken): (&haul_storage::source::SourceEntry, &TakenIn)| DirEntry {
        path: entry.path.as_str().into(),
        digest: *taken.oid.digest(),
    };
    let manifest = DirManifest::new(looked.entries.iter().zip(taken).map(entry).collect())
        .map_err(|error| Error::BadOut(error.to_string()))?;
    let state = OutState {
        size_bytes: Some(taken.iter().map(|file| file.size_bytes).sum()),
        n_files: Some(taken.len() as u64),
        ..OutState::new(Oid::dir(haul_storage::hash::md5(&manifest.to_bytes())), Layout::Current)
    };
    Ok((state, Some(manifest)))
}
