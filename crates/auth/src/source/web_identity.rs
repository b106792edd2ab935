//! A token of an identity provider is exchanged for the keys of a role: EKS service accounts, OIDC of CI systems.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>.

use std::path::Path;

use haul_config::{Located, Origin};

use super::assume_role::default_session_name;
use super::{Stop, Verdict, Walk, not_expired};
use crate::profile::{Profile, expand};
use crate::{SourceName, sts};

pub(crate) async fn load(walk: Walk<'_>, profile: &str, ignore_env: bool) -> Result<Verdict, Stop> {
    let keys = walk.profile(profile);
    let get = |variable, key| value(walk, &keys, ignore_env, variable, key);
    let Some(file) = get("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file")? else {
        return Verdict::next(if ignore_env {
            format!("the profile `{profile}` has no `web_identity_token_file`")
        } else {
            format!(
                "AWS_WEB_IDENTITY_TOKEN_FILE is not set and the profile `{profile}` has no `web_identity_token_file`"
            )
        });
    };
    let Some(role) = get("AWS_ROLE_ARN", "role_arn")? else {
        return Err(Stop::new(format!(
            "a token file is set ({}), but no role to assume with it",
            file.origin
        ))
        .with_hint("set AWS_ROLE_ARN, or `role_arn` in the profile"));
    };
    let session = get("AWS_ROLE_SESSION_NAME", "role_session_name")?;
    let session = session.map_or_else(|| default_session_name(walk.now()), |name| name.value.to_owned());
    let path = expand(Path::new(file.value), walk.env());
    let token = fs_err::read_to_string(&path).map_err(|error| {
        Stop::new(format!("the web identity token ({}) cannot be read", file.origin)).with_source(error)
    })?;
    // Deviation: botocore sends a web identity token with the line break at the end of its file, and STS refuses it; haul
    // removes the line break.
    let parameters = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.value),
        ("RoleSessionName", &session),
        ("WebIdentityToken", token.trim()),
    ];
    let assumed = sts::assume(walk, &parameters, None).await?;
    let credentials = assumed.into_credentials(SourceName::WebIdentity)?;
    let credentials = not_expired(credentials, walk.now(), &format!("of role `{}`", role.value))?;
    Ok(Verdict::Found(credentials, format!("role `{}`, with the token in `{}`", role.value, path.display())))
}

/// Returns a variable, else a key; a variable with an empty value hides the key, as in botocore.
fn value<'a>(
    walk: Walk<'a>,
    profile: &'a Profile,
    ignore_env: bool,
    variable: &str,
    key: &str,
) -> Result<Option<Located<&'a str>>, Stop> {
    if !ignore_env && walk.env().is_set(variable) {
        let origin = Origin::Env { name: variable.to_owned() };
        return Ok(walk.env().var(variable).map(|value| Located::new(value, origin)));
    }
    Ok(profile.non_empty(key)?)
}
