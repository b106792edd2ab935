//! Which objects of which outs go to which remote.

mod groups;
mod places;
mod skipped;

use std::collections::HashMap;
use std::sync::Arc;

use haul_config::Remote;
use haul_storage::transfer::DownloadCheck;
use haul_storage::{
    Cache, FolderStore, Layout, Oid, OidKind, RemoteOdb, open_remote_with, open_versioned_remote,
};

pub(super) use self::groups::{Parts, absent, groups};
pub(super) use self::places::{ConfigNumber, Configs};
use self::skipped::skip_reason;
pub use self::skipped::{SkipReason, SkippedOut};
use super::import::{ImportedOut, RepoImport, is_cached};
use super::session::Session;
use super::versioned::{Share, VersionedBatch, VersionedOut, homes};
use crate::git::{Revision, RevisionSet};
use crate::index::{CommitReader, Reading, unseen_sentences};
use crate::metafile::MetafileError;
use crate::ops::{Failure, FetchOptions};
use crate::workspace::checkout::is_at_or_below;
use crate::{Error, LockWait, Out, OutKind, Result, SelectOptions, Selection, Stage};

/// Revisions that cannot be read and are named one by one.
const MAX_NAMED_REVISIONS: usize = 5;

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
    /// Pass over outs that are of none of these kinds; none means all.
    pub(super) kinds: &'a [OutKind],
    /// How long to wait while another command reads or writes metafiles.
    pub(super) wait: LockWait,
}

impl<'a> Request<'a> {
    /// Makes the request of a fetch.
    pub(super) fn of_fetch(options: &'a FetchOptions) -> Self {
        Self {
            purpose: Purpose::Fetch,
            select: &options.select,
            revisions: options.revisions,
            remote: options.remote.as_deref(),
            max_size_bytes: options.max_size_bytes,
            kinds: &options.kinds,
            wait: options.wait,
        }
    }
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
    /// Imports that come from their sources.
    pub(super) imports: Vec<ImportedOut>,
    /// Imports that come from other repositories.
    pub(super) repo_imports: Vec<RepoImport>,
    /// Outs that need no remote, because the cache has them, where there is none.
    n_cached: usize,
    pub(super) failed: Vec<Failure>,
    /// Outs that were asked for, and take no part.
    pub(super) skipped: Vec<SkippedOut>,
    pub(super) warnings: Vec<String>,
}

impl Collected {
    /// Returns how many outs take part.
    pub(super) fn n_outs(&self) -> usize {
        let versioned = self.versioned.iter().map(|batch| batch.outs.len());
        let items = self.batches.iter().map(|batch| batch.items.len());
        items.chain(versioned).sum::<usize>() + self.imports.len() + self.repo_imports.len() + self.n_cached
    }
}

/// Finds the outs and opens their remotes.
///
/// # Errors
///
/// An out without a remote of its own, and no default remote: the configuration's error.
pub(super) fn collect(session: &Session<'_>, request: &Request<'_>) -> Result<Collected> {
    let mut collector = Collector::new(session, request);
    // DVC writes metafiles in place: one that is half written would say that there is nothing to do.
    // Deviation: DVC holds the lock until the last byte is transferred; here others can work meanwhile.
    let lock = session.repo.lock_to_look(request.wait)?;
    let selection = Selection::resolve(session.repo, request.select)?;
    collector.add_outs(&selection, Source::Workspace)?;
    drop(lock);
    if request.select.targets.is_empty() {
        collector.collected.warnings.extend(unseen_sentences(session.repo, &selection.index.unseen));
    }
    for (target, why) in selection.empty {
        collector
            .collected
            .skipped
            .push(SkippedOut { path: target, reason: SkipReason::NoMetafiles { why } });
    }
    if request.revisions != RevisionSet::default() {
        collector.add_revisions()?;
    }
    // A command without any data still tells a remote that does not exist.
    let collected = &collector.collected;
    let has_nothing =
        collector.moved.is_empty() && collected.imports.is_empty() && collected.repo_imports.is_empty();
    if request.remote.is_none() && has_nothing && collector.has_no_remote(0, None) {
        collector.warn_of_no_remote();
    } else if has_nothing || request.remote.is_some() {
        collector.of_remote(0, request.remote)?;
    }
    collector.open()
}

/// Opens the remotes of outs that were selected. With the `cache` of another repository, that is asked before them.
pub(super) fn collect_selection(
    session: &Session<'_>,
    request: &Request<'_>,
    selection: &Selection,
    cache: Option<&Cache>,
) -> Result<Collected> {
    let mut collector = Collector::new(session, request);
    collector.add_outs(selection, Source::Workspace)?;
    let mut collected = collector.open()?;
    if let Some(cache) = cache {
        let items = collected.batches.iter().flat_map(|batch| batch.items.iter().cloned()).collect();
        let store = Arc::new(FolderStore::new(cache.root()));
        let batch = Batch {
            remote: String::from("cache"),
            odb: RemoteOdb::new(store),
            jobs: None,
            check: DownloadCheck::Stream,
            items,
        };
        collected.batches.insert(0, batch);
    }
    Ok(collected)
}

/// Where outs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Workspace,
    /// A revision, with its configuration.
    Revision(ConfigNumber),
}

/// What is to be moved between the cache and one remote.
struct Moved {
    /// The configuration that defines the remote.
    config: ConfigNumber,
    remote: Remote,
    items: Vec<Item>,
    versioned: Vec<VersionedOut>,
}

struct Collector<'a> {
    session: &'a Session<'a>,
    request: &'a Request<'a>,
    configs: Configs,
    moved: Vec<Moved>,
    /// Which of `moved` a name of a remote stands for in a configuration.
    places: HashMap<(ConfigNumber, Option<String>), usize>,
    collected: Collected,
}

impl<'a> Collector<'a> {
    fn new(session: &'a Session<'a>, request: &'a Request<'a>) -> Self {
        Self {
            session,
            request,
            configs: Configs::new(session.repo),
            moved: Vec::new(),
            places: HashMap::new(),
            collected: Collected::default(),
        }
    }

    /// Returns what goes to the remote that a configuration calls so.
    fn of_remote(&mut self, config: ConfigNumber, name: Option<&str>) -> Result<&mut Moved> {
        let key = (config, name.map(str::to_owned));
        if let Some(place) = self.places.get(&key) {
            return Ok(&mut self.moved[*place]);
        }
        let (config, remote) = self.configs.remote(config, name)?;
        let is_same = |moved: &Moved| {
            moved.remote.name == remote.name && self.configs.is_same(moved.config, config, &remote.name)
        };
        let place = self.moved.iter().position(is_same).unwrap_or_else(|| {
            self.moved.push(Moved { config, remote, items: Vec::new(), versioned: Vec::new() });
            self.moved.len() - 1
        });
        self.places.insert(key, place);
        Ok(&mut self.moved[place])
    }

    /// Returns whether a fetch has no remote. As in DVC, it needs none for what the cache has.
    fn has_no_remote(&self, config: ConfigNumber, name: Option<&str>) -> bool {
        self.request.purpose == Purpose::Fetch
            && matches!(
                self.configs.remote(config, name),
                Err(Error::Config(haul_config::Error::NoDefaultRemote { .. }))
            )
    }

    fn warn_of_no_remote(&mut self) {
        let warning = "No remote provided and no default remote set.";
        if !self.collected.warnings.iter().any(|known| known == warning) {
            self.collected.warnings.push(warning.to_owned());
        }
    }

    fn add_outs(&mut self, selection: &Selection, source: Source) -> Result<()> {
        let (session, request) = (self.session, self.request);
        let index = &selection.index;
        let config = match source {
            Source::Workspace => 0,
            Source::Revision(config) => config,
        };
        for selected in &selection.outs {
            let out = &index.outs[selected.out];
            let display = session.repo.display_path(&out.path);
            if let Some(reason) = skip_reason(request, index, out) {
                self.skip(display, reason, source);
                continue;
            }
            let stage = index.stage_of(out);
            if let (Purpose::Fetch, Some(dependency)) = (request.purpose, stage.repo_source()) {
                let import = RepoImport { out: out.clone(), dependency: dependency.clone(), display };
                // Revisions share most of their imports.
                if !self.collected.repo_imports.iter().any(|known| known.is_same(&import)) {
                    self.collected.repo_imports.push(import);
                }
                continue;
            }
            if self.takes_from_source(stage, out) {
                if let (Purpose::Fetch, Some(dependency)) = (request.purpose, stage.source()) {
                    let import = ImportedOut {
                        out: out.clone(),
                        wdir: stage.wdir.clone(),
                        dependency: dependency.clone(),
                        display,
                        is_of_revision: source != Source::Workspace,
                    };
                    if !self.collected.imports.iter().any(|known| known.is_same(&import)) {
                        self.collected.imports.push(import);
                    }
                } else if request.purpose != Purpose::Fetch && !request.select.targets.is_empty() {
                    self.skip(display, SkipReason::NotDownloaded, source);
                }
                continue;
            }
            let Some(oid) = out.oid else {
                let metafile = stage.shown(session.repo.current_dir());
                if out.files.as_ref().is_some_and(|files| !files.is_empty()) {
                    self.collected.failed.push(no_hashes(display, out, &metafile));
                } else if request.purpose == Purpose::Compare {
                    self.collected.warnings.push(format!(
                        "Output '{display}'({metafile}) is missing version info. Cache for it will not be collected. Use \
                         `dvc repro` to get your pipeline up to date."
                    ));
                } else {
                    self.skip(display, SkipReason::NoHash, source);
                }
                continue;
            };
            let bound = request.remote.or(out.remote.as_deref());
            if self.has_no_remote(config, bound) && is_cached(session, out)? {
                self.warn_of_no_remote();
                self.collected.n_cached += 1;
                continue;
            }
            let moved = self.of_remote(config, bound)?;
            if moved.remote.is_cloud_versioned() {
                let out = VersionedOut::new(session.repo, out, stage, selected.within.clone());
                if source == Source::Workspace && self.has_no_part(&out) {
                    continue;
                }
                let others = self.other_homes(config, bound, &out.out)?;
                for other in &others {
                    let out = VersionedOut { share: Share::Recorded, ..out.clone() };
                    self.of_remote(config, Some(other))?.versioned.push(out);
                }
                let share = if others.is_empty() { Share::All } else { Share::AllBut(others) };
                self.of_remote(config, bound)?.versioned.push(VersionedOut { share, ..out });
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

    /// Tells whether the data of an import is got from its source: it was never got, or it is a version of its own.
    fn takes_from_source(&self, stage: &Stage, out: &Out) -> bool {
        stage.source().is_some_and(|dependency| {
            out.oid.is_none() && out.files.is_none()
                || (dependency.is_version_aware() && self.request.purpose == Purpose::Fetch)
        })
    }

    /// Remembers an out of the workspace that is passed over and that the user asked for, by its name or by asking for all.
    fn skip(&mut self, path: String, reason: SkipReason, source: Source) {
        // With all outs asked for, what a metafile rules out itself was not meant.
        let is_expected = self.request.select.targets.is_empty()
            && !matches!(reason, SkipReason::NoHash | SkipReason::BoundElsewhere { .. });
        let skipped = SkippedOut { path, reason };
        if source == Source::Workspace && !is_expected && !self.collected.skipped.contains(&skipped) {
            self.collected.skipped.push(skipped);
        }
    }

    /// Tells whether a directory whose files stand in its metafile has not the part that was asked for, and notes that as a
    /// failure.
    fn has_no_part(&mut self, out: &VersionedOut) -> bool {
        let (Some(within), Some(files)) = (&out.within, &out.out.files) else { return false };
        if self.request.revisions != RevisionSet::default()
            || files.iter().any(|file| is_at_or_below(&file.path, within))
        {
            return false;
        }
        let (subject, error) = (format!("{}/{within}", out.display), absent(&out.display, within));
        self.collected.failed.push(Failure { subject, path: None, error });
        true
    }

    /// Returns the cloud-versioned remotes, beside the one an out is bound to, from which recorded versions are fetched.
    /// Where the user names a remote, it is that one alone.
    ///
    /// Deviation: each version is fetched from the remote it is recorded on; DVC looks for all of them on one remote.
    fn other_homes(&mut self, config: ConfigNumber, bound: Option<&str>, out: &Out) -> Result<Vec<String>> {
        if self.request.purpose != Purpose::Fetch || self.request.remote.is_some() {
            return Ok(Vec::new());
        }
        let own = self.of_remote(config, bound)?.remote.name.clone();
        let config = self.configs.get(config);
        let mut others = Vec::new();
        for home in homes(&config.remote_names(), out) {
            if home != own && config.remote(Some(home))?.is_cloud_versioned() {
                others.push(home.to_owned());
            }
        }
        Ok(others)
    }

    /// Adds what the revisions use that were asked for.
    ///
    /// Deviation: a revision that cannot be read, as in a partial clone, is a failure; DVC skips it with a warning, and ends
    /// with 0. What is only wrong in it (a metafile that is none) is skipped as in DVC: no command mends it.
    ///
    /// Deviation: of a revision with a stage whose templates cannot be worked out, the rest takes part, and the stage is a
    /// failure: its data would stay behind unseen. DVC skips the whole revision with a warning, and ends with 0.
    fn add_revisions(&mut self) -> Result<()> {
        self.session.repo.require_git()?;
        // There is none with `core.no_scm`: as in DVC, the workspace is all there is.
        let Some(git) = self.session.repo.git() else { return Ok(()) };
        if self.request.revisions.all_commits && git.is_shallow()? {
            self.collected.warnings.push(String::from(
                "the clone is shallow, and commits that it does not have were not looked at; get them with `git fetch \
                 --unshallow`",
            ));
        }
        let mut reader = CommitReader::new(self.session.repo, git);
        let mut unread = Vec::new();
        for revision in git.revisions(self.request.revisions)? {
            self.session.check_cancelled()?;
            let error = match self.add_revision(&mut reader, &revision) {
                Ok(unresolved) => {
                    let of_revision = |error| (revision.name.clone(), Error::UnresolvedStage(error));
                    unread.extend(unresolved.into_iter().map(of_revision));
                    continue;
                }
                Err(error) => error,
            };
            match error {
                error if error.is_interrupted() => return Err(error),
                Error::TargetNotFound { .. } | Error::Metafile(_) | Error::OverlappingOuts(_) => {
                    let warning = format!("failed to collect '{}', skipping: {error}", revision.name);
                    self.collected.warnings.push(warning);
                }
                error => unread.push((revision.name, error)),
            }
        }
        let n_more = unread.len().saturating_sub(MAX_NAMED_REVISIONS);
        unread.truncate(MAX_NAMED_REVISIONS);
        if n_more > 0 {
            let message = format!("{n_more} more revisions or stages cannot be read");
            self.collected.failed.push(Failure {
                subject: message.clone(),
                path: None,
                error: Error::UnknownRevision(message),
            });
        }
        self.collected.failed.extend(unread.into_iter().map(|(name, error)| Failure {
            subject: name.clone(),
            path: None,
            error: Error::RevisionCollection { revision: name, source: Box::new(error) },
        }));
        Ok(())
    }

    /// Adds what a revision uses. Returns the errors of its stages whose templates cannot be worked out.
    fn add_revision(
        &mut self,
        reader: &mut CommitReader<'_>,
        revision: &Revision,
    ) -> Result<Vec<MetafileError>> {
        let (config, problem) = match self.configs.of_revision(reader, revision) {
            Err(Error::Config(error)) => (0, Some(error)),
            config => (config?, None),
        };
        let select = self.request.select;
        let resolved = Selection::resolve_at(reader, revision, Reading::Under(config), select);
        let (selections, unresolved) = match resolved {
            Err(Error::UnresolvedStage(_)) if select.targets.len() > 1 => {
                one_by_one(reader, revision, Reading::Under(config), select)?
            }
            resolved => {
                let mut selection = resolved?;
                let unresolved = std::mem::take(&mut selection.index.unresolved);
                // With targets, one that is asked for is an error already.
                let is_asked_for = select.targets.is_empty();
                let errors = unresolved.into_iter().filter(|_| is_asked_for).map(|stage| stage.error);
                (vec![selection], errors.collect())
            }
        };
        if selections.iter().all(|selection| selection.outs.is_empty()) {
            return Ok(unresolved);
        }
        if let Some(cause) = problem {
            let name = &revision.name;
            self.collected.warnings.push(format!(
                "the configuration of '{name}' cannot be used, and that of the workspace takes its place: {cause}"
            ));
        }
        for selection in &selections {
            self.add_outs(selection, Source::Revision(config))?;
        }
        Ok(unresolved)
    }

    /// Opens the remotes.
    ///
    /// Deviation: one that cannot be opened, as one on a storage that haul does not know, stops what is on it and nothing
    /// else, if there are others. DVC stops.
    fn open(mut self) -> Result<Collected> {
        let moved = std::mem::take(&mut self.moved);
        let is_only = moved.len() == 1 && self.collected.imports.is_empty();
        for moved in moved {
            let subject = moved.remote.name.clone();
            match self.open_one(moved) {
                Ok(()) => {}
                Err(error @ Error::Storage(_)) if !is_only && !error.is_interrupted() => {
                    self.collected.failed.push(Failure { subject, path: None, error });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.collected)
    }

    fn open_one(&mut self, moved: Moved) -> Result<()> {
        let repo = self.session.repo;
        let Moved { config, remote, mut items, versioned } = moved;
        if self.request.purpose == Purpose::Push {
            remote.check_uploads()?;
        } else if let Some(problem) = remote.upload_problem() {
            self.collected.warnings.push(nothing_can_be_sent(&remote.name, problem));
        }
        let jobs = remote.jobs.as_ref().map(|jobs| jobs.value.get());
        let check = if remote.verify.value { DownloadCheck::StreamAndFile } else { DownloadCheck::Stream };
        if remote.is_cloud_versioned() {
            if self.request.purpose == Purpose::Push && self.request.revisions != RevisionSet::default() {
                // The versions could not be recorded in commits that are made.
                let message = "Multiple rev push is unsupported for cloud versioned remotes".to_owned();
                let error = Error::BadOut(message);
                if config == 0 {
                    return Err(error);
                }
                self.collected.failed.push(Failure { subject: remote.name, path: None, error });
                return Ok(());
            }
            let store = open_versioned_remote(&remote, repo.env(), repo.contact())?;
            let batch = VersionedBatch { remote: remote.name, store, jobs, check, outs: versioned };
            self.collected.versioned.push(batch);
            return Ok(());
        }
        items.sort_by(|left, right| {
            (left.oid, left.layout, &left.within).cmp(&(right.oid, right.layout, &right.within))
        });
        items.dedup_by(|left, right| {
            (left.oid, left.layout, &left.within) == (right.oid, right.layout, &right.within)
        });
        let store = open_remote_with(&remote, repo.env(), repo.contact())?;
        let batch = Batch { remote: remote.name, odb: RemoteOdb::new(store), jobs, check, items };
        self.collected.batches.push(batch);
        Ok(())
    }
}

/// Selects each target by itself, where the templates of a stage that one of them names cannot be worked out: the other
/// targets still take part. Returns the errors of those that cannot.
fn one_by_one(
    reader: &mut CommitReader<'_>,
    revision: &Revision,
    reading: Reading,
    select: &SelectOptions,
) -> Result<(Vec<Selection>, Vec<MetafileError>)> {
    let (mut selections, mut unresolved) = (Vec::new(), Vec::new());
    for target in &select.targets {
        let one = SelectOptions { targets: vec![target.clone()], ..select.clone() };
        match Selection::resolve_at(reader, revision, reading, &one) {
            Ok(selection) => selections.push(selection),
            Err(Error::UnresolvedStage(error)) => unresolved.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((selections, unresolved))
}

/// Says what is in the way of uploads, to someone who only reads.
fn nothing_can_be_sent(remote: &str, problem: &haul_config::Error) -> String {
    let places = problem.places();
    let places = places.iter().map(|place| format!("`{}` is set at {}", place.key, place.origin));
    format!(
        "nothing can be sent to remote '{remote}': {problem} ({}); {}",
        places.collect::<Vec<_>>().join(", "),
        problem.hint().unwrap_or_default()
    )
}

fn no_hashes(display: String, out: &Out, metafile: &str) -> Failure {
    let message = format!(
        "files of `{display}` are recorded without their MD5 ({metafile}), as by an import of versions; use `dvc` for it"
    );
    let error = Error::Workspace { path: out.path.clone(), message };
    Failure { subject: display, path: Some(out.path.clone()), error }
}
