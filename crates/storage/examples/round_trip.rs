//! Stores a directory of files in a cache, pushes them to a remote and fetches them.
//!
//! ```sh
//! cargo run -p haul-storage --example round_trip             # made-up files
//! cargo run -p haul-storage --example round_trip -- SOME/DIRECTORY
//! ```
//!
//! The remote is a directory; with [`haul_storage::open_remote`] it can be on S3, and nothing else changes.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use haul_storage::progress::NoObserver;
use haul_storage::transfer::{self, Member, ObjectGroup, TransferOptions, TransferReport};
use haul_storage::{
    Cache, CacheOptions, CancellationToken, FolderStore, Layout, RemoteOdb, Result, StoreMode,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => make_files(&scratch.path().join("data"))?,
    };
    let mut paths = Vec::new();
    find_files(&folder, &mut paths)?;

    let cache = Cache::new(scratch.path().join("cache"), CacheOptions::default());
    let started = Instant::now();
    let stored = cache.store_files(&paths, StoreMode::Copy, &NoObserver, &CancellationToken::new());
    let mut members = Vec::new();
    let mut n_bytes = 0;
    for (path, stored) in paths.iter().zip(stored) {
        let stored = stored?;
        n_bytes += stored.size_bytes;
        members.push(Member {
            oid: stored.oid,
            size_bytes: Some(stored.size_bytes),
            path: path.to_string_lossy().into(),
        });
    }
    println!("stored  {} files, {n_bytes} bytes in {:.3?}", paths.len(), started.elapsed());

    let group =
        ObjectGroup { layout: Layout::Current, directory: None, manifest: None, members, total_bytes: None };
    let groups = || futures::stream::iter([Ok(group.clone())]).boxed();
    let remote = RemoteOdb::new(Arc::new(FolderStore::new(scratch.path().join("remote"))));
    let options = TransferOptions::default();

    let started = Instant::now();
    let report = transfer::push(&cache, &remote, groups(), &options, &NoObserver).await?;
    show("pushed ", &report, started);
    let started = Instant::now();
    let report = transfer::push(&cache, &remote, groups(), &options, &NoObserver).await?;
    show("again  ", &report, started);

    let other = Cache::new(scratch.path().join("other"), CacheOptions::default());
    let started = Instant::now();
    let report = transfer::fetch(&other, &remote, groups(), &options, &NoObserver).await?;
    show("fetched", &report, started);
    Ok(())
}

fn show(what: &str, report: &TransferReport, started: Instant) {
    println!(
        "{what} {} objects, {} bytes in {:.3?}; {} were there; {:?}",
        report.n_transferred,
        report.transferred_bytes,
        started.elapsed(),
        report.n_present,
        report.requests
    );
    for failed in &report.failed {
        println!("        {}: {}", failed.path, failed.error);
    }
}

fn make_files(folder: &Path) -> std::io::Result<PathBuf> {
    fs_err::create_dir_all(folder)?;
    for index in 0..1000_u32 {
        fs_err::write(folder.join(index.to_string()), index.to_le_bytes().repeat(1024))?;
    }
    fs_err::write(folder.join("large"), vec![1; 32 << 20])?;
    Ok(folder.to_path_buf())
}

fn find_files(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            find_files(&entry.path(), paths)?;
        } else if entry.file_type()?.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}
