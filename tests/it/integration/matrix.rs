//! Connecting to a server and transferring objects, option by option.

use haul_tests::client::note_read_back;
use haul_tests::dataset::DataSet;
use haul_tests::fault_proxy::FaultProxy;
use haul_tests::objects::md5_of;

use super::{Case, Ground, on_every_server};

/// The domain whose subdomains are buckets, on the servers that are configured for it (`src/catalogue`).
const BUCKET_DOMAIN: &str = "s3.haul.test";

pub(super) fn push_and_pull(ground: &Ground<'_>, options: &[(&str, &str)]) {
    let repo = ground.repository(options);
    DataSet { n_small_files: 6, ..DataSet::default() }.write_to(&repo.join("data"));
    repo.write("file", "content");
    repo.haul(["add", "data", "file"]).success();
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    let clone = ground.environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
    assert_eq!(clone.read("file"), "content");
    note_read_back("bytes of a pull");
}

const IN_PARTS: &str = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";

/// Pushes a file in parts and pulls it; returns the key of the object.
pub(super) fn push_and_pull_in_parts(ground: &Ground<'_>, options: &[(&str, &str)]) -> String {
    ground.environment.folder("aws").write("config", IN_PARTS);
    let repo = ground.repository(options);
    let big = "0123456789abcdef".repeat(800_000);
    repo.write("big", &big);
    repo.haul(["add", "big"]).success();
    repo.haul(["push"]).success();
    let clone = ground.environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert!(clone.read("big") == big, "other bytes came back");
    note_read_back("bytes of a pull");
    ground.key(&md5_of(big.as_bytes()))
}

/// Returns the key of the file that [`push_and_pull`] pushes.
pub(super) fn file_key(ground: &Ground<'_>) -> String {
    ground.key(&md5_of(b"content"))
}

/// Returns a header of the reply to a HEAD of an object.
pub(super) fn header_of(ground: &Ground<'_>, key: &str, name: &str) -> Option<String> {
    let reply = ground.server.client().head(&ground.bucket, key, &[]).expect("the server answers");
    assert!(reply.status.is_success(), "HEAD: {}", reply.status);
    reply.header(name).map(str::to_owned)
}

/// Returns a header of the reply to a HEAD of the file that [`push_and_pull`] pushes.
pub(super) fn header(ground: &Ground<'_>, name: &str) -> Option<String> {
    header_of(ground, &file_key(ground), name)
}

#[test]
fn round_trip_through_every_server_gives_the_same_bytes() {
    let case = Case::everywhere("add, push, status, pull", "same bytes; listing shows the keys");
    on_every_server(case, |ground| {
        push_and_pull(ground, &[]);
        assert!(ground.keys().contains(&file_key(ground)));
    });
}

#[test]
fn listobjects_works_on_every_server() {
    on_every_server(Case::everywhere("listobjects = true", "same bytes; URLs of the listings"), |ground| {
        let repo = ground.repository(&[("listobjects", "true")]);
        DataSet { n_small_files: 12, ..DataSet::default() }.write_to(&repo.join("data"));
        repo.haul(["add", "data"]).success();
        let listings = |output: &haul_tests::CommandOutput| -> Vec<String> {
            let lines = output.stderr.lines().filter(|line| line.contains("encoding-type=url"));
            lines.map(str::to_owned).collect()
        };
        let first = listings(&repo.haul(["push", "-vv"]).success());
        let second =
            listings(&repo.haul(["push", "-vv"]).success().stdout_has(&["Everything is up to date."]));
        assert!(!first.is_empty() && !second.is_empty(), "nothing was listed");
        assert!(first.iter().chain(&second).all(|line| !line.contains("list-type")), "{first:?} {second:?}");
        repo.remove("data");
        repo.remove(".dvc/cache");
        repo.haul(["pull"]).success();
    });
}

#[test]
fn multipart_round_trip_works_on_every_server() {
    let case = Case::everywhere("multipart_threshold, multipart_chunksize", "HEAD: an entity tag of parts");
    on_every_server(case, |ground| {
        let key = push_and_pull_in_parts(ground, &[]);
        let etag = header_of(ground, &key, "etag").expect("there is an entity tag");
        assert!(etag.contains("-3"), "{etag} is not that of three parts");
    });
}

#[test]
fn bucket_with_dots_works_on_every_server() {
    on_every_server(Case::everywhere("bucket with dots", "same bytes"), |ground| {
        let bucket = format!("with.dots.{}", ground.prefix.to_lowercase());
        ground.server.client().make_bucket(&bucket).expect("a bucket can be made");
        push_and_pull(ground, &[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
    });
}

#[test]
fn keys_with_blanks_and_other_letters_work_on_every_server() {
    on_every_server(
        Case::everywhere("url with a blank, +, é", "same bytes; listing shows the keys"),
        |ground| {
            push_and_pull(ground, &[("url", &format!("s3://{}/{}/a b+é~", ground.bucket, ground.prefix))]);
            let oid = md5_of(b"content");
            let key = format!("{}/a b+é~/files/md5/{}/{}", ground.prefix, &oid[..2], &oid[2..]);
            assert!(ground.keys().contains(&key), "{:?}", ground.keys());
        },
    );
}

#[test]
fn doubled_slashes_are_kept_by_every_server_that_takes_them() {
    let case = Case::where_there_is("url with //", "same bytes; listing shows the keys", |_| "odd-keys");
    on_every_server(case, |ground| {
        push_and_pull(ground, &[("url", &format!("s3://{}/{}//a", ground.bucket, ground.prefix))]);
        assert!(ground.keys().iter().all(|key| key.starts_with(&format!("{}//a/files/", ground.prefix))));
    });
}

#[test]
fn wrong_region_is_no_obstacle_on_any_server() {
    on_every_server(Case::everywhere("region, a wrong one", "same bytes"), |ground| {
        push_and_pull(ground, &[("region", "eu-west-3")]);
    });
}

/// The server is the proxy of the client, so that it receives requests to hosts that do not exist in DNS.
#[test]
fn buckets_go_into_the_host_name_where_the_server_knows_its_domain() {
    let case = Case::where_there_is(
        "addressing_style = virtual",
        "same bytes; URLs that were sent",
        |_| "virtual-hosts",
    );
    on_every_server(case.over_http(), |ground| {
        ground.environment.unset("NO_PROXY");
        ground.environment.set("http_proxy", &ground.server.announcement.endpoint);
        ground.environment.folder("aws").write("config", "[default]\ns3 =\n  addressing_style = virtual\n");
        push_and_pull(ground, &[("endpointurl", &format!("http://{BUCKET_DOMAIN}"))]);
        let repo = ground.environment.folder("repo");
        let host = format!("http://{}.{BUCKET_DOMAIN}/", ground.bucket);
        repo.haul(["status", "-c", "-vv"]).success().stderr_has(&[&host]);
        assert!(ground.keys().contains(&file_key(ground)));
    });
}

#[test]
fn private_authority_is_refused_where_it_is_not_named() {
    let case = Case::everywhere("ssl_verify", "refused when unset; taken with the authority, and with false");
    on_every_server(case.over_tls(), |ground| {
        let repo = ground.repository(&[]);
        let bundle = ground.server.announcement.ca_bundle.clone().expect("the authority is there");
        repo.haul(["remote", "modify", "--unset", "origin", "ssl_verify"]).success();
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).failure().stderr_has(&["no trusted connection", "ssl_verify"]);
        repo.haul(["remote", "modify", "origin", "ssl_verify", "false"]).success();
        repo.haul(["push"]).success();
        repo.haul(["remote", "modify", "origin", "ssl_verify", &bundle]).success();
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    });
}

#[test]
fn certificate_that_signed_itself_is_trusted_where_it_is_named() {
    let case =
        Case::everywhere("ssl_verify, a certificate that signed itself", "refused when unset; same bytes");
    on_every_server(case.over_tls(), |ground| {
        let proxy = FaultProxy::self_signed_in_front_of(&ground.server.announcement).expect("a proxy starts");
        let endpoint = proxy.endpoint();
        let certificate = proxy.ca_bundle().expect("it speaks TLS").display().to_string();
        push_and_pull(ground, &[("endpointurl", &endpoint), ("ssl_verify", &certificate)]);
        let repo = ground.environment.folder("repo");
        repo.haul(["remote", "modify", "--unset", "origin", "ssl_verify"]).success();
        repo.haul(["status", "-c"]).failure().stderr_has(&["no trusted connection", "ssl_verify"]);
    });
}

#[test]
fn authority_of_the_aws_settings_is_trusted() {
    let case = Case::everywhere("ca_bundle, AWS_CA_BUNDLE", "refused when unset; taken with the authority");
    on_every_server(case.over_tls(), |ground| {
        let bundle = ground.server.announcement.ca_bundle.clone().expect("the authority is there");
        let aws = ground.environment.folder("aws");
        {
            let repo = ground.repository(&[]);
            repo.haul(["remote", "modify", "--unset", "origin", "ssl_verify"]).success();
            repo.write("file", "content");
            repo.haul(["add", "file"]).success();
            repo.haul(["push"]).failure().stderr_has(&["certificate"]);
            aws.write("config", format!("[default]\nca_bundle = {bundle}\n"));
            repo.haul(["push"]).success();
            aws.write("config", "");
            repo.haul(["status", "-c"]).failure().stderr_has(&["certificate"]);
        }
        ground.environment.set("AWS_CA_BUNDLE", &bundle);
        ground.environment.folder("repo").haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    });
}

#[test]
fn checksums_are_kept_by_every_server_that_knows_them() {
    let case = Case::where_there_is(
        "request_checksum_calculation = when_supported",
        "HEAD with x-amz-checksum-mode",
        |_| "checksums",
    );
    on_every_server(case, |ground| {
        ground.environment.set("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported");
        push_and_pull(ground, &[]);
        let asked = [("x-amz-checksum-mode", "ENABLED")];
        let reply = ground.server.client().head(&ground.bucket, &file_key(ground), &asked);
        let reply = reply.expect("the server answers");
        // The CRC-32 of `content`.
        assert_eq!(reply.header("x-amz-checksum-crc32"), Some("/sUwqQ=="));
        // The CRC of a multipart object is computed from those of its parts (moto: from all bytes), if the upload announced
        // the algorithm.
        ground.environment.folder("aws").write("config", IN_PARTS);
        let (repo, big) = (ground.environment.folder("repo"), "0123456789abcdef".repeat(800_000));
        repo.write("big", &big);
        repo.haul(["add", "big"]).success();
        repo.haul(["push"]).success();
        let key = ground.key(&md5_of(big.as_bytes()));
        let reply = ground.server.client().head(&ground.bucket, &key, &asked).expect("the server answers");
        let checksum = reply.header("x-amz-checksum-crc32");
        let is_whole = ground.server.announcement.name == "moto";
        assert!(checksum.is_some_and(|checksum| checksum.ends_with("-3") != is_whole), "{checksum:?}");
    });
}

#[test]
fn checksums_disturb_no_server() {
    let case = Case::everywhere("request_checksum_calculation, response_checksum_validation", "same bytes");
    on_every_server(case, |ground| {
        ground.environment.set("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported");
        ground.environment.set("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported");
        push_and_pull(ground, &[]);
    });
}

#[test]
fn signed_and_unsigned_payloads_are_taken_by_every_server() {
    for (value, subject) in
        [("true", "payload_signing_enabled = true"), ("false", "payload_signing_enabled = false")]
    {
        on_every_server(Case::everywhere(subject, "same bytes"), |ground| {
            let config = format!("[default]\ns3 =\n  payload_signing_enabled = {value}\n");
            ground.environment.folder("aws").write("config", config);
            push_and_pull(ground, &[]);
        });
    }
}

#[test]
fn damaged_upload_is_refused_by_every_server_that_looks_at_content_md5() {
    let case = Case::where_there_is("Content-MD5", "a PUT with another one is refused", |_| "content-md5");
    on_every_server(case, |ground| {
        let client = ground.server.client();
        let target = format!("/{}/{}/damaged", ground.bucket, ground.prefix);
        // The MD5 of `hello`.
        let other = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
        let reply = client.send(&http::Method::PUT, &target, &other, "hallo").expect("the server answers");
        assert!(reply.status.is_client_error(), "{} {}", reply.status, reply.text());
        // The digest that haul sends is right.
        push_and_pull(ground, &[]);
    });
}

#[test]
fn versioned_bucket_takes_a_push_and_gives_it_back() {
    let case = Case::where_there_is("versioned bucket", "HEAD: a version id", |_| "versions");
    on_every_server(case, |ground| {
        let bucket = format!("versioned-{}", ground.prefix.to_lowercase());
        let client = ground.server.client();
        client.make_bucket(&bucket).expect("a bucket can be made");
        client.enable_versioning(&bucket).expect("versioning can be turned on");
        push_and_pull(ground, &[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
        let reply = client.head(&bucket, &file_key(ground), &[]).expect("the server answers");
        assert!(reply.header("x-amz-version-id").is_some_and(|id| id != "null"));
    });
}
