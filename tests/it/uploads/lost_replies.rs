//! Each operation is done by the server, but its reply is lost.

use haul_tests::dataset::Random;
use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Quirks};
use haul_tests::fault_proxy::{Act, FaultProxy, Meddling};
use haul_tests::{Folder, TestEnvironment};

use super::{BIG_BYTES, IN_PARTS};
use crate::environment;

fn stage(quirks: Quirks) -> (EmbeddedS3, FaultProxy, TestEnvironment) {
    let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() })
        .expect("a server can be started");
    let proxy = FaultProxy::in_front_of_embedded(&server);
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.folder("aws").write("config", IN_PARTS);
    (server, proxy, environment)
}

fn with_two_files<'a>(environment: &'a TestEnvironment, proxy: &FaultProxy) -> Folder<'a> {
    let repo = environment.repository_at("repo", &proxy.endpoint());
    repo.write("small", "content");
    repo.write("big", Random(3).bytes(BIG_BYTES));
    repo.haul(["add", "small", "big"]).success();
    repo
}

/// The operations of a push, one lost reply of each.
fn lose_each_of_a_push(proxy: &FaultProxy) -> usize {
    let lost = || Act::LoseReply;
    let meddlings = [
        Meddling::on("PUT", lost()).without_query("uploadId"),
        Meddling::on("POST", lost()).query("uploads"),
        Meddling::on("PUT", lost()).query("partNumber=2"),
        Meddling::on("POST", lost()).query("uploadId"),
    ];
    let n_meddlings = meddlings.len();
    for meddling in meddlings {
        proxy.inject(meddling.times(1));
    }
    n_meddlings
}

#[test]
fn push_whose_replies_are_lost_succeeds_with_the_right_bytes() {
    let kms = Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() };
    for quirks in [Quirks::default(), kms] {
        let (server, proxy, environment) = stage(quirks);
        let repo = with_two_files(&environment, &proxy);
        let n_lost = lose_each_of_a_push(&proxy);
        repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
        assert_eq!(proxy.n_struck(), n_lost);
        proxy.heal();
        // Only the server knows the upload whose id was lost.
        assert!(server.open_uploads("bucket") <= 1);
        repo.haul(["push", "--verify"]).success().stdout_has(&["Everything is up to date."]);
    }
}

#[test]
fn deletions_whose_replies_are_lost_are_done() {
    let (server, proxy, environment) = stage(Quirks::default());
    let repo = with_two_files(&environment, &proxy);
    repo.haul(["push"]).success();
    repo.haul(["remove", "big.dvc"]).success();
    proxy.inject(Meddling::on("POST", Act::LoseReply).query("delete").times(1));
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 1 objects from remote."]);
    assert_eq!((proxy.n_struck(), server.keys("bucket").len()), (1, 1));

    // On a server without DeleteObjects, objects are deleted one by one.
    proxy.heal();
    let unknown = haul_tests::raw::RawReply::new(501, &[], "<Error><Code>NotImplemented</Code></Error>");
    proxy.inject(Meddling::on("POST", Act::Answer(unknown)).query("delete"));
    proxy.inject(Meddling::on("DELETE", Act::LoseReply).times(1));
    repo.write("other", "other");
    repo.haul(["add", "other"]).success();
    repo.haul(["push"]).success();
    repo.haul(["remove", "small.dvc"]).success();
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 1 objects from remote."]);
    assert_eq!((proxy.n_struck(), server.keys("bucket").len()), (2, 1));
}

#[test]
fn upload_that_is_given_up_leaves_nothing_when_that_reply_is_lost() {
    let (server, proxy, environment) = stage(Quirks::default());
    let repo = with_two_files(&environment, &proxy);
    let denied = haul_tests::raw::RawReply::new(403, &[], "<Error><Code>AccessDenied</Code></Error>");
    proxy.inject(Meddling::on("PUT", Act::Answer(denied)).query("partNumber=3"));
    proxy.inject(Meddling::on("DELETE", Act::LoseReply).query("uploadId").times(1));
    repo.haul(["push"]).code(1);
    assert!(proxy.n_struck() >= 2);
    assert_eq!(server.open_uploads("bucket"), 0);
}
