use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use haul_storage::testing::{Fault, MemoryStore, Operation};
use haul_storage::transfer::{DirTrust, DownloadCheck, ObjectState, RemoteCheck, TransferMode};
use haul_storage::{ErrorKind, Layout, Oid, ReadStore, StoreLimits, hash};

use crate::setup::{Setup, check_remote, dir_oid, files, key, member, oid_of};

#[tokio::test]
async fn push_sends_everything_once_and_then_nothing() {
    let setup = Setup::new();
    let groups = [
        setup.add_directory("data", &files(300, 50)),
        setup.add_directory("same", &files(300, 50)),
        setup.add_file("big", &vec![1; 300_000]),
        setup.add_file("middle", &vec![2; 70_000]),
        setup.add_file("empty", b""),
    ];
    let report = setup.push(&groups).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.n_transferred, 300 + 1 + 3, "equal directories and objects are sent once");
    assert_eq!(setup.memory.objects().len(), 304);
    for (path, bytes) in setup.memory.objects() {
        let oid = Layout::Current.parse_path(&path).unwrap();
        assert_eq!(hash::md5(&bytes), *oid.digest(), "{path}");
    }
    assert_eq!(setup.memory.n_open_uploads(), 0);

    let report = setup.push(&groups).await;
    assert!(report.is_complete());
    assert_eq!((report.n_transferred, report.n_present), (0, 304));
    assert_eq!(report.requests.list, 1);
    assert_eq!(report.requests.put + report.requests.head + report.requests.multipart, 0);
}

#[tokio::test]
async fn push_costs_one_listing_and_one_request_per_object() {
    let setup = Setup::new();
    let report = setup.push(&[setup.add_directory("data", &files(500, 10))]).await;
    assert_eq!((report.requests.list, report.requests.put), (1, 501));
    assert_eq!(report.requests.head + report.requests.get + report.requests.multipart, 0);
}

#[tokio::test]
async fn push_of_nothing_asks_nothing() {
    let setup = Setup::new();
    let report = setup.push(&[]).await;
    assert!(report.is_complete());
    assert_eq!(report.requests, Default::default());
}

#[tokio::test]
async fn empty_directory_is_pushed() {
    let setup = Setup::new();
    let group = setup.add_directory("empty", &[]);
    assert_eq!(setup.push(std::slice::from_ref(&group)).await.n_transferred, 1);
    assert!(setup.memory.objects().contains_key(&key(&dir_oid(&group))));
}

#[tokio::test]
async fn failed_member_holds_its_manifest_back() {
    let setup = Setup::new();
    let bad = setup.add_directory("bad", &files(20, 10));
    let good = setup.add_directory("good", &files(5, 99));
    setup.faults.fail_next(Operation::Put, Fault::Error(ErrorKind::Denied));
    let report = setup.push(&[bad.clone(), good.clone()]).await;
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].error.kind(), ErrorKind::Denied);
    assert!(report.failed[0].path.starts_with("bad/") || report.failed[0].path.starts_with("good/"));
    assert_eq!(report.held_back.len(), 1);
    assert_eq!(report.n_transferred, 25);
    check_remote(&setup.memory);

    let report = setup.push(&[bad, good]).await;
    assert!(report.is_complete());
    assert_eq!(report.n_transferred, 2, "the member and its manifest");
    check_remote(&setup.memory);
}

#[tokio::test]
async fn missing_object_is_reported_and_holds_its_manifest_back() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(3, 10));
    fs_err::remove_file(setup.object_path(&group.members[1].oid)).unwrap();
    let report = setup.push(&[group.clone()]).await;
    assert!(!report.is_complete());
    assert_eq!(report.missing.len(), 1);
    assert_eq!(&*report.missing[0].path, "data/1");
    assert_eq!(report.held_back.len(), 1);
    assert!(!setup.memory.objects().contains_key(&key(&dir_oid(&group))));

    // The remote has the object, which is enough.
    setup.memory.insert(&key(&group.members[1].oid), files(3, 10)[1].clone());
    assert!(setup.push(&[group]).await.is_complete());
    check_remote(&setup.memory);
}

#[tokio::test]
async fn half_pushed_directory_heals() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(10, 10));
    setup.push(&[group.clone()]).await;
    setup.memory.remove(&key(&group.members[4].oid));

    setup.memory.objects();
    let trusting = Setup { options: Default::default(), ..setup };
    let mut setup = trusting;
    setup.options.dir_trust = DirTrust::TrustDir;
    let report = setup.push(&[group.clone()]).await;
    assert_eq!((report.n_transferred, report.n_present), (0, 11), "as DVC: the manifest is taken as proof");

    setup.options.dir_trust = DirTrust::CheckMembers;
    assert_eq!(setup.push(&[group]).await.n_transferred, 1);
    check_remote(&setup.memory);
}

#[tokio::test]
async fn trusted_manifest_that_is_absent_proves_nothing() {
    let mut setup = Setup::new();
    setup.options.dir_trust = DirTrust::TrustDir;
    let group = setup.add_directory("data", &files(10, 10));
    let report = setup.push(&[group, setup.add_file("one", b"one")]).await;
    assert!(report.is_complete());
    assert_eq!(report.n_transferred, 12);
}

#[tokio::test]
async fn damaged_remote_object_is_sent_again() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(10, 10));
    setup.push(&[group.clone()]).await;
    setup.memory.insert(&key(&group.members[4].oid), "other bytes");
    let compared = setup.compare(std::slice::from_ref(&group)).await;
    assert_eq!(compared.damaged.len(), 1);
    assert_eq!(compared.state(Layout::Current, &group.members[4].oid), ObjectState::CacheOnly);

    let report = setup.push(&[group.clone()]).await;
    assert_eq!((report.n_transferred, report.n_healed), (1, 1));
    assert_eq!(setup.memory.objects()[&key(&group.members[4].oid)], files(10, 10)[4]);
}

#[tokio::test]
async fn remote_object_of_wrong_size_without_md5_is_sent_again() {
    let mut limits = haul_storage::ReadStore::limits(&MemoryStore::new());
    limits.etag_is_md5 = false;
    let setup = Setup::with(MemoryStore::new().with_limits(limits));
    let group = setup.add_directory("data", &files(10, 10));
    setup.push(&[group.clone()]).await;
    setup.memory.insert(&key(&group.members[4].oid), "short");
    assert_eq!(setup.push(&[group]).await.n_healed, 1);
}

#[tokio::test]
async fn damaged_cache_object_is_not_sent() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(3, 10));
    let path = setup.object_path(&group.members[0].oid);
    fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(&path, "garbage").unwrap();
    fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    let report = setup.push(&[group.clone()]).await;
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].error.kind(), ErrorKind::Corrupt);
    assert!(!setup.memory.objects().contains_key(&key(&group.members[0].oid)));
    assert_eq!(report.held_back.len(), 1);
}

#[tokio::test]
async fn push_without_listing_asks_for_each_object() {
    let setup = Setup::new();
    setup.memory.deny_listing();
    let group = setup.add_directory("data", &files(10, 10));
    let report = setup.push(&[group.clone()]).await;
    assert!(report.is_complete());
    assert_eq!((report.requests.list, report.requests.head, report.requests.put), (1, 11, 11));
    let report = setup.push(&[group]).await;
    assert_eq!((report.requests.put, report.n_present), (0, 11));
}

#[tokio::test]
async fn dry_run_sends_nothing() {
    let mut setup = Setup::new();
    setup.options.mode = TransferMode::DryRun;
    let group = setup.add_directory("data", &files(10, 10));
    fs_err::remove_file(setup.object_path(&group.members[1].oid)).unwrap();
    let report = setup.push(&[group, setup.add_file("big", &vec![0; 300_000])]).await;
    assert_eq!(report.planned.len(), 10);
    assert!(report.planned.iter().any(|planned| planned.size_bytes == Some(300_000)));
    assert_eq!((report.missing.len(), report.held_back.len()), (1, 1));
    assert!(setup.memory.objects().is_empty());
}

#[tokio::test]
async fn missing_bucket_and_refused_credentials_end_everything_at_once() {
    for kind in [ErrorKind::NoSuchBucket, ErrorKind::Unauthenticated] {
        for operation in [Operation::List, Operation::Put] {
            let setup = Setup::new();
            let group = setup.add_directory("data", &files(2000, 10));
            setup.faults.fail(operation, Fault::Error(kind), 0, usize::MAX);
            assert_eq!(setup.try_push(&[group]).await.unwrap_err().kind(), kind);
            let counts = setup.remote.requests();
            assert!(counts.put + counts.list < 200, "{counts:?}");
        }
    }
}

#[tokio::test]
async fn unreachable_server_is_given_up_without_going_through_all_objects() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(2000, 10));
    setup.faults.fail(Operation::Put, Fault::Error(ErrorKind::Network), 0, usize::MAX);
    assert_eq!(setup.try_push(&[group]).await.unwrap_err().kind(), ErrorKind::Network);
    assert!(setup.remote.requests().put < 200);
}

#[tokio::test]
async fn server_that_dies_in_the_middle_leaves_a_report() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(2000, 10));
    setup.faults.fail(Operation::Put, Fault::Error(ErrorKind::Denied), 100, usize::MAX);
    let report = setup.push(&[group]).await;
    assert_eq!(report.n_transferred, 100);
    assert_eq!(report.failed.len(), 1900);
    assert_eq!(report.held_back.len(), 1);
    check_remote(&setup.memory);
}

#[tokio::test]
async fn throttled_push_goes_on_with_fewer_requests() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(100, 10));
    setup.faults.fail(Operation::Put, Fault::Error(ErrorKind::Throttled), 10, 3);
    let report = setup.push(&[group.clone()]).await;
    assert_eq!((report.n_transferred, report.failed.len(), report.held_back.len()), (97, 3, 1));
    assert!(setup.push(&[group]).await.is_complete());
}

#[tokio::test]
async fn cancelled_push_stops_and_the_next_one_goes_on() {
    let mut setup = Setup::new();
    let group = setup.add_directory("data", &files(300, 10));
    setup.faults.fail(Operation::Put, Fault::Stall, 50, usize::MAX);
    let cancel = setup.options.cancel.clone();
    let groups = [group];
    let (report, ()) = futures::join!(setup.push(&groups), async {
        while setup.memory.objects().len() < 50 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(report.is_interrupted && !report.is_complete());
    assert_eq!((report.n_transferred, report.n_not_tried), (50, 251));
    setup.faults.heal();
    setup.options.cancel = Default::default();
    let report = setup.push(&groups).await;
    assert!(report.is_complete());
    assert_eq!(report.n_transferred, 251);
}

#[tokio::test]
async fn queue_of_a_push_is_as_long_as_the_store_says() {
    for (max_queue, at_most) in [(Some(2), 1 + 2), (None, 100)] {
        let memory = MemoryStore::new();
        let limits = StoreLimits { max_queue, ..ReadStore::limits(&memory) };
        let mut setup = Setup::with(memory.with_limits(limits));
        setup.options.jobs = Some(1);
        let groups = [setup.add_directory("data", &files(100, 92))];
        setup.faults.fail(Operation::Put, Fault::Stall, 0, usize::MAX);
        let cancel = setup.options.cancel.clone();
        // An object is made read-only before it is read.
        let paths: Vec<_> = groups[0].members.iter().map(|member| setup.object_path(&member.oid)).collect();
        for path in &paths {
            fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
        }
        let is_read = |path: &&PathBuf| fs_err::metadata(path).unwrap().permissions().readonly();
        let n_read = || paths.iter().filter(is_read).count();
        let (report, ()) = futures::join!(setup.push(&groups), async {
            while n_read() == 0 {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        });
        assert!(report.is_interrupted);
        let n_objects = n_read();
        assert!(n_objects <= at_most, "{n_objects} objects in hand with a queue of {max_queue:?}");
        // Without a limit whole batches are read ahead, which shows that the limit had an effect.
        assert!(max_queue.is_some() || n_objects > 10, "{n_objects}");

        setup.faults.heal();
        setup.options.cancel = Default::default();
        assert!(setup.push(&groups).await.is_complete());
        setup.empty_cache();
        setup.options.check = DownloadCheck::StreamAndFile;
        assert!(setup.fetch(&groups).await.is_complete());
        assert_eq!(setup.check_names(), 101);
    }
}

#[tokio::test]
async fn legacy_objects_have_their_own_place() {
    let setup = Setup::new();
    let text = b"a\r\nb\r\n".to_vec();
    let oid = Oid::file(hash::md5(b"a\nb\n"));
    let path = setup.cache.object_path(Layout::Legacy, &oid);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, &text).unwrap();
    let group = haul_storage::transfer::ObjectGroup {
        layout: Layout::Legacy,
        directory: None,
        manifest: None,
        members: vec![member(oid, "text")],
        total_bytes: None,
    };
    let groups = [group, setup.add_file("new", b"new")];
    assert_eq!(setup.push(&groups).await.n_transferred, 2);
    assert_eq!(setup.memory.objects()[&Layout::Legacy.object_path(&oid)], text);
    assert!(setup.memory.objects().contains_key(&key(&oid_of(b"new"))));
    setup.empty_cache();
    assert_eq!(setup.fetch(&groups).await.n_transferred, 2);
    assert_eq!(fs_err::read(path).unwrap(), text);
    assert_eq!(setup.compare(&groups).await.n_in_sync, 2);
}

#[tokio::test]
async fn wrong_entity_tag_makes_the_object_be_sent_again() {
    let setup = Setup::new();
    let groups = [setup.add_file("one", b"one")];
    setup.faults.fail_next(Operation::Put, Fault::WrongEtag);
    let report = setup.push(&groups).await;
    assert!(report.is_complete());
    assert_eq!(report.requests.put, 2);
}

#[tokio::test]
async fn entity_tag_that_stays_wrong_is_a_failure() {
    let setup = Setup::new();
    let groups = [setup.add_file("small", b"one"), setup.add_file("parts", &vec![0; 640 << 10])];
    setup.faults.fail(Operation::Put, Fault::WrongEtag, 0, usize::MAX);
    setup.faults.fail(Operation::CompleteMultipart, Fault::WrongEtag, 0, usize::MAX);
    let report = setup.push(&groups).await;
    // The reply to the completion is wrong, which a HEAD of the object corrects.
    let [failed] = &report.failed[..] else { panic!("one failed: {report:?}") };
    assert_eq!((failed.path.as_ref(), failed.error.kind()), ("small", ErrorKind::Corrupt));
}

#[tokio::test]
async fn part_that_arrives_changed_is_sent_again_and_given_up_in_the_end() {
    let setup = Setup::new();
    let groups = [setup.add_file("parts", &vec![0; 640 << 10])];
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::Corrupt), 1, 1);
    assert!(setup.push(&groups).await.is_complete());

    let setup = Setup::new();
    let groups = [setup.add_file("parts", &vec![0; 640 << 10])];
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::Corrupt), 1, usize::MAX);
    let report = setup.push(&groups).await;
    assert_eq!(report.failed[0].error.kind(), ErrorKind::Corrupt);
    assert_eq!((setup.memory.n_open_uploads(), setup.memory.objects().len()), (0, 0));
}

#[tokio::test]
async fn push_that_verifies_sends_what_the_remote_has_wrong() {
    let mut limits = haul_storage::ReadStore::limits(&MemoryStore::new());
    limits.etag_is_md5 = false;
    let mut setup = Setup::with(MemoryStore::new().with_limits(limits));
    let group = setup.add_directory("data", &files(10, 10));
    setup.push(&[group.clone()]).await;
    let (member, manifest) = (key(&group.members[4].oid), key(&dir_oid(&group)));
    for key in [&member, &manifest] {
        let mut bytes = setup.memory.objects()[key].to_vec();
        bytes[3] ^= 1;
        setup.memory.insert(key, bytes);
    }
    assert_eq!(setup.push(&[group.clone()]).await.n_transferred, 0);
    setup.options.remote_check = RemoteCheck::Content;
    let report = setup.push(&[group.clone()]).await;
    assert_eq!((report.n_transferred, report.n_healed, report.n_present), (2, 2, 9));
    assert_eq!(setup.memory.objects()[&member], files(10, 10)[4]);
    // Bits that are flipped in the reply are no damage of the object.
    setup.faults.fail_next(Operation::Get, Fault::WrongBytes);
    assert_eq!(setup.push(&[group]).await.n_transferred, 0);
}

#[tokio::test]
async fn push_that_is_dropped_gives_its_upload_up() {
    for has_state in [false, true] {
        let mut setup = Setup::new();
        setup.options.state_dir = has_state.then(|| setup.folder.path().join("state"));
        let groups = [setup.add_file("parts", &vec![0; 640 << 10])];
        setup.faults.fail(Operation::PutPart, Fault::Stall, 1, usize::MAX);
        {
            let mut push = std::pin::pin!(setup.push(&groups));
            while setup.remote.requests().multipart < 3 {
                let turn = std::pin::pin!(tokio::task::yield_now());
                futures::future::select(&mut push, turn).await;
            }
            assert_eq!(setup.memory.n_open_uploads(), 1);
        }
        // The wait is bounded: another task aborts the upload.
        for _ in 0..5000 {
            if setup.memory.n_open_uploads() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(setup.memory.n_open_uploads(), 0);
        setup.faults.heal();
        assert!(setup.push(&groups).await.is_complete());
    }
}

#[tokio::test]
async fn first_object_goes_while_the_listing_goes_on() {
    let setup = Setup::with(MemoryStore::new().with_page_objects(100));
    for index in 0..2000_u32 {
        setup.memory.insert(&key(&oid_of(&index.to_le_bytes())), index.to_le_bytes().to_vec());
    }
    let group = setup.add_directory("data", &files(2000, 10));
    setup.faults.fail(Operation::List, Fault::Stall, 1, usize::MAX);
    let cancel = setup.options.cancel.clone();
    let groups = [group];
    let (report, ()) = futures::join!(setup.push(&groups), async {
        while setup.remote.requests().put == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(report.is_interrupted);
    assert!(report.n_transferred > 0);
}

#[tokio::test]
async fn bucket_that_encrypts_by_default_is_judged_by_size() {
    let setup = Setup::new();
    setup.memory.encrypt_by_default();
    let groups = [setup.add_directory("data", &files(2000, 10))];
    let report = setup.push(&groups).await;
    assert!(report.is_complete(), "{report:?}");
    setup.memory.forget_what_was_told();
    let report = setup.push(&groups).await;
    assert_eq!((report.n_transferred, report.n_present), (0, 2001));
    assert_eq!(report.requests.head, 1, "one closer look");
    setup.memory.forget_what_was_told();
    assert_eq!(setup.compare(&groups).await.n_in_sync, 2001);
}

#[tokio::test]
async fn server_that_vanishes_in_the_middle_is_told_once() {
    let setup = Setup::new();
    let group = setup.add_directory("data", &files(2000, 10));
    setup.faults.fail(Operation::Put, Fault::Error(ErrorKind::Unauthenticated), 100, usize::MAX);
    let report = setup.push(&[group]).await;
    assert_eq!((report.n_transferred, report.failed.len()), (100, 1));
    assert_eq!(report.failed[0].error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(report.n_not_tried + 101, 2001);
}
