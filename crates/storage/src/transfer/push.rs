//! Sending what the remote lacks.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::context::{Context, SMALL_BYTES, interrupted};
use super::outcome::{Outcome, Verdict};
use super::plan::{Plan, Release};
use super::upload::{self, Source};
use super::verify;
use super::{
    DirTrust, ObjectGroup, PlannedObject, RemoteCheck, TransferMode, TransferOptions, TransferReport,
};
use crate::hash::{is_named, md5_many};
use crate::progress::{Event, Observer, Phase};
use crate::remote::{Answer, Found, Query, judge};
use crate::{Cache, Error, ErrorKind, Layout, Oid, Presence, RemoteOdb, Result, WriteStore as _};

/// Objects that are looked at and read from the cache at a time.
const LOAD_OBJECTS: usize = 48;
/// Bytes of small objects after which a batch is cut.
const LOAD_BYTES: u64 = 2 << 20;
/// Batches that are read at once.
const MAX_LOADING: usize = 2;
/// Bytes of small objects that wait for a slot.
const MAX_WAITING_BYTES: u64 = 6 << 20;
/// How often progress is reported.
pub(crate) const REPORT_EVERY: Duration = Duration::from_millis(50);

/// An object of the cache, on its way out.
#[derive(Debug)]
pub(crate) enum Loaded {
    Source(Source),
    /// The cache does not have it.
    Missing,
    Failed(Error),
    /// The batch was full before it was its turn.
    NotYet,
}

enum Done {
    Queried(Result<()>),
    Sized { objects: Vec<usize>, total_bytes: u64 },
    Loaded(Vec<(usize, Loaded)>),
    Sent { object: usize, size_bytes: u64, started: Instant, result: Result<()> },
    Verified { object: usize, started: Instant, result: Result<bool> },
}

/// Runs a push: a query, readers and senders, all at once, fed by one loop that keeps the books.
pub(super) async fn run(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<TransferReport> {
    let before = remote.requests();
    let plan = Plan::collect(groups, &options.cancel).await?;
    let context = Context::new(cache, remote.shared_store(), options, Phase::Uploading);
    let mut push = Push {
        remote,
        options,
        observer,
        to_size: Vec::new(),
        unverified: VecDeque::new(),
        n_verifying: 0,
        ready: VecDeque::new(),
        loaded: VecDeque::new(),
        waiting_bytes: 0,
        n_loading: 0,
        n_being_loaded: 0,
        n_sending: 0,
        healing: HashSet::new(),
        outcome: Outcome::new(),
        tasks: JoinSet::new(),
        positions: Vec::new(),
        settled: vec![false; plan.len()],
        context,
        plan,
    };
    let worked = push.work().await;
    // What was sent stays, also where the rest failed.
    if options.mode == TransferMode::Execute
        && let Err(error) = remote.store().sync().await
    {
        push.outcome.end(error);
    }
    worked?;
    let mut outcome = push.outcome;
    outcome.report.requests = remote.requests().since(&before);
    outcome.report.is_interrupted = options.cancel.is_cancelled();
    outcome.finish()
}

struct Push<'a> {
    remote: &'a RemoteOdb,
    options: &'a TransferOptions,
    observer: &'a dyn Observer,
    plan: Plan,
    context: Arc<Context>,
    /// Objects to send, whose size the metafiles do not tell.
    to_size: Vec<usize>,
    /// Objects that the remote lists, and that are to be read there.
    unverified: VecDeque<usize>,
    n_verifying: usize,
    /// Objects that the remote lacks.
    ready: VecDeque<usize>,
    /// Objects whose bytes or size are known.
    loaded: VecDeque<(usize, Source)>,
    waiting_bytes: u64,
    n_loading: usize,
    /// Objects of the batches that are being read.
    n_being_loaded: usize,
    n_sending: usize,
    /// Objects that replace damaged ones.
    healing: HashSet<usize>,
    /// Which object each position of the query stands for; empty if they are the same.
    positions: Vec<u32>,
    /// Objects that need no more work.
    settled: Vec<bool>,
    outcome: Outcome,
    tasks: JoinSet<Done>,
}

impl Push<'_> {
    async fn work(&mut self) -> Result<()> {
        let n_objects = self.plan.len() as u64;
        self.observer.on(Event::Planned { phase: Phase::Querying, n_objects, total_bytes: 0 });
        if self.options.dir_trust == DirTrust::TrustDir {
            self.trust_directories().await?;
        }
        let (sender, mut answers) = mpsc::channel(64);
        self.start_query(sender);
        let mut ticker = tokio::time::interval(REPORT_EVERY);
        let stop = self.context.stop.clone();
        let mut is_querying = true;
        loop {
            if !stop.is_cancelled() {
                self.start_tasks();
            }
            if !is_querying && self.tasks.is_empty() {
                break;
            }
            tokio::select! {
                answer = answers.recv(), if is_querying => match answer {
                    Some(batch) if !stop.is_cancelled() => self.take_answers(&batch),
                    Some(_) => {}
                    None => is_querying = false,
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.take_done(done)?;
                    if stop.is_cancelled() {
                        answers.close();
                    }
                }
                _ = ticker.tick() => self.context.meter.report(self.observer),
                () = stop.cancelled(), if is_querying => {
                    answers.close();
                    is_querying = false;
                }
            }
        }
        self.context.meter.report(self.observer);
        let or = ", and `gc --cloud --older-than AGE` from any clone gives them up";
        self.context.meter.report_kept(self.remote.location(), or, self.observer);
        self.count_untried();
        Ok(())
    }

    /// Takes the members of the manifests that the remote has as being there.
    async fn trust_directories(&mut self) -> Result<()> {
        let directories: Vec<usize> =
            (0..self.plan.len()).filter(|object| self.plan.is_directory(*object)).collect();
        let wanted: Vec<_> = directories
            .iter()
            .map(|object| self.plan.name(*object))
            .map(|(layout, oid)| (layout, oid, None))
            .collect();
        let found = self.remote.look_up(&wanted, self.context.jobs).await?;
        for (object, presence) in directories.into_iter().zip(found) {
            if matches!(presence, Presence::Present { .. }) {
                for trusted in self.plan.with_members(object) {
                    if !self.settled[trusted] {
                        self.note_present(trusted);
                        self.observer.on(Event::Finished { phase: Phase::Querying, n_objects: 1 });
                    }
                }
            }
        }
        Ok(())
    }

    fn start_query(&mut self, sender: mpsc::Sender<Vec<Answer>>) {
        let names = if self.settled.contains(&true) {
            let open = (0..self.plan.len()).filter(|object| !self.settled[*object]);
            self.positions =
                open.map(|object| u32::try_from(object).expect("a plan has fewer objects")).collect();
            self.positions.iter().map(|object| self.plan.name(*object as usize)).collect()
        } else {
            self.plan.names()
        };
        let query = Query::new(self.remote.shared_store(), names, self.context.jobs)
            .with_last_word(self.options.mode == TransferMode::DryRun);
        let context = Arc::clone(&self.context);
        self.tasks.spawn(async move { Done::Queried(context.unless_stopped(query.run(sender)).await) });
    }

    fn take_answers(&mut self, batch: &[Answer]) {
        for Answer { position, found } in batch {
            let object = self.positions.get(*position).map_or(*position, |object| *object as usize);
            let (layout, oid) = self.plan.name(object);
            let size_bytes = match found {
                // Where the entity tag says nothing, the size has to: that of the object itself, not the recorded one.
                Found::Info { etag: None, .. } => size_in_cache(&self.context.cache, layout, &oid),
                _ => None,
            };
            match judge(layout, &oid, size_bytes, found) {
                Presence::Present { .. } if self.options.remote_check == RemoteCheck::Content => {
                    self.unverified.push_back(object);
                }
                Presence::Present { .. } => self.note_present(object),
                Presence::Damaged { .. } => self.heal(object),
                Presence::Absent | Presence::Unknown => self.want(object),
            }
        }
        self.observer.on(Event::Finished { phase: Phase::Querying, n_objects: batch.len() as u64 });
    }

    fn note_present(&mut self, object: usize) {
        self.outcome.report.n_present += 1;
        self.settle(object, true);
    }

    fn heal(&mut self, object: usize) {
        self.healing.insert(object);
        self.want(object);
    }

    fn want(&mut self, object: usize) {
        if self.plan.is_directory(object) {
            let release = self.plan.want_directory(object);
            self.release(release);
        } else {
            self.make_ready(object);
        }
    }

    fn make_ready(&mut self, object: usize) {
        match self.plan.size_bytes(object) {
            Some(total_bytes) => {
                self.observer.on(Event::Planned { phase: Phase::Uploading, n_objects: 1, total_bytes });
                self.ready.push_back(object);
            }
            None => self.to_size.push(object),
        }
    }

    fn settle(&mut self, object: usize, is_there: bool) {
        self.settled[object] = true;
        let releases = self.plan.settle(object, is_there);
        self.release(releases);
    }

    fn release(&mut self, releases: impl IntoIterator<Item = Release>) {
        for release in releases {
            match release {
                Release::Ready(object) => self.make_ready(object),
                Release::HeldBack(object) => {
                    self.settled[object] = true;
                    self.outcome.report.held_back.push(self.plan.describe(object));
                }
            }
        }
    }

    /// Returns how many objects may be read from the cache now, to wait for a slot.
    fn n_loadable(&self) -> usize {
        if self.n_loading >= MAX_LOADING || self.waiting_bytes >= MAX_WAITING_BYTES {
            return 0;
        }
        let n_waiting = self.loaded.len() + self.n_being_loaded;
        let room = self.context.max_queue.saturating_sub(n_waiting);
        let is_ahead = self.loaded.len() >= self.context.jobs + LOAD_OBJECTS;
        if is_ahead { 0 } else { self.ready.len().min(LOAD_OBJECTS).min(room) }
    }

    fn start_tasks(&mut self) {
        if !self.to_size.is_empty() {
            let (cache, objects) = (self.context.cache.clone(), std::mem::take(&mut self.to_size));
            let names: Vec<_> = objects.iter().map(|object| self.plan.name(*object)).collect();
            self.tasks.spawn_blocking(move || {
                let size = |(layout, oid)| size_in_cache(&cache, layout, &oid);
                Done::Sized { objects, total_bytes: names.into_iter().filter_map(size).sum() }
            });
        }
        while let n_objects = self.n_loadable()
            && n_objects > 0
        {
            let batch: Vec<_> = self
                .ready
                .drain(..n_objects)
                .map(|object| {
                    let (layout, oid) = self.plan.name(object);
                    (object, layout, oid)
                })
                .collect();
            let cache = self.context.cache.clone();
            let is_dry = self.options.mode == TransferMode::DryRun;
            self.n_loading += 1;
            self.n_being_loaded += n_objects;
            self.tasks.spawn_blocking(move || Done::Loaded(load(&cache, batch, is_dry)));
        }
        while self.n_verifying < self.context.slots.limit()
            && let Some(object) = self.unverified.pop_front()
        {
            let (layout, oid) = self.plan.name(object);
            let context = Arc::clone(&self.context);
            self.n_verifying += 1;
            self.tasks.spawn(async move {
                let started = Instant::now();
                Done::Verified { object, started, result: verify::holds(&context, layout, oid).await }
            });
        }
        while self.n_sending < self.context.slots.limit()
            && let Some((object, source)) = self.loaded.pop_front()
        {
            let (layout, oid) = self.plan.name(object);
            let context = Arc::clone(&self.context);
            let size_bytes = source.size_bytes();
            self.n_sending += 1;
            self.waiting_bytes -= waiting_bytes(&source);
            self.tasks.spawn(async move {
                let started = Instant::now();
                let sent = upload::send(&context, &layout.object_path(&oid), layout, oid, source).await;
                Done::Sent { object, size_bytes, started, result: sent.map(drop) }
            });
        }
    }

    fn take_done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<()> {
        match done {
            Ok(Done::Queried(Ok(()))) => {}
            Ok(Done::Queried(Err(error))) => {
                if error.kind() != ErrorKind::Interrupted {
                    self.outcome.end(error);
                    self.context.stop.cancel();
                }
            }
            Ok(Done::Sized { objects, total_bytes }) => {
                let n_objects = objects.len() as u64;
                self.ready.extend(objects);
                self.observer.on(Event::Planned { phase: Phase::Uploading, n_objects, total_bytes });
            }
            Ok(Done::Loaded(batch)) => {
                self.n_loading -= 1;
                self.n_being_loaded -= batch.len();
                self.take_loaded(batch);
            }
            Ok(Done::Sent { object, size_bytes, started, result }) => {
                self.n_sending -= 1;
                self.take_sent(object, size_bytes, started, result);
            }
            Ok(Done::Verified { object, started, result }) => {
                self.n_verifying -= 1;
                match result {
                    Ok(true) => self.note_present(object),
                    Ok(false) => self.heal(object),
                    Err(error) => self.take_failure(object, error, started),
                }
            }
            Err(error) => {
                return Err(Error::new(ErrorKind::Io, "a task of the transfer failed").with_source(error));
            }
        }
        Ok(())
    }

    fn take_loaded(&mut self, batch: Vec<(usize, Loaded)>) {
        for (object, loaded) in batch.into_iter().rev() {
            match loaded {
                Loaded::NotYet => self.ready.push_front(object),
                Loaded::Source(source) => {
                    self.correct_size(object, source.size_bytes());
                    if self.options.mode == TransferMode::DryRun {
                        self.plan_only(object, source.size_bytes());
                    } else {
                        self.waiting_bytes += waiting_bytes(&source);
                        self.loaded.push_back((object, source));
                    }
                }
                Loaded::Missing => {
                    self.observer.on(Event::Finished { phase: Phase::Uploading, n_objects: 1 });
                    self.outcome.report.missing.push(self.plan.describe(object));
                    self.settle(object, false);
                }
                Loaded::Failed(error) => {
                    self.observer.on(Event::Finished { phase: Phase::Uploading, n_objects: 1 });
                    self.take_failure(object, error, Instant::now());
                }
            }
        }
    }

    /// Corrects the total where the cache has an object of another size than the metafile tells.
    fn correct_size(&self, object: usize, size_bytes: u64) {
        let Some(planned) = self.plan.size_bytes(object).filter(|planned| *planned != size_bytes) else {
            return;
        };
        let difference = i128::from(size_bytes) - i128::from(planned);
        if let Ok(total_bytes) = i64::try_from(difference) {
            self.observer.on(Event::Replanned { phase: Phase::Uploading, total_bytes, n_unsized: 0 });
        }
    }

    fn plan_only(&mut self, object: usize, size_bytes: u64) {
        let named = self.plan.describe(object);
        self.outcome.report.planned.push(PlannedObject {
            layout: named.layout,
            oid: named.oid,
            path: named.path,
            size_bytes: Some(size_bytes),
        });
        self.settle(object, true);
    }

    fn take_sent(&mut self, object: usize, size_bytes: u64, started: Instant, result: Result<()>) {
        self.observer.on(Event::Finished { phase: Phase::Uploading, n_objects: 1 });
        match result {
            Ok(()) => {
                self.context.slots.note_success();
                self.outcome.moved(size_bytes, Instant::now());
                // Only now: where sizes differ, it may have been the cache that was wrong, which the upload finds out.
                if self.healing.contains(&object) {
                    tracing::warn!(oid = %self.plan.name(object).1, "a damaged object on the remote was replaced");
                    self.outcome.report.n_healed += 1;
                }
                self.settle(object, true);
            }
            Err(error) => self.take_failure(object, error, started),
        }
    }

    fn take_failure(&mut self, object: usize, error: Error, started: Instant) {
        if error.is_transient() {
            self.context.slots.note_trouble(Instant::now());
        }
        if error.kind() == ErrorKind::Interrupted {
            // Neither moved nor failed: it counts as not tried.
            return;
        }
        match self.outcome.failed(self.plan.describe(object), error, started) {
            Verdict::GoOn => {}
            Verdict::End => self.context.stop.cancel(),
            Verdict::Stop => {
                self.context.stop.cancel();
                return;
            }
            Verdict::Echo => return,
        }
        self.settle(object, false);
    }

    /// After an early end, counts what was left.
    fn count_untried(&mut self) {
        if self.context.stop.is_cancelled() {
            self.outcome.report.n_not_tried = self.settled.iter().filter(|settled| !**settled).count() as u64;
        }
    }
}

/// Returns the size of an object in the cache, without a look at what it holds.
pub(crate) fn size_in_cache(cache: &Cache, layout: Layout, oid: &Oid) -> Option<u64> {
    fs_err::metadata(cache.object_path(layout, oid)).ok().map(|metadata| metadata.len())
}

fn waiting_bytes(source: &Source) -> u64 {
    match source {
        Source::Bytes(bytes, _) => bytes.len() as u64,
        Source::File { .. } => 0,
    }
}

/// Looks at objects in the cache by its rules, reads the small ones and hashes them side by side.
pub(crate) fn load(cache: &Cache, batch: Vec<(usize, Layout, Oid)>, is_dry: bool) -> Vec<(usize, Loaded)> {
    let mut loaded = Vec::with_capacity(batch.len());
    let mut small = Vec::new();
    let mut n_bytes = 0;
    for (object, layout, oid) in batch {
        if n_bytes >= LOAD_BYTES {
            loaded.push((object, Loaded::NotYet));
            continue;
        }
        match cache.check(layout, &oid) {
            Ok(Some(size_bytes)) if size_bytes > SMALL_BYTES || is_dry => {
                loaded.push((object, Loaded::Source(Source::File { size_bytes })));
            }
            Ok(Some(size_bytes)) => match fs_err::read(cache.object_path(layout, &oid)) {
                Ok(bytes) => {
                    n_bytes += size_bytes;
                    small.push((object, layout, oid, bytes));
                }
                Err(error) => {
                    loaded.push((object, Loaded::Failed(Error::io("cannot read an object", error))));
                }
            },
            Ok(None) => loaded.push((object, Loaded::Missing)),
            Err(error) => loaded.push((object, Loaded::Failed(error))),
        }
    }
    let messages: Vec<&[u8]> = small.iter().map(|(_, _, _, bytes)| bytes.as_slice()).collect();
    let digests = md5_many(&messages);
    for ((object, layout, oid, bytes), md5) in small.into_iter().zip(digests) {
        let is_right = is_named(layout, &oid, &bytes, &md5);
        let source = Loaded::Source(Source::Bytes(bytes.into(), md5));
        loaded.push((object, if is_right { source } else { Loaded::Failed(damaged(cache, layout, &oid)) }));
    }
    loaded
}

pub(crate) fn damaged(cache: &Cache, layout: Layout, oid: &Oid) -> Error {
    damaged_at(&cache.object_path(layout, oid))
}

/// The error for an object of the cache, at `path`, that is not what its name says.
pub(crate) fn damaged_at(path: &Path) -> Error {
    let message =
        format!("`{}` is damaged: its bytes do not have the MD5 that it is named by", path.display());
    Error::new(ErrorKind::Corrupt, message)
        .with_hint("delete this file, and get it with `haul fetch` or make it again with `haul add`")
}

/// Stops a transfer that was cancelled before it began.
pub(crate) fn check_not_cancelled(options: &TransferOptions) -> Result<()> {
    if options.cancel.is_cancelled() { Err(interrupted()) } else { Ok(()) }
}
