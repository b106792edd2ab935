//! IAM Identity Center.

use haul_auth::SourceName;
use haul_auth::http::HttpErrorKind;
use serde_json::{Value, json};

use crate::world::{LATER, World, secret, time, token};

const LEGACY: &str = "[profile s]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
                      sso_account_id = 123456789012\nsso_role_name = Data Reader\n";
const SESSION: &str = "[profile s]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = R\n\
                       [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n";
const PORTAL: &str = "GET https://portal.sso.eu-west-1.amazonaws.com/federation/credentials";
const OIDC: &str = "POST https://oidc.eu-west-1.amazonaws.com/token";
/// SHA-1 of the start URL.
const LEGACY_FILE: &str = ".aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";
/// SHA-1 of `corp`.
const SESSION_FILE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
/// 2026-01-31T13:00:00Z.
const KEYS: &str = r#"{"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": "k", "sessionToken": "t", "expiration": 1769864400000}}"#;

fn kept(end: &str) -> String {
    json!({
        "startUrl": "https://corp.awsapps.com/start", "region": "eu-west-1", "accessToken": "ACCESS", "expiresAt": end,
        "clientId": "CLIENT", "clientSecret": "CLIENTSECRET", "registrationExpiresAt": "2026-03-01T00:00:00Z",
        "refreshToken": "REFRESH",
    })
    .to_string()
}

fn session(end: &str) -> World {
    World::new().config(SESSION).profile("s").file(SESSION_FILE, &kept(end))
}

#[tokio::test]
async fn legacy_token_is_changed_for_keys() {
    let world = World::new()
        .config(LEGACY)
        .profile("s")
        .file(LEGACY_FILE, r#"{"accessToken": "ACCESS", "expiresAt": "2026-01-31T12:00:01UTC"}"#)
        .reply(PORTAL, 200, KEYS);
    let found = world.found().await;
    assert_eq!((found.source, secret(&found), token(&found)), (SourceName::Sso, "k", "t"));
    assert_eq!(found.expires_at, Some(time(LATER)));
    assert_eq!(found.account_id.as_deref(), Some("123456789012"));
    let sent = &world.http.sent()[0];
    assert!(sent.line.ends_with("?role_name=Data%20Reader&account_id=123456789012"), "{}", sent.line);
    assert_eq!(sent.header("x-amz-sso_bearer_token"), "ACCESS");
}

#[tokio::test]
async fn session_token_that_is_good_is_used_as_it_is() {
    let world = session(LATER).reply(PORTAL, 200, KEYS);
    assert_eq!(world.found().await.access_key_id, "ASIASSO");
    assert_eq!(world.http.sent().len(), 1);
}

#[tokio::test]
async fn session_token_that_ends_soon_is_renewed_and_kept() {
    let world = session("2026-01-31T12:10:00Z")
        .reply(OIDC, 200, r#"{"accessToken": "ACCESS2", "expiresIn": 3600, "refreshToken": "REFRESH2"}"#)
        .reply(PORTAL, 200, KEYS);
    world.found().await;
    let sent = world.http.sent();
    let renewal: Value = serde_json::from_str(&sent[0].body).unwrap();
    assert_eq!(
        renewal,
        json!({"grantType": "refresh_token", "clientId": "CLIENT", "clientSecret": "CLIENTSECRET", "refreshToken": "REFRESH"})
    );
    assert_eq!(sent[1].header("x-amz-sso_bearer_token"), "ACCESS2");
    let file = world.path(SESSION_FILE);
    let kept: Value = serde_json::from_str(&fs_err::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(kept["accessToken"], "ACCESS2");
    assert_eq!(kept["refreshToken"], "REFRESH2");
    assert_eq!(kept["expiresAt"], LATER);
    assert_eq!(kept["clientSecret"], "CLIENTSECRET");
    #[cfg(unix)]
    assert_eq!(crate::world::mode(&file), 0o600);
}

#[tokio::test]
async fn renewal_that_fails_matters_only_if_the_token_is_over() {
    let world = session("2026-01-31T12:10:00Z").reply(OIDC, 400, "{}").reply(PORTAL, 200, KEYS);
    assert_eq!(world.found().await.access_key_id, "ASIASSO");
    let error =
        session("2026-01-31T11:00:00Z").reply(OIDC, 400, r#"{"error": "invalid_grant"}"#).error().await;
    assert!(
        error.to_string().contains(r#"does not renew the session (400 Bad Request): {"error""#),
        "{error}"
    );
    assert_eq!(error.hint().unwrap(), "run `aws sso login --profile s`");
}

#[tokio::test]
async fn sessions_that_are_not_good_say_what_to_type() {
    let legacy = || World::new().config(LEGACY).profile("s");
    for (world, why) in [
        (legacy(), "there is no SSO session"),
        (legacy().file(LEGACY_FILE, "{"), "is not valid"),
        (legacy().file(LEGACY_FILE, r#"{"accessToken": "A"}"#), "is not valid"),
        (
            legacy().file(LEGACY_FILE, r#"{"accessToken": "A", "expiresAt": "2026-01-31T11:59:59Z"}"#),
            "expired at 2026-01-31T11:59:59Z",
        ),
        (session(LATER).reply(PORTAL, 401, "{}"), "does not accept the session"),
    ] {
        let error = world.error().await;
        assert!(error.to_string().starts_with("cannot get credentials from SSO: "), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.hint().unwrap(), "run `aws sso login --profile s`");
    }
}

#[tokio::test]
async fn portal_that_refuses_or_is_away_is_told() {
    let error = session(LATER).reply(PORTAL, 403, r#"{"message": "No access"}"#).error().await;
    assert!(
        error.to_string().contains(
            "gives no keys of role `R` of account 123456789012 (403 Forbidden): {\"message\": \"No access\"}"
        ),
        "{error}"
    );
    let world = session(LATER)
        .fail(PORTAL, HttpErrorKind::Connect)
        .fail(PORTAL, HttpErrorKind::Connect)
        .fail(PORTAL, HttpErrorKind::Connect);
    let error = world.error().await;
    assert!(error.to_string().contains("cannot reach SSO at `https://portal.sso"), "{error}");
    assert!(error.is_transient());
    assert_eq!(world.http.sent().len(), 3);
}

#[tokio::test]
async fn incomplete_and_contradictory_profiles_are_refused() {
    for (config, why) in [
        ("[profile s]\nsso_role_name = R\n", "lacks `sso_account_id`, `sso_start_url`, `sso_region`"),
        (
            "[profile s]\nsso_role_name = R\nsso_account_id = 1\nsso_session = nope\n",
            "there is no section `[sso-session nope]`",
        ),
        (
            "[profile s]\nsso_role_name = R\nsso_account_id = 1\nsso_session = c\nsso_region = a\n[sso-session c]\nsso_region = b\nsso_start_url = u\n",
            "`sso_region` is `a`",
        ),
        (
            "[profile s]\nsso_role_name = R\nsso_account_id = 1\nsso_session = c\nsso_region = a\n[sso-session c]\nsso_start_url = u\n",
            "the section `[sso-session c]`",
        ),
    ] {
        let error = World::new().config(config).profile("s").error().await;
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn endpoints_of_sso_can_be_set() {
    let world = session("2026-01-31T12:10:00Z")
        .var("AWS_ENDPOINT_URL_SSO", "http://portal.local")
        .var("AWS_ENDPOINT_URL_SSO_OIDC", "http://oidc.local")
        .reply("POST http://oidc.local/token", 200, r#"{"accessToken": "B", "expiresIn": 3600}"#)
        .reply("GET http://portal.local/federation/credentials", 200, KEYS);
    assert_eq!(world.found().await.access_key_id, "ASIASSO");
}

#[tokio::test]
async fn session_may_be_the_source_of_a_role() {
    let world = World::new()
        .config(&format!("[profile r]\nrole_arn = R\nsource_profile = s\n{SESSION}"))
        .file(SESSION_FILE, &kept(LATER))
        .profile("r")
        .reply(PORTAL, 200, KEYS)
        .reply("POST https://sts.", 200, &crate::world::assumed("AssumeRole", "ASIAR", LATER));
    assert_eq!(world.found().await.access_key_id, "ASIAR");
    assert!(world.http.sent()[1].header("authorization").contains("ASIASSO"));
}
