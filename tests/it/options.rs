//! The options of S3 remotes, in the requests and in the objects of the server.

use haul_tests::embedded::{
    BucketOptions, EmbeddedOptions, EmbeddedS3, Operation, Permission, Quirks, StoredObject, User,
    Versioning, WrongRegion,
};
use haul_tests::objects::{key_of, md5_of};
use haul_tests::tls::Certificate;
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served, with_file};

const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";

/// The number of objects of a round trip: enough that the remote is listed, and not asked for each.
const N_OBJECTS: usize = 9;

/// Pushes and pulls a file and a directory with these options; returns the objects of the server.
fn round_trip(server: &EmbeddedS3, options: &[(&str, &str)]) -> Vec<StoredObject> {
    let mut environment = environment();
    environment.use_keys_of(server);
    round_trip_in(&environment, server, options)
}

fn round_trip_in(
    environment: &TestEnvironment,
    server: &EmbeddedS3,
    options: &[(&str, &str)],
) -> Vec<StoredObject> {
    let repo = environment.repository_at("repo", &server.endpoint());
    for (option, value) in options {
        repo.haul(["remote", "modify", "origin", option, value]).success();
    }
    push_and_pull(environment, &repo);
    let objects = server.objects("bucket");
    assert_eq!(objects.len(), N_OBJECTS);
    objects
}

fn push_and_pull(environment: &TestEnvironment, repo: &Folder<'_>) {
    repo.write("file", "content");
    for index in 0..N_OBJECTS - 2 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "file", "data"]).success();
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    let clone = environment.folder("clone");
    clone.clone_metadata_of(repo);
    clone.haul(["pull"]).success();
    assert_eq!(clone.read("file"), "content");
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn acl_is_kept_by_every_object() {
    for object in round_trip(&EmbeddedS3::new(), &[("acl", "bucket-owner-full-control")]) {
        assert_eq!(object.acl.as_deref(), Some("bucket-owner-full-control"));
    }
}

#[test]
fn grants_are_kept_by_every_object() {
    let options = [
        ("grant_read", "id=reader,uri=http://acs.amazonaws.com/groups/global/AllUsers"),
        ("grant_read_acp", "id=acp-reader"),
        ("grant_write_acp", "id=acp-writer"),
        ("grant_full_control", "id=master"),
    ];
    for object in round_trip(&EmbeddedS3::new(), &options) {
        let grants: Vec<_> = object
            .grants
            .iter()
            .map(|(permission, grantee)| (permission.as_str(), grantee.as_str()))
            .collect();
        assert_eq!(
            grants,
            [
                ("READ", "id=reader"),
                ("READ", "uri=http://acs.amazonaws.com/groups/global/AllUsers"),
                ("READ_ACP", "id=acp-reader"),
                ("WRITE_ACP", "id=acp-writer"),
                ("FULL_CONTROL", "id=master"),
            ]
        );
    }
}

#[test]
fn sse_aes256_is_kept_by_every_object() {
    for object in round_trip(&EmbeddedS3::new(), &[("sse", "AES256")]) {
        assert_eq!(object.server_side_encryption.as_deref(), Some("AES256"));
    }
}

#[test]
fn sse_kms_with_a_key_is_kept_by_every_object() {
    for object in round_trip(&EmbeddedS3::new(), &[("sse", "aws:kms"), ("sse_kms_key_id", "my-key")]) {
        assert_eq!(object.server_side_encryption.as_deref(), Some("aws:kms"));
        assert_eq!(object.kms_key_id.as_deref(), Some("my-key"));
    }
}

#[test]
fn customer_key_locks_every_object() {
    let server = EmbeddedS3::new();
    let options = [("sse_customer_algorithm", "AES256"), ("sse_customer_key", CUSTOMER_KEY)];
    for object in round_trip(&server, &options) {
        assert!(object.customer_key_md5.is_some());
    }
}

#[test]
fn customer_key_locks_an_object_sent_in_parts() {
    let (server, environment) = served();
    environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "sse_customer_algorithm", "AES256"]).success();
    repo.haul(["remote", "modify", "origin", "sse_customer_key", CUSTOMER_KEY]).success();
    let content = "0123456789abcdef".repeat(700_000);
    repo.write("big", &content);
    repo.haul(["add", "big"]).success();
    repo.haul(["push"]).success();
    assert!(server.count(Operation::UploadPart) > 1);
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert!(clone.read("big") == content);
}

#[test]
fn listobjects_takes_the_first_listing_api() {
    for quirks in [
        Quirks::default(),
        Quirks { page_size: 1, no_next_marker: true, ignore_encoding_type: true, ..Quirks::default() },
    ] {
        let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }).unwrap();
        round_trip(&server, &[("listobjects", "true")]);
        assert!(server.count(Operation::ListObjects) > 0);
        assert_eq!(server.count(Operation::ListObjectsV2), 0);
    }
}

#[test]
fn listings_are_read_whole_whatever_their_pages_and_encoding() {
    for page_size in [1, 2, 1000] {
        for ignore_encoding_type in [false, true] {
            let quirks = Quirks { page_size, ignore_encoding_type, ..Quirks::default() };
            let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }).unwrap();
            round_trip(&server, &[("url", "s3://bucket/a b+é&c")]);
            assert!(server.count(Operation::ListObjectsV2) > 0);
        }
    }
}

/// The headers of each operation: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html>.
#[test]
fn headers_go_with_the_operations_that_take_them_and_all_of_them_are_signed() {
    let object = ["x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"];
    let key = [
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
    ];
    let of_object = [("acl", "private"), ("sse", "aws:kms"), ("sse_kms_key_id", "my-key")];
    let of_key = [("acl", "private"), ("sse_customer_key", CUSTOMER_KEY)];
    for options in [&of_object[..], &of_key] {
        let (server, environment) = served();
        let settings = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        environment.folder("aws").write("config", settings);
        let repo = environment.repository_at("repo", &server.endpoint());
        for (option, value) in options {
            repo.haul(["remote", "modify", "origin", option, value]).success();
        }
        repo.write("big", "0123456789abcdef".repeat(700_000));
        repo.haul(["add", "big"]).success();
        repo.haul(["push", "big"]).success();
        push_and_pull(&environment, &repo);
        repo.remove("data.dvc");
        repo.haul(["gc", "-w", "-c", "-f"]).success();
        let mut seen = std::collections::BTreeSet::new();
        for request in server.requests() {
            seen.insert(request.operation);
            let creates =
                matches!(request.operation, Operation::PutObject | Operation::CreateMultipartUpload);
            let with_key = creates
                || matches!(
                    request.operation,
                    Operation::UploadPart
                        | Operation::CompleteMultipartUpload
                        | Operation::GetObject
                        | Operation::HeadObject
                );
            let is_set = |header: &str| match header {
                "x-amz-acl" => creates,
                _ if object.contains(&header) => creates && options.len() == 3,
                _ => with_key && options.len() == 2,
            };
            for header in object.iter().chain(&key) {
                assert_eq!(request.header(header).is_some(), is_set(header), "{header} of {request:?}");
            }
            let authorization = request.header("authorization").unwrap();
            let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
            for (name, _) in request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
                assert!(signed.split(';').any(|signed| signed == name), "{name} is not signed");
            }
        }
        let expected = [
            Operation::CompleteMultipartUpload,
            Operation::CreateMultipartUpload,
            Operation::DeleteObjects,
            Operation::GetObject,
            Operation::HeadObject,
            Operation::ListObjectsV2,
            Operation::PutObject,
            Operation::UploadPart,
        ];
        assert!(expected.iter().all(|operation| seen.contains(operation)), "{seen:?}");
    }
}

#[test]
fn opaque_etags_are_not_taken_for_damage() {
    let quirks = Quirks { opaque_etags: true, ..Quirks::default() };
    let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }).unwrap();
    round_trip(&server, &[]);
    assert_eq!(server.count(Operation::PutObject), N_OBJECTS);
}

#[test]
fn server_without_trailers_and_chunks_is_served() {
    let quirks = Quirks { no_chunked_signing: true, ..Quirks::default() };
    let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }).unwrap();
    round_trip(&server, &[]);
}

#[test]
fn wrong_region_heals_itself() {
    for wrong_region in [WrongRegion::BadRequest, WrongRegion::Redirect] {
        let bucket = BucketOptions { region: "eu-west-3".to_owned(), ..BucketOptions::new("bucket") };
        let quirks = Quirks { wrong_region, ..Quirks::default() };
        let options = EmbeddedOptions { buckets: vec![bucket], quirks, ..EmbeddedOptions::default() };
        let server = EmbeddedS3::start(options).unwrap();
        round_trip(&server, &[]);
    }
}

#[test]
fn region_of_the_remote_is_signed_for() {
    let bucket = BucketOptions { region: "eu-west-3".to_owned(), ..BucketOptions::new("bucket") };
    let server =
        EmbeddedS3::start(EmbeddedOptions { buckets: vec![bucket], ..EmbeddedOptions::default() }).unwrap();
    round_trip(&server, &[("region", "eu-west-3")]);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.region.as_deref() == Some("eu-west-3")));
}

#[test]
fn keys_of_the_remote_win_over_the_environment() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "nobody");
    environment.set("AWS_SECRET_ACCESS_KEY", "nothing");
    let user = server.user().clone();
    environment.guard_secret(&user.secret_key);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "--local", "origin", "access_key_id", &user.access_key]).success();
    repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", &user.secret_key]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    assert_eq!(server.keys("bucket"), [key_of(&md5_of(b"content"))]);
}

#[test]
fn profile_of_the_shared_files_is_used() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    let user = server.user().clone();
    environment.guard_secret(&user.secret_key);
    let text = format!(
        "[work]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        user.access_key, user.secret_key
    );
    environment.folder("aws").write("credentials", text);
    round_trip_in(&environment, &server, &[("profile", "work")]);
}

#[test]
fn temporary_keys_carry_their_token() {
    let user = User::new("temporary", "temporarysecret").with_session_token("the-session-token");
    let server =
        EmbeddedS3::start(EmbeddedOptions { users: vec![user], ..EmbeddedOptions::default() }).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.set("AWS_SESSION_TOKEN", "the-session-token");
    environment.guard_secret("the-session-token");
    round_trip_in(&environment, &server, &[]);
}

#[test]
fn anonymous_login_reads_a_public_bucket_without_a_signature() {
    let bucket = BucketOptions { public_read: true, ..BucketOptions::new("bucket") };
    let server =
        EmbeddedS3::start(EmbeddedOptions { buckets: vec![bucket], ..EmbeddedOptions::default() }).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["push"]).success();
    server.take_requests();
    repo.haul(["remote", "modify", "origin", "allow_anonymous_login", "true"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert_eq!(clone.read("file"), "content");
    assert!(server.requests().iter().all(|request| request.access_key.is_none()));
    clone.haul(["push"]).success();
}

#[test]
fn least_privilege_user_can_push_fetch_pull_and_ask() {
    let server = EmbeddedS3::new();
    let rights = [Permission::ListBucket, Permission::GetObject, Permission::PutObject];
    server.add_user(User::new("limited", "limitedsecret").restricted_to(&rights));
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "limited");
    environment.set("AWS_SECRET_ACCESS_KEY", "limitedsecret");
    round_trip_in(&environment, &server, &[]);
    // No call that needs more rights was tried.
    assert!(server.requests().iter().all(|request| request.status != Some(403)));
}

#[test]
fn user_without_the_right_to_list_can_push_and_pull_all_the_same() {
    let server = EmbeddedS3::new();
    let rights = [Permission::GetObject, Permission::PutObject];
    server.add_user(User::new("limited", "limitedsecret").restricted_to(&rights));
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "limited");
    environment.set("AWS_SECRET_ACCESS_KEY", "limitedsecret");
    round_trip_in(&environment, &server, &[]);
}

#[test]
fn private_authority_is_trusted_where_it_is_named_and_only_there() {
    let certificate = Certificate::generate().unwrap();
    let options = EmbeddedOptions { tls: Some(certificate.clone()), ..EmbeddedOptions::default() };
    let server = EmbeddedS3::start(options).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let files = certificate.write_to(&environment.root().join("tls")).unwrap();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["push"]).failure().stderr_has(&[&server.endpoint()]);
    assert!(server.requests().is_empty());
    repo.haul(["remote", "modify", "origin", "ssl_verify", &files.authority.display().to_string()]).success();
    repo.haul(["push"]).success();
    // Over TLS the payload need not be hashed.
    let put =
        server.requests().into_iter().find(|request| request.operation == Operation::PutObject).unwrap();
    assert_eq!(put.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));

    repo.haul(["remote", "modify", "origin", "ssl_verify", "false"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    repo.haul(["remote", "modify", "--unset", "origin", "ssl_verify"]).success();
    environment_with_bundle(&repo, &files.authority.display().to_string());
}

/// `AWS_CA_BUNDLE` does the same; here it is in a profile, because the environment is borrowed.
fn environment_with_bundle(repo: &Folder<'_>, bundle: &str) {
    let config = repo.join("../aws/config");
    haul_tests::dataset::write(&config, format!("[default]\nca_bundle = {bundle}\n").as_bytes());
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn versioned_bucket_keeps_one_version_of_each_object() {
    let bucket = BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") };
    let server =
        EmbeddedS3::start(EmbeddedOptions { buckets: vec![bucket], ..EmbeddedOptions::default() }).unwrap();
    for object in round_trip(&server, &[]) {
        assert_eq!(server.versions("bucket", &object.key).len(), 1);
    }
}

/// With such encryption the ETags of a listing look like MD5s, but are not.
#[test]
fn default_kms_encryption_of_a_bucket_is_not_taken_for_damage() {
    let quirks = Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() };
    let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    for index in 0..8 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    assert_eq!(server.objects("bucket")[0].kms_key_id.as_deref(), Some("the-default"));
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    assert_eq!(server.count(Operation::PutObject), 9);
}
