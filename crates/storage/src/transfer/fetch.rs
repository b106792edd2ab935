//! Getting what the cache lacks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::task::JoinSet;

use super::context::Context;
use super::download::{self, ATTEMPTS, Got};
use super::estimate::Estimate;
use super::outcome::{Outcome, Verdict};
use super::plan::{Plan, Release};
use super::push::REPORT_EVERY;
use super::{ObjectGroup, PlannedObject, TransferMode, TransferOptions, TransferReport};
use crate::cache::committer::Unfinished;
use crate::hash::{is_named, md5_many};
use crate::progress::{BytesListener as _, Event, Observer, Phase};
use crate::remote::wrong_bytes;
use crate::{Cache, Error, ErrorKind, Layout, Oid, Presence, ReadStore as _, RemoteOdb, Result};

/// Objects that are looked for in the cache at a time.
const CHECK_OBJECTS: usize = 1024;
/// Batches of objects that are looked for at once.
const MAX_CHECKING: usize = 2;
/// Small objects that are verified and written at a time.
const WRITE_OBJECTS: usize = 48;
/// Batches of small objects that are written at once.
const MAX_WRITING: usize = 2;
/// Bytes of small objects that wait to be written; above that, no more are asked for.
const MAX_WAITING_BYTES: usize = 8 << 20;

enum Done {
    Checked(Vec<(usize, Result<Option<u64>>)>),
    Got { object: usize, started: Instant, result: Result<Got> },
    Written(Vec<(usize, u64, Result<()>)>),
}

/// Runs a fetch: checks, downloads and writers, all at once, fed by one loop that keeps the books.
///
/// The remote is not listed first: a GET says itself that there is nothing.
pub(super) async fn run(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<TransferReport> {
    let before = remote.requests();
    let plan = Plan::collect(groups, &options.cancel).await?;
    let context = Context::new(cache, remote.shared_store(), options, Phase::Downloading);
    let mut fetch = Fetch {
        observer,
        next_check: 0,
        n_checking: 0,
        n_getting: 0,
        n_writing: 0,
        ready: VecDeque::new(),
        to_write: VecDeque::new(),
        waiting_bytes: 0,
        attempts: HashMap::new(),
        lacking: Vec::new(),
        is_dry: options.mode == TransferMode::DryRun,
        settled: vec![false; plan.len()],
        estimate: Estimate::new(&plan),
        outcome: Outcome::new(),
        tasks: JoinSet::new(),
        context,
        plan,
    };
    // A dry run cleans nothing.
    let state_dir = options.state_dir.as_ref().filter(|_| options.mode == TransferMode::Execute);
    let swept = state_dir.map(|folder| {
        let (cache, stamp) = (cache.clone(), folder.join("swept"));
        tokio::task::spawn_blocking(move || cache.sweep(&stamp, SystemTime::now()))
    });
    let worked = fetch.work().await;
    fetch.context.wait_for_threads().await;
    // What came is kept, also where the rest failed.
    let unfinished = fetch.context.finish_commits().await;
    worked?;
    fetch.take_back(unfinished?);
    if let Some(Ok(Err(error))) = futures::future::OptionFuture::from(swept).await {
        tracing::debug!(%error, "old temporary files stay in the cache");
    }
    if fetch.is_dry {
        fetch.plan_lacking(remote).await?;
    }
    let mut outcome = fetch.outcome;
    outcome.report.requests = remote.requests().since(&before);
    outcome.report.is_interrupted = options.cancel.is_cancelled();
    outcome.finish()
}

struct Fetch<'a> {
    observer: &'a dyn Observer,
    plan: Plan,
    context: Arc<Context>,
    /// The first object that was not looked for.
    next_check: usize,
    n_checking: usize,
    n_getting: usize,
    n_writing: usize,
    /// Objects that the cache lacks.
    ready: VecDeque<usize>,
    to_write: VecDeque<(usize, Bytes)>,
    waiting_bytes: usize,
    /// How often small objects arrived damaged.
    attempts: HashMap<usize, u32>,
    /// What a dry run would get.
    lacking: Vec<usize>,
    is_dry: bool,
    settled: Vec<bool>,
    estimate: Estimate,
    outcome: Outcome,
    tasks: JoinSet<Done>,
}

impl Fetch<'_> {
    async fn work(&mut self) -> Result<()> {
        let n_objects = self.plan.len() as u64;
        self.observer.on(Event::Planned { phase: Phase::Looking, n_objects, total_bytes: 0 });
        let mut ticker = tokio::time::interval(REPORT_EVERY);
        loop {
            if !self.context.stop.is_cancelled() {
                self.start_tasks();
            }
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(done) => self.take_done(done)?,
                    None => break,
                },
                _ = ticker.tick() => self.report(),
            }
        }
        self.report();
        if self.context.stop.is_cancelled() {
            self.outcome.report.n_not_tried = self.settled.iter().filter(|settled| !**settled).count() as u64;
        }
        Ok(())
    }

    /// Reports what came together since the last time: first how much there is, then how much came.
    fn report(&mut self) {
        for (object, size_bytes) in self.context.meter.take_announced() {
            self.estimate.announced(&self.plan, object, size_bytes);
        }
        self.report_estimate();
        self.context.meter.report(self.observer);
    }

    fn report_estimate(&mut self) {
        if let Some((total_bytes, n_unsized)) = self.estimate.change() {
            self.observer.on(Event::Replanned { phase: Phase::Downloading, total_bytes, n_unsized });
        }
    }

    fn start_tasks(&mut self) {
        while self.next_check < self.plan.len() && self.n_checking < MAX_CHECKING {
            let end = (self.next_check + CHECK_OBJECTS).min(self.plan.len());
            let with_size = |object| (object, self.plan.name(object), self.plan.size_bytes(object));
            let batch: Vec<_> = (self.next_check..end).map(with_size).collect();
            let cache = self.context.cache.clone();
            self.next_check = end;
            self.n_checking += 1;
            self.tasks.spawn_blocking(move || {
                let check = |(object, (layout, oid), size_bytes): (usize, (Layout, Oid), _)| {
                    (object, cache.check_sized(layout, &oid, size_bytes))
                };
                Done::Checked(batch.into_iter().map(check).collect())
            });
        }
        while self.n_getting < self.context.slots.limit()
            && self.waiting_bytes < MAX_WAITING_BYTES
            && self.to_write.len() < self.context.max_queue
            && let Some(object) = self.ready.pop_front()
        {
            let (layout, oid) = self.plan.name(object);
            let expected = self.plan.size_bytes(object);
            let context = Arc::clone(&self.context);
            self.n_getting += 1;
            self.tasks.spawn(async move {
                let started = Instant::now();
                let result = download::get(&context, object, layout, oid, expected).await;
                Done::Got { object, started, result }
            });
        }
        // As soon as a writer is free: the more there is to do, the larger the batches get.
        while self.n_writing < MAX_WRITING && !self.to_write.is_empty() {
            let n_objects = self.to_write.len().min(WRITE_OBJECTS);
            let batch: Vec<_> = self
                .to_write
                .drain(..n_objects)
                .map(|(object, bytes)| (object, self.plan.name(object), bytes))
                .collect();
            self.waiting_bytes -= batch.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>();
            let context = Arc::clone(&self.context);
            self.n_writing += 1;
            self.tasks.spawn_blocking(move || Done::Written(write(&context, batch)));
        }
    }

    fn take_done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<()> {
        match done {
            Ok(Done::Checked(batch)) => {
                self.n_checking -= 1;
                self.take_checked(batch);
            }
            Ok(Done::Got { object, started, result }) => {
                self.n_getting -= 1;
                self.take_got(object, started, result);
            }
            Ok(Done::Written(batch)) => {
                self.n_writing -= 1;
                for (object, size_bytes, result) in batch {
                    self.take_written(object, size_bytes, result);
                }
            }
            Err(error) => {
                return Err(Error::new(ErrorKind::Io, "a task of the transfer failed").with_source(error));
            }
        }
        Ok(())
    }

    fn take_checked(&mut self, batch: Vec<(usize, Result<Option<u64>>)>) {
        let n_checked = batch.len() as u64;
        let mut n_objects = 0;
        for (object, found) in batch {
            match found {
                Ok(Some(size_bytes)) => {
                    self.estimate.present(&self.plan, object, size_bytes);
                    self.outcome.report.n_present += 1;
                    self.settle(object, true);
                }
                Ok(None) => {
                    n_objects += 1;
                    self.estimate.lacking(&self.plan, object);
                    self.is_lacking(object);
                }
                Err(error) => self.take_failure(object, error, Instant::now()),
            }
        }
        self.report_estimate();
        if n_objects > 0 {
            self.observer.on(Event::Planned { phase: Phase::Downloading, n_objects, total_bytes: 0 });
        }
        // Once all are checked, the total is what it will be.
        self.observer.on(Event::Finished { phase: Phase::Looking, n_objects: n_checked });
    }

    fn is_lacking(&mut self, object: usize) {
        if self.plan.is_directory(object) {
            let release = self.plan.want_directory(object);
            self.release(release);
        } else {
            self.get(object);
        }
    }

    fn get(&mut self, object: usize) {
        if self.is_dry {
            self.lacking.push(object);
            self.settle(object, true);
        } else if let Some(manifest) = self.plan.manifest(object) {
            let manifest = manifest.clone();
            self.waiting_bytes += manifest.len();
            self.to_write.push_back((object, manifest));
        } else {
            self.ready.push_back(object);
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
                Release::Ready(object) => self.get(object),
                Release::HeldBack(object) => {
                    self.will_not_come(object);
                    self.settled[object] = true;
                    self.outcome.report.held_back.push(self.plan.describe(object));
                }
            }
        }
    }

    fn take_got(&mut self, object: usize, started: Instant, result: Result<Got>) {
        match result {
            Ok(Got::Bytes(bytes)) => {
                self.waiting_bytes += bytes.len();
                self.to_write.push_back((object, bytes));
            }
            Ok(Got::Stored { size_bytes }) => self.take_written(object, size_bytes, Ok(())),
            Ok(Got::Missing) => {
                self.will_not_come(object);
                self.observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
                self.outcome.report.missing.push(self.plan.describe(object));
                self.settle(object, false);
            }
            Err(error) => self.take_failure(object, error, started),
        }
    }

    /// Takes an object whose size nothing told out of what is to come.
    fn will_not_come(&mut self, object: usize) {
        self.estimate.will_not_come(&self.plan, object);
    }

    /// Takes back what was counted as stored and did not get its name.
    fn take_back(&mut self, unfinished: Unfinished) {
        let errors: HashMap<Oid, Error> = unfinished.objects.into_iter().collect();
        if !errors.is_empty() {
            self.take_back_objects(errors);
        }
        if let Some(error) = unfinished.names.or(unfinished.found) {
            self.outcome.end(error);
        }
    }

    fn take_back_objects(&mut self, mut errors: HashMap<Oid, Error>) {
        for object in 0..self.plan.len() {
            let Some(error) = errors.remove(&self.plan.name(object).1) else { continue };
            let report = &mut self.outcome.report;
            report.n_transferred = report.n_transferred.saturating_sub(1);
            let size_bytes = self.plan.size_bytes(object).unwrap_or(0);
            report.transferred_bytes = report.transferred_bytes.saturating_sub(size_bytes);
            // What it says of the others comes too late.
            let _: Verdict = self.outcome.failed(self.plan.describe(object), error, Instant::now());
        }
    }

    fn take_written(&mut self, object: usize, size_bytes: u64, result: Result<()>) {
        match result {
            Ok(()) => {
                self.observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
                self.outcome.moved(size_bytes, Instant::now());
                self.settle(object, true);
            }
            Err(error) if error.kind() == ErrorKind::Corrupt && !self.context.stop.is_cancelled() => {
                self.bytes_were_wrong(object, size_bytes);
                let attempts = self.attempts.entry(object).or_insert(1);
                if *attempts < ATTEMPTS {
                    *attempts += 1;
                    self.ready.push_front(object);
                } else {
                    self.take_failure(object, error, Instant::now());
                }
            }
            Err(error) => {
                self.bytes_were_wrong(object, size_bytes);
                self.take_failure(object, error, Instant::now());
            }
        }
    }

    /// Takes back the bytes of a small object that arrived and are not stored. A manifest that is in hand did not arrive.
    fn bytes_were_wrong(&self, object: usize, size_bytes: u64) {
        if self.plan.manifest(object).is_none() {
            self.context.meter.taken_back(size_bytes);
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
        self.will_not_come(object);
        self.observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
        let error = error.while_writing();
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

    /// Fills the report of a dry run, after asking the remote.
    async fn plan_lacking(&mut self, remote: &RemoteOdb) -> Result<()> {
        let lacking = std::mem::take(&mut self.lacking);
        let wanted: Vec<_> = lacking
            .iter()
            .map(|object| self.plan.name(*object))
            .map(|(layout, oid)| (layout, oid, None))
            .collect();
        let found = self.context.unless_stopped(remote.look_up(&wanted, self.context.jobs)).await?;
        for (object, presence) in lacking.into_iter().zip(found) {
            let named = self.plan.describe(object);
            let size_bytes = match presence {
                Presence::Absent => {
                    self.outcome.report.missing.push(named);
                    continue;
                }
                Presence::Present { size_bytes } => Some(size_bytes),
                Presence::Damaged { .. } | Presence::Unknown => self.plan.size_bytes(object),
            };
            self.outcome.report.planned.push(PlannedObject {
                layout: named.layout,
                oid: named.oid,
                path: named.path,
                size_bytes,
            });
        }
        Ok(())
    }
}

/// Hashes small objects side by side and stores those that are right.
fn write(context: &Context, batch: Vec<(usize, (Layout, Oid), Bytes)>) -> Vec<(usize, u64, Result<()>)> {
    let messages: Vec<&[u8]> = batch.iter().map(|(_, _, bytes)| bytes.as_ref()).collect();
    let digests = md5_many(&messages);
    batch
        .into_iter()
        .zip(digests)
        .map(|((object, (layout, oid), bytes), md5)| {
            let result = if is_named(layout, &oid, &bytes, &md5) {
                let written = context.cache.write_pending(layout, &oid, &bytes);
                written.and_then(|pending| context.commit(pending, layout, &oid))
            } else {
                Err(wrong_bytes(context.store.location(), &layout.object_path(&oid)))
            };
            (object, bytes.len() as u64, result)
        })
        .collect()
}
