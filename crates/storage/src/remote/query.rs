//! Finds out which of the wanted objects a remote has, by skip-listing.
//!
//! The wanted names are sorted. A listing that starts just before the first one shows for every wanted name up to the
//! last key of its page whether it exists. The next page starts just before the next wanted name, so other keys in
//! between are not listed. That takes no more requests than a HEAD for each name, and no more than a full listing.
//! Several partitions of the names are listed in parallel. If HEADs take fewer requests than pages, or the store must
//! not be listed, HEADs are sent.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::Sender;

use super::{Presence, judge};
use crate::{
    CountingStore, Error, ErrorKind, Layout, ListFrom, ListPage, ListStore as _, Md5Digest, ObjectInfo, Oid,
    ReadStore as _, Result,
};

/// Up to this many names are asked for one by one: a listing may take as many requests, and its replies are larger.
const FEW: usize = 4;
/// The maximum number of partitions that are listed at once. A page is much work for a server; more would only queue.
const MAX_PARTITIONS: usize = 16;
/// The maximum number of consecutive pages without a wanted name in their span. More is a listing that never ends.
const MAX_IDLE_PAGES: u32 = 100;

/// What the remote has under a wanted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Info {
        size_bytes: u64,
        /// The MD5 of the bytes, if the entity tag is one.
        etag: Option<Md5Digest>,
    },
    Absent,
    Unknown,
}

/// The answer for the wanted name at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) position: usize,
    pub(crate) found: Found,
}

/// A question about many objects.
#[derive(Debug)]
pub(crate) struct Query {
    store: Arc<CountingStore>,
    wanted: Vec<(Layout, Oid)>,
    jobs: usize,
    /// Set when an object of a listing was checked with a HEAD.
    confirmed: OnceCell<()>,
    /// Whether the caller will not read or write the objects afterwards.
    is_last_word: bool,
}

impl Query {
    /// Asks for `wanted`, which is sorted and names nothing twice.
    pub(crate) fn new(store: Arc<CountingStore>, wanted: Vec<(Layout, Oid)>, jobs: usize) -> Self {
        debug_assert!(wanted.is_sorted());
        Self { store, wanted, jobs: jobs.max(1), confirmed: OnceCell::new(), is_last_word: false }
    }

    /// With `is_last_word`, if all objects that were asked for one by one are absent, checks that the bucket exists. A
    /// caller that reads or writes the objects afterwards would notice that itself.
    pub(crate) fn with_last_word(self, is_last_word: bool) -> Self {
        Self { is_last_word, ..self }
    }

    /// Sends the answers as they come, each position once. Ends early, without an error, if the receiver is dropped.
    pub(crate) async fn run(&self, answers: Sender<Vec<Answer>>) -> Result<()> {
        let n_current = self.wanted.partition_point(|(layout, _)| *layout == Layout::Current);
        for range in [0..n_current, n_current..self.wanted.len()] {
            if !range.is_empty() {
                self.run_layout(range, &answers).await?;
            }
        }
        Ok(())
    }

    async fn run_layout(&self, range: std::ops::Range<usize>, answers: &Sender<Vec<Answer>>) -> Result<()> {
        if range.len() <= FEW {
            return self.head_each(range, answers).await;
        }
        let first = match self.page_before(range.start).await {
            Ok(page) => page,
            Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported) => {
                tracing::debug!(%error, "asking for each object, as the remote must not be listed");
                return self.head_each(range, answers).await;
            }
            Err(error) => return Err(error),
        };
        let Some(rest) = self.resolve(range.clone(), &first, answers).await? else {
            return self.head_each(range, answers).await;
        };
        if rest.is_empty() {
            return Ok(());
        }
        let pages = self.estimate_pages(range.start, &first);
        if pages.is_some_and(|pages| rest.len() as u64 <= pages) {
            return self.head_each(rest, answers).await;
        }
        let most = self.jobs.min(MAX_PARTITIONS);
        let n_partitions = pages.map_or(most, |pages| usize::try_from(pages).unwrap_or(most).clamp(1, most));
        let step = rest.len().div_ceil(n_partitions);
        let partitions = rest.clone().step_by(step).map(|start| start..(start + step).min(rest.end));
        stream::iter(partitions)
            .map(|partition| self.list_partition(partition, answers))
            .buffer_unordered(n_partitions)
            .try_collect::<()>()
            .await
    }

    /// Lists from wanted name to wanted name until all in `range` are answered.
    async fn list_partition(
        &self,
        mut range: std::ops::Range<usize>,
        answers: &Sender<Vec<Answer>>,
    ) -> Result<()> {
        let mut from = None;
        let mut n_idle = 0;
        while !range.is_empty() {
            let page = match from.take() {
                None => self.page_before(range.start).await?,
                Some(from) => self.list(range.start, &from).await?,
            };
            let Some(rest) = self.resolve(range.clone(), &page, answers).await? else {
                return self.head_each(range, answers).await;
            };
            if rest.start == range.start {
                // The page has no wanted name in its span: it is empty, or its keys sort just before a wanted one.
                from = page.next;
                n_idle += 1;
                if n_idle > MAX_IDLE_PAGES {
                    let message = format!("the listing of `{}` does not end", self.store.location());
                    return Err(Error::new(ErrorKind::Corrupt, message));
                }
            } else {
                n_idle = 0;
            }
            range = rest;
        }
        Ok(())
    }

    /// Sends the answers that the page gives and returns the rest of `range`; `None` if the page is not sorted.
    async fn resolve(
        &self,
        range: std::ops::Range<usize>,
        page: &ListPage,
        answers: &Sender<Vec<Answer>>,
    ) -> Result<Option<std::ops::Range<usize>>> {
        if !page.objects.is_sorted_by(|one, other| one.key < other.key) {
            // S3 directory buckets do not sort listings, and some servers do not sort by bytes.
            tracing::debug!("asking for each object, as the remote does not list in order");
            return Ok(None);
        }
        if page.is_truncated && page.next.is_none() {
            let message = format!(
                "the listing of `{}` is truncated, but does not say where to continue",
                self.store.location()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let last = page.objects.last().map(|object| object.key.as_str());
        let mut objects = page.objects.iter().peekable();
        let mut batch = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let key = self.key(position);
            while objects.next_if(|object| object.key < key).is_some() {}
            let found = match objects.peek() {
                Some(object) if object.key == key => self.confirmed(position, object).await?,
                _ if page.is_truncated && last.is_none_or(|last| last < key.as_str()) => break,
                _ => Found::Absent,
            };
            batch.push(Answer { position, found });
            position += 1;
        }
        if !batch.is_empty() && answers.send(batch).await.is_err() {
            return Ok(Some(range.end..range.end));
        }
        Ok(Some(position..range.end))
    }

    async fn head_each(&self, range: std::ops::Range<usize>, answers: &Sender<Vec<Answer>>) -> Result<()> {
        self.ask_each(range, answers).await?;
        if self.is_last_word {
            self.store.confirm().await?;
        }
        Ok(())
    }

    async fn ask_each(&self, range: std::ops::Range<usize>, answers: &Sender<Vec<Answer>>) -> Result<()> {
        let look = |position| async move {
            let found = match self.store.head(&self.key(position)).await {
                Ok(Some(info)) => self.found(&info),
                Ok(None) => Found::Absent,
                Err(error) if error.kind() == ErrorKind::Denied => Found::Unknown,
                Err(error) => return Err(error),
            };
            Ok(Answer { position, found })
        };
        let mut looking = stream::iter(range).map(look).buffer_unordered(self.jobs);
        // The receiver is dropped if the transfer was stopped.
        let send = |batch| async move {
            let _stopped: Result<(), _> = answers.send(batch).await;
        };
        if self.store.limits().has_customer_key {
            // The customer key may be wrong: nothing is sent with it before all existing objects were opened with it.
            send(looking.try_collect().await?).await;
            return Ok(());
        }
        while let Some(answer) = looking.try_next().await? {
            send(vec![answer]).await;
        }
        Ok(())
    }

    /// Returns what a listing says about an object. The first entity tag that contradicts is checked with a HEAD: in a
    /// bucket that encrypts by default, listings have tags that look like MD5s but are not. The reply to the HEAD
    /// shows that to the store, which then stops reporting its tags as MD5s. If the client has a customer key, the first
    /// object is also checked: a listing shows objects that are encrypted with another key.
    async fn confirmed(&self, position: usize, info: &ObjectInfo) -> Result<Found> {
        let found = self.found(info);
        let (layout, oid) = &self.wanted[position];
        let contradicts = matches!(judge(*layout, oid, None, &found), Presence::Damaged { .. });
        if !contradicts && !self.store.limits().has_customer_key {
            return Ok(found);
        }
        let look_closely = async || match self.store.head(&info.key).await {
            Err(error) if error.kind() != ErrorKind::Denied => Err(error),
            _ => Ok(()),
        };
        self.confirmed.get_or_try_init(look_closely).await?;
        Ok(self.found(info))
    }

    fn found(&self, info: &ObjectInfo) -> Found {
        let mut md5 = Md5Digest::default();
        let is_md5 = self.store.limits().etag_is_md5
            && info.etag.as_ref().is_some_and(|etag| hex::decode_to_slice(etag, &mut md5).is_ok());
        Found::Info { size_bytes: info.size_bytes, etag: is_md5.then_some(md5) }
    }

    async fn page_before(&self, position: usize) -> Result<ListPage> {
        // The name without its last character sorts before it, and hardly any keys are in between.
        let mut key = self.key(position);
        key.pop();
        self.list(position, &ListFrom::AfterKey(key)).await
    }

    async fn list(&self, position: usize, from: &ListFrom) -> Result<ListPage> {
        self.store.list_page(self.wanted[position].0.folder(), from).await
    }

    fn key(&self, position: usize) -> String {
        let (layout, oid) = &self.wanted[position];
        layout.object_path(oid)
    }

    /// Estimates from the first page how many more pages the listing has, as digests are evenly distributed.
    fn estimate_pages(&self, start: usize, page: &ListPage) -> Option<u64> {
        let (layout, first) = &self.wanted[start];
        let last = page.objects.iter().rev().find_map(|object| layout.parse_path(&object.key))?;
        let (first, last) = (leading(first), leading(&last));
        let span = last.checked_sub(first).filter(|span| *span > 0)?;
        Some((u64::from(u32::MAX) - last).div_ceil(span))
    }
}

/// Returns the first four bytes of a digest, which are its position among all digests.
fn leading(oid: &Oid) -> u64 {
    let [a, b, c, d, ..] = *oid.digest();
    u64::from(u32::from_be_bytes([a, b, c, d]))
}
