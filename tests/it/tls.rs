//! Servers with a self-signed certificate, as `openssl req -x509` makes it.

use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Operation};
use haul_tests::tls::Certificate;
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

/// Starts a server with its own certificate, and makes a repository with a file for it. Returns the certificate's path,
/// too.
fn world(environment: &mut TestEnvironment) -> (EmbeddedS3, String) {
    let certificate = Certificate::generate_self_signed().expect("a certificate can be made");
    let server =
        EmbeddedS3::start(EmbeddedOptions { tls: Some(certificate.clone()), ..EmbeddedOptions::default() })
            .expect("the server starts");
    environment.use_keys_of(&server);
    let files = certificate.write_to(&environment.root().join("tls")).expect("they can be written");
    (server, files.certificate.display().to_string())
}

fn repository<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/data"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo
}

#[test]
fn self_signed_certificate_is_believed_where_it_is_named() {
    let mut environment = environment();
    let (server, certificate) = world(&mut environment);
    let repo = repository(&environment, &server);
    repo.haul(["push"]).failure().stderr_has(&[
        "no trusted connection",
        "name the server's certificate",
        "haul remote modify origin ssl_verify /path/to/ca.pem",
    ]);
    repo.haul(["remote", "modify", "origin", "ssl_verify", &certificate]).success();
    repo.haul(["push"]).success();
    repo.haul(["remote", "check"])
        .success()
        .stdout_has(&["tls          certificate for ", "signed by itself"]);

    // Another certificate of the same name is not trusted.
    let other = Certificate::generate_self_signed().expect("a certificate can be made");
    let other = other.write_to(&environment.root().join("other")).unwrap().certificate.display().to_string();
    repo.haul(["remote", "modify", "origin", "ssl_verify", &other]).success();
    repo.haul(["status", "-c"]).failure().stderr_has(&["no trusted connection", &other]);
}

#[test]
fn self_signed_certificate_is_believed_where_the_environment_names_it() {
    for variable in ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let mut environment = environment();
        let (server, certificate) = world(&mut environment);
        environment.set(variable, &certificate);
        repository(&environment, &server).haul(["push"]).success();
        assert_eq!(server.count(Operation::PutObject), 1, "{variable}");
    }
}

#[test]
fn relative_certificate_is_found_from_every_directory() {
    let mut environment = environment();
    let (server, certificate) = world(&mut environment);
    let repo = repository(&environment, &server);
    repo.write("sub/deep/ca.pem", fs_err::read(certificate).unwrap());
    let sub = environment.folder("repo/sub");
    sub.haul(["remote", "modify", "origin", "ssl_verify", "deep/ca.pem"]).success().stderr_has(&[
        "note: `../sub/deep/ca.pem` starts at the configuration file; DVC starts in its working directory",
    ]);
    assert!(repo.read(".dvc/config").contains("ssl_verify = ../sub/deep/ca.pem\n"));
    for folder in [&repo, &sub, &environment.folder("repo/sub/deep")] {
        folder.haul(["status", "-c"]).success();
    }
    repo.haul(["push"]).success();
}
