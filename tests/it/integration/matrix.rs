//! Option by option, read back from the server itself.

use haul_tests::dataset::DataSet;
use haul_tests::objects::md5_of;
use http::Method;

use super::{Ground, Server, on_every_server};

/// 32 bytes in base64, and their MD5 in base64.
const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";

fn push_and_pull(ground: &Ground<'_>, options: &[(&str, &str)]) {
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
}

/// The key of the file that [`push_and_pull`] pushes.
fn file_key(ground: &Ground<'_>) -> String {
    let oid = md5_of(b"content");
    format!("{}/files/md5/{}/{}", ground.prefix, &oid[..2], &oid[2..])
}

/// What HEAD says of that file.
fn header(ground: &Ground<'_>, name: &str) -> Option<String> {
    let reply =
        ground.server.client().head(&ground.bucket, &file_key(ground), &[]).expect("the server answers");
    assert!(reply.status.is_success(), "HEAD: {}", reply.status);
    reply.header(name).map(str::to_owned)
}

fn acl(ground: &Ground<'_>) -> String {
    let target = format!("/{}/{}?acl=", ground.bucket, file_key(ground));
    let reply = ground.server.client().send(&Method::GET, &target, &[], "").expect("the server answers");
    reply.ok("the ACL").unwrap_or_else(|error| panic!("{error:#}")).text()
}

#[test]
fn round_trip_through_every_server_gives_the_same_bytes() {
    on_every_server("round-trip", None, |ground| {
        push_and_pull(ground, &[]);
        assert!(ground.keys().iter().any(|key| key.ends_with(&md5_of(b"content")[2..])));
    });
}

#[test]
fn listobjects_works_on_every_server() {
    on_every_server("listobjects", None, |ground| push_and_pull(ground, &[("listobjects", "true")]));
}

#[test]
fn multipart_round_trip_works_on_every_server() {
    on_every_server("multipart", None, |ground| {
        let config = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        ground.environment.folder("aws").write("config", config);
        let repo = ground.repository(&[]);
        let set = DataSet { n_small_files: 0, big_file_bytes: (16 << 20) + 7, ..DataSet::default() };
        set.write_to(&repo.join("data"));
        repo.haul(["add", "data"]).success();
        repo.haul(["push"]).success();
        let clone = ground.environment.folder("clone");
        clone.clone_metadata_of(&repo);
        clone.haul(["pull"]).success();
        clone.tree("data").assert_equals(&repo.tree("data"));
    });
}

#[test]
fn wrong_secret_is_refused_by_every_server_that_checks() {
    on_every_server("wrong-secret", Some(&|_| "signatures".to_owned()), |ground| {
        let repo = ground.repository(&[
            ("secret_access_key", "notthesecret"),
            ("access_key_id", &ground.server.announcement.access_key),
        ]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).failure();
    });
}

#[test]
fn sse_s3_is_read_back_from_every_server_that_has_it() {
    on_every_server("sse=AES256", Some(&|_| "sse-s3".to_owned()), |ground| {
        push_and_pull(ground, &[("sse", "AES256")]);
        assert_eq!(header(ground, "x-amz-server-side-encryption").as_deref(), Some("AES256"));
    });
}

#[test]
fn sse_kms_is_read_back_from_every_server_that_has_it() {
    on_every_server("sse=aws:kms", Some(&|_| "sse-kms".to_owned()), |ground| {
        let key = ground.server.announcement.kms_key_id.clone().expect("the server has a KMS key");
        push_and_pull(ground, &[("sse", "aws:kms"), ("sse_kms_key_id", &key)]);
        assert_eq!(header(ground, "x-amz-server-side-encryption").as_deref(), Some("aws:kms"));
        let shown = header(ground, "x-amz-server-side-encryption-aws-kms-key-id").expect("a key id is shown");
        assert!(shown.ends_with(&key), "{shown}");
    });
}

fn customer_key_feature(server: &Server) -> String {
    if server.speaks_tls() { "sse-c-tls".to_owned() } else { "sse-c".to_owned() }
}

#[test]
fn customer_key_is_enforced_by_every_server_that_has_it() {
    on_every_server("sse_customer_key", Some(&customer_key_feature), |ground| {
        push_and_pull(ground, &[("sse_customer_algorithm", "AES256"), ("sse_customer_key", CUSTOMER_KEY)]);
        let reply =
            ground.server.client().get(&ground.bucket, &file_key(ground), &[]).expect("the server answers");
        assert!(reply.status.is_client_error(), "readable without the key: {}", reply.status);
    });
}

#[test]
fn acl_is_read_back_from_every_server_that_has_it() {
    on_every_server("acl", Some(&|_| "acl".to_owned()), |ground| {
        push_and_pull(ground, &[("acl", "public-read")]);
        let acl = acl(ground);
        assert!(acl.contains("AllUsers") && acl.contains("<Permission>READ</Permission>"), "{acl}");
    });
}

#[test]
fn grants_are_read_back_from_every_server_that_has_them() {
    on_every_server("grant_read", Some(&|_| "acl".to_owned()), |ground| {
        push_and_pull(ground, &[("grant_read", "uri=http://acs.amazonaws.com/groups/global/AllUsers")]);
        let acl = acl(ground);
        assert!(acl.contains("AllUsers") && acl.contains("<Permission>READ</Permission>"), "{acl}");
    });
}

#[test]
fn limited_user_can_do_everything_that_needs_no_more() {
    on_every_server("least-privilege", Some(&|_| "limited-user".to_owned()), |ground| {
        let announcement = &ground.server.announcement;
        let key = announcement.limited_access_key.clone().expect("the server has a limited user");
        let secret = announcement.limited_secret_key.clone().expect("the server has a limited user");
        let bucket = announcement.limited_bucket.clone().expect("the server has a bucket for it");
        let repo = ground.repository(&[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
        repo.haul(["remote", "modify", "--local", "origin", "access_key_id", &key]).success();
        repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", &secret]).success();
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        repo.remove("file");
        repo.remove(".dvc/cache");
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("file"), "content");
    });
}

#[test]
fn versioned_bucket_takes_a_push_and_gives_it_back() {
    on_every_server("versioned-bucket", Some(&|_| "versions".to_owned()), |ground| {
        let bucket = format!("versioned-{}", ground.prefix.to_lowercase());
        let client = ground.server.client();
        client.make_bucket(&bucket).expect("a bucket can be made");
        client.enable_versioning(&bucket).expect("versioning can be turned on");
        push_and_pull(ground, &[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
        let reply = client.head(&bucket, &file_key(ground), &[]).expect("the server answers");
        assert!(reply.header("x-amz-version-id").is_some_and(|id| id != "null"));
    });
}

#[test]
fn private_authority_is_refused_where_it_is_not_named() {
    on_every_server("ssl_verify", None, |ground| {
        if !ground.server.speaks_tls() {
            return;
        }
        let repo = ground.repository(&[]);
        repo.haul(["remote", "modify", "--unset", "origin", "ssl_verify"]).success();
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).failure();
        repo.haul(["remote", "modify", "origin", "ssl_verify", "false"]).success();
        repo.haul(["push"]).success();
    });
}
