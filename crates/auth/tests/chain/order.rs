//! The order of the sources, and what ends the walk.

use haul_auth::{Answer, Error, ProvideCredentials, SourceName};
use haul_config::{Located, Origin, Secret};

use crate::world::{World, secret, token};

const CONFIG: &str = "[default]\naws_access_key_id = AKIACONFIGFILE\naws_secret_access_key = c\n\
                      [profile work]\naws_access_key_id = AKIAWORKCONFIG\naws_secret_access_key = wc\n";
const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIACREDENTIALS\naws_secret_access_key = s\naws_session_token = t\n";

fn explicit(mut world: World) -> World {
    world.request.access_key_id = Some(Located::new("AKIAEXPLICIT".to_owned(), Origin::CommandLine));
    world.request.secret_access_key = Some(Located::new(Secret::from("x"), Origin::CommandLine));
    world
}

#[tokio::test]
async fn explicit_keys_win_and_no_file_is_read() {
    let world = explicit(World::new().env_keys().config("this is no config file"));
    let found = world.found().await;
    assert_eq!((found.access_key_id.as_str(), secret(&found)), ("AKIAEXPLICIT", "x"));
    assert_eq!(found.source, SourceName::Explicit);
}

#[tokio::test]
async fn half_of_the_explicit_keys_is_an_error() {
    let mut world = explicit(World::new().env_keys());
    world.request.secret_access_key = None;
    let error = world.error().await;
    assert_eq!(
        error.to_string(),
        "cannot get credentials from keys of the remote: the remote has `access_key_id` (command line) but no \
         `secret_access_key`"
    );
    assert!(error.hint().unwrap().contains("haul remote modify --local"));
}

#[tokio::test]
async fn anonymous_wins_over_everything() {
    let mut world = explicit(World::new());
    world.request.anonymous = Some(haul_config::Origin::CommandLine);
    let chain = world.chain();
    assert!(chain.credentials().await.unwrap().is_none());
    assert_eq!(chain.trace().entries()[0].source, SourceName::Anonymous);
}

#[tokio::test]
async fn environment_wins_over_profile_variable_but_not_over_profile_option() {
    let world = World::new().env_keys().config(CONFIG).var("AWS_PROFILE", "work");
    assert_eq!(world.found().await.source, SourceName::Environment);
    let found = world.profile("work").found().await;
    assert_eq!((found.source, found.access_key_id.as_str()), (SourceName::ConfigFile, "AKIAWORKCONFIG"));
}

#[tokio::test]
async fn credentials_file_wins_over_config_file() {
    let world = World::new().config(CONFIG).credentials(CREDENTIALS);
    let found = world.found().await;
    assert_eq!((found.source, token(&found)), (SourceName::SharedCredentials, "t"));
    assert_eq!(World::new().config(CONFIG).found().await.source, SourceName::ConfigFile);
}

#[tokio::test]
async fn environment_reads_both_names_of_the_token_and_the_account() {
    let world = World::new()
        .env_keys()
        .var("AWS_SESSION_TOKEN", "new")
        .var("AWS_SECURITY_TOKEN", "old")
        .var("AWS_ACCOUNT_ID", "123456789012");
    let found = world.found().await;
    assert_eq!(token(&found), "old");
    assert_eq!(found.account_id.as_deref(), Some("123456789012"));
}

#[tokio::test]
async fn half_configured_sources_stop_the_chain() {
    for (world, stopped_by, why) in [
        (
            World::new().var("AWS_ACCESS_KEY_ID", "A").credentials(CREDENTIALS),
            SourceName::Environment,
            "AWS_SECRET_ACCESS_KEY is not",
        ),
        (
            World::new().env_keys().var("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z"),
            SourceName::Environment,
            "expired at 2020-01-01T00:00:00Z",
        ),
        (
            World::new().env_keys().var("AWS_CREDENTIAL_EXPIRATION", "soon"),
            SourceName::Environment,
            "is not a time",
        ),
        (
            World::new().config(CONFIG).credentials("[default]\naws_access_key_id = A\n"),
            SourceName::SharedCredentials,
            ".aws/credentials:2 [default]) has no `aws_secret_access_key`",
        ),
        (
            World::new().credentials("[default]\naws_access_key_id =\naws_secret_access_key = s\n"),
            SourceName::SharedCredentials,
            "is empty",
        ),
        (
            World::new().config("[default]\naws_access_key_id = A\n"),
            SourceName::ConfigFile,
            "has no `aws_secret_access_key`",
        ),
        (World::new().config("[default]\nlogin_session = x\n"), SourceName::Login, "is not supported"),
    ] {
        let error = world.error().await;
        assert!(error.to_string().contains(why), "{error}");
        let last = error.trace().unwrap().entries().last().unwrap().clone();
        assert_eq!(last.source, stopped_by, "{error}");
        assert!(matches!(last.answer, Answer::Stop(_)), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn nothing_found_tells_what_every_source_said() {
    let world = World::new().config("[profile a]\n").var("AWS_EC2_METADATA_DISABLED", "true");
    let error = world.error().await;
    assert!(matches!(error, Error::NoCredentials { .. }));
    let lines: Vec<_> = error.trace().unwrap().to_string().lines().map(str::to_owned).collect();
    let starts = [
        "keys of the remote       -       the remote has no",
        "environment              -       AWS_ACCESS_KEY_ID is not set",
        "assume role              -       the profile `default` has no `role_arn`",
        "web identity             -       AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        "SSO                      -       the profile `default` has neither",
        "shared credentials file  -       there is no file `",
        "login session            -       the profile `default` has no",
        "credential process       -       the profile `default` has no",
        "config file              -       `",
        "container                -       neither AWS_CONTAINER_",
        "instance metadata        -       AWS_EC2_METADATA_DISABLED is true",
    ];
    assert_eq!(lines.len(), starts.len());
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(world.http.sent().is_empty());
}

#[tokio::test]
async fn malformed_file_is_an_error_even_with_keys_in_the_environment() {
    let error = World::new().env_keys().config("[default]\nregion\n").error().await;
    assert!(error.to_string().contains(".aws/config` line 2"), "{error}");
}

#[tokio::test]
async fn caller_identity_asks_sts() {
    let world = World::new().env_keys().var("AWS_DEFAULT_REGION", "eu-west-3").reply(
        "POST https://sts.eu-west-3.amazonaws.com/",
        200,
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>U</UserId><Account>123456789012</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    let identity = world.chain().caller_identity().await.unwrap().unwrap();
    assert_eq!(identity.arn, "arn:aws:iam::123456789012:user/me");
    assert_eq!(identity.account, "123456789012");
    let sent = &world.http.sent()[0];
    assert_eq!(sent.field("Action").unwrap(), "GetCallerIdentity");
    assert!(sent.header("authorization").contains("Credential=AKIAENVIRONMENT/20260131/eu-west-3/sts/"));
}
