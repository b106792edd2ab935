//! The run cache, which `push`, `fetch` and `pull` take along with `--run-cache`: what runs of stages made of what.
//!
//! DVC keeps a run in `runs/KK/KEY/VALUE` of the cache, and under that key on a remote. Both names are SHA-256: that of what went
//! into the run, and that of all that the file says. So runs of the same name are the same, and one that is there is not copied.
//!
//! Deviation: DVC copies all runs each time; those that the other side has are not copied again here.
//!
//! Deviation: a run on a remote that is not what its name says is not taken over, and a warning names it. DVC takes over what is
//! there, and a later `dvc repro` makes the outs that it names.
//!
//! Deviation: what lies below `runs` under any other name is left where it is. DVC copies it, wherever the name leads to.

use std::collections::BTreeSet;
use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use haul_config::{Remote, RemoteKind};
use haul_storage::transfer::TransferMode;
use haul_storage::{
    Body, ErrorKind, ListFrom, ReadStore as _, RemoteOdb, RemoteStore as _, open_remote_with,
};

use super::session::Session;
use crate::metafile::run::{RUNS, run_path};
use crate::{Error, Result};

/// A run names commands, dependencies and outs, and is far smaller.
const MAX_RUN_BYTES: u64 = 64 << 20;
/// Runs under way at once, if nothing else is configured.
const RUNS_AT_ONCE: usize = 16;

/// Which way runs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Push,
    Fetch,
}

/// What became of the runs.
#[derive(Debug, Default)]
pub(super) struct CopiedRuns {
    /// How many there are to copy.
    pub(super) n_runs: u64,
    /// Sentences for the user.
    pub(super) warnings: Vec<String>,
}

/// Copies the runs that the other side lacks to the remote that is named, else to the default one, or from there.
///
/// As in DVC, remotes that are web servers and cloud-versioned ones have none, and are no error.
pub(super) async fn transfer(
    session: &Session<'_>,
    remote: Option<&str>,
    jobs: Option<usize>,
    way: Way,
    mode: TransferMode,
) -> Result<CopiedRuns> {
    let repo = session.repo;
    // Without a remote there is nothing to copy to; that is told where the data is looked at.
    let Ok(remote) = repo.config().remote(remote) else { return Ok(CopiedRuns::default()) };
    if remote.is_cloud_versioned() || matches!(remote.kind, RemoteKind::Http(_)) {
        return Ok(CopiedRuns::default());
    }
    let store = RemoteOdb::new(open_remote_with(&remote, repo.env(), repo.contact())?);
    let here = local_runs(session.cache.root())?;
    if way == Way::Push && here.is_empty() {
        return Ok(CopiedRuns::default());
    }
    let there = remote_runs(session, &store).await?;
    let (have, lack) = if way == Way::Push { (here, there) } else { (there, here) };
    let wanted: Vec<String> = have.difference(&lack).cloned().collect();
    let mut warnings = Vec::new();
    if mode == TransferMode::Execute {
        warnings = copy(session, &remote, &store, &wanted, jobs, way).await?;
    }
    Ok(CopiedRuns { n_runs: (wanted.len() - warnings.len()) as u64, warnings })
}

/// Returns a sentence for each run that is not copied.
async fn copy(
    session: &Session<'_>,
    remote: &Remote,
    store: &RemoteOdb,
    keys: &[String],
    jobs: Option<usize>,
    way: Way,
) -> Result<Vec<String>> {
    let configured = remote.jobs.as_ref().map(|jobs| jobs.value.get());
    let jobs = store.store().limits().jobs(jobs.or(configured), RUNS_AT_ONCE);
    let one = |key: &String| {
        let (key, path) = (key.clone(), session.cache.root().join(key));
        async move {
            session.check_cancelled()?;
            match way {
                Way::Push => send(store, &key, &path).await.map(|()| None),
                Way::Fetch => get(store, &key, &path).await,
            }
        }
    };
    let refused: Vec<Option<String>> =
        stream::iter(keys.iter().map(one)).buffer_unordered(jobs).try_collect().await?;
    if way == Way::Push {
        store.store().writer()?.sync().await?;
    }
    let mut warnings: Vec<String> = refused.into_iter().flatten().collect();
    warnings.sort();
    Ok(warnings)
}

async fn send(store: &RemoteOdb, key: &str, path: &Path) -> Result<()> {
    let bytes = fs_err::read(path).map_err(|error| Error::io("cannot read a run", error))?;
    store.store().writer()?.put(key, &Body::bytes(bytes), None).await?;
    Ok(())
}

/// Returns a sentence for the user if what is there is not the run of that name, which is not taken over then.
async fn get(remote: &RemoteOdb, key: &str, path: &Path) -> Result<Option<String>> {
    let bytes = remote.get_whole(key, MAX_RUN_BYTES).await?;
    let name = std::str::from_utf8(&bytes).ok().and_then(run_path);
    if name.as_deref() != Some(key) {
        return Ok(Some(format!(
            "the run `{key}` on `{}` is not what its name says, and was left there",
            remote.store().location()
        )));
    }
    if let Some(directory) = path.parent() {
        fs_err::create_dir_all(directory)
            .map_err(|error| Error::io("cannot make a directory of the run cache", error))?;
    }
    crate::atomic::write(path, &bytes)?;
    Ok(None)
}

/// Returns the keys of the runs in the cache.
fn local_runs(cache: &Path) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    let mut folders = vec![RUNS.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs_err::read_dir(cache.join(&folder)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| Error::io("cannot read the run cache", error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("cannot read the run cache", error))?;
            let key = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if is_run(&key) {
                keys.insert(key);
            } else if key.matches('/').count() < 3 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(key);
            }
        }
    }
    Ok(keys)
}

/// Returns the keys of the runs on a remote.
async fn remote_runs(session: &Session<'_>, store: &RemoteOdb) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    let mut from = ListFrom::Start;
    loop {
        session.check_cancelled()?;
        let page = store.store().lister()?.list_page(&format!("{RUNS}/"), &from).await?;
        keys.extend(page.objects.into_iter().map(|object| object.key).filter(|key| is_run(key)));
        match page.next.filter(|_| page.is_truncated) {
            Some(next) if next == from => {
                let message = format!("the listing of the runs on `{}` does not advance", store.location());
                return Err(haul_storage::Error::new(ErrorKind::Corrupt, message).into());
            }
            Some(next) => from = next,
            None => return Ok(keys),
        }
    }
}

/// Returns whether a key is that of a run.
fn is_run(key: &str) -> bool {
    let parts: Vec<&str> = key.split('/').collect();
    let is_sha256 =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match parts.as_slice() {
        [RUNS, start, key, value] => {
            start.len() == 2 && key.starts_with(start) && is_sha256(key) && is_sha256(value)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_known_by_its_names() {
        let (one, two) = ("a".repeat(64), "b1".repeat(32));
        assert!(is_run(&format!("runs/aa/{one}/{two}")));
        for key in [
            format!("runs/ab/{one}/{two}"),
            format!("runs/aa/{one}/{}", &two[1..]),
            format!("runs/aa/{one}/{two}.tmp"),
            format!("runs/aa/{one}/../{two}"),
            format!("runs/{one}/{two}"),
            format!("files/aa/{one}/{two}"),
            format!("runs/aa/{}/{two}", one.to_uppercase()),
        ] {
            assert!(!is_run(&key), "{key}");
        }
    }
}
