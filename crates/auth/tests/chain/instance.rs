//! The instance metadata service.

use haul_auth::http::HttpErrorKind;
use haul_auth::{Error, SourceName};

use crate::world::{LATER, World, is_direct, metadata, secret, time, token};

const TOKEN: &str = "PUT http://169.254.169.254/latest/api/token";
const LIST: &str = "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/";
const ROLE: &str = "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/role-x";

/// Returns why the service had no keys.
async fn why(world: &World) -> String {
    let error = world.error().await;
    assert!(matches!(error, Error::NoCredentials { .. }), "{error}");
    let last = error.trace().unwrap().entries().last().unwrap().clone();
    assert_eq!(last.source, SourceName::InstanceMetadata);
    last.answer.text().to_owned()
}

#[tokio::test]
async fn version_two_with_a_token_is_used() {
    let world = World::new().reply(TOKEN, 200, "TOKEN").reply(LIST, 200, "role-x\n").reply(
        ROLE,
        200,
        &metadata("ASIAEC2", LATER),
    );
    let found = world.found().await;
    assert_eq!((found.source, secret(&found)), (SourceName::InstanceMetadata, "secret-of-ASIAEC2"));
    assert_eq!((token(&found), found.expires_at), ("token-of-ASIAEC2", Some(time(LATER))));
    let sent = world.http.sent();
    assert_eq!(sent[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
    assert!(sent.iter().all(is_direct));
    assert!(sent[1..].iter().all(|sent| sent.header("x-aws-ec2-metadata-token") == "TOKEN"));
    assert!(sent[2].line.ends_with("/security-credentials/role-x"));
}

#[tokio::test]
async fn version_one_is_tried_where_there_are_no_tokens() {
    for world in [
        World::new().reply(TOKEN, 403, ""),
        World::new().reply(TOKEN, 405, ""),
        World::new().fail(TOKEN, HttpErrorKind::Timeout),
    ] {
        let world = world.reply(LIST, 200, "role-x").reply(ROLE, 200, &metadata("ASIAEC2", LATER));
        assert_eq!(world.found().await.access_key_id, "ASIAEC2");
        assert_eq!(world.http.sent()[1].header("x-aws-ec2-metadata-token"), "");
    }
    let world = World::new().reply(TOKEN, 403, "").var("AWS_EC2_METADATA_V1_DISABLED", "true");
    assert!(why(&world).await.contains("its version 1 is disabled"));
    assert_eq!(world.http.sent().len(), 1);
}

#[tokio::test]
async fn token_that_is_over_is_got_anew() {
    let world = World::new()
        .reply(TOKEN, 200, "OLD")
        .reply(LIST, 401, "")
        .reply(TOKEN, 200, "NEW")
        .reply(LIST, 200, "role-x")
        .reply(ROLE, 200, &metadata("ASIAEC2", LATER));
    world.found().await;
    assert_eq!(world.http.sent()[4].header("x-aws-ec2-metadata-token"), "NEW");
}

#[tokio::test]
async fn service_that_is_busy_is_asked_again() {
    let world = World::new()
        .reply(TOKEN, 503, "")
        .reply(TOKEN, 200, "TOKEN")
        .reply(LIST, 429, "")
        .reply(LIST, 200, "role-x")
        .reply(ROLE, 200, &metadata("ASIAEC2", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIAEC2");
    assert_eq!(world.http.sent().len(), 5);
}

#[tokio::test]
async fn machines_without_the_service_are_told_so_after_one_attempt() {
    let world = World::new().fail(TOKEN, HttpErrorKind::Connect);
    assert!(why(&world).await.contains("this is not an EC2 instance"));
    assert_eq!(world.http.sent().len(), 1);
}

#[tokio::test]
async fn replies_without_keys_are_told() {
    let list = || World::new().reply(TOKEN, 200, "T").reply(LIST, 200, "role-x");
    for (world, text) in [
        (World::new().reply(TOKEN, 200, "T").reply(LIST, 404, ""), "the instance has no role"),
        (World::new().reply(TOKEN, 200, "T").reply(LIST, 200, " \n"), "the instance has no role"),
        (World::new().reply(TOKEN, 400, ""), "answers 400"),
        (list().reply(ROLE, 200, "nonsense"), "answers without keys of `role-x`"),
        (list().reply(ROLE, 200, r#"{"AccessKeyId": "A"}"#), "lacks a key of `role-x`"),
        (
            list().reply(
                ROLE,
                200,
                r#"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume"}"#,
            ),
            "EC2 cannot assume (AssumeRoleUnauthorizedAccess)",
        ),
    ] {
        let why = why(&world).await;
        assert!(why.contains(text), "{why}");
    }
}

#[tokio::test]
async fn service_can_be_disabled_moved_and_told_to_wait() {
    let world = World::new().var("AWS_EC2_METADATA_DISABLED", "TRUE");
    assert_eq!(why(&world).await, "AWS_EC2_METADATA_DISABLED is true");
    assert!(world.http.sent().is_empty());

    let world = World::new()
        .config("[default]\nec2_metadata_service_endpoint_mode = IPv6\nmetadata_service_timeout = 3\n")
        .fail("PUT http://[fd00:ec2::254]/latest/api/token", HttpErrorKind::Connect);
    why(&world).await;
    let sent = &world.http.sent()[0];
    assert!(sent.line.starts_with("PUT http://[fd00:ec2::254]/"));
    assert_eq!(sent.options.timeout.as_secs(), 3);

    let world = World::new()
        .var("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/")
        .var("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2")
        .fail("PUT http://127.0.0.1:1338/latest/api/token", HttpErrorKind::Connect)
        .reply("PUT http://127.0.0.1:1338/latest/api/token", 200, "T")
        .reply("GET http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/", 200, "role-x")
        .reply("GET http://127.0.0.1:1338/latest/meta-data/", 200, &metadata("ASIAEC2", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIAEC2");

    let error = World::new().var("AWS_METADATA_SERVICE_TIMEOUT", "long").error().await;
    assert!(error.to_string().contains("`AWS_METADATA_SERVICE_TIMEOUT`"), "{error}");
}

#[tokio::test]
async fn keys_that_are_over_are_used_for_a_quarter_of_an_hour_more() {
    let world = World::new().reply(TOKEN, 200, "T").reply(LIST, 200, "role-x").reply(
        ROLE,
        200,
        &metadata("ASIAEC2", "2026-01-31T11:00:00Z"),
    );
    assert_eq!(world.found().await.expires_at, Some(time("2026-01-31T12:15:00Z")));
}
