//! Downloads from a source to local paths.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::take_in::feed;
use super::{Source, SourceEntry};
use crate::progress::{Event, Observer, Phase, report_unsized};
use crate::transfer::context::{blocking, interrupted};
use crate::{Error, ErrorKind, Result};

/// The maximum number of chunks that wait to be written.
const WAITING_CHUNKS: usize = 4;

/// Downloads files of a source, at most `jobs` at a time, each to the path beside it, which it gets by a rename. The
/// answers are in the order of `files`. The caller has validated the paths.
pub async fn save(
    source: &Arc<dyn Source>,
    files: &[(SourceEntry, PathBuf)],
    jobs: usize,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> Vec<Result<()>> {
    let total_bytes = files.iter().filter_map(|(entry, _)| entry.size_bytes).sum();
    observer.on(Event::Planned { phase: Phase::Downloading, n_objects: files.len() as u64, total_bytes });
    let n_unsized = files.iter().filter(|(entry, _)| entry.size_bytes.is_none()).count();
    report_unsized(Phase::Downloading, n_unsized, observer);
    futures::stream::iter(files)
        .map(|(entry, path)| async move {
            let saved = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(interrupted()),
                saved = save_one(source.as_ref(), entry, path, observer) => saved,
            };
            observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
            saved
        })
        .buffered(jobs.max(1))
        .collect()
        .await
}

async fn save_one(
    source: &dyn Source,
    entry: &SourceEntry,
    path: &Path,
    observer: &dyn Observer,
) -> Result<()> {
    let download = source.open(entry).await?;
    let announced_bytes = download.size_bytes;
    let (chunks, to_write) = mpsc::channel(WAITING_CHUNKS);
    let writer = blocking({
        let path = path.to_owned();
        move || write(&path, announced_bytes, to_write)
    });
    let feed = feed(download, chunks, observer);
    let (fed, written) = futures::join!(feed, writer);
    fed?;
    written
}

fn write(path: &Path, announced_bytes: Option<u64>, mut chunks: mpsc::Receiver<Option<Bytes>>) -> Result<()> {
    let cannot = |error| Error::io(format!("cannot write `{}`", path.display()), error).while_writing();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder).map_err(cannot)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut file = tempfile::Builder::new()
        .prefix(".haul-")
        .suffix(".tmp")
        .permissions(permissions)
        .tempfile_in(folder)
        .map_err(cannot)?;
    let mut n_bytes = 0;
    loop {
        match chunks.blocking_recv() {
            Some(Some(chunk)) => {
                file.write_all(&chunk).map_err(cannot)?;
                n_bytes += chunk.len() as u64;
            }
            Some(None) => break,
            None => return Err(interrupted()),
        }
    }
    if announced_bytes.is_some_and(|announced_bytes| announced_bytes != n_bytes) {
        let message = format!(
            "cannot write `{}`: the received bytes are not what the server announced",
            path.display()
        );
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}
