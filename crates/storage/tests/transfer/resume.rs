use haul_storage::ErrorKind;
use haul_storage::testing::{Fault, Operation};

use crate::setup::{Setup, key};

/// The size of ten parts of the store in memory.
fn bytes() -> Vec<u8> {
    (0..640_000_u32).flat_map(u32::to_le_bytes).take(640 << 10).collect()
}

fn setup() -> Setup {
    let mut setup = Setup::new();
    setup.options.state_dir = Some(setup.folder.path().join("state"));
    setup.options.jobs = Some(1);
    setup
}

#[tokio::test]
async fn interrupted_upload_goes_on_with_the_parts_that_arrived() {
    let mut setup = setup();
    let group = setup.add_file("big", &bytes());
    setup.faults.fail(Operation::PutPart, Fault::Stall, 6, usize::MAX);
    let cancel = setup.options.cancel.clone();
    let groups = [group];
    let (report, ()) = futures::join!(setup.push(&groups), async {
        // Create, six parts, and the one that stalls.
        while setup.remote.requests().multipart < 8 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(report.is_interrupted);
    assert_eq!(setup.memory.n_open_uploads(), 1);

    setup.faults.heal();
    setup.options.cancel = Default::default();
    let report = setup.push(&groups).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.requests.sent_bytes, 4 * (64 << 10), "four of ten parts were missing");
    assert_eq!(setup.memory.objects()[&key(&groups[0].members[0].oid)], bytes());
    assert_eq!(setup.memory.n_open_uploads(), 0);
    assert_eq!(fs_err::read_dir(setup.folder.path().join("state/uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn upload_that_the_server_forgot_starts_over() {
    let setup = setup();
    let groups = [setup.add_file("big", &bytes())];
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::Throttled), 3, 1);
    assert!(!setup.push(&groups).await.is_complete());
    let id = format!("{}#1", key(&groups[0].members[0].oid));
    haul_storage::MultipartStore::abort_multipart(&setup.memory, "", &id).await.unwrap();
    let report = setup.push(&groups).await;
    assert!(report.is_complete());
    assert_eq!(report.requests.sent_bytes, 640 << 10);
}

#[tokio::test]
async fn upload_that_cannot_go_on_is_given_up() {
    let mut setup = setup();
    let groups = [setup.add_file("big", &bytes())];
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::Denied), 3, 1);
    assert_eq!(setup.push(&groups).await.failed.len(), 1);
    assert_eq!(setup.memory.n_open_uploads(), 0);

    setup.options.state_dir = None;
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::Throttled), 3, 1);
    assert_eq!(setup.push(&groups).await.failed.len(), 1);
    assert_eq!(setup.memory.n_open_uploads(), 0);
    assert!(setup.push(&groups).await.is_complete());
}

#[tokio::test]
async fn lost_reply_to_complete_is_looked_after() {
    let setup = setup();
    let groups = [setup.add_file("big", &bytes())];
    setup.faults.fail_next(Operation::CompleteMultipart, Fault::ReplyLost);
    assert!(setup.push(&groups).await.is_complete());
}

#[tokio::test]
async fn upload_that_vanishes_in_the_middle_starts_over() {
    let setup = setup();
    let groups = [setup.add_file("big", &bytes())];
    setup.faults.fail(Operation::PutPart, Fault::Error(ErrorKind::NotFound), 3, 1);
    assert!(setup.push(&groups).await.is_complete());
    assert_eq!(setup.memory.objects()[&key(&groups[0].members[0].oid)], bytes());
}
