//! Listing and deleting all objects.

use std::collections::BTreeSet;
use std::sync::Mutex;

use haul_storage::progress::NoObserver;
use haul_storage::testing::{Fault, MemoryStore, Operation};
use haul_storage::{CancellationToken, ErrorKind, Layout, Oid, hash};

use crate::setup::Setup;

/// Lists a layout; fails if an object is listed twice.
async fn objects(setup: &Setup, layout: Layout) -> haul_storage::Result<BTreeSet<Oid>> {
    let found = Mutex::new(BTreeSet::new());
    let visitor = |object: haul_storage::RemoteObject| {
        assert!(found.lock().unwrap().insert(object.oid), "{} was told twice", object.oid);
    };
    setup.remote.for_each_object(layout, 4, &CancellationToken::new(), &visitor).await?;
    Ok(found.into_inner().unwrap())
}

fn oids(n_objects: u32) -> BTreeSet<Oid> {
    let oid = |index: u32| {
        let digest = hash::md5(&index.to_le_bytes());
        if index.is_multiple_of(7) { Oid::dir(digest) } else { Oid::file(digest) }
    };
    (0..n_objects).map(oid).collect()
}

#[tokio::test]
async fn listing_finds_every_object_once_whatever_else_there_is() {
    for (page_objects, n_objects) in [(1000, 10), (1000, 3000), (7, 500), (1, 40)] {
        let setup = Setup::with(MemoryStore::new().with_page_objects(page_objects));
        let expected = oids(n_objects);
        for layout in [Layout::Current, Layout::Legacy] {
            for oid in &expected {
                setup.memory.insert(&layout.object_path(oid), "x");
            }
        }
        // Directories before, between and after those of objects, and foreign keys inside of these.
        for folder in
            ["", "!", "0", "00", "000", "09x", "9z", "AB", "ab", "abc", "fe", "ff", "ff0", "g", "other"]
        {
            for index in 0..30 {
                for base in ["files/md5/", ""] {
                    setup.memory.insert(&format!("{base}{folder}/{index:032}"), "x");
                    setup.memory.insert(&format!("{base}{folder}-{index}"), "x");
                }
            }
        }
        for layout in [Layout::Current, Layout::Legacy] {
            assert_eq!(objects(&setup, layout).await.unwrap(), expected, "{page_objects} {layout:?}");
        }
    }
}

#[tokio::test]
async fn listing_jumps_over_foreign_folders() {
    let setup = Setup::with(MemoryStore::new().with_page_objects(10));
    for index in 0..1000 {
        setup.memory.insert(&format!("archive/{index}"), "x");
        setup.memory.insert(&format!("files/md5/zz/{index}"), "x");
    }
    let expected = oids(3);
    for oid in &expected {
        setup.memory.insert(&Layout::Legacy.object_path(oid), "x");
    }
    assert_eq!(objects(&setup, Layout::Legacy).await.unwrap(), expected);
    assert!(setup.remote.requests().list < 40, "{:?}", setup.remote.requests());
    let before = setup.remote.requests().list;
    assert!(objects(&setup, Layout::Current).await.unwrap().is_empty());
    assert_eq!(setup.remote.requests().list - before, 1);
}

#[tokio::test]
async fn listing_that_breaks_off_is_an_error() {
    let setup = Setup::with(MemoryStore::new().with_page_objects(10));
    for oid in oids(200) {
        setup.memory.insert(&Layout::Current.object_path(&oid), "x");
    }
    for skip in [0, 1, 5] {
        setup.faults.fail(Operation::List, Fault::Error(ErrorKind::Denied), skip, 1);
        let error = objects(&setup, Layout::Current).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "after {skip} pages");
        setup.faults.heal();
    }
}

#[tokio::test]
async fn removal_goes_on_after_a_call_that_fails() {
    let setup = Setup::new();
    let all: Vec<Oid> = oids(2500).into_iter().collect();
    for oid in &all {
        setup.memory.insert(&Layout::Current.object_path(oid), "x");
    }
    setup.memory.insert("stranger", "x");
    setup.faults.fail(Operation::Delete, Fault::Error(ErrorKind::Denied), 1, 1);
    let never = CancellationToken::new();
    let removal = setup.remote.remove(Layout::Current, &all, 1, &NoObserver, &never).await;
    assert_eq!((removal.n_removed, removal.failed.len(), removal.n_not_tried), (1500, 1000, 0));
    assert_eq!(setup.memory.objects().len(), 1001);
    assert_eq!(setup.remote.requests().delete, 3);
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let removal = setup.remote.remove(Layout::Current, &all, 1, &NoObserver, &cancelled).await;
    assert_eq!((removal.n_removed, removal.n_not_tried), (0, 2500));
    // An object that does not exist counts as removed.
    let removal = setup.remote.remove(Layout::Current, &all, 8, &NoObserver, &never).await;
    assert_eq!(removal.n_removed, 2500);
    assert_eq!(setup.memory.objects().len(), 1);
}
