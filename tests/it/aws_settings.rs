//! The AWS config file and its variables: every setting takes effect in the requests.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use haul_tests::embedded::{
    BucketOptions, EmbeddedOptions, EmbeddedS3, Fault, FaultAction, Operation, Quirks, RecordedRequest,
};
use haul_tests::raw::{RawReply, RawServer};
use haul_tests::tls::Certificate;
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, with_file};

/// With this many objects the remote is listed, and not asked for each.
const N_FILES: usize = 8;

fn world(server: &EmbeddedS3) -> TestEnvironment {
    let mut environment = environment();
    environment.use_keys_of(server);
    environment
}

/// Makes a repository at this endpoint, with some added files.
fn repository<'a>(environment: &'a TestEnvironment, endpoint: &str) -> Folder<'a> {
    let repo = environment.repository_at("repo", endpoint);
    add_files(&repo);
    repo
}

fn add_files(repo: &Folder<'_>) {
    for index in 0..N_FILES {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
}

fn settings(environment: &TestEnvironment, text: &str) {
    environment.folder("aws").write("config", text);
}

/// Writes a block of S3 settings into the default profile.
fn block(environment: &TestEnvironment, lines: &[&str]) {
    settings(environment, &format!("[default]\ns3 =\n  {}\n", lines.join("\n  ")));
}

fn of(server: &EmbeddedS3, operation: Operation) -> Vec<RecordedRequest> {
    server.requests().into_iter().filter(|request| request.operation == operation).collect()
}

/// Pushes through a server that holds each PUT until it has `hoped` of them, or a moment has passed; returns the maximum
/// of concurrent PUTs.
fn puts_at_once(hoped: usize, set: impl FnOnce(&Folder<'_>)) -> usize {
    let server = EmbeddedS3::new();
    let environment = world(&server);
    let state = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    let front = RawServer::in_front_of(&server, {
        let state = Arc::clone(&state);
        move |request| {
            if request.method == "PUT" {
                let (counts, changed) = &*state;
                let mut counts = counts.lock().expect("no handler panics");
                counts.0 += 1;
                counts.1 = counts.1.max(counts.0);
                changed.notify_all();
                let wait =
                    changed.wait_timeout_while(counts, Duration::from_millis(300), |counts| counts.1 < hoped);
                let (mut counts, _) = wait.expect("no handler panics");
                counts.0 -= 1;
            }
            None
        }
    });
    let repo = repository(&environment, &front.endpoint());
    set(&repo);
    repo.haul(["push"]).success();
    assert_eq!(server.keys("bucket").len(), N_FILES + 1);
    state.0.lock().expect("no handler panics").1
}

#[test]
fn max_concurrent_requests_limits_the_requests_under_way_and_jobs_win() {
    let limit = |repo: &Folder<'_>, number: &str| {
        let line = format!("[default]\ns3 =\n  max_concurrent_requests = {number}\n");
        repo.write("../aws/config", line);
    };
    assert!(puts_at_once(4, |_| {}) >= 4, "without a limit there are many");
    assert_eq!(puts_at_once(4, |repo| limit(repo, "2")), 2);
    let jobs = |repo: &Folder<'_>| {
        limit(repo, "2");
        repo.haul(["remote", "modify", "origin", "jobs", "3"]).success();
    };
    assert_eq!(puts_at_once(4, jobs), 3);
}

#[test]
fn max_queue_size_of_one_still_moves_everything() {
    let server = EmbeddedS3::new();
    let environment = world(&server);
    block(&environment, &["max_queue_size = 1", "max_concurrent_requests = 2"]);
    let repo = repository(&environment, &server.endpoint());
    repo.haul(["push"]).success();
    repo.remove("data");
    repo.remove(".dvc/cache");
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("data/3"), "content 3");
}

#[test]
fn max_bandwidth_slows_both_directions_down() {
    let server = EmbeddedS3::new();
    let environment = world(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "x".repeat(600_000));
    repo.haul(["add", "file"]).success();
    block(&environment, &["max_bandwidth = 200KB/s"]);
    let at_least = Duration::from_secs(2);
    let start = Instant::now();
    repo.haul(["push"]).success();
    assert!(start.elapsed() > at_least, "600 kB at 200 kB/s took {:?}", start.elapsed());
    repo.remove(".dvc/cache");
    let start = Instant::now();
    repo.haul(["fetch"]).success();
    assert!(start.elapsed() > at_least, "600 kB at 200 kB/s took {:?}", start.elapsed());
}

#[test]
fn payload_signing_is_on_and_off_as_it_is_set() {
    let certificate = Certificate::generate().unwrap();
    let tls = EmbeddedOptions { tls: Some(certificate.clone()), ..EmbeddedOptions::default() };
    for (options, setting, is_hashed) in [(tls, "true", true), (EmbeddedOptions::default(), "false", false)] {
        let server = EmbeddedS3::start(options).unwrap();
        let environment = world(&server);
        block(&environment, &[&format!("payload_signing_enabled = {setting}")]);
        let files = certificate.write_to(&environment.root().join("tls")).unwrap();
        let repo = repository(&environment, &server.endpoint());
        let bundle = files.authority.display().to_string();
        repo.haul(["remote", "modify", "origin", "ssl_verify", &bundle]).success();
        repo.haul(["push"]).success();
        for put in of(&server, Operation::PutObject) {
            let hash = put.header("x-amz-content-sha256").unwrap().to_owned();
            assert_eq!(hash.len() == 64, is_hashed, "{setting}: {hash}");
        }
    }
}

#[test]
fn checksums_are_sent_and_asked_for_where_that_is_set() {
    for by_variable in [false, true] {
        let server = EmbeddedS3::new();
        let mut environment = world(&server);
        if by_variable {
            environment.set("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported");
            environment.set("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported");
        } else {
            let lines = "request_checksum_calculation = when_supported\n\
                         response_checksum_validation = when_supported\n";
            settings(&environment, &format!("[default]\n{lines}"));
        }
        let repo = repository(&environment, &server.endpoint());
        repo.haul(["push"]).success();
        repo.remove(".dvc/cache");
        repo.haul(["fetch"]).success();
        let (puts, gets) = (of(&server, Operation::PutObject), of(&server, Operation::GetObject));
        assert_eq!((puts.len(), gets.len()), (N_FILES + 1, N_FILES + 1));
        // A header, and never a trailer.
        assert!(puts.iter().all(|put| put.header("x-amz-checksum-crc32").is_some()));
        assert!(puts.iter().all(|put| put.header("x-amz-trailer").is_none()));
        assert!(gets.iter().all(|get| get.header("x-amz-checksum-mode") == Some("ENABLED")));
    }
}

#[test]
fn upload_in_parts_with_checksums_is_announced_with_their_algorithm() {
    for (mode, is_sent) in [("when_supported", true), ("when_required", false)] {
        let server = EmbeddedS3::new();
        let environment = world(&server);
        let block = "s3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        settings(&environment, &format!("[default]\nrequest_checksum_calculation = {mode}\n{block}"));
        let repo = environment.repository_at("repo", &server.endpoint());
        repo.write("big", "0123456789abcdef".repeat(800_000));
        repo.haul(["add", "big"]).success();
        repo.haul(["push"]).success();
        let created = of(&server, Operation::CreateMultipartUpload);
        let parts = of(&server, Operation::UploadPart);
        assert_eq!((created.len(), parts.len()), (1, 3));
        assert_eq!(created[0].header("x-amz-checksum-algorithm"), is_sent.then_some("CRC32"));
        assert!(parts.iter().all(|part| part.header("x-amz-checksum-crc32").is_some() == is_sent));
        repo.remove(".dvc/cache");
        repo.haul(["fetch"]).success();
    }
}

#[test]
fn attempts_are_as_many_as_the_settings_say() {
    let (throttled, failed) = ((503, "SlowDown"), (500, "InternalError"));
    for (setting, (status, code), n_attempts) in [
        ("max_attempts = 1", throttled, 1),
        ("max_attempts = 4", throttled, 4),
        ("retry_mode = legacy\nmax_attempts = 2", throttled, 2),
        ("retry_mode = standard", failed, 3),
        ("retry_mode = adaptive", failed, 3),
        ("retry_mode = legacy", failed, 5),
    ] {
        let server = EmbeddedS3::new();
        let environment = world(&server);
        settings(&environment, &format!("[default]\n{setting}\n"));
        let repo = with_file(&environment, &server.endpoint());
        server.inject(Fault::on(Operation::PutObject, FaultAction::error(status, code)));
        repo.haul(["push"]).failure().stderr_has(&[code]);
        assert_eq!(server.count(Operation::PutObject), n_attempts, "{setting}");
    }
}

#[test]
fn mode_of_retries_leaves_patience_with_a_server_that_asks_for_it() {
    let server = EmbeddedS3::new();
    let environment = world(&server);
    settings(&environment, "[default]\nretry_mode = standard\n");
    let repo = with_file(&environment, &server.endpoint());
    server.inject(Fault::on(Operation::PutObject, FaultAction::error(503, "SlowDown")).times(5));
    repo.haul(["push"]).success();
    assert_eq!(server.count(Operation::PutObject), 6);
}

#[test]
fn endpoint_is_found_where_boto3_finds_it() {
    let services = "services = mine\n[services mine]\ns3 =\n  endpoint_url = ENDPOINT\n";
    for (text, variables) in [
        ("[default]\nendpoint_url = ENDPOINT\n", &[][..]),
        (&format!("[default]\nendpoint_url = http://127.0.0.1:1\n{services}"), &[]),
        ("[default]\nendpoint_url = http://127.0.0.1:1\n", &[("AWS_ENDPOINT_URL", "ENDPOINT")]),
        (
            &format!("[default]\n{}", services.replace("ENDPOINT", "http://127.0.0.1:1")),
            &[("AWS_ENDPOINT_URL_S3", "ENDPOINT"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")],
        ),
    ] {
        let server = EmbeddedS3::new();
        let mut environment = world(&server);
        let put = |text: &str| text.replace("ENDPOINT", &server.endpoint());
        settings(&environment, &put(text));
        for (name, value) in variables {
            environment.set(*name, put(value));
        }
        let repo = environment.repository("repo");
        repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
        add_files(&repo);
        repo.haul(["push"]).success();
        assert_eq!(server.keys("bucket").len(), N_FILES + 1, "{text} {variables:?}");
    }
}

/// Pushes through a server that is the proxy of the client, so that it receives requests to any host. Returns the
/// requested hosts, and the paths of the objects.
fn hosts_and_paths(
    quirks: Quirks,
    bucket: &str,
    aws_config: &str,
    options: &[(&str, &str)],
) -> (Vec<String>, Vec<String>) {
    let region =
        options.iter().find(|(option, _)| *option == "region").map_or("us-east-1", |(_, region)| region);
    let buckets = vec![BucketOptions { region: region.to_owned(), ..BucketOptions::new(bucket) }];
    let server = EmbeddedS3::start(EmbeddedOptions { buckets, quirks, ..EmbeddedOptions::default() })
        .expect("the server starts");
    let mut environment = world(&server);
    environment.unset("NO_PROXY");
    environment.set("http_proxy", server.endpoint());
    settings(&environment, aws_config);
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", &format!("s3://{bucket}/store")]).success();
    for (option, value) in options {
        repo.haul(["remote", "modify", "origin", option, value]).success();
    }
    add_files(&repo);
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    let requests = server.requests();
    let mut hosts: Vec<String> =
        requests.iter().filter_map(|request| request.header("host").map(str::to_owned)).collect();
    hosts.dedup();
    let puts = requests.iter().filter(|request| request.operation == Operation::PutObject);
    (hosts, puts.map(|put| put.path.clone()).collect())
}

fn with_domain(domain: &str) -> Quirks {
    Quirks { virtual_host: Some(domain.to_owned()), ..Quirks::default() }
}

#[test]
fn settings_of_aws_endpoints_choose_the_host() {
    let plain = [("use_ssl", "false"), ("region", "eu-west-3")];
    for (lines, domain) in [
        ("", "s3.eu-west-3.amazonaws.com"),
        ("s3 =\n  use_dualstack_endpoint = true\n", "s3.dualstack.eu-west-3.amazonaws.com"),
        ("use_dualstack_endpoint = true\n", "s3.dualstack.eu-west-3.amazonaws.com"),
        ("use_fips_endpoint = true\n", "s3-fips.eu-west-3.amazonaws.com"),
        ("s3 =\n  use_accelerate_endpoint = true\n", "s3-accelerate.amazonaws.com"),
        (
            "s3 =\n  use_accelerate_endpoint = true\n  use_dualstack_endpoint = true\n",
            "s3-accelerate.dualstack.amazonaws.com",
        ),
    ] {
        let config = format!("[default]\n{lines}");
        let (hosts, paths) = hosts_and_paths(with_domain(domain), "bucket", &config, &plain);
        assert_eq!(hosts, [format!("bucket.{domain}")], "{lines}");
        assert!(paths.iter().all(|path| path.starts_with("/store/files/md5/")), "{paths:?}");
    }
    let by_path = "[default]\ns3 =\n  addressing_style = path\n";
    let (hosts, paths) = hosts_and_paths(Quirks::default(), "bucket", by_path, &plain);
    assert_eq!(hosts, ["s3.eu-west-3.amazonaws.com"]);
    assert!(paths.iter().all(|path| path.starts_with("/bucket/store/files/")), "{paths:?}");
}

#[test]
fn other_servers_are_asked_by_path_unless_told_and_by_any_address() {
    for (endpoint, bucket, aws_config, host, start) in [
        ("http://s3.haul.test", "bucket", "", "s3.haul.test", "/bucket/store/"),
        (
            "http://s3.haul.test:9000/",
            "a.bucket.with.dots",
            "",
            "s3.haul.test:9000",
            "/a.bucket.with.dots/store/",
        ),
        ("http://[2001:db8::1]:9000", "bucket", "", "[2001:db8::1]:9000", "/bucket/store/"),
    ] {
        let options = [("endpointurl", endpoint)];
        let (hosts, paths) = hosts_and_paths(Quirks::default(), bucket, aws_config, &options);
        assert_eq!(hosts, [host]);
        assert!(paths.iter().all(|path| path.starts_with(start)), "{paths:?}");
    }
    let told = "[default]\ns3 =\n  addressing_style = virtual\n";
    let options = [("endpointurl", "http://s3.haul.test")];
    let (hosts, paths) = hosts_and_paths(with_domain("s3.haul.test"), "bucket", told, &options);
    assert_eq!(hosts, ["bucket.s3.haul.test"]);
    assert!(paths.iter().all(|path| path.starts_with("/store/files/")), "{paths:?}");
}

#[test]
fn base_path_of_an_endpoint_stands_before_the_bucket() {
    let server = RawServer::new(|_| {
        let body = "<Error><Code>AccessDenied</Code></Error>";
        RawReply::new(403, &[("content-type", "application/xml")], body)
    });
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "key");
    environment.set("AWS_SECRET_ACCESS_KEY", "secret");
    let repo = environment.repository_at("repo", &format!("{}/gate/s3/", server.endpoint()));
    add_files(&repo);
    repo.haul(["push"]).failure().stderr_has(&["AccessDenied"]);
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| path.starts_with("/gate/s3/bucket")), "{paths:?}");
}

#[test]
fn malformed_setting_is_an_error_that_names_key_value_file_and_line() {
    for (text, line, key, value) in [
        ("s3 =\n  multipart_threshold = 8M\n", 2, "s3.multipart_threshold", "8M"),
        ("s3 =\n  multipart_chunksize = big\n", 2, "s3.multipart_chunksize", "big"),
        ("s3 =\n  max_concurrent_requests = 0\n", 2, "s3.max_concurrent_requests", "0"),
        ("s3 =\n  max_queue_size = -1\n", 2, "s3.max_queue_size", "-1"),
        ("s3 =\n  max_bandwidth = fast\n", 2, "s3.max_bandwidth", "fast"),
        ("s3 =\n  addressing_style = paths\n", 2, "s3.addressing_style", "paths"),
        ("s3 =\n  use_accelerate_endpoint = yes\n", 2, "s3.use_accelerate_endpoint", "yes"),
        ("s3 =\n  use_dualstack_endpoint = 1\n", 2, "s3.use_dualstack_endpoint", "1"),
        ("s3 =\n  payload_signing_enabled = on\n", 2, "s3.payload_signing_enabled", "on"),
        ("retry_mode = eager\n", 2, "retry_mode", "eager"),
        ("max_attempts = many\n", 2, "max_attempts", "many"),
        ("request_checksum_calculation = always\n", 2, "request_checksum_calculation", "always"),
        ("response_checksum_validation = never\n", 2, "response_checksum_validation", "never"),
        ("ca_bundle = /none/ca.pem\n", 2, "CA bundle", "/none/ca.pem"),
        ("services = none\n", 2, "services", "none"),
    ] {
        let server = EmbeddedS3::new();
        let environment = world(&server);
        let config = format!("[default]\n{text}");
        settings(&environment, &config);
        let scheme = if key == "CA bundle" { "https:" } else { "http:" };
        let repo = repository(&environment, &server.endpoint().replace("http:", scheme));
        if key == "services" {
            // An endpoint of the remote would win, and the setting would not be read.
            repo.haul(["remote", "modify", "--unset", "origin", "endpointurl"]).success();
        }
        let place = format!("aws/config:{line}");
        repo.haul(["push"]).failure().stderr_has(&[key, value, &place]);
        assert!(server.requests().is_empty(), "{text}");
    }
}
