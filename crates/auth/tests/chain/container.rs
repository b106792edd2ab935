//! ECS tasks and EKS pods.

use haul_auth::SourceName;
use haul_auth::http::HttpErrorKind;

use crate::world::{LATER, World, is_direct, metadata, secret, time, token};

const ECS: &str = "GET http://169.254.170.2/v2/credentials/x";

fn ecs() -> World {
    World::new().var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")
}

#[tokio::test]
async fn task_is_asked_at_its_relative_uri_without_a_proxy() {
    let world = ecs().reply(ECS, 200, &metadata("ASIAECS", LATER));
    let found = world.found().await;
    assert_eq!((found.source, secret(&found)), (SourceName::Container, "secret-of-ASIAECS"));
    assert_eq!((token(&found), found.expires_at), ("token-of-ASIAECS", Some(time(LATER))));
    let sent = &world.http.sent()[0];
    assert!(is_direct(sent));
    assert_eq!(sent.header("authorization"), "");
}

#[tokio::test]
async fn pod_sends_the_token_of_its_file() {
    let world = World::new()
        .file("token", "JWT")
        .var("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")
        .var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one")
        .var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token")
        .reply("GET http://169.254.170.23/v1/credentials", 200, &metadata("ASIAEKS", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIAEKS");
    assert_eq!(world.http.sent()[0].header("authorization"), "JWT");
}

#[tokio::test]
async fn token_is_not_sent_to_other_hosts_nor_split_into_headers() {
    let full = |url: &str| World::new().var("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    let world = full("http://evil.example/").var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "T");
    let error = world.error().await;
    assert!(error.to_string().contains("expected an https URL"), "{error}");
    assert!(world.http.sent().is_empty());
    let world = full("http://localhost:1/").var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "T\r\nX: y");
    assert!(world.error().await.to_string().contains("more than one line"));
    let world = full("http://localhost:1/").var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "missing");
    assert!(
        world.error().await.to_string().contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read")
    );
    assert!(full("not a url").error().await.to_string().contains("is not valid"));
}

#[tokio::test]
async fn agent_that_is_busy_is_asked_three_times() {
    let world = ecs().reply(ECS, 500, "").fail(ECS, HttpErrorKind::Timeout).reply(
        ECS,
        200,
        &metadata("ASIAECS", LATER),
    );
    assert_eq!(world.found().await.access_key_id, "ASIAECS");
    let world = ecs().reply(ECS, 429, "a").reply(ECS, 429, "b").reply(ECS, 429, "slow down");
    let error = world.error().await;
    assert!(error.to_string().ends_with("answers 429 Too Many Requests: slow down"), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn agent_that_refuses_or_talks_nonsense_stops_the_chain() {
    for (status, body, why) in [
        (403, "no role".to_owned(), "answers 403 Forbidden: no role"),
        (200, "{}".to_owned(), "answers without keys"),
        (200, "nonsense".to_owned(), "answers without keys"),
        (200, metadata("A", "2020-01-01T00:00:00Z"), "expired at 2020-01-01"),
        (200, metadata("A", "never"), "is not a time"),
        (302, String::new(), "answers 302"),
    ] {
        let world = ecs().reply(ECS, status, &body);
        let error = world.error().await;
        assert!(error.to_string().starts_with("cannot get credentials from container: "), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(world.http.sent().len(), 1);
    }
}
