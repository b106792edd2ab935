//! `haul remote check`: one line for each result, with the remedy.

use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::raw::{RawReply, RawServer};

use super::{ID, LATER, SECRET, TOKEN, json, metadata, repository, s3, world};
use crate::versioned::stage;
use crate::{environment, served};

fn identity() -> RawReply {
    let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>\
                <UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    RawReply::new(200, &[("content-type", "text/xml")], body)
}

#[test]
fn check_tells_who_where_and_what_is_allowed_and_changes_nothing() {
    let (server, sts) = (s3(), RawServer::new(|_| identity()));
    let mut world = world();
    for (name, value) in
        [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", TOKEN)]
    {
        world.set(name, value);
    }
    world.set("AWS_DEFAULT_REGION", "us-east-1");
    world.set("AWS_ENDPOINT_URL_STS", sts.endpoint());
    world.set("AWS_CREDENTIAL_EXPIRATION", LATER);
    let repo = repository(&world, &server);
    let output = repo.haul(["remote", "check", "-vv"]).success();
    let output = output.stdout_has(&[
        "region       us-east-1  (environment variable AWS_DEFAULT_REGION)",
        "addressing   path",
        "credentials  ASIA****0001 from environment",
        "expire       in ",
        "identity     arn:aws:sts::123456789012:assumed-role/r/s (account 123456789012)",
        "listing      allowed; 0 objects",
        "reading      allowed",
        "writing      not tried",
        "-> `haul remote check --write origin`",
        "clock        agrees with the server's",
    ]);
    output.stdout_has(&["environment              used"]);
    assert!(server.requests().iter().all(|request| request.method == "GET" || request.method == "HEAD"));

    let output = repo.haul(["remote", "check", "--json"]).success();
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["is_reachable"], true);
    let lines = json["findings"].as_array().unwrap();
    let line = |what: &str| lines.iter().find(|line| line["what"] == what).unwrap();
    assert_eq!(line("listing")["state"], "ok");
    assert_eq!(line("writing")["state"], "info");
    assert_eq!(line("region")["origin"]["variable"], "AWS_DEFAULT_REGION");
    assert!(line("endpoint")["origin"]["path"].as_str().unwrap().contains(".dvc/config"));
    let used = json["sources"].as_array().unwrap().iter().find(|entry| entry["answer"] == "used").unwrap();
    assert_eq!(used["source"], "environment");
}

#[test]
fn check_with_write_leaves_nothing_behind() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let output = repo.haul(["remote", "check", "--write"]).success();
    output.stdout_has(&["writing      allowed", "deleting     allowed", "identity     not asked"]);
    // One to be read back, and one for what stands under its name already.
    assert_eq!(server.count(Operation::PutObject), 3);
    assert!(server.objects("bucket").is_empty());
}

#[test]
fn check_with_write_says_what_is_left_where_nothing_may_be_deleted() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    for operation in [Operation::DeleteObject, Operation::DeleteObjects] {
        server.inject(Fault::on(operation, FaultAction::error(403, "AccessDenied")));
    }
    let output = repo.haul(["remote", "check", "--write"]).success();
    let output = output.stdout_has(&["deleting     ", "`haul-check-", "is left", "-> allow s3:DeleteObject"]);
    let left = server.objects("bucket");
    assert!(left.iter().all(|object| object.key.starts_with("store/haul-check-")), "{left:?}");
    assert_eq!(left.len(), output.stdout.matches("haul-check-").count(), "{output}");
}

#[test]
fn check_goes_on_where_listing_is_not_allowed_and_fails_in_the_end() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    server.inject(Fault::on(Operation::ListObjectsV2, FaultAction::error(403, "AccessDenied")));
    let output = repo.haul(["remote", "check", "--write"]).failure();
    let output = output.stdout_has(&[
        "listing      not allowed",
        "->",
        "reading      allowed",
        "writing      allowed",
    ]);
    let output = output.stderr_has(&["ERROR: remote 'origin' does not pass: listing"]);
    assert!(output.stdout.contains("AccessDenied") && !output.stderr.contains("AccessDenied"), "{output}");
}

#[test]
fn check_of_a_read_only_user_names_the_missing_right() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    server.inject(Fault::on(Operation::PutObject, FaultAction::error(403, "AccessDenied")));
    let output = repo.haul(["remote", "check", "--write"]).failure();
    output.stdout_has(&["reading      allowed", "writing      not allowed", "s3:PutObject"]);
}

#[test]
fn check_names_a_clock_that_is_wrong() {
    let server = RawServer::new(|_| {
        let page =
            "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>";
        let headers = [("content-type", "application/xml"), ("date", "Thu, 01 Jan 2099 00:00:00 GMT")];
        RawReply::new(200, &headers, page)
    });
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    environment.set("AWS_SECRET_ACCESS_KEY", SECRET);
    let repo = environment.repository_at("repo", &server.endpoint());
    let output = repo.haul(["remote", "check"]).success();
    output.stdout_has(&["clock        the server's is", "s ahead", "-> set this machine's clock"]);
}

#[test]
fn check_of_a_local_remote_tries_it_as_well() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "disk", "../store"]).success();
    repo.haul(["remote", "check", "--write"]).success().stdout_has(&["listing", "writing      allowed"]);
    assert!(!environment.root().join("store").read_dir().is_ok_and(|mut entries| entries.next().is_some()));
}

#[test]
fn check_without_a_server_says_so_and_sends_no_more_requests() {
    let service = RawServer::new(|_| metadata(LATER));
    let mut world = world();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    world.set("AWS_MAX_ATTEMPTS", "1");
    let gone = RawServer::new(|_| json("")).endpoint();
    let repo = world.folder("repo");
    repo.haul(["init", "--no-scm"]).success();
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &gone]).success();
    let output = repo.haul(["remote", "check", "--json"]).failure().stdout_has(&["is_reachable"]);
    let json: serde_json::Value = serde_json::from_str(output.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(json["is_reachable"], false);
}

#[test]
fn check_names_what_is_in_effect_where_nothing_is_set() {
    let (server, mut environment) = served();
    environment.set("AWS_MAX_ATTEMPTS", "1");
    environment.unset("NO_PROXY");
    environment.set("https_proxy", "http://127.0.0.1:9");
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "--unset", "origin", "region"]).success();
    let output = repo.haul(["remote", "check"]).success();
    output.stdout_has(&["region       us-east-1  (", "endpoint     http://", "listing by   ListObjectsV2"]);
    // Behind a proxy that does not answer, AWS's endpoint is named all the same.
    repo.haul(["remote", "modify", "--unset", "origin", "endpointurl"]).success();
    repo.haul(["remote", "check"]).failure().stdout_has(&[
        "endpoint     https://",
        "(AWS's, of the region)",
        "proxy        http://127.0.0.1:9  (environment variable https_proxy)",
    ]);
}

#[test]
fn check_of_a_versioned_remote_asks_for_the_versioning_of_the_bucket_and_leaves_no_version() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    let output = repo.haul(["remote", "check", "--write"]).success();
    output.stdout_has(&[
        "versioning   the bucket keeps versions, which `version_aware` needs",
        "writing      allowed",
    ]);
    let puts = server.requests().into_iter().filter(|request| request.operation == Operation::PutObject);
    for put in puts {
        assert!(server.versions("bucket", &put.key).is_empty(), "versions of `{}` are left", put.key);
    }

    // A bucket that keeps none: the push would fail.
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    let unset = "haul remote modify --unset origin version_aware";
    repo.haul(["remote", "check"]).code(1).stdout_has(&[
        "does not keep versions",
        "put-bucket-versioning",
        unset,
    ]);
    repo.haul(unset.split(' ').skip(1)).success();
    repo.haul(["remote", "check"]).success().stdout_has(&["versioning   off"]);
}

#[test]
fn check_tells_what_it_may_not_ask_and_passes() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    for operation in [Operation::GetBucketVersioning, Operation::ListMultipartUploads, Operation::Other] {
        server.inject(Fault::on(operation, FaultAction::error(403, "AccessDenied")));
    }
    let output = repo.haul(["remote", "check"]).success();
    let output = output.stdout_has(&[
        "versioning   not known: not allowed to ask",
        "object lock  not known: not allowed to ask",
        "encryption   not known: not allowed to ask",
        "leftovers    not known: not allowed to ask",
        "s3:GetBucketObjectLockConfiguration",
    ]);
    assert!(output.stderr.is_empty(), "{output}");
}

#[test]
fn check_counts_unfinished_uploads_and_the_command_it_names_gives_them_up() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let key = format!("store/files/md5/{}/{}", "ab", "c".repeat(30));
    server.leave_upload("bucket", &key, std::time::Duration::from_hours(8 * 24));
    let command = "haul gc -w -c -r origin --older-than 7d";
    repo.haul(["remote", "check"])
        .success()
        .stdout_has(&["1 unfinished upload, the oldest 8 days old", command]);
    repo.haul(command.split(' ').skip(1).chain(["-f"])).success();
    repo.haul(["remote", "check"]).success().stdout_has(&["leftovers    no unfinished uploads"]);
}
