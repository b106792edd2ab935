//! Keys that expire while a command runs.

use haul_auth::ProvideCredentials;

use crate::world::{World, metadata};

const ECS: &str = "GET http://169.254.170.2/x";

fn world() -> World {
    World::new().var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x").reply(
        ECS,
        200,
        &metadata("ASIA1", "2026-01-31T13:00:00Z"),
    )
}

#[tokio::test]
async fn keys_are_renewed_before_they_end_and_only_then() {
    let world = world();
    let chain = world.chain();
    let key = || async { chain.credentials().await.unwrap().unwrap().access_key_id.clone() };
    assert_eq!(key().await, "ASIA1");
    world.clock.set("2026-01-31T12:54:59Z");
    assert_eq!(key().await, "ASIA1");
    assert_eq!(world.http.sent().len(), 1);
    world.clock.set("2026-01-31T12:55:00Z");
    world.http.answer(ECS, 200, &metadata("ASIA2", "2026-01-31T14:00:00Z"));
    assert_eq!(key().await, "ASIA2");
}

#[tokio::test]
async fn keys_the_server_calls_expired_are_fetched_once_for_all() {
    let world = world();
    let chain = std::sync::Arc::new(world.chain());
    let first = chain.credentials().await.unwrap().unwrap();
    world.http.answer(ECS, 200, &metadata("ASIA2", "2026-01-31T14:00:00Z"));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (chain, first) = (std::sync::Arc::clone(&chain), std::sync::Arc::clone(&first));
            tokio::spawn(async move {
                chain.invalidate(&first);
                chain.credentials().await.unwrap().unwrap().access_key_id.clone()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "ASIA2");
    }
    assert_eq!(world.http.sent().len(), 2);
}

#[tokio::test]
async fn renewal_that_fails_for_good_is_an_error_with_the_trace() {
    let world = world();
    let chain = world.chain();
    chain.credentials().await.unwrap();
    world.clock.set("2026-01-31T13:00:00Z");
    world.http.answer(ECS, 403, "role is gone");
    let error = chain.credentials().await.unwrap_err();
    assert!(error.to_string().ends_with("role is gone"), "{error}");
    assert_eq!(&chain.trace(), error.trace().unwrap());
}

#[tokio::test]
async fn keys_of_a_file_are_read_again_when_they_are_refused() {
    let file = |key: &str| format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n");
    let world = World::new().credentials(&file("AKIAOLD"));
    let chain = world.chain();
    let old = chain.credentials().await.unwrap().unwrap();
    let world = world.credentials(&file("AKIANEW"));
    assert_eq!(chain.credentials().await.unwrap().unwrap().access_key_id, "AKIAOLD");
    chain.invalidate(&old);
    assert_eq!(chain.credentials().await.unwrap().unwrap().access_key_id, "AKIANEW");
    drop(world);
}
