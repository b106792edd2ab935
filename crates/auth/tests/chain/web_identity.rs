//! Token files.

use haul_auth::SourceName;
use haul_auth::http::HttpErrorKind;

use crate::world::{LATER, World, assumed, secret};

const STS: &str = "POST https://sts.amazonaws.com/";

fn env() -> World {
    World::new()
        .file("token", "JWT.of.me\n")
        .var("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
        .var("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")
}

#[tokio::test]
async fn token_of_the_environment_is_changed_for_keys_without_a_signature() {
    let world = env().var("AWS_ROLE_SESSION_NAME", "pod").reply(
        STS,
        200,
        &assumed("AssumeRoleWithWebIdentity", "ASIAWEB", LATER),
    );
    let found = world.found().await;
    assert_eq!((found.source, secret(&found)), (SourceName::WebIdentity, "secret-of-ASIAWEB"));
    let sent = &world.http.sent()[0];
    assert_eq!(sent.field("Action").unwrap(), "AssumeRoleWithWebIdentity");
    assert_eq!(sent.field("WebIdentityToken").unwrap(), "JWT.of.me");
    assert_eq!(sent.field("RoleArn").unwrap(), "arn:aws:iam::1:role/web");
    assert_eq!(sent.field("RoleSessionName").unwrap(), "pod");
    assert_eq!(sent.header("authorization"), "");
}

#[tokio::test]
async fn profile_option_leaves_the_environment_out() {
    let world = env()
        .config(
            "[profile p]\nrole_arn = R\nweb_identity_token_file = ~/other\n[profile q]\naws_access_key_id = AKIAQ\n\
             aws_secret_access_key = q\n",
        )
        .file("other", "JWT2")
        .profile("p")
        .reply(STS, 200, &assumed("AssumeRoleWithWebIdentity", "ASIAWEB", LATER));
    world.found().await;
    assert_eq!(world.http.sent()[0].field("WebIdentityToken").unwrap(), "JWT2");
    assert_eq!(world.profile("q").found().await.source, SourceName::ConfigFile);
}

#[tokio::test]
async fn broken_web_identities_stop_the_chain() {
    let no_role = World::new().var("AWS_WEB_IDENTITY_TOKEN_FILE", "token").error().await;
    assert!(no_role.to_string().contains("no role to assume"), "{no_role}");
    let no_file = env().var("AWS_WEB_IDENTITY_TOKEN_FILE", "missing").error().await;
    assert!(no_file.to_string().ends_with("cannot be read"), "{no_file}");
    let cause = std::error::Error::source(&no_file).unwrap().to_string();
    assert!(cause.contains("missing"), "{cause}");
    let refused = env()
        .reply(
            STS,
            400,
            "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>",
        )
        .error()
        .await;
    assert!(refused.to_string().ends_with("Token expired (ExpiredTokenException)"), "{refused}");
}

#[tokio::test]
async fn provider_that_cannot_be_reached_by_sts_is_asked_again() {
    let busy = "<ErrorResponse><Error><Code>IDPCommunicationError</Code></Error></ErrorResponse>";
    let world = env().reply(STS, 400, busy).fail(STS, HttpErrorKind::Other).reply(
        STS,
        200,
        &assumed("AssumeRoleWithWebIdentity", "ASIAWEB", LATER),
    );
    assert_eq!(world.found().await.access_key_id, "ASIAWEB");
}
