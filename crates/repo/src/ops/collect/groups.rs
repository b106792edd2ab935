//! From outs to groups of objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use haul_storage::progress::{Event, Phase};
use haul_storage::transfer::{Member, ObjectGroup};
use haul_storage::{Oid, RemoteOdb};

use super::{Batch, Item};
use crate::ops::Failure;
use crate::ops::session::{Session, bad_manifest};
use crate::{DirManifest, Error, Result};

/// Manifests that are read from a remote side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// Which parts of directories that were asked for exist.
///
/// With several revisions, a part has to be in one of them.
#[derive(Debug, Default)]
pub(in crate::ops) struct Parts {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    found: BTreeSet<String>,
    absent: BTreeMap<String, Error>,
}

impl Parts {
    fn note(&self, item: &Item, within: &str, is_there: bool) {
        let path = format!("{}/{within}", item.display);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if is_there {
            seen.found.insert(path);
        } else {
            seen.absent.insert(path, absent(&item.display, within));
        }
    }

    /// Returns a failure for each part that is nowhere.
    pub(in crate::ops) fn into_failures(self) -> Vec<Failure> {
        let Seen { found, absent } = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let absent = absent.into_iter().filter(|(path, _)| !found.contains(path));
        absent.map(|(subject, error)| Failure { subject, path: None, error }).collect()
    }
}

/// Makes the error of a part that a directory does not have.
///
/// Deviation: DVC says "Everything is up to date." of a file that a tracked directory does not have.
pub(in crate::ops) fn absent(directory: &str, within: &str) -> Error {
    Error::no_target(
        format!("{directory}/{within}"),
        format!("'{directory}/{within}' is not in the tracked directory '{directory}'"),
    )
}

/// Turns outs into groups of objects, while the transfer is under way already. Manifests that the cache lacks are
/// read from the remote, verified. An out whose manifest cannot be had is told to `on_failure` and passed over.
pub(in crate::ops) fn groups<'a>(
    session: Session<'a>,
    batch: &'a Batch,
    parts: &'a Parts,
    on_failure: &'a (dyn Fn(&Item, Failure) + Sync),
) -> BoxStream<'a, haul_storage::Result<ObjectGroup>> {
    let to_group = move |item: &'a Item| async move {
        match group(session, &batch.odb, item, parts).await {
            Ok(group) => group,
            Err(error) => {
                on_failure(item, Failure { subject: item.display.clone(), path: None, error });
                None
            }
        }
    };
    stream::iter(&batch.items)
        .map(to_group)
        .buffered(MANIFESTS_AT_ONCE)
        .filter_map(|group| async move { group.map(Ok) })
        .boxed()
}

async fn group(
    session: Session<'_>,
    odb: &RemoteOdb,
    item: &Item,
    parts: &Parts,
) -> Result<Option<ObjectGroup>> {
    let Item { display, oid, layout, size_bytes, within } = item;
    if !oid.is_dir() {
        let member = Member { oid: *oid, size_bytes: *size_bytes, path: display.as_str().into() };
        return Ok(Some(ObjectGroup {
            layout: *layout,
            directory: None,
            manifest: None,
            members: vec![member],
            total_bytes: None,
        }));
    }
    session.observer.on(Event::Planned { phase: Phase::Collecting, n_objects: 1, total_bytes: 0 });
    let (manifest, bytes) = match session.manifest(*layout, oid)? {
        Some(manifest) => (manifest, None),
        None => match odb.fetch_object(*layout, oid, RemoteOdb::MAX_MANIFEST_BYTES).await? {
            Some(bytes) => {
                let manifest = DirManifest::parse(&bytes).map_err(|error| bad_manifest(oid, &error))?;
                (manifest, Some(bytes))
            }
            None => return Err(missing_manifest(odb, item)),
        },
    };
    session.observer.on(Event::Finished { phase: Phase::Collecting, n_objects: 1 });
    let entries = match within {
        None => manifest.entries(),
        Some(within) => manifest.below(within),
    };
    if let Some(within) = within {
        parts.note(item, within, !entries.is_empty());
        if entries.is_empty() {
            return Ok(None);
        }
    }
    let members = entries.iter().map(|entry| Member {
        oid: Oid::file(entry.digest),
        size_bytes: None,
        path: format!("{display}/{}", entry.path).into(),
    });
    let members = members.collect();
    // A part of a directory does not prove the directory: its manifest is moved for itself.
    let total_bytes = size_bytes.filter(|_| within.is_none());
    let directory = Member { oid: *oid, size_bytes: None, path: display.as_str().into() };
    Ok(Some(ObjectGroup {
        layout: *layout,
        directory: Some(directory),
        manifest: bytes,
        members,
        total_bytes,
    }))
}

fn missing_manifest(odb: &RemoteOdb, item: &Item) -> Error {
    let message = format!(
        "the list of files of `{}` (`{}`) is not found in the cache or on `{}`",
        item.display,
        item.oid,
        odb.location()
    );
    let hint = format!(
        "push it from a copy that has it, with `haul push {0}`; if the data is here, store it again with `haul add {0}`",
        item.display
    );
    Error::Storage(haul_storage::Error::new(haul_storage::ErrorKind::NotFound, message).with_hint(hint))
}
