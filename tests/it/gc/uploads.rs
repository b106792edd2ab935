//! Unfinished multipart uploads.

use std::time::Duration;

use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Fault, FaultAction, Operation, Permission, User};
use haul_tests::objects::{key_of, md5_of};

use super::{BUCKET, stage, store};
use crate::environment;

const DAY: Duration = Duration::from_hours(24);

#[test]
fn old_uploads_of_objects_below_the_prefix_are_given_up_and_no_others() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let oid = md5_of(b"cancelled");
    let legacy = format!("store/{}/{}", &oid[..2], &oid[2..]);
    let foreign = [
        format!("store/files/md5/{oid}"),
        format!("store2/files/md5/{}/{}", &oid[..2], &oid[2..]),
        "store/README".to_owned(),
    ];
    for key in foreign.iter().chain([&key_of(&oid), &legacy]) {
        server.leave_upload(BUCKET, key, 8 * DAY);
    }
    server.leave_upload(BUCKET, &key_of(&oid), Duration::from_hours(1));
    let n_all = server.open_uploads(BUCKET);
    // Without `--older-than`, no uploads are aborted.
    repo.haul(["gc", "-w", "-c", "-f"]).success().stderr_has(&[
        "Unfinished on remote `origin` at s3://bucket/store: 3 uploads",
        "`--older-than` gives up those that are older",
    ]);
    assert_eq!(server.open_uploads(BUCKET), n_all);
    // Neither a dry run nor the answer "no" aborts any.
    let dry = repo.haul(["gc", "-w", "-c", "--older-than", "7d", "--dry"]).success();
    let dry =
        dry.stdout_has(&[&format!("Would give up the upload of s3://bucket/{}?uploadId=", key_of(&oid))]);
    assert_eq!(dry.stdout.matches("Would give up the upload").count(), 2, "{dry}");
    repo.haul(["gc", "-w", "-c", "--older-than", "7d"])
        .code(1)
        .stderr_has(&["2 uploads to be given up, from", "1 more are too young"])
        .stdout_has(&["Are you sure"]);
    assert_eq!(server.open_uploads(BUCKET), n_all);
    repo.haul(["gc", "-w", "-c", "-f", "--older-than", "7d"])
        .success()
        .stdout_has(&["Gave up 2 unfinished uploads to remote 'origin'."]);
    let mut left = foreign.to_vec();
    left.push(key_of(&oid));
    left.sort();
    assert_eq!(server.upload_keys(BUCKET), left);
    // Without `-c`, no request is sent to the remote.
    repo.haul(["gc", "-w", "-f", "--older-than", "0m"]).success();
    assert_eq!(server.open_uploads(BUCKET), left.len());
}

#[test]
fn many_uploads_are_listed_page_by_page() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    for number in 0..1100_u32 {
        server.leave_upload(BUCKET, &key_of(&md5_of(&number.to_le_bytes())), 8 * DAY);
    }
    repo.haul(["gc", "-w", "-c", "-f", "--older-than", "7d"])
        .success()
        .stdout_has(&["Gave up 1100 unfinished"]);
    assert_eq!(server.open_uploads(BUCKET), 0);
}

#[test]
fn uploads_that_may_not_be_listed_are_said_to_be_passed_over() {
    let user = User::new("limitedaccesskey", "limitedsecretkey01234567").restricted_to(&[
        Permission::ListBucket,
        Permission::GetObject,
        Permission::PutObject,
        Permission::DeleteObject,
    ]);
    let server = EmbeddedS3::start(EmbeddedOptions { users: vec![user], ..EmbeddedOptions::default() })
        .expect("the server starts");
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    repo.haul(["gc", "-w", "-c", "-f", "--older-than", "7d"]).success().stderr_has(&[
        "unfinished uploads to `s3://bucket/store` are not looked at",
        "s3:ListBucketMultipartUploads",
    ]);
}

#[test]
fn upload_that_cannot_be_given_up_is_an_error() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let key = key_of(&md5_of(b"cancelled"));
    server.leave_upload(BUCKET, &key, 8 * DAY);
    server.inject(Fault::on(Operation::AbortMultipartUpload, FaultAction::error(403, "AccessDenied")));
    let gc = repo.haul(["gc", "-w", "-c", "-f", "--older-than", "7d"]).code(1);
    gc.stderr_has(&[&format!("failed to remove 's3://bucket/{key}?uploadId="), "AccessDenied"]);
}
