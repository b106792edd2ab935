//! `fetch` from a cloud-versioned remote.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use haul_storage::transfer::{self, Member, ObjectGroup, TransferMode, TransferOptions, TransferReport};
use haul_storage::versions::{RecordedVersion, RecordedVersions};
use haul_storage::{ErrorKind, OidKind, RemoteOdb};

use super::file::{OutFile, files_of};
use super::{Share, VersionedBatch, VersionedOut};
use crate::ops::Failure;
use crate::ops::session::Session;
use crate::{Error, Result};

/// Gets exactly the recorded versions that the cache lacks, each once and verified.
///
/// Deviation: DVC gets another version where none is recorded, and a version by name that is none of the out's.
pub(in crate::ops) async fn fetch(
    session: &Session<'_>,
    batch: &VersionedBatch,
    options: &TransferOptions,
) -> Result<(TransferReport, Vec<Failure>)> {
    let mut failed = Vec::new();
    let mut recorded = Vec::new();
    let mut groups = Vec::new();
    let mut manifests = Vec::new();
    for out in &batch.outs {
        let files = match files_of(session, out) {
            Ok(files) => files,
            Err(error) => {
                failed.push(Failure { subject: out.display.clone(), path: None, error });
                continue;
            }
        };
        let is_read_here = |file: &&OutFile| match &out.share {
            Share::All => true,
            Share::AllBut(others) => file.home().is_none_or(|home| others.iter().all(|other| other != home)),
            Share::Recorded => file.home().is_some_and(|home| home.eq_ignore_ascii_case(&batch.remote)),
        };
        let mut members = Vec::new();
        for file in files.iter().filter(|file| file.is_selected).filter(is_read_here) {
            match file.version_id(&batch.remote) {
                Some(id) => recorded.push((
                    file.layout,
                    file.oid,
                    RecordedVersion { key: file.key.clone(), version_id: id.to_owned() },
                )),
                None if session.cache.check(file.layout, &file.oid)?.is_none() => {
                    failed.push(no_version(session, batch, out, file));
                    continue;
                }
                None => {}
            }
            members.push(Member {
                oid: file.oid,
                size_bytes: file.size_bytes,
                path: file.display.as_str().into(),
            });
        }
        let group = ObjectGroup {
            layout: out.out.layout,
            directory: None,
            manifest: None,
            members,
            total_bytes: None,
        };
        groups.push(Ok(group));
        if out.within.is_none() && out.share != Share::Recorded {
            manifests.extend(out.out.recorded_manifest().map(|manifest| (out.out.layout, manifest)));
        }
    }
    let view = RecordedVersions::new(Arc::clone(&batch.store), recorded);
    let remote = RemoteOdb::new(Arc::new(view));
    let groups = stream::iter(groups).boxed();
    let mut report = transfer::fetch(session.cache, &remote, groups, options, session.observer).await?;
    for object in &mut report.failed {
        if object.error.kind() == ErrorKind::Corrupt {
            let message = format!(
                "the version of `{}` that is recorded does not have the recorded MD5 on `{}`",
                object.path,
                batch.store.location()
            );
            object.error = haul_storage::Error::new(ErrorKind::Corrupt, message).with_hint(
                "run `haul push --verify` where the data is good, and commit the metafiles: it reads what is on the \
                 remote, and sends what is damaged as a new version",
            );
        }
    }
    if options.mode == TransferMode::Execute && report.is_complete() {
        // As DVC: other commits, and remotes that are not cloud-versioned, know the directory by its manifest.
        for (layout, manifest) in manifests {
            session.cache.store_bytes(layout, OidKind::Dir, &manifest.to_bytes())?;
        }
    }
    Ok((report, failed))
}

fn no_version(session: &Session<'_>, batch: &VersionedBatch, out: &VersionedOut, file: &OutFile) -> Failure {
    let metafile = session.repo.display_path(&out.recorded_in());
    let message = format!(
        "`{}` cannot be fetched: `{metafile}` records no version of it on remote `{}`",
        file.display, batch.remote
    );
    let hint = format!(
        "run `haul push {}` where the file is, and commit `{metafile}`; or name the remote that has it with `-r`",
        out.display
    );
    let error = haul_storage::Error::new(ErrorKind::NotFound, message).with_hint(hint);
    Failure { subject: file.display.clone(), path: None, error: Error::Storage(error) }
}
