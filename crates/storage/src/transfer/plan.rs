//! What is to be moved, in which order.

use std::collections::HashMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use super::estimate::Rest;
use super::{MissingObject, ObjectGroup};
use crate::{Error, ErrorKind, Layout, Oid, Result};

/// The place of a directory in the plan, where there is none.
const NO_DIRECTORY: u32 = u32::MAX;

/// One mention of an object. There may be a million of them, so it is kept small.
#[derive(Debug)]
struct Entry {
    layout: Layout,
    oid: Oid,
    directory: u32,
    /// `u64::MAX` where it is not known.
    size_bytes: u64,
    path: Box<str>,
}

/// A manifest, and what it waits for.
#[derive(Debug)]
struct Directory {
    /// The manifest among the objects.
    object: u32,
    manifest: Option<Bytes>,
    /// Size of all its files, as often as they are mentioned, where every mention tells it.
    total_bytes: Option<u64>,
    /// Mentions of members that are not settled.
    n_open: u32,
    /// Tells that a member failed or is missing.
    is_broken: bool,
    /// Tells that the destination lacks the manifest.
    is_wanted: bool,
    /// Set when the manifest was handed out.
    is_done: bool,
}

/// What to do with a manifest now that all its members are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// Move the manifest: every member is where it has to be.
    Ready(usize),
    /// Hold it back.
    HeldBack(usize),
}

/// Every object once, in the order of layouts and names, with the manifests' dependencies.
#[derive(Debug)]
pub(super) struct Plan {
    entries: Vec<Entry>,
    /// Where the mentions of each object start.
    starts: Vec<u32>,
    directories: Vec<Directory>,
}

impl Plan {
    /// Takes in all groups.
    pub(super) async fn collect(
        mut groups: BoxStream<'_, Result<ObjectGroup>>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let mut plan = Self { entries: Vec::new(), starts: Vec::new(), directories: Vec::new() };
        let mut by_name: HashMap<(Layout, Oid), u32> = HashMap::new();
        loop {
            let group = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                group = groups.try_next() => group?,
            };
            let Some(group) = group else { break };
            plan.add(group, &mut by_name);
        }
        plan.entries.sort_unstable_by_key(|entry| (entry.layout, entry.oid));
        plan.entries.shrink_to_fit();
        for (at, entry) in plan.entries.iter().enumerate() {
            // A manifest is told from a member of the same group by its kind.
            let is_manifest = entry.oid.is_dir() && entry.directory != NO_DIRECTORY;
            let is_new = at == 0 || {
                let before = &plan.entries[at - 1];
                (before.layout, before.oid) != (entry.layout, entry.oid)
            };
            if is_new {
                plan.starts.push(index(at));
            }
            if is_manifest {
                plan.directories[entry.directory as usize].object = index(plan.starts.len() - 1);
            }
        }
        Ok(plan)
    }

    fn add(&mut self, group: ObjectGroup, by_name: &mut HashMap<(Layout, Oid), u32>) {
        let layout = group.layout;
        let mut directory = NO_DIRECTORY;
        if let Some(member) = group.directory {
            directory = *by_name.entry((layout, member.oid)).or_insert_with(|| {
                self.directories.push(Directory {
                    object: 0,
                    manifest: None,
                    total_bytes: Some(0),
                    n_open: 0,
                    is_broken: false,
                    is_wanted: false,
                    is_done: false,
                });
                index(self.directories.len() - 1)
            });
            let this = &mut self.directories[directory as usize];
            this.n_open += index(group.members.len());
            this.total_bytes = this.total_bytes.zip(group.total_bytes).map(|(before, more)| before + more);
            this.manifest = group.manifest.or(this.manifest.take());
            self.entries.push(Entry {
                layout,
                oid: member.oid,
                directory,
                size_bytes: member.size_bytes.unwrap_or(u64::MAX),
                path: member.path,
            });
        }
        self.entries.extend(group.members.into_iter().map(|member| Entry {
            layout,
            oid: member.oid,
            directory,
            size_bytes: member.size_bytes.unwrap_or(u64::MAX),
            path: member.path,
        }));
    }

    /// Returns the number of objects.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    fn mentions(&self, object: usize) -> &[Entry] {
        let end = self.starts.get(object + 1).map_or(self.entries.len(), |end| *end as usize);
        &self.entries[self.starts[object] as usize..end]
    }

    /// Returns the name of an object.
    pub(super) fn name(&self, object: usize) -> (Layout, Oid) {
        let entry = &self.mentions(object)[0];
        (entry.layout, entry.oid)
    }

    /// Returns all names, sorted.
    pub(super) fn names(&self) -> Vec<(Layout, Oid)> {
        (0..self.len()).map(|object| self.name(object)).collect()
    }

    /// Returns the size of an object, where the groups tell one and do not contradict each other.
    pub(super) fn size_bytes(&self, object: usize) -> Option<u64> {
        let mut known =
            self.mentions(object).iter().map(|entry| entry.size_bytes).filter(|size| *size != u64::MAX);
        let first = known.next()?;
        known.all(|size| size == first).then_some(first)
    }

    /// Returns how a report names an object.
    pub(super) fn describe(&self, object: usize) -> MissingObject {
        let entry = &self.mentions(object)[0];
        MissingObject { layout: entry.layout, oid: entry.oid, path: entry.path.clone() }
    }

    /// Tells whether an object is a manifest that waits for its members.
    pub(super) fn is_directory(&self, object: usize) -> bool {
        self.directory(object).is_some()
    }

    fn directory(&self, object: usize) -> Option<u32> {
        let entry = &self.mentions(object)[0];
        (entry.oid.is_dir() && entry.directory != NO_DIRECTORY).then_some(entry.directory)
    }

    /// Returns the directories that an object is a file of, as often as it is mentioned there.
    pub(super) fn directories_of(&self, object: usize) -> impl Iterator<Item = usize> + '_ {
        let is_member = !self.is_directory(object);
        let mentions = self.mentions(object).iter().filter(move |_| is_member);
        mentions.filter(|entry| entry.directory != NO_DIRECTORY).map(|entry| entry.directory as usize)
    }

    /// Returns for each directory what its metafile tells of its size, before any object of it is known.
    pub(super) fn rests(&self) -> Vec<Option<Rest>> {
        let rest = |directory: &Directory| {
            let n_mentions = directory.n_open;
            directory.total_bytes.map(|bytes| Rest { bytes, n_mentions, is_lacking: false })
        };
        self.directories.iter().map(rest).collect()
    }

    /// Returns the bytes of a manifest that came with its group.
    pub(super) fn manifest(&self, object: usize) -> Option<&Bytes> {
        self.directories[self.directory(object)? as usize].manifest.as_ref()
    }

    /// Says that the destination lacks a manifest; returns what to do with it, if its members are settled already.
    pub(super) fn want_directory(&mut self, object: usize) -> Option<Release> {
        let directory = self.directory(object)?;
        self.directories[directory as usize].is_wanted = true;
        self.release(directory)
    }

    /// Settles an object, and returns the manifests that waited for nothing else. A manifest settles without effect.
    pub(super) fn settle(&mut self, object: usize, is_there: bool) -> Vec<Release> {
        if self.is_directory(object) {
            return Vec::new();
        }
        let mut directories: Vec<u32> = self.mentions(object).iter().map(|entry| entry.directory).collect();
        directories.retain(|directory| *directory != NO_DIRECTORY);
        for directory in &directories {
            let directory = &mut self.directories[*directory as usize];
            directory.n_open -= 1;
            directory.is_broken |= !is_there;
        }
        directories.sort_unstable();
        directories.dedup();
        directories.into_iter().filter_map(|directory| self.release(directory)).collect()
    }

    fn release(&mut self, directory: u32) -> Option<Release> {
        let this = &mut self.directories[directory as usize];
        let object = this.object as usize;
        if this.n_open > 0 || !this.is_wanted || this.is_done {
            return None;
        }
        this.is_done = true;
        Some(if this.is_broken { Release::HeldBack(object) } else { Release::Ready(object) })
    }

    /// Returns a manifest and the members that were named with it.
    pub(super) fn with_members(&self, object: usize) -> Vec<usize> {
        let Some(directory) = self.directory(object) else { return Vec::new() };
        (0..self.len())
            .filter(|object| self.mentions(*object).iter().any(|entry| entry.directory == directory))
            .collect()
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than four thousand million objects")
}
