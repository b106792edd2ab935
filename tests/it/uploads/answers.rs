//! A server that is not an S3 server: it answers every request with a page of HTML.

use haul_tests::embedded::{BucketOptions, EmbeddedS3, Operation, Versioning};
use haul_tests::fault_proxy::{Act, FaultProxy, Meddling};
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, with_file};

fn stage() -> (EmbeddedS3, FaultProxy, TestEnvironment) {
    let server = EmbeddedS3::new();
    let proxy = FaultProxy::in_front_of_embedded(&server);
    let mut environment = environment();
    environment.use_keys_of(&server);
    (server, proxy, environment)
}

/// The texts that every command must print.
fn says_so(proxy: &FaultProxy, repo: &Folder<'_>, arguments: &[&str]) {
    let endpoint = format!("`{}` does not answer as an S3 server does", proxy.endpoint());
    let output = repo.haul(arguments).failure().stderr_has(&[&endpoint, "page of HTML"]);
    assert!(!output.stdout.contains("up to date") && !output.stdout.contains("1 file"), "{output}");
}

#[test]
fn page_of_html_is_named_as_such_by_every_command() {
    let (_server, proxy, environment) = stage();
    let repo = with_file(&environment, &proxy.endpoint());
    proxy.inject(Meddling::everywhere(Act::html_page()));
    for arguments in [&["push"][..], &["push", "--dry-run"], &["status", "-c"], &["gc", "-w", "-c", "-f"]] {
        says_so(&proxy, &repo, arguments);
    }
    repo.haul(["remote", "check"]).failure().says(&["page of HTML"]);
    repo.remove(".dvc/cache");
    for arguments in [&["fetch"][..], &["pull"]] {
        says_so(&proxy, &repo, arguments);
    }
    // Many objects are listed.
    for index in 0..30 {
        repo.write(format!("data/{index}"), format!("{index}"));
    }
    repo.haul(["add", "data"]).success();
    says_so(&proxy, &repo, &["push", "data"]);
    says_so(&proxy, &repo, &["status", "-c"]);
}

#[test]
fn page_of_html_to_an_upload_is_no_upload() {
    let (server, proxy, environment) = stage();
    let repo = with_file(&environment, &proxy.endpoint());
    proxy.inject(Meddling::on("PUT", Act::html_page()));
    says_so(&proxy, &repo, &["push"]);
    assert_eq!(server.keys("bucket"), [""; 0]);
    server.add_bucket(&BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("versions") });
    repo.haul(["remote", "add", "versions", "s3://versions/store"]).success();
    repo.haul(["remote", "modify", "versions", "endpointurl", &proxy.endpoint()]).success();
    repo.haul(["remote", "modify", "versions", "version_aware", "true"]).success();
    says_so(&proxy, &repo, &["push", "-r", "versions"]);
    assert_eq!(server.keys("versions"), [""; 0]);
    proxy.heal();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    assert_eq!(server.count(Operation::PutObject), 1);
}

#[test]
fn empty_reply_without_an_entity_tag_is_no_upload() {
    let (_server, proxy, environment) = stage();
    let repo = with_file(&environment, &proxy.endpoint());
    let empty = haul_tests::raw::RawReply::new(200, &[], "");
    proxy.inject(Meddling::on("PUT", Act::Answer(empty)));
    let output = repo.haul(["push"]).failure().stderr_has(&[&proxy.endpoint(), "no ETag"]);
    assert!(!output.stdout.contains("pushed"), "{output}");
}
