//! The sources of credentials, end to end: each source of the chain has the keys of a user of the S3 server, which
//! refuses requests without them.
//!
//! The services are raw HTTP servers, each on its own port; how each source handles odd replies is tested in
//! `crates/auth/tests/chain`.

use std::sync::atomic::{AtomicUsize, Ordering};

use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Fault, FaultAction, Operation, User};
use haul_tests::raw::{RawReply, RawRequest, RawServer};
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

mod check;
mod expiry;
mod mfa;
mod process;

const ID: &str = "ASIATEMPORARYKEY0001";
const SECRET: &str = "Very+Secret/Temporary+Key/0123456789";
const TOKEN: &str = "TemporaryTokenThatNobodyMaySee0123456789==";
const BASE_SECRET: &str = "Very+Secret/Base+Key/0123456789";
const LATER: &str = "2099-01-01T00:00:00Z";

/// Starts an S3 server with one user, whose keys are temporary.
fn s3() -> EmbeddedS3 {
    let users = vec![User::new(ID, SECRET).with_session_token(TOKEN)];
    EmbeddedS3::start(EmbeddedOptions { users, ..EmbeddedOptions::default() }).expect("a server starts")
}

fn world() -> TestEnvironment {
    let mut environment = environment();
    for secret in [SECRET, TOKEN, BASE_SECRET] {
        environment.guard_secret(secret);
    }
    environment
}

fn repository<'world>(world: &'world TestEnvironment, server: &EmbeddedS3) -> Folder<'world> {
    let repo = world.folder("repo");
    repo.haul(["init", "--no-scm"]).success();
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo
}

/// Fails unless the remote can be listed, which the server allows for its user only.
fn is_let_in(world: &TestEnvironment, server: &EmbeddedS3) {
    let repo = repository(world, server);
    repo.haul(["remote", "check", "-vv"]).success().stdout_has(&["listing", "allowed", "used"]);
    assert!(server.count(Operation::ListObjectsV2) > 0);
    // Keys may be in the caches of the AWS CLI and in the AWS files.
    world.assert_no_secret_on_disk(&[
        "aws/credentials",
        ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json",
    ]);
}

fn json(body: &str) -> RawReply {
    RawReply::new(200, &[("content-type", "application/json")], body)
}

/// Returns the keys in the format of the metadata services.
fn metadata(end: &str) -> RawReply {
    json(&format!(
        r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}", "Token": "{TOKEN}", "Expiration": "{end}"}}"#
    ))
}

/// Returns the keys in the format of STS.
fn assumed(action: &str) -> RawReply {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>\
         <Expiration>{LATER}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    RawReply::new(200, &[("content-type", "text/xml")], body)
}

fn paths(server: &RawServer) -> Vec<String> {
    server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

fn instance(request: &RawRequest) -> RawReply {
    let has_token = request.header("x-aws-ec2-metadata-token") == Some("TOKEN");
    match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => RawReply::new(200, &[], "TOKEN"),
        ("GET", "/latest/meta-data/iam/security-credentials/") if has_token => {
            RawReply::new(200, &[], "role")
        }
        ("GET", "/latest/meta-data/iam/security-credentials/role") if has_token => metadata(LATER),
        _ => RawReply::new(401, &[], ""),
    }
}

#[test]
fn instance_role_is_let_in() {
    let (server, service) = (s3(), RawServer::new(instance));
    let mut world = world();
    world.unset("AWS_EC2_METADATA_DISABLED");
    world.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint());
    is_let_in(&world, &server);
    // One walk along the chain is enough for the whole command.
    assert_eq!(service.requests().len(), 3);
}

#[test]
fn instance_that_is_busy_and_changes_its_mind_is_let_in() {
    let n_tokens = AtomicUsize::new(0);
    let n_lists = AtomicUsize::new(0);
    let service = RawServer::new(move |request| {
        let token = request.header("x-aws-ec2-metadata-token");
        match (request.method.as_str(), token) {
            // Busy at first; then a token that expires at once; then a valid one.
            ("PUT", _) => match n_tokens.fetch_add(1, Ordering::Relaxed) {
                0 => RawReply::new(503, &[], "busy"),
                1 => RawReply::new(200, &[], "OLD"),
                _ => RawReply::new(200, &[], "TOKEN"),
            },
            ("GET", Some("TOKEN")) if n_lists.fetch_add(1, Ordering::Relaxed) == 0 => {
                RawReply::new(429, &[], "slow down")
            }
            _ => instance(request),
        }
    });
    let server = s3();
    let mut world = world();
    world.unset("AWS_EC2_METADATA_DISABLED");
    world.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint());
    is_let_in(&world, &server);
    assert_eq!(service.requests().iter().filter(|request| request.method == "PUT").count(), 3);
}

#[test]
fn pod_identity_is_let_in() {
    let server = s3();
    let service = RawServer::new(|request| match request.header("authorization") {
        Some("POD-TOKEN") => metadata(LATER),
        _ => RawReply::new(403, &[], ""),
    });
    let mut world = world();
    let file = world.folder("pod").join("token");
    fs_err::write(&file, "POD-TOKEN").unwrap();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", service.endpoint()));
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file);
    is_let_in(&world, &server);
    assert_eq!(paths(&service), ["GET /v1/credentials"]);
}

#[test]
fn assumed_role_is_let_in() {
    let server = s3();
    let service = RawServer::new(|request| match request.header("authorization") {
        Some(header) if header.contains("Credential=AKIABASE/") => assumed("AssumeRole"),
        _ => RawReply::new(403, &[], ""),
    });
    let mut world = world();
    world.set("AWS_ENDPOINT_URL_STS", service.endpoint());
    world.set("AWS_PROFILE", "role");
    let aws = world.folder("aws");
    let base = format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {BASE_SECRET}\n");
    aws.write("credentials", base);
    aws.write("config", "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n");
    is_let_in(&world, &server);
    // One request for the role, and one for the identity of the keys.
    assert_eq!(paths(&service), ["POST /", "POST /"]);
}

#[test]
fn web_identity_is_let_in() {
    let server = s3();
    let service = RawServer::new(|request| match request.header("authorization") {
        None => assumed("AssumeRoleWithWebIdentity"),
        Some(_) => RawReply::new(403, &[], ""),
    });
    let mut world = world();
    let file = world.folder("pod").join("token");
    fs_err::write(&file, "JWT").unwrap();
    world.set("AWS_ENDPOINT_URL_STS", service.endpoint());
    world.set("AWS_WEB_IDENTITY_TOKEN_FILE", &file);
    world.set("AWS_ROLE_ARN", "arn:aws:iam::1:role/web");
    is_let_in(&world, &server);
}

#[test]
fn sso_session_is_renewed_and_let_in() {
    let server = s3();
    let service = RawServer::new(|request| {
        match (request.path.as_str(), request.header("x-amz-sso_bearer_token")) {
            ("/token", _) => json(r#"{"accessToken": "RENEWED-TOKEN", "expiresIn": 28800}"#),
            ("/federation/credentials", Some("RENEWED-TOKEN")) => json(&format!(
                r#"{{"roleCredentials": {{"accessKeyId": "{ID}", "secretAccessKey": "{SECRET}", "sessionToken": "{TOKEN}", "expiration": 4070908800000}}}}"#
            )),
            _ => RawReply::new(401, &[], "{}"),
        }
    });
    let mut world = world();
    world.guard_secret("RENEWED-TOKEN");
    world.set("AWS_ENDPOINT_URL_SSO", service.endpoint());
    world.set("AWS_ENDPOINT_URL_SSO_OIDC", service.endpoint());
    world.set("AWS_PROFILE", "sso");
    world.folder("aws").write(
        "config",
        "[profile sso]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n\
         [sso-session corp]\nsso_start_url = https://corp.example\nsso_region = eu-west-1\n",
    );
    // SHA-1 of `corp`.
    let file = "home/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    let kept = r#"{"accessToken": "OLD", "expiresAt": "2020-01-01T00:00:00Z", "clientId": "C", "clientSecret": "S",
        "refreshToken": "R", "registrationExpiresAt": "2099-01-01T00:00:00Z"}"#;
    world.folder("home/.aws/sso/cache");
    fs_err::write(world.root().join(file), kept).unwrap();
    is_let_in(&world, &server);
    assert_eq!(paths(&service), ["POST /token", "GET /federation/credentials"]);
    assert!(fs_err::read_to_string(world.root().join(file)).unwrap().contains("RENEWED-TOKEN"));
}

/// Without this test, the others could pass on a server that accepts all requests.
#[test]
fn wrong_secret_of_a_source_is_not_let_in() {
    let server = s3();
    let service = RawServer::new(|_| {
        json(&format!(
            r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "wrong", "Token": "{TOKEN}", "Expiration": "{LATER}"}}"#
        ))
    });
    let mut world = world();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    let repo = repository(&world, &server);
    repo.haul(["remote", "check"]).failure().stdout_has(&["SignatureDoesNotMatch"]);
}

#[test]
fn keys_that_expire_in_the_middle_are_renewed() {
    let server = s3();
    let service = RawServer::new(|_| metadata(LATER));
    let mut world = world();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    let repo = repository(&world, &server);
    server.inject(Fault::everywhere(FaultAction::error(400, "ExpiredToken")).times(1));
    repo.haul(["remote", "check", "-vv"]).success();
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn renewal_that_fails_ends_the_command_with_the_reason() {
    let server = s3();
    let service = RawServer::new(|_| RawReply::new(403, &[], "the role was taken away"));
    let mut world = world();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    let repo = repository(&world, &server);
    repo.haul(["remote", "check"]).failure().stdout_has(&["container", "the role was taken away"]);
    assert!(server.requests().is_empty());
}

#[test]
fn no_credentials_says_what_to_do() {
    let server = s3();
    let world = world();
    let repo = repository(&world, &server);
    repo.haul(["remote", "check"]).failure().stdout_has(&["no AWS credentials found", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn profile_option_takes_the_environment_out() {
    let server = s3();
    let mut world = world();
    world.set("AWS_ACCESS_KEY_ID", ID);
    world.set("AWS_SECRET_ACCESS_KEY", SECRET);
    world.set("AWS_SESSION_TOKEN", TOKEN);
    world.folder("aws").write("config", "[profile empty]\nregion = us-east-1\n");
    let repo = repository(&world, &server);
    repo.haul(["remote", "modify", "origin", "profile", "empty"]).success();
    repo.haul(["remote", "check"]).failure().stdout_has(&["no AWS credentials found"]);
    repo.haul(["remote", "modify", "origin", "profile", "--unset"]).success();
    repo.haul(["remote", "check"]).success();
}

#[test]
fn unknown_profile_names_the_nearest() {
    let server = s3();
    let mut world = world();
    world.set("AWS_PROFILE", "prodution");
    world.folder("aws").write("config", "[profile production]\n");
    let repo = repository(&world, &server);
    repo.haul(["remote", "check"]).failure().stderr_has(&["`prodution`", "`production`"]);
}
