//! Which objects of which outs go to which remote.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use haul_config::Remote;
use haul_storage::progress::{Event, Phase};
use haul_storage::transfer::{DownloadCheck, Member, ObjectGroup};
use haul_storage::{Layout, Oid, OidKind, RemoteOdb, open_remote_with, open_versioned_remote};

use super::session::{Session, bad_manifest};
use super::versioned::{Share, VersionedBatch, VersionedOut, homes};
use crate::git::RevisionSet;
use crate::index::CommitReader;
use crate::ops::Failure;
use crate::{DirManifest, Error, Index, LockWait, Out, Result, SelectOptions, Selection};

/// Manifests that are read from a remote side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// What the outs are collected for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Push,
    Fetch,
    Compare,
}

/// Which outs, for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) purpose: Purpose,
    pub(super) select: &'a SelectOptions,
    pub(super) revisions: RevisionSet,
    /// The remote the user named.
    pub(super) remote: Option<&'a str>,
    /// Pass over outs of at least this size in bytes.
    pub(super) max_size_bytes: Option<u64>,
    /// How long to wait while another command reads or writes metafiles.
    pub(super) wait: LockWait,
}

/// One out, or a part of it, that takes part.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The path as DVC shows it.
    pub(super) display: String,
    pub(super) oid: Oid,
    pub(super) layout: Layout,
    size_bytes: Option<u64>,
    within: Option<String>,
}

/// The outs that go to one remote.
#[derive(Debug)]
pub(super) struct Batch {
    /// The name of the remote.
    pub(super) remote: String,
    pub(super) odb: RemoteOdb,
    /// Requests at once, from the remote's configuration.
    pub(super) jobs: Option<usize>,
    /// `verify` of the remote.
    pub(super) check: DownloadCheck,
    pub(super) items: Vec<Item>,
}

/// Everything that takes part, by remote.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) batches: Vec<Batch>,
    pub(super) versioned: Vec<VersionedBatch>,
    pub(super) failed: Vec<Failure>,
    pub(super) warnings: Vec<String>,
}

/// Finds the outs and opens their remotes.
///
/// # Errors
///
/// An out without a remote of its own, and no default remote: the configuration's error.
pub(super) fn collect(session: &Session<'_>, request: &Request<'_>) -> Result<Collected> {
    let mut collector =
        Collector { session, request, by_remote: BTreeMap::new(), collected: Collected::default() };
    // DVC writes metafiles in place: one that is half written would say that there is nothing to do.
    // Deviation: DVC holds the lock until the last byte is transferred; here others can work meanwhile.
    let lock = session.repo.lock(request.wait)?;
    let selection = Selection::resolve(session.repo, request.select)?;
    collector.add_outs(&selection)?;
    drop(lock);
    if request.revisions != RevisionSet::default() {
        collector.add_revisions()?;
    }
    // A command without any data still tells a remote that does not exist.
    if collector.by_remote.is_empty() || request.remote.is_some() {
        collector.of_remote(request.remote)?;
    }
    collector.open()
}

/// What is to be moved between the cache and one remote.
struct Moved {
    remote: Remote,
    items: Vec<Item>,
    versioned: Vec<VersionedOut>,
}

struct Collector<'a> {
    session: &'a Session<'a>,
    request: &'a Request<'a>,
    by_remote: BTreeMap<Option<String>, Moved>,
    collected: Collected,
}

impl Collector<'_> {
    fn of_remote(&mut self, name: Option<&str>) -> Result<&mut Moved> {
        let name = name.map(str::to_owned);
        Ok(match self.by_remote.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let remote = self.session.repo.config().remote(new.key().as_deref())?;
                new.insert(Moved { remote, items: Vec::new(), versioned: Vec::new() })
            }
        })
    }

    fn add_outs(&mut self, selection: &Selection) -> Result<()> {
        let (session, request) = (self.session, self.request);
        let index = &selection.index;
        for selected in &selection.outs {
            let out = &index.outs[selected.out];
            if !takes_part(request, index, out) {
                continue;
            }
            let display = session.repo.display_path(&out.path);
            let stage = index.stage_of(out);
            let Some(oid) = out.oid else {
                let metafile = stage.shown(session.repo.current_dir());
                if out.files.as_ref().is_some_and(|files| !files.is_empty()) {
                    self.collected.failed.push(no_hashes(display, out, &metafile));
                } else if request.purpose == Purpose::Compare {
                    self.collected.warnings.push(format!(
                        "Output '{display}'({metafile}) is missing version info. Cache for it will not be collected. Use \
                         `dvc repro` to get your pipeline up to date."
                    ));
                }
                continue;
            };
            let bound = request.remote.or(out.remote.as_deref());
            let moved = self.of_remote(bound)?;
            if moved.remote.is_cloud_versioned() {
                let out = VersionedOut::new(session.repo, out, stage, selected.within.clone());
                if let Some(stage) = &out.unclear_stage {
                    self.collected.failed.push(unclear_paths(&out, stage));
                    continue;
                }
                let others = self.other_homes(bound, &out.out)?;
                for other in &others {
                    let out = VersionedOut { share: Share::Recorded, ..out.clone() };
                    self.of_remote(Some(other))?.versioned.push(out);
                }
                let share = if others.is_empty() { Share::All } else { Share::AllBut(others) };
                self.of_remote(bound)?.versioned.push(VersionedOut { share, ..out });
                continue;
            }
            if let Some(manifest) = out.recorded_manifest() {
                // A remote that is not cloud-versioned knows the directory by its manifest.
                session.cache.store_bytes(out.layout, OidKind::Dir, &manifest.to_bytes())?;
            }
            moved.items.push(Item {
                display,
                oid,
                layout: out.layout,
                size_bytes: out.size_bytes,
                within: selected.within.clone(),
            });
        }
        Ok(())
    }

    /// Returns the cloud-versioned remotes, beside the one an out is bound to, from which recorded versions are fetched.
    /// Where the user names a remote, it is that one alone.
    ///
    /// Deviation: each version is fetched from the remote it is recorded on; DVC looks for all of them on one remote.
    fn other_homes(&mut self, bound: Option<&str>, out: &Out) -> Result<Vec<String>> {
        if self.request.purpose != Purpose::Fetch || self.request.remote.is_some() {
            return Ok(Vec::new());
        }
        let own = self.of_remote(bound)?.remote.name.clone();
        let config = self.session.repo.config();
        let mut others = Vec::new();
        for home in homes(&config.remote_names(), out) {
            if home != own && config.remote(Some(home))?.is_cloud_versioned() {
                others.push(home.to_owned());
            }
        }
        Ok(others)
    }

    fn add_revisions(&mut self) -> Result<()> {
        let Some(git) = self.session.repo.git() else {
            return Ok(());
        };
        let mut reader = CommitReader::new(self.session.repo, git);
        for revision in git.revisions(self.request.revisions)? {
            self.session.check_cancelled()?;
            match Selection::resolve_at(&mut reader, &revision, self.request.select) {
                Ok(selection) => self.add_outs(&selection)?,
                Err(error) => {
                    tracing::debug!(%error, revision = revision.name, "cannot collect a revision");
                    self.collected.warnings.push(format!("failed to collect '{}', skipping", revision.name));
                }
            }
        }
        Ok(())
    }

    fn open(mut self) -> Result<Collected> {
        let repo = self.session.repo;
        for Moved { remote, mut items, versioned } in self.by_remote.into_values() {
            let jobs = remote.jobs.as_ref().map(|jobs| jobs.value.get());
            let check =
                if remote.verify.value { DownloadCheck::StreamAndFile } else { DownloadCheck::Stream };
            if remote.is_cloud_versioned() {
                if self.request.purpose == Purpose::Push && self.request.revisions != RevisionSet::default() {
                    // The versions could not be recorded in commits that are made.
                    let message = "Multiple rev push is unsupported for cloud versioned remotes".to_owned();
                    return Err(Error::BadOut(message));
                }
                let store = open_versioned_remote(&remote, repo.env(), repo.mfa_prompt())?;
                let batch = VersionedBatch { remote: remote.name, store, jobs, check, outs: versioned };
                self.collected.versioned.push(batch);
                continue;
            }
            items.sort_by(|left, right| {
                (left.oid, left.layout, &left.within).cmp(&(right.oid, right.layout, &right.within))
            });
            items.dedup_by(|left, right| {
                (left.oid, left.layout, &left.within) == (right.oid, right.layout, &right.within)
            });
            let store = open_remote_with(&remote, repo.env(), repo.mfa_prompt())?;
            let batch = Batch { remote: remote.name, odb: RemoteOdb::new(store), jobs, check, items };
            self.collected.batches.push(batch);
        }
        Ok(self.collected)
    }
}

fn no_hashes(display: String, out: &Out, metafile: &str) -> Failure {
    let message = format!(
        "files of `{display}` are recorded without their MD5 ({metafile}), as by an import of versions; use `dvc` for it"
    );
    let error = Error::Workspace { path: out.path.clone(), message };
    Failure { subject: display, path: Some(out.path.clone()), error }
}

fn unclear_paths(out: &VersionedOut, stage: &str) -> Failure {
    let message = format!(
        "`{}` has no place on a cloud-versioned remote: the `wdir` of {stage} has a template, which haul does not work \
         out; write the folder itself there",
        out.display
    );
    let error = Error::Workspace { path: out.metafile.clone(), message };
    Failure { subject: out.display.clone(), path: Some(out.metafile.clone()), error }
}

fn takes_part(request: &Request<'_>, index: &Index, out: &Out) -> bool {
    let is_bound_elsewhere = match (request.purpose, &out.remote, request.remote) {
        // As DVC: `status -c` knows the one remote only.
        (Purpose::Compare, Some(_), _) => true,
        (_, Some(own), Some(named)) => own != named,
        _ => false,
    };
    let is_pushable = out.can_push && !index.stage_of(out).is_repo_import;
    out.use_cache
        && !out.is_external
        && !is_bound_elsewhere
        && (request.purpose == Purpose::Fetch || is_pushable)
        && request.max_size_bytes.zip(out.size_bytes).is_none_or(|(max, size)| size < max)
}

/// Turns outs into groups of objects, while the transfer is under way already. Manifests that the cache lacks are
/// read from the remote, verified. An out whose manifest cannot be had is told to `on_failure` and passed over.
pub(super) fn groups<'a>(
    session: Session<'a>,
    batch: &'a Batch,
    on_failure: &'a (dyn Fn(Failure) + Sync),
) -> BoxStream<'a, haul_storage::Result<ObjectGroup>> {
    let to_group = move |item: &'a Item| async move {
        match group(session, &batch.odb, item).await {
            Ok(group) => group,
            Err(error) => {
                on_failure(Failure { subject: item.display.clone(), path: None, error });
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

async fn group(session: Session<'_>, odb: &RemoteOdb, item: &Item) -> Result<Option<ObjectGroup>> {
    let Item { display, oid, layout, size_bytes, within } = item;
    if !oid.is_dir() {
        let member = Member { oid: *oid, size_bytes: *size_bytes, path: display.as_str().into() };
        return Ok(Some(ObjectGroup {
            layout: *layout,
            directory: None,
            manifest: None,
            members: vec![member],
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
    if entries.is_empty() && within.is_some() {
        return Ok(None);
    }
    let members = entries.iter().map(|entry| Member {
        oid: Oid::file(entry.digest),
        size_bytes: None,
        path: format!("{display}/{}", entry.path).into(),
    });
    let members = members.collect();
    // A part of a directory does not prove the directory: its manifest is moved for itself.
    let directory = Member { oid: *oid, size_bytes: None, path: display.as_str().into() };
    Ok(Some(ObjectGroup { layout: *layout, directory: Some(directory), manifest: bytes, members }))
}

fn missing_manifest(odb: &RemoteOdb, item: &Item) -> Error {
    let message = format!(
        "the list of files of `{}` (`{}`) is neither in the cache nor on `{}`",
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
