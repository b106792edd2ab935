//! Roles of profiles.

use haul_auth::http::HttpErrorKind;
use haul_auth::{Answer, ProvideCredentials, SourceName};

use crate::world::{LATER, World, assumed, secret, time, token};

const STS: &str = "POST https://sts.amazonaws.com/";
const BASE: &str = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = b\n";

fn role(extra: &str) -> World {
    World::new()
        .config(&format!("[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n{extra}\n"))
        .credentials(BASE)
        .profile("r")
}

#[tokio::test]
async fn role_is_assumed_with_the_keys_of_its_source_profile() {
    let world = role("external_id = e x\nrole_session_name = me\nduration_seconds = 900\nregion = eu-west-1")
        .reply("POST https://sts.eu-west-1.amazonaws.com/", 200, &assumed("AssumeRole", "ASIA1", LATER));
    let found = world.found().await;
    assert_eq!(found.source, SourceName::AssumeRole);
    assert_eq!((found.access_key_id.as_str(), secret(&found)), ("ASIA1", "secret-of-ASIA1"));
    assert_eq!(token(&found), "token-of-ASIA1&");
    assert_eq!(found.expires_at, Some(time(LATER)));
    assert_eq!(found.account_id.as_deref(), Some("123456789012"));
    let sent = &world.http.sent()[0];
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::1:role/r"),
        ("ExternalId", "e x"),
        ("RoleSessionName", "me"),
        ("DurationSeconds", "900"),
    ] {
        assert_eq!(sent.field(name).as_deref(), Some(value));
    }
    assert!(sent.header("authorization").contains("Credential=AKIABASE/20260131/eu-west-1/sts/aws4_request"));
}

#[tokio::test]
async fn roles_chain_to_any_depth() {
    let world = World::new()
        .config(
            "[profile a]\nrole_arn = A\nsource_profile = b\n[profile b]\nrole_arn = B\nsource_profile = c\n\
             [profile c]\nrole_arn = C\nsource_profile = base\n",
        )
        .credentials(BASE)
        .var("AWS_PROFILE", "a")
        .reply(STS, 200, &assumed("AssumeRole", "ASIAC", LATER))
        .reply(STS, 200, &assumed("AssumeRole", "ASIAB", LATER))
        .reply(STS, 200, &assumed("AssumeRole", "ASIAA", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIAA");
    let calls: Vec<_> = world
        .http
        .sent()
        .iter()
        .map(|sent| {
            let authorization = sent.header("authorization");
            let key = authorization.split("Credential=").nth(1).unwrap().split('/').next().unwrap();
            format!("{key} {} {}", sent.field("RoleArn").unwrap(), sent.header("x-amz-security-token"))
        })
        .collect();
    assert_eq!(calls, ["AKIABASE C ", "ASIAC B token-of-ASIAC&", "ASIAB A token-of-ASIAB&"]);
    assert!(world.http.sent()[0].field("RoleSessionName").unwrap().starts_with("haul-session-"));
}

#[tokio::test]
async fn cycles_are_refused_and_a_profile_with_keys_may_name_itself() {
    let circle =
        "[profile a]\nrole_arn = A\nsource_profile = b\n[profile b]\nrole_arn = B\nsource_profile = a\n";
    let error = World::new().config(circle).profile("a").error().await;
    assert!(error.to_string().ends_with("the profiles form a cycle: a -> b -> a"), "{error}");
    let own = "[profile a]\nrole_arn = A\nsource_profile = a\n";
    let error = World::new().config(own).profile("a").error().await;
    assert!(error.to_string().contains("cycle"), "{error}");
    let world = World::new()
        .config(own)
        .credentials("[a]\naws_access_key_id = AKIAOWN\naws_secret_access_key = o\n")
        .profile("a")
        .reply(STS, 200, &assumed("AssumeRole", "ASIA1", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIA1");
    assert!(world.http.sent()[0].header("authorization").contains("AKIAOWN"));
}

#[tokio::test]
async fn credential_source_environment_counts_even_with_a_profile_option() {
    let world = World::new()
        .env_keys()
        .config("[profile r]\nrole_arn = R\ncredential_source = Environment\n")
        .profile("r")
        .reply(STS, 200, &assumed("AssumeRole", "ASIA1", LATER));
    assert_eq!(world.found().await.source, SourceName::AssumeRole);
    assert!(world.http.sent()[0].header("authorization").contains("AKIAENVIRONMENT"));
}

#[tokio::test]
async fn source_profile_may_be_a_process() {
    let script = "echo '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROCESS\", \"SecretAccessKey\": \"p\"}'";
    let world = World::new()
        .config(&format!(
            "[profile r]\nrole_arn = R\nsource_profile = p\n[profile p]\ncredential_process = {script}\n"
        ))
        .profile("r")
        .reply(STS, 200, &assumed("AssumeRole", "ASIA1", LATER));
    world.found().await;
    assert!(world.http.sent()[0].header("authorization").contains("AKIAPROCESS"));
}

#[tokio::test]
async fn contradictions_stop_the_chain() {
    let base = "[profile base]\nregion = x\n";
    for (profile, why) in [
        ("", "neither `source_profile` nor `credential_source`"),
        ("source_profile = base\ncredential_source = Environment\n", "has both `source_profile`"),
        ("credential_source = environment\n", "is `environment`; expected `Environment`"),
        ("source_profile = bas\n", "is `bas`, which does not exist"),
        ("source_profile = base\n", "the source profile `base` has no credentials"),
        ("credential_source = EcsContainer\n", "has no credentials: neither AWS_CONTAINER_"),
        ("source_profile = base\nduration_seconds = long\n", "is `long`; expected a whole number"),
    ] {
        let world = World::new()
            .config(&format!("[profile r]\nrole_arn = R\n{profile}{base}"))
            .profile("r")
            .env_keys();
        let error = world.error().await;
        assert!(error.to_string().starts_with("cannot get credentials from assume role: "), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn sts_errors_are_told_with_their_code() {
    let world = role("").reply(
        STS,
        403,
        "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
         <Message>User is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>",
    );
    let error = world.error().await;
    assert!(
        error.to_string().ends_with(
            "STS refuses AssumeRole: User is not authorized to perform: sts:AssumeRole (AccessDenied)"
        ),
        "{error}"
    );
    assert!(!error.is_transient());
    assert_eq!(world.http.sent().len(), 1);
}

#[tokio::test]
async fn sts_that_is_busy_is_asked_again_and_then_transient() {
    let throttled =
        "<ErrorResponse><Error><Code>Throttling</Code><Message>slow</Message></Error></ErrorResponse>";
    let world = role("").reply(STS, 400, throttled).fail(STS, HttpErrorKind::Timeout).reply(
        STS,
        200,
        &assumed("AssumeRole", "ASIA1", LATER),
    );
    assert_eq!(world.found().await.access_key_id, "ASIA1");
    let world = role("").reply(STS, 503, "<html>busy").reply(STS, 503, "").reply(STS, 503, "<html>no");
    let error = world.error().await;
    assert!(error.to_string().ends_with("answers 503 Service Unavailable: <html>no"), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn sts_that_talks_nonsense_is_an_error() {
    for (reply, why) in [
        ("no xml".to_owned(), "cannot parse the reply of STS"),
        ("<AssumeRoleResponse/>".to_owned(), "cannot parse the reply of STS"),
        (assumed("AssumeRole", "A", "whenever"), "an `Expiration` that is not a time"),
        (assumed("AssumeRole", "A", "2020-01-01T00:00:00Z"), "expired at 2020-01-01"),
    ] {
        let error = role("").reply(STS, 200, &reply).error().await;
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn endpoint_of_sts_can_be_set() {
    let world = role("services = s\n[services s]\nsts =\n  endpoint_url = http://sts.local:1/path").reply(
        "POST http://sts.local:1/path",
        200,
        &assumed("AssumeRole", "ASIA1", LATER),
    );
    world.found().await;
    let world = role("").var("AWS_ENDPOINT_URL_STS", "http://other:2").reply(
        "POST http://other:2/",
        200,
        &assumed("AssumeRole", "ASIA1", LATER),
    );
    world.found().await;
}

#[tokio::test]
async fn mfa_session_is_asked_for_once_and_kept_as_the_aws_cli_keeps_it() {
    let world = role("mfa_serial = arn:aws:iam::1:mfa/me").prompt("123456\n").reply(
        STS,
        200,
        &assumed("AssumeRole", "ASIA1", LATER),
    );
    assert_eq!(world.found().await.access_key_id, "ASIA1");
    let sent = &world.http.sent()[0];
    assert_eq!(sent.field("SerialNumber").unwrap(), "arn:aws:iam::1:mfa/me");
    assert_eq!(sent.field("TokenCode").unwrap(), "123456");
    assert_eq!(world.asked(), ["arn:aws:iam::1:mfa/me"]);

    // The file name comes from botocore.
    let kept = world.path(".aws/cli/cache/8838f846109e6208bad5113255f28e881c8069c8.json");
    let content: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(&kept).unwrap()).unwrap();
    assert_eq!(content["Credentials"]["AccessKeyId"], "ASIA1");
    assert_eq!(content["Credentials"]["Expiration"], "2026-01-31T13:00:00UTC");
    assert_eq!(content["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/r/s");
    #[cfg(unix)]
    assert_eq!(crate::world::mode(&kept), 0o600);

    // The next command asks neither the user nor STS, until the session is about to expire.
    let found = world.found().await;
    assert_eq!((found.access_key_id.as_str(), token(&found)), ("ASIA1", "token-of-ASIA1&"));
    world.clock.set("2026-01-31T12:50:00Z");
    world.http.answer(STS, 200, &assumed("AssumeRole", "ASIA2", "2026-01-31T14:00:00UTC"));
    assert_eq!(world.found().await.access_key_id, "ASIA2");
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn kept_session_the_server_refuses_is_replaced() {
    let world = role("mfa_serial = arn:aws:iam::1:mfa/me").prompt("123456").reply(
        STS,
        200,
        &assumed("AssumeRole", "ASIA1", LATER),
    );
    world.found().await;
    let chain = world.chain();
    let kept = chain.credentials().await.unwrap().unwrap();
    assert_eq!((kept.access_key_id.as_str(), world.asked().len()), ("ASIA1", 1));
    chain.invalidate(&kept);
    world.http.answer(STS, 200, &assumed("AssumeRole", "ASIA2", LATER));
    assert_eq!(chain.credentials().await.unwrap().unwrap().access_key_id, "ASIA2");
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn mfa_without_a_terminal_says_what_to_do() {
    let error = role("mfa_serial = arn:aws:iam::1:mfa/me").error().await;
    assert!(error.to_string().contains("the MFA device `arn:aws:iam::1:mfa/me` is needed"), "{error}");
    assert!(error.hint().unwrap().contains("terminal"));
    let error = role("mfa_serial = m").prompt(" ").error().await;
    assert!(error.to_string().contains("no code"), "{error}");
}

#[tokio::test]
async fn profile_with_a_token_file_is_left_to_web_identity() {
    let world = role("web_identity_token_file = token").file("token", "JWT").reply(
        STS,
        200,
        &assumed("AssumeRoleWithWebIdentity", "ASIAWEB", LATER),
    );
    let chain = world.chain();
    let found = chain.credentials().await.unwrap().unwrap();
    assert_eq!(found.source, SourceName::WebIdentity);
    let trace = chain.trace();
    assert!(matches!(trace.entries()[2].answer, Answer::Continue(_)));
}
