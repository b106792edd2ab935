use std::sync::Arc;

use haul_storage::testing::MemoryStore;
use haul_storage::{FolderStore, Layout, Oid, Presence, RemoteOdb, RemoteStore, hash};

/// Returns object `index` of many, with a random-looking name.
fn oid(index: u64) -> Oid {
    let digest = hash::md5(&index.to_le_bytes());
    if index.is_multiple_of(7) { Oid::dir(digest) } else { Oid::file(digest) }
}

fn fill(memory: &MemoryStore, layout: Layout, range: std::ops::Range<u64>) {
    for index in range {
        memory.insert(&layout.object_path(&oid(index)), index.to_le_bytes().to_vec());
    }
}

/// Looks up objects, checks the answers and returns the number of pages and of HEADs.
async fn look_up(store: Arc<dyn RemoteStore>, wanted: &[u64], is_there: impl Fn(u64) -> bool) -> (u64, u64) {
    let remote = RemoteOdb::new(store);
    for layout in [Layout::Current, Layout::Legacy] {
        let before = remote.requests();
        let oids: Vec<_> = wanted.iter().map(|index| (layout, oid(*index), Some(8))).collect();
        let found = remote.look_up(&oids, 8).await.unwrap();
        for (index, presence) in wanted.iter().zip(found) {
            let expected =
                if is_there(*index) { Presence::Present { size_bytes: 8 } } else { Presence::Absent };
            assert_eq!(presence, expected, "{index} in {layout:?}");
        }
        if layout == Layout::Legacy {
            let counts = remote.requests().since(&before);
            return (counts.list, counts.head);
        }
    }
    unreachable!("the second layout returns");
}

fn both(memory: &MemoryStore, range: std::ops::Range<u64>) {
    fill(memory, Layout::Current, range.clone());
    fill(memory, Layout::Legacy, range);
}

#[tokio::test]
async fn empty_remote_costs_one_page() {
    let wanted: Vec<u64> = (0..5000).collect();
    assert_eq!(look_up(Arc::new(MemoryStore::new()), &wanted, |_| false).await, (1, 0));
}

#[tokio::test]
async fn small_remote_costs_one_page() {
    let memory = MemoryStore::new();
    both(&memory, 0..900);
    let wanted: Vec<u64> = (500..5000).collect();
    assert_eq!(look_up(Arc::new(memory), &wanted, |index| index < 900).await, (1, 0));
}

#[tokio::test]
async fn full_match_costs_about_its_pages() {
    let memory = MemoryStore::new();
    both(&memory, 0..20_000);
    let wanted: Vec<u64> = (0..20_000).collect();
    let (pages, heads) = look_up(Arc::new(memory), &wanted, |_| true).await;
    assert_eq!(heads, 0);
    assert!((20..=20 + 9).contains(&pages), "{pages} pages for 20, with up to 8 partitions");
}

#[tokio::test]
async fn few_wanted_in_a_large_remote_cost_a_head_each() {
    let memory = MemoryStore::new();
    both(&memory, 0..20_000);
    let wanted: Vec<u64> = (0..10).map(|index| index * 3000).collect();
    let (pages, heads) = look_up(Arc::new(memory.clone()), &wanted, |index| index < 20_000).await;
    assert!(pages == 1 && (8..=10).contains(&heads), "{pages} pages, {heads} heads");
    assert_eq!(look_up(Arc::new(memory), &[5, 20_001], |index| index == 5).await, (0, 2));
}

#[tokio::test]
async fn requests_are_never_more_than_heads_or_pages_and_partitions() {
    let memory = MemoryStore::new().with_page_objects(50);
    both(&memory, 0..10_000);
    for n_wanted in [5, 20, 100, 199, 200, 201, 500, 3000] {
        let wanted: Vec<u64> = (0..n_wanted).map(|index| index * 7919 % 20_000).collect();
        let (pages, heads) = look_up(Arc::new(memory.clone()), &wanted, |index| index < 10_000).await;
        // The first page shows how many objects there are, so it may be an additional request.
        assert!(
            pages + heads <= (n_wanted + 1).min(200 + 8 + 1),
            "{n_wanted} wanted: {pages} pages, {heads} heads"
        );
    }
}

#[tokio::test]
async fn foreign_keys_are_jumped_over() {
    let memory = MemoryStore::new().with_page_objects(100);
    both(&memory, 0..50);
    for index in 0..5000 {
        memory.insert(&format!("data/{index}"), "");
        memory.insert(&format!("files/md5/7f/not-an-object-{index}"), "");
        memory.insert(&format!("zz/{index}"), "");
    }
    let wanted: Vec<u64> = (0..60).collect();
    let (pages, heads) = look_up(Arc::new(memory), &wanted, |index| index < 50).await;
    assert!(pages + heads <= 61, "{pages} pages, {heads} heads");
}

#[tokio::test]
async fn folder_is_looked_up_alike() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [Layout::Current, Layout::Legacy] {
        for index in 0..3000_u64 {
            let path = folder.path().join(layout.object_path(&oid(index)));
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, index.to_le_bytes()).unwrap();
        }
    }
    let wanted: Vec<u64> = (1000..4000).collect();
    look_up(Arc::new(FolderStore::new(folder.path())), &wanted, |index| index < 3000).await;
}
