//! Every kind of upload, with flipped bits in the first, a middle and the last part, in the body and in the reply.

use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Quirks, Versioning};
use haul_tests::fault_proxy::FaultProxy;
use haul_tests::tls::Certificate;
use haul_tests::{Folder, TestEnvironment};

use super::{IN_PARTS, over_a_bad_line, over_a_hopeless_line};
use crate::environment;

const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";

/// Starts a server with TLS, and a proxy in front of it.
fn served(options: EmbeddedOptions) -> (EmbeddedS3, FaultProxy, TestEnvironment) {
    let certificate = Certificate::generate().expect("certificates can be made");
    let authority = certificate.authority_pem.clone();
    let server = EmbeddedS3::start(EmbeddedOptions { tls: Some(certificate), ..options })
        .expect("a server can be started");
    let proxy =
        FaultProxy::start(&server.endpoint(), Some(authority.as_bytes())).expect("a proxy can be started");
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.folder("aws").write("config", IN_PARTS);
    (server, proxy, environment)
}

fn repository<'a>(
    environment: &'a TestEnvironment,
    proxy: &FaultProxy,
    options: &[(&str, &str)],
) -> Folder<'a> {
    let repo = environment.repository_at("repo", &proxy.endpoint());
    let bundle = proxy.ca_bundle().expect("the proxy speaks TLS").display().to_string();
    repo.haul(["remote", "modify", "origin", "ssl_verify", &bundle]).success();
    for (option, value) in options {
        repo.haul(["remote", "modify", "--local", "origin", option, value]).success();
    }
    repo
}

fn on_the_way(options: EmbeddedOptions, remote: &[(&str, &str)]) {
    let (server, proxy, environment) = served(options);
    let repo = repository(&environment, &proxy, remote);
    over_a_bad_line(&proxy, &repo);
    over_a_hopeless_line(&proxy, &repo);
    assert_eq!(server.open_uploads("bucket"), 0);
}

#[test]
fn plain_objects_arrive_whole_over_a_bad_line() {
    on_the_way(EmbeddedOptions::default(), &[]);
}

#[test]
fn objects_with_sse_s3_arrive_whole_over_a_bad_line() {
    on_the_way(EmbeddedOptions::default(), &[("sse", "AES256")]);
}

#[test]
fn objects_with_sse_kms_arrive_whole_over_a_bad_line() {
    on_the_way(EmbeddedOptions::default(), &[("sse", "aws:kms"), ("sse_kms_key_id", "key")]);
}

#[test]
fn objects_with_a_customer_key_arrive_whole_over_a_bad_line() {
    on_the_way(EmbeddedOptions::default(), &[("sse_customer_key", CUSTOMER_KEY)]);
}

#[test]
fn objects_in_a_bucket_that_encrypts_by_default_arrive_whole_over_a_bad_line() {
    let quirks = Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() };
    on_the_way(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }, &[]);
}

#[test]
fn versions_arrive_whole_over_a_bad_line() {
    let buckets = vec![BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") }];
    on_the_way(EmbeddedOptions { buckets, ..EmbeddedOptions::default() }, &[("version_aware", "true")]);
}

#[test]
fn objects_arrive_whole_over_a_bad_line_without_tls() {
    let server = EmbeddedS3::new();
    let proxy = FaultProxy::in_front_of_embedded(&server);
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.folder("aws").write("config", IN_PARTS);
    let repo = environment.repository_at("repo", &proxy.endpoint());
    over_a_bad_line(&proxy, &repo);
    over_a_hopeless_line(&proxy, &repo);
}
