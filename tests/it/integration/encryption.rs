//! Server-side encryption, read back from the server.

use super::matrix::{file_key, header, header_of, push_and_pull, push_and_pull_in_parts};
use super::{Case, Ground, Server, on_every_server};

const SSE: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CUSTOMER_ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";

/// 32 bytes in base64.
pub(super) const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";
/// The MD5 of these bytes in base64.
const CUSTOMER_KEY_MD5: &str = "4GSkRbFAQYdMtbVlb4Dd8g==";
const OTHER_CUSTOMER_KEY: &str = "T3RoZXJLT3RoZXJLT3RoZXJLT3RoZXJLT3RoZXJLISE=";

pub(super) fn kms_key(ground: &Ground<'_>) -> String {
    ground.server.announcement.kms_key_id.clone().expect("the server has a KMS key")
}

#[test]
fn sse_s3_is_read_back_from_every_server_that_has_it() {
    on_every_server(Case::where_there_is("sse = AES256", "HEAD", |_| "sse-s3"), |ground| {
        push_and_pull(ground, &[("sse", "AES256")]);
        assert_eq!(header(ground, SSE).as_deref(), Some("AES256"));
    });
}

#[test]
fn sse_kms_is_read_back_from_every_server_that_has_it() {
    let case = Case::where_there_is("sse = aws:kms, sse_kms_key_id", "HEAD: both", |_| "sse-kms");
    on_every_server(case, |ground| {
        let key = kms_key(ground);
        push_and_pull(ground, &[("sse", "aws:kms"), ("sse_kms_key_id", &key)]);
        assert_eq!(header(ground, SSE).as_deref(), Some("aws:kms"));
        let shown = header(ground, KMS_KEY).expect("a key id is shown");
        assert!(shown.ends_with(&key), "{shown}");
    });
}

#[test]
fn sse_kms_with_the_key_of_the_server_is_read_back_where_there_is_one() {
    let case = Case::where_there_is("sse = aws:kms", "HEAD", |_| "sse-kms-default");
    on_every_server(case, |ground| {
        push_and_pull(ground, &[("sse", "aws:kms")]);
        assert_eq!(header(ground, SSE).as_deref(), Some("aws:kms"));
    });
}

#[test]
fn sse_kms_dsse_is_read_back_from_every_server_that_has_it() {
    let case = Case::where_there_is("sse = aws:kms:dsse", "HEAD", |_| "sse-dsse");
    on_every_server(case, |ground| {
        let key = kms_key(ground);
        push_and_pull(ground, &[("sse", "aws:kms:dsse"), ("sse_kms_key_id", &key)]);
        assert_eq!(header(ground, SSE).as_deref(), Some("aws:kms:dsse"));
    });
}

#[test]
fn sse_kms_holds_for_an_object_sent_in_parts() {
    let case = Case::where_there_is("sse = aws:kms, in parts", "HEAD", |_| "sse-kms");
    on_every_server(case, |ground| {
        let key = kms_key(ground);
        let object = push_and_pull_in_parts(ground, &[("sse", "aws:kms"), ("sse_kms_key_id", &key)]);
        assert_eq!(header_of(ground, &object, SSE).as_deref(), Some("aws:kms"));
    });
}

#[test]
fn unknown_kms_key_is_an_error_that_names_the_option() {
    let case = Case::where_there_is(
        "sse_kms_key_id, an unknown one",
        "refused, naming the option",
        |_| "kms-keys-checked",
    );
    on_every_server(case, |ground| {
        let repo = ground.repository(&[("sse", "aws:kms"), ("sse_kms_key_id", "no-such-key")]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).failure().stderr_has(&["sse_kms_key_id"]);
    });
}

pub(super) fn customer_key_feature(server: &Server) -> &'static str {
    if server.speaks_tls() { "sse-c-tls" } else { "sse-c" }
}

#[test]
fn customer_key_is_enforced_by_every_server_that_has_it() {
    let case = Case::where_there_is(
        "sse_customer_key, sse_customer_algorithm",
        "HEAD with the key; GET without it is refused",
        customer_key_feature,
    );
    on_every_server(case, |ground| {
        push_and_pull(ground, &[("sse_customer_algorithm", "AES256"), ("sse_customer_key", CUSTOMER_KEY)]);
        is_locked(ground, &file_key(ground));
    });
}

#[test]
fn customer_key_locks_an_object_sent_in_parts_on_every_server_that_has_it() {
    let case = Case::where_there_is(
        "sse_customer_key, in parts",
        "HEAD with the key; GET without it is refused",
        customer_key_feature,
    );
    on_every_server(case, |ground| {
        let object = push_and_pull_in_parts(ground, &[("sse_customer_key", CUSTOMER_KEY)]);
        is_locked(ground, &object);
    });
}

/// Fails unless the object can be read with the key, and not without it.
fn is_locked(ground: &Ground<'_>, key: &str) {
    let client = ground.server.client();
    let reply = client.get(&ground.bucket, key, &[]).expect("the server answers");
    assert!(reply.status.is_client_error(), "readable without the key: {}", reply.status);
    let headers = [
        (CUSTOMER_ALGORITHM, "AES256"),
        ("x-amz-server-side-encryption-customer-key", CUSTOMER_KEY),
        ("x-amz-server-side-encryption-customer-key-md5", CUSTOMER_KEY_MD5),
    ];
    let reply = client.head(&ground.bucket, key, &headers).expect("the server answers");
    assert!(reply.status.is_success(), "not readable with the key: {}", reply.status);
    assert_eq!(reply.header(CUSTOMER_ALGORITHM), Some("AES256"));
}

#[test]
fn wrong_or_missing_customer_key_is_an_error_that_names_the_option() {
    let case = Case::where_there_is(
        "sse_customer_key, a wrong one, none",
        "refused, naming the option",
        customer_key_feature,
    );
    on_every_server(case, |ground| {
        let repo = ground.repository(&[("sse_customer_key", CUSTOMER_KEY)]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        repo.remove("file");
        repo.remove(".dvc/cache");
        repo.haul(["remote", "modify", "origin", "sse_customer_key", OTHER_CUSTOMER_KEY]).success();
        repo.haul(["pull"]).failure().stderr_has(&["sse_customer_key"]);
        repo.haul(["remote", "modify", "--unset", "origin", "sse_customer_key"]).success();
        repo.haul(["pull"]).failure().stderr_has(&["sse_customer_key"]);
        assert!(repo.cache_objects().is_empty());
        repo.haul(["remote", "modify", "origin", "sse_customer_key", CUSTOMER_KEY]).success();
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("file"), "content");
    });
}
