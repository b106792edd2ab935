//! IAM Identity Center: the token of `aws sso login` is exchanged for the keys of a role.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>.

use std::collections::BTreeMap;

use bytes::Bytes;
use haul_config::Located;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{Stop, Verdict, Walk, not_expired};
use crate::send::{self, Attempts, excerpt, is_busy};
use crate::settings::{Service, place};
use crate::sso_token::{TokenOwner, token};
use crate::{Credentials, SourceName, time};

/// The SSO settings of a profile and its session.
struct Sso {
    owner: TokenOwner,
    account_id: String,
    role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Milliseconds after 1970, as a number or as text.
    expiration: serde_json::Value,
}

pub(crate) async fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    let Some(sso) = configured(walk, profile)? else {
        return Verdict::next(format!(
            "the profile `{profile}` has neither `sso_role_name` nor `sso_account_id`"
        ));
    };
    let token = token(walk, profile, &sso.owner).await?;
    let credentials = role_credentials(walk, profile, &sso, token.expose()).await?;
    let credentials = not_expired(credentials, walk.now(), &format!("of role `{}`", sso.role_name))?;
    let session = match &sso.owner.session {
        Some(session) => format!("session `{session}`"),
        None => format!("`{}`", sso.owner.start_url),
    };
    let Sso { account_id, role_name, .. } = sso;
    Ok(Verdict::Found(credentials, format!("role `{role_name}` of account {account_id}, {session}")))
}

/// Returns the SSO settings of profile `name`, or `None` if it has none.
fn configured(walk: Walk<'_>, name: &str) -> Result<Option<Sso>, Stop> {
    let profile = walk.profile(name);
    if !profile.has("sso_role_name") && !profile.has("sso_account_id") {
        return Ok(None);
    }
    let mut keys: BTreeMap<&str, Located<&str>> = profile.texts().collect();
    let session = profile.text("sso_session")?;
    if let Some(session) = &session {
        let Some(section) = walk.files.sso_session(session.value) else {
            return Err(Stop::new(format!(
                "`sso_session` ({}) is `{}`, but there is no section `[sso-session {}]`",
                session.origin, session.value, session.value
            ))
            .with_hint("run `aws configure sso-session`"));
        };
        // The profile's own keys are ignored if it names a session, as the user logged in to the session.
        if let Some(missing) = ["sso_start_url", "sso_region"].into_iter().find(|key| !section.has(key)) {
            return Err(Stop::new(format!(
                "the section `[sso-session {}]`, which `sso_session` ({}) names, has no `{missing}`",
                session.value, session.origin
            ))
            .with_hint("run `aws configure sso-session`"));
        }
        for (key, value) in section.texts() {
            if let Some(own) = keys.get(key).filter(|own| own.value != value.value) {
                return Err(Stop::new(format!(
                    "`{key}` is `{}` ({}) and `{}` ({})",
                    own.value, own.origin, value.value, value.origin
                )));
            }
            keys.insert(key, value);
        }
    }
    let missing: Vec<_> = ["sso_role_name", "sso_account_id", "sso_start_url", "sso_region"]
        .into_iter()
        .filter(|key| !keys.contains_key(key))
        .map(|key| format!("`{key}`"))
        .collect();
    if !missing.is_empty() {
        return Err(Stop::new(format!("the profile `{name}` uses SSO and lacks {}", missing.join(", ")))
            .with_hint(format!("run `aws configure sso --profile {name}`")));
    }
    let text = |key: &str| keys.get(key).map(|value| value.value.to_owned()).unwrap_or_default();
    Ok(Some(Sso {
        owner: TokenOwner {
            start_url: text("sso_start_url"),
            region: text("sso_region"),
            session: session.map(|session| session.value.to_owned()),
        },
        account_id: text("sso_account_id"),
        role_name: text("sso_role_name"),
    }))
}

/// Source: <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>.
async fn role_credentials(
    walk: Walk<'_>,
    profile: &str,
    sso: &Sso,
    token: &str,
) -> Result<Credentials, Stop> {
    let place = place(Service::Sso, Some(&sso.owner.region), &walk.reader())?;
    let base = place.url.trim_end_matches('/');
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let (role, account) = (encode(&sso.role_name), encode(&sso.account_id));
    let url = format!("{base}/federation/credentials?role_name={role}&account_id={account}");
    let headers = [("x-amz-sso_bearer_token", token), ("accept", "application/json")];
    let request = || send::request(Method::GET, &url, &headers, Bytes::new());
    let response = send::send(walk.http(), request, Attempts::SERVICE, |_| false)
        .await
        .map_err(|error| error.stop(&format!("SSO at `{base}`")))?;
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        return Err(Stop::new("SSO does not accept the session of `aws sso login` any more")
            .with_hint(login(profile)));
    }
    if !status.is_success() {
        let stop = Stop::new(format!(
            "SSO at `{base}` gives no keys of role `{}` of account {} ({status}): {}",
            sso.role_name,
            sso.account_id,
            excerpt(response.body())
        ));
        return Err(if is_busy(status) { stop.transient() } else { stop });
    }
    let unreadable = || Stop::new(format!("SSO at `{base}` answers without keys"));
    let reply: Reply = serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
    let keys = reply.role_credentials;
    let end = &keys.expiration;
    let milliseconds = match end {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        number => number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
    };
    let end = milliseconds.and_then(time::from_milliseconds).ok_or_else(unreadable)?;
    Ok(Credentials::new(keys.access_key_id, keys.secret_access_key, SourceName::Sso)
        .with_session_token(Some(keys.session_token))
        .with_expiry(Some(end))
        .with_account_id(Some(sso.account_id.clone())))
}

/// Returns the hint that says what to type to get a new session.
pub(crate) fn login(profile: &str) -> String {
    format!("run `aws sso login --profile {profile}`")
}
