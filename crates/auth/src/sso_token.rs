//! The token of `aws sso login`, from the cache of the AWS CLI, and its renewal.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>; the file is
//! `~/.aws/sso/cache/SHA1.json`, named by the session, or by the start URL without one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use haul_config::Secret;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use crate::role_cache::write_private;
use crate::send::{self, Attempts, excerpt};
use crate::settings::{Service, place};
use crate::source::sso::login;
use crate::source::{Stop, Walk};
use crate::time;

/// A token with less time left than this is renewed, as in botocore.
const REFRESH_AHEAD: Duration = Duration::from_mins(15);

/// The SSO session, or the start URL, that a token belongs to.
pub(crate) struct TokenOwner {
    pub(crate) start_url: String,
    pub(crate) region: String,
    /// Only a token of an `sso-session` can be renewed.
    pub(crate) session: Option<String>,
}

/// The request that renews a token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renewal<'a> {
    grant_type: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    refresh_token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renewed {
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
}

/// Returns a token that is valid now.
pub(crate) async fn token(walk: Walk<'_>, profile: &str, owner: &TokenOwner) -> Result<Secret, Stop> {
    let file = file(walk, owner)?;
    let Ok(text) = fs_err::read_to_string(&file) else {
        return Err(Stop::new(format!("there is no SSO session: `{}` cannot be read", file.display()))
            .with_hint(login(profile)));
    };
    let invalid = || {
        Stop::new(format!("the SSO session in `{}` is not valid", file.display())).with_hint(login(profile))
    };
    let kept: Map<String, Value> = serde_json::from_str(&text).map_err(|_| invalid())?;
    let field = |name: &str| kept.get(name).and_then(Value::as_str);
    let token = field("accessToken").ok_or_else(invalid)?;
    let end = field("expiresAt").and_then(time::parse).ok_or_else(invalid)?;
    if owner.session.is_some() && end < walk.now() + REFRESH_AHEAD {
        match renew(walk, owner, &kept, &file).await {
            Ok(Some(token)) => return Ok(token),
            // As long as the old token is valid, a renewal that fails does no harm.
            Ok(None) => {}
            Err(stop) if end > walk.now() => {
                tracing::warn!(why = stop.message, "the SSO session could not be renewed");
            }
            Err(stop) => return Err(stop.with_hint(login(profile))),
        }
    }
    if end <= walk.now() {
        return Err(
            Stop::new(format!("the SSO session expired at {}", time::format(end))).with_hint(login(profile))
        );
    }
    Ok(Secret::from(token))
}

fn file(walk: Walk<'_>, owner: &TokenOwner) -> Result<PathBuf, Stop> {
    let name = owner.session.as_ref().unwrap_or(&owner.start_url);
    let home = walk
        .env()
        .home_dir()
        .ok_or_else(|| Stop::new("there is no home directory, so no SSO session").with_hint("set HOME"))?;
    Ok(home.join(".aws/sso/cache").join(format!("{}.json", hex::encode(Sha1::digest(name)))))
}

/// Renews a token and saves it; `None` if the client registration that it needs is incomplete or expired.
///
/// Source: <https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html>.
async fn renew(
    walk: Walk<'_>,
    owner: &TokenOwner,
    kept: &Map<String, Value>,
    file: &Path,
) -> Result<Option<Secret>, Stop> {
    let field = |name: &str| kept.get(name).and_then(Value::as_str);
    let (Some(client_id), Some(client_secret), Some(refresh_token), Some(registration)) =
        (field("clientId"), field("clientSecret"), field("refreshToken"), field("registrationExpiresAt"))
    else {
        return Ok(None);
    };
    if time::parse(registration).is_none_or(|end| end <= walk.now()) {
        return Ok(None);
    }
    let place = place(Service::SsoOidc, Some(&owner.region), &walk.reader())?;
    let base = place.url.trim_end_matches('/');
    let renewal = Renewal { grant_type: "refresh_token", client_id, client_secret, refresh_token };
    let body = serde_json::to_vec(&renewal)
        .map_err(|error| Stop::new("cannot renew the SSO session").with_source(error))?;
    let (body, url) = (Bytes::from(body), format!("{base}/token"));
    let headers = [("content-type", "application/json")];
    let request = || send::request(Method::POST, &url, &headers, body.clone());
    let response = send::send(walk.http(), request, Attempts::SERVICE, |_| false)
        .await
        .map_err(|error| error.stop(&format!("SSO at `{base}`")))?;
    if !response.status().is_success() {
        return Err(Stop::new(format!(
            "SSO at `{base}` does not renew the session ({}): {}",
            response.status(),
            excerpt(response.body())
        )));
    }
    let renewed: Renewed = serde_json::from_slice(response.body())
        .map_err(|_| Stop::new(format!("SSO at `{base}` answers without a token")))?;
    let end = walk.now() + Duration::from_secs(renewed.expires_in);
    keep(owner, kept, &renewed, end, file);
    Ok(Some(Secret::new(renewed.access_token)))
}

/// Saves the token in the cache of the AWS CLI: it and the refresh token are new, and the old ones may be invalid.
fn keep(
    owner: &TokenOwner,
    kept: &Map<String, Value>,
    renewed: &Renewed,
    end: std::time::SystemTime,
    file: &Path,
) {
    let mut content = kept.clone();
    content.insert("startUrl".to_owned(), json!(owner.start_url));
    content.insert("region".to_owned(), json!(owner.region));
    content.insert("accessToken".to_owned(), json!(renewed.access_token));
    content.insert("expiresAt".to_owned(), json!(time::format(end)));
    if let Some(refresh_token) = &renewed.refresh_token {
        content.insert("refreshToken".to_owned(), json!(refresh_token));
    }
    if let Err(error) = write_private(file, Value::Object(content).to_string().as_bytes()) {
        tracing::warn!(%error, "the renewed SSO session could not be kept for the next command");
    }
}
