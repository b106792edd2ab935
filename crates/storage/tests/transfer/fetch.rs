use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use haul_storage::testing::{Fault, Operation};
use haul_storage::transfer::ObjectState::{Both, CacheOnly, Missing, RemoteOnly};
use haul_storage::transfer::TransferMode;
use haul_storage::{ErrorKind, Layout, RemoteOdb};

use crate::setup::{Setup, dir_oid, files, key, oid_of};

/// Sizes on both sides of the thresholds for memory, streams and ranges.
const SIZES: [usize; 4] = [10, 300_000, 65 << 20, 0];

#[tokio::test(flavor = "multi_thread")]
async fn fetch_gets_everything_once_and_then_nothing() {
    let setup = Setup::with_large_parts();
    let mut groups: Vec<_> =
        SIZES.iter().map(|size| setup.add_file(&size.to_string(), &vec![3; *size])).collect();
    groups.push(setup.add_directory("data", &files(300, 50)));
    groups.push(setup.add_directory("large", &[vec![8; 65 << 20], vec![9; 400_000]]));
    setup.push(&groups).await;
    setup.empty_cache();

    let report = setup.fetch(&groups).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.n_transferred, 4 + 301 + 3);
    setup.check_cache();
    for group in &groups {
        for member in &group.members {
            let mode = fs_err::metadata(setup.object_path(&member.oid)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o444);
        }
    }
    let report = setup.fetch(&groups).await;
    assert_eq!((report.n_transferred, report.n_present), (0, 308));
    assert_eq!(report.requests, Default::default(), "what is there needs no remote");
}

#[tokio::test]
async fn fetch_costs_one_request_per_object() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(500, 10));
    setup.push(&[group.clone()]).await;
    setup.empty_cache();
    let report = setup.fetch(&[group]).await;
    assert_eq!(report.requests.get, 501);
    assert_eq!(report.requests.list + report.requests.head, 0);
}

#[tokio::test]
async fn fetch_uses_the_manifest_that_it_is_given() {
    let setup = Setup::new();
    let mut group = setup.add_directory("data", &files(5, 10));
    setup.push(&[group.clone()]).await;
    setup.empty_cache();
    let oid = dir_oid(&group);
    let max = RemoteOdb::MAX_MANIFEST_BYTES;
    group.manifest = setup.remote.fetch_object(Layout::Current, &oid, max).await.unwrap();
    assert!(group.manifest.is_some());
    let report = setup.fetch(&[group]).await;
    assert_eq!((report.requests.get, report.n_transferred), (5, 6));
    assert!(setup.object_path(&oid).exists());
}

#[tokio::test]
async fn manifest_comes_only_with_its_members() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(5, 10));
    setup.push(&[group.clone()]).await;
    setup.empty_cache();
    setup.memory.remove(&key(&group.members[2].oid));
    let report = setup.fetch(&[group.clone()]).await;
    assert!(!report.is_complete());
    assert_eq!((report.n_transferred, report.missing.len(), report.held_back.len()), (4, 1, 1));
    assert_eq!(&*report.missing[0].path, "data/2");
    assert!(!setup.object_path(&dir_oid(&group)).exists());
    setup.check_cache();
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_download_is_got_again() {
    for fault in [Fault::WrongBytes, Fault::ShortBody, Fault::LongBody] {
        for size in SIZES {
            let setup = Setup::with_large_parts();
            let group = setup.add_file("data", &vec![5; size]);
            setup.push(&[group.clone()]).await;
            setup.empty_cache();
            setup.faults.fail_next(Operation::Get, fault);
            let report = setup.fetch(&[group]).await;
            assert!(report.is_complete(), "{fault:?} of {size} bytes: {report:?}");
            setup.check_cache();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_stays_is_reported_and_never_stored() {
    for fault in [Fault::WrongBytes, Fault::ShortBody, Fault::LongBody] {
        for size in &SIZES[..3] {
            let setup = Setup::with_large_parts();
            let group = setup.add_file("data", &vec![5; *size]);
            setup.push(&[group.clone()]).await;
            setup.empty_cache();
            setup.faults.fail(Operation::Get, fault, 0, usize::MAX);
            let report = setup.fetch(&[group.clone()]).await;
            assert_eq!(report.failed.len(), 1, "{fault:?} of {size} bytes");
            assert_eq!(report.failed[0].error.kind(), ErrorKind::Corrupt);
            assert!(!setup.object_path(&group.members[0].oid).exists());
            setup.check_cache();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connection_leaves_nothing_behind() {
    for size in &SIZES[..3] {
        let setup = Setup::with_large_parts();
        let groups = [setup.add_file("data", &vec![5; *size]), setup.add_directory("more", &files(5, 1))];
        setup.push(&groups).await;
        setup.empty_cache();
        setup.faults.fail(Operation::Get, Fault::Reset, 0, usize::MAX);
        setup.try_fetch(&groups).await.unwrap_err();
        setup.faults.heal();
        assert!(setup.fetch(&groups).await.is_complete());
        setup.check_cache();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_size_is_only_a_hint() {
    for size in [17, 300_000, 20 << 20] {
        for hint in [1, 100 << 20] {
            let setup = Setup::with_large_parts();
            let mut group = setup.add_file("data", &vec![5; size]);
            group.members[0].size_bytes = Some(hint);
            setup.push(&[group.clone()]).await;
            setup.empty_cache();
            assert!(setup.fetch(&[group.clone()]).await.is_complete(), "{size} bytes, recorded as {hint}");
            assert_eq!(setup.compare(&[group.clone()]).await.n_in_sync, 1);
            assert_eq!(setup.push(&[group]).await.n_present, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_fetch_leaves_whole_objects_only() {
    for size in [10, 300_000, 65 << 20] {
        let mut setup = Setup::with_large_parts();
        let groups = [setup.add_file("data", &vec![5; size]), setup.add_file("small", b"small")];
        setup.push(&groups).await;
        setup.empty_cache();
        setup.faults.fail(Operation::Get, Fault::StalledBody, 0, 1);
        let cancel = setup.options.cancel.clone();
        let (report, ()) = futures::join!(setup.fetch(&groups), async {
            while setup.remote.requests().get < 2 {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        });
        assert!(report.is_interrupted);
        setup.faults.heal();
        setup.options.cancel = Default::default();
        assert!(setup.fetch(&groups).await.is_complete());
        setup.check_cache();
    }
}

#[tokio::test]
async fn dry_run_gets_nothing() {
    let mut setup = Setup::new();
    let group = setup.add_directory("data", &files(10, 10));
    setup.push(&[group.clone()]).await;
    setup.empty_cache();
    setup.memory.remove(&key(&group.members[0].oid));
    setup.options.mode = TransferMode::DryRun;
    let report = setup.fetch(&[group]).await;
    assert_eq!((report.planned.len(), report.missing.len(), report.requests.get), (10, 1, 0));
    assert!(report.planned.iter().all(|planned| planned.size_bytes.is_some()));
    assert!(!setup.cache.root().exists());
}

#[tokio::test]
async fn fetch_object_is_verified_and_bounded() {
    let setup = Setup::new();
    let oid = oid_of(b"bytes");
    let get = |max| setup.remote.fetch_object(Layout::Current, &oid, max);
    assert_eq!(get(5).await.unwrap(), None);
    setup.memory.insert(&key(&oid), "bytes");
    assert_eq!(get(5).await.unwrap(), Some(Bytes::from_static(b"bytes")));
    assert_eq!(get(4).await.unwrap_err().kind(), ErrorKind::Corrupt);
    setup.faults.fail(Operation::Get, Fault::WrongBytes, 0, 2);
    assert!(get(5).await.unwrap().is_some(), "it is got again");
    setup.faults.fail(Operation::Get, Fault::LongBody, 0, 3);
    assert_eq!(get(5).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn compare_tells_where_each_object_is() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(4, 10));
    setup.push(&[group.clone()]).await;
    setup.memory.remove(&key(&group.members[0].oid));
    fs_err::remove_file(setup.object_path(&group.members[1].oid)).unwrap();
    setup.memory.remove(&key(&group.members[2].oid));
    fs_err::remove_file(setup.object_path(&group.members[2].oid)).unwrap();
    let report = setup.compare(std::slice::from_ref(&group)).await;
    let states: Vec<_> =
        group.members.iter().map(|member| report.state(Layout::Current, &member.oid)).collect();
    assert_eq!(states, [CacheOnly, RemoteOnly, Missing, Both]);
    assert_eq!(report.n_in_sync, 2);
    assert_eq!(report.requests.list, 1);
}

#[tokio::test]
async fn fetch_onto_a_full_disk_ends_at_once_with_one_error_and_goes_on_later() {
    for (skip, n_before) in [(0, 0), (10, 10)] {
        let mut setup = Setup::new();
        setup.options.jobs = Some(1);
        let group = setup.add_directory("data", &files(20, 10));
        setup.push(&[group.clone()]).await;
        setup.empty_cache();
        // As on a full file system, every write fails from now on.
        setup.faults.fail(Operation::Get, Fault::Error(ErrorKind::Unwritable), skip, usize::MAX);
        let fetched = setup.try_fetch(&[group.clone()]).await;
        setup.faults.heal();
        let n_kept = match fetched {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unwritable);
                0
            }
            Ok(report) => {
                assert_eq!(report.stopped_by.as_ref().unwrap().kind(), ErrorKind::Unwritable);
                assert_eq!((report.failed.len(), report.held_back.len(), report.missing.len()), (0, 0, 0));
                assert_eq!(report.n_not_tried, 21 - report.n_transferred, "the manifest counts as well");
                assert!(report.requests.get < 20, "nothing is asked for that cannot be kept");
                report.n_transferred
            }
        };
        assert!(n_kept <= n_before);
        let report = setup.fetch(&[group]).await;
        assert_eq!(report.n_transferred, 21 - n_kept);
        setup.check_cache();
    }
}

#[tokio::test]
async fn object_that_cannot_get_its_name_fails_alone() {
    let setup = Setup::that_waits_for_the_disk();
    let groups: Vec<_> =
        (0..30).map(|number: u32| setup.add_file(&number.to_string(), &number.to_le_bytes())).collect();
    setup.push(&groups).await;
    setup.empty_cache();
    // A directory that is not empty has the object's name.
    let blocked = groups[7].members[0].oid;
    fs_err::create_dir_all(setup.object_path(&blocked).join("x")).unwrap();
    let report = setup.fetch(&groups).await;
    assert_eq!(report.failed.iter().map(|failed| failed.oid).collect::<Vec<_>>(), [blocked]);
    assert_eq!(report.n_transferred, 29);
    for group in groups.iter().filter(|group| group.members[0].oid != blocked) {
        assert!(setup.object_path(&group.members[0].oid).is_file());
    }
}
