//! `role_arn` of a profile: the keys of another profile or source are exchanged for those of a role.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use haul_config::Located;

use super::keys::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use super::{Stop, Verdict, Walk, container, env, instance, not_expired};
use crate::error::InvalidValue;
use crate::profile::Profile;
use crate::role_cache::RoleCache;
use crate::settings::integer;
use crate::{Credentials, Error, SourceName, Trace, chain, sts};

/// A role as a profile describes it.
struct Role<'a> {
    arn: &'a str,
    session_name: Option<&'a str>,
    external_id: Option<&'a str>,
    mfa_serial: Option<&'a str>,
    duration_seconds: Option<u32>,
}

/// The source of the keys that the role is assumed with.
enum From<'a> {
    Profile(&'a str),
    Named(Located<&'a str>),
}

pub(crate) async fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    if !has_role(&walk.profile(profile)) {
        return Verdict::next(format!("the profile `{profile}` has no `role_arn`"));
    }
    let (credentials, from) = assume(walk, profile.to_owned(), vec![profile.to_owned()]).await?;
    Ok(Verdict::Found(credentials, from))
}

/// Returns whether this source handles the profile; one with a token file is handled by [`super::web_identity`].
fn has_role(profile: &Profile) -> bool {
    profile.has("role_arn") && !profile.has("web_identity_token_file")
}

fn has_keys(profile: &Profile) -> bool {
    profile.has(ACCESS_KEY_ID) || profile.has(SECRET_ACCESS_KEY)
}

type Assumed<'a> = Pin<Box<dyn Future<Output = Result<(Credentials, String), Stop>> + Send + 'a>>;

/// Assumes the role of profile `name`; `visited` are the profiles that led here, this one included.
fn assume(walk: Walk<'_>, name: String, visited: Vec<String>) -> Assumed<'_> {
    Box::pin(async move {
        let profile = walk.profile(&name);
        let role = role(&profile)?;
        let from = from(walk, &name, &profile, &visited)?;
        let cache = RoleCache::new(walk.env());
        let key = cache_key(&role);
        let mut how = format!("role `{}` of profile `{name}`", role.arn);
        if role.mfa_serial.is_some()
            && let Some(credentials) = cache.get(&key, walk.now())
            && walk.refused.is_none_or(|refused| refused.access_key_id != credentials.access_key_id)
        {
            how.push_str(", from the session that the AWS CLI and haul share");
            return Ok((credentials, how));
        }
        let source = match from {
            From::Named(source) => {
                how = format!("{how}, with the credentials of {}", source.value);
                of_named_source(walk, &name, &source).await?
            }
            From::Profile(source) => {
                how = format!("{how}, with the credentials of profile `{source}`");
                of_profile(walk, source, visited).await?
            }
        };
        let assumed = call(walk, &role, &source).await?;
        if role.mfa_serial.is_some() {
            cache.put(&key, &assumed);
        }
        let credentials = assumed.into_credentials(SourceName::AssumeRole)?;
        Ok((not_expired(credentials, walk.now(), &format!("of role `{}`", role.arn))?, how))
    })
}

/// Reads the role of a profile.
///
/// Deviation: botocore sends the empty values of a role's keys to STS, which refuses them; haul treats these keys as
/// unset.
fn role(profile: &Profile) -> Result<Role<'_>, Stop> {
    let text = |key| Ok::<_, Stop>(profile.non_empty(key)?.map(|value| value.value));
    let Some(arn) = text("role_arn")? else {
        return Err(Stop::new("`role_arn` is empty"));
    };
    // Deviation: botocore ignores a `duration_seconds` that is not a number; haul reports an error.
    let duration_seconds = match profile.non_empty("duration_seconds")? {
        None => None,
        Some(duration) => Some(integer(duration.value.trim()).map_err(|expected| InvalidValue {
            key: "duration_seconds".to_owned(),
            value: duration.value.to_owned(),
            origin: duration.origin,
            expected: expected.to_owned(),
        })?),
    };
    Ok(Role {
        arn,
        session_name: text("role_session_name")?,
        external_id: text("external_id")?,
        mfa_serial: text("mfa_serial")?,
        duration_seconds,
    })
}

fn from<'a>(walk: Walk<'_>, name: &str, profile: &'a Profile, visited: &[String]) -> Result<From<'a>, Stop> {
    match (profile.text("source_profile")?, profile.text("credential_source")?) {
        (Some(source), Some(other)) => Err(Stop::new(format!(
            "the profile `{name}` has both `source_profile` ({}) and `credential_source` ({})",
            source.origin, other.origin
        ))
        .with_hint("keep one of the two")),
        (None, None) => Err(Stop::new(format!(
            "the profile `{name}` has `role_arn` and neither `source_profile` nor `credential_source`"
        ))
        .with_hint(format!(
            "add `source_profile = PROFILE`, whose credentials may assume the role, to the profile `{name}`"
        ))),
        (None, Some(source)) => {
            if !matches!(source.value, "Environment" | "EcsContainer" | "Ec2InstanceMetadata") {
                return Err(Stop::new(format!(
                    "`credential_source` ({}) is `{}`; expected `Environment`, `EcsContainer` or `Ec2InstanceMetadata`",
                    source.origin, source.value
                )));
            }
            Ok(From::Named(source))
        }
        (Some(source), None) => {
            let Some(target) = walk.files.profile(source.value) else {
                let stop = Stop::new(format!(
                    "the `source_profile` of profile `{name}` ({}) is `{}`, which does not exist",
                    source.origin, source.value
                ));
                return Err(match walk.files.nearest_profile(source.value) {
                    Some(nearest) => stop.with_hint(format!("did you mean the profile `{nearest}`?")),
                    None => stop,
                });
            };
            // A profile may name itself if it has keys: they and the role are then in one place.
            let is_cycle = visited.iter().any(|visited| visited == source.value)
                && !(source.value == name && has_keys(target));
            if is_cycle {
                return Err(Stop::new(format!(
                    "the profiles form a cycle: {} -> {}",
                    visited.join(" -> "),
                    source.value
                )));
            }
            Ok(From::Profile(source.value))
        }
    }
}

async fn of_named_source(walk: Walk<'_>, profile: &str, source: &Located<&str>) -> Result<Credentials, Stop> {
    let verdict = match source.value {
        "Environment" => env::load(walk)?,
        "EcsContainer" => container::load(walk).await?,
        _ => instance::load(walk).await?,
    };
    match verdict {
        Verdict::Found(credentials, _) => Ok(credentials),
        Verdict::Continue(why) => Err(Stop::new(format!(
            "the `credential_source` `{}` of profile `{profile}` ({}) has no credentials: {why}",
            source.value, source.origin
        ))),
    }
}

async fn of_profile(walk: Walk<'_>, name: &str, mut visited: Vec<String>) -> Result<Credentials, Stop> {
    let profile = walk.profile(name);
    visited.push(name.to_owned());
    if has_role(&profile) && !has_keys(&profile) {
        return assume(walk, name.to_owned(), visited).await.map(|(credentials, _)| credentials);
    }
    let mut trace = Trace::default();
    match chain::ask_profile(walk, name, true, &mut trace).await {
        Some(Ok(credentials)) => Ok(credentials),
        Some(Err(Error::Source { name: source, message, hint, transient, source: cause, .. })) => {
            let message = format!("the source profile `{name}` has a broken {source}: {message}");
            Err(Stop { message, hint, transient, source: cause })
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(Stop::new(format!("the source profile `{name}` has no credentials")).with_hint(format!(
            "add `aws_access_key_id` and `aws_secret_access_key` to the profile `{name}`"
        ))),
    }
}

async fn call(walk: Walk<'_>, role: &Role<'_>, source: &Credentials) -> Result<sts::Assumed, Stop> {
    let session = role.session_name.map_or_else(|| default_session_name(walk.now()), str::to_owned);
    let duration = role.duration_seconds.map(|seconds| seconds.to_string());
    let code = match role.mfa_serial {
        Some(serial) => Some(ask_code(walk, serial).await?),
        None => None,
    };
    let mut parameters = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.arn),
        ("RoleSessionName", &session),
    ];
    parameters.extend(role.external_id.map(|id| ("ExternalId", id)));
    parameters.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    parameters.extend(role.mfa_serial.map(|serial| ("SerialNumber", serial)));
    parameters.extend(code.as_ref().map(|code| ("TokenCode", code.expose().trim())));
    sts::assume(walk, &parameters, Some(source)).await
}

/// Returns a session name that identifies haul in AWS's logs.
pub(super) fn default_session_name(now: SystemTime) -> String {
    format!("haul-session-{}", now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

async fn ask_code(walk: Walk<'_>, serial: &str) -> Result<haul_config::Secret, Stop> {
    let no_terminal = || {
        Stop::new(format!(
            "the code of the MFA device `{serial}` is needed and there is no terminal to ask on"
        ))
        .with_hint("run the command once in a terminal; the session is then kept and shared with the AWS CLI")
    };
    let Some(prompt) = walk.context.prompt.clone() else { return Err(no_terminal()) };
    let device = serial.to_owned();
    let answer = tokio::task::spawn_blocking(move || Arc::clone(&prompt).code(&device)).await;
    match answer {
        Ok(Ok(Some(code))) if !code.expose().trim().is_empty() => Ok(code),
        Ok(Ok(Some(_))) => Err(Stop::new(format!("no code of the MFA device `{serial}` was typed"))),
        Ok(Ok(None)) => Err(no_terminal()),
        Ok(Err(error)) => {
            Err(Stop::new(format!("cannot ask for the code of the MFA device `{serial}`")).with_source(error))
        }
        Err(error) => {
            Err(Stop::new(format!("cannot ask for the code of the MFA device `{serial}`")).with_source(error))
        }
    }
}

/// Returns the name under which the AWS CLI keeps the session of a role.
fn cache_key(role: &Role<'_>) -> String {
    let duration = role.duration_seconds.map(|seconds| seconds.to_string());
    let mut arguments = vec![("RoleArn", RoleCache::quote(role.arn))];
    arguments.extend(role.session_name.map(|name| ("RoleSessionName", RoleCache::quote(name))));
    arguments.extend(role.external_id.map(|id| ("ExternalId", RoleCache::quote(id))));
    arguments.extend(role.mfa_serial.map(|serial| ("SerialNumber", RoleCache::quote(serial))));
    arguments.extend(duration.map(|seconds| ("DurationSeconds", seconds)));
    RoleCache::key(arguments)
}
