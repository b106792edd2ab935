//! A cache, a remote in memory, and data.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use haul_storage::progress::NoObserver;
use haul_storage::testing::{FaultStore, MemoryStore};
use haul_storage::transfer::{self, CompareReport, Member, ObjectGroup, TransferOptions, TransferReport};
use haul_storage::{
    Cache, CacheOptions, Durability, Layout, Oid, OidKind, ReadStore, RemoteOdb, Result, StoreLimits, hash,
};

/// A cache and a remote.
pub(crate) struct Setup {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cache: Cache,
    pub(crate) memory: MemoryStore,
    pub(crate) faults: FaultStore,
    pub(crate) remote: RemoteOdb,
    pub(crate) options: TransferOptions,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::with(MemoryStore::new())
    }

    /// Large objects are sent in few parts.
    pub(crate) fn with_large_parts() -> Self {
        let memory = MemoryStore::new();
        let limits = StoreLimits {
            multipart_threshold_bytes: 16 << 20,
            part_size_bytes: 16 << 20,
            ..ReadStore::limits(&memory)
        };
        Self::with(memory.with_limits(limits))
    }

    /// Objects get their names when the disk has them, in groups.
    pub(crate) fn that_waits_for_the_disk() -> Self {
        let setup = Self::new();
        let options = CacheOptions { durability: Durability::Sync, ..CacheOptions::default() };
        let cache = Cache::new(setup.cache.root(), options);
        Self { cache, ..setup }
    }

    pub(crate) fn with(memory: MemoryStore) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Thousands of runs that wait for the disk would take too long; the cache's own tests check that it waits.
        let options = CacheOptions { durability: Durability::Rename, ..CacheOptions::default() };
        let cache = Cache::new(folder.path().join("cache"), options);
        let faults = FaultStore::new(Arc::new(memory.clone()));
        let remote = RemoteOdb::new(Arc::new(faults.clone()));
        Self { folder, cache, memory, faults, remote, options: TransferOptions::default() }
    }

    /// Returns another client of the same remote, with its own cache.
    pub(crate) fn another_client(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), CacheOptions::default());
        let remote = RemoteOdb::new(Arc::new(self.faults.clone()));
        let (memory, faults) = (self.memory.clone(), self.faults.clone());
        Self { folder, cache, memory, faults, remote, options: TransferOptions::default() }
    }

    /// Stores objects in the cache and returns their group. The bytes of a manifest are its members' names.
    pub(crate) fn add_directory(&self, name: &str, files: &[Vec<u8>]) -> ObjectGroup {
        let mut manifest = String::new();
        let mut members = Vec::new();
        for (index, bytes) in files.iter().enumerate() {
            let oid = self.cache.store_bytes(Layout::Current, OidKind::File, bytes).unwrap();
            writeln!(manifest, "{oid} {index}").unwrap();
            members.push(member(oid, &format!("{name}/{index}")));
        }
        let oid = self.cache.store_bytes(Layout::Current, OidKind::Dir, manifest.as_bytes()).unwrap();
        ObjectGroup {
            layout: Layout::Current,
            directory: Some(member(oid, name)),
            manifest: None,
            members,
            total_bytes: None,
        }
    }

    pub(crate) fn add_file(&self, name: &str, bytes: &[u8]) -> ObjectGroup {
        let oid = self.cache.store_bytes(Layout::Current, OidKind::File, bytes).unwrap();
        let members = vec![Member { size_bytes: Some(bytes.len() as u64), ..member(oid, name) }];
        ObjectGroup { layout: Layout::Current, directory: None, manifest: None, members, total_bytes: None }
    }

    pub(crate) fn empty_cache(&self) {
        if self.cache.root().exists() {
            fs_err::remove_dir_all(self.cache.root()).unwrap();
        }
    }

    pub(crate) fn object_path(&self, oid: &Oid) -> PathBuf {
        self.cache.object_path(Layout::Current, oid)
    }

    pub(crate) async fn try_push(&self, groups: &[ObjectGroup]) -> Result<TransferReport> {
        transfer::push(&self.cache, &self.remote, stream(groups), &self.options, &NoObserver).await
    }

    pub(crate) async fn push(&self, groups: &[ObjectGroup]) -> TransferReport {
        self.try_push(groups).await.unwrap()
    }

    pub(crate) async fn try_fetch(&self, groups: &[ObjectGroup]) -> Result<TransferReport> {
        transfer::fetch(&self.cache, &self.remote, stream(groups), &self.options, &NoObserver).await
    }

    pub(crate) async fn fetch(&self, groups: &[ObjectGroup]) -> TransferReport {
        self.try_fetch(groups).await.unwrap()
    }

    pub(crate) async fn compare(&self, groups: &[ObjectGroup]) -> CompareReport {
        transfer::compare(&self.cache, &self.remote, stream(groups), &self.options, &NoObserver)
            .await
            .unwrap()
    }

    /// Checks that the bytes of every file of the cache match its name; returns the number of files.
    pub(crate) fn check_names(&self) -> usize {
        let objects = self.cache.objects(Layout::Current).unwrap();
        for object in &objects {
            assert!(self.cache.verify(Layout::Current, &object.oid).unwrap(), "{}", object.oid);
        }
        objects.len()
    }

    /// Checks the names, and that no temporary file is left.
    pub(crate) fn check_cache(&self) {
        assert_eq!(count_files(self.cache.root()), self.check_names(), "a temporary file was left");
    }

    /// Waits, for a bounded time, until the threads of a dropped transfer have stopped using the cache.
    pub(crate) async fn wait_for_threads(&self) {
        for _ in 0..5000 {
            if count_files(self.cache.root()) == self.check_names() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

pub(crate) fn stream(groups: &[ObjectGroup]) -> futures::stream::BoxStream<'static, Result<ObjectGroup>> {
    let groups: Vec<_> = groups.iter().cloned().map(Ok).collect();
    futures::stream::iter(groups).boxed()
}

pub(crate) fn member(oid: Oid, path: &str) -> Member {
    Member { oid, size_bytes: None, path: path.into() }
}

pub(crate) fn key(oid: &Oid) -> String {
    Layout::Current.object_path(oid)
}

/// Makes files that differ, of about this size.
pub(crate) fn files(n_files: usize, size: usize) -> Vec<Vec<u8>> {
    (0..n_files).map(|index| [&index.to_le_bytes()[..], &vec![7; size]].concat()).collect()
}

pub(crate) fn dir_oid(group: &ObjectGroup) -> Oid {
    group.directory.as_ref().unwrap().oid
}

fn count_files(folder: &std::path::Path) -> usize {
    let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}

/// Checks that all members of each manifest on the remote are there.
pub(crate) fn check_remote(memory: &MemoryStore) {
    let objects = memory.objects();
    for (path, bytes) in &objects {
        let oid = Layout::Current.parse_path(path).unwrap();
        if oid.is_dir() {
            for line in std::str::from_utf8(bytes).unwrap().lines() {
                let member: Oid = line.split(' ').next().unwrap().parse().unwrap();
                assert!(objects.contains_key(&key(&member)), "{oid} is there without {member}");
            }
        }
    }
}

pub(crate) fn oid_of(bytes: &[u8]) -> Oid {
    Oid::file(hash::md5(bytes))
}
