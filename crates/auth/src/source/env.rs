//! The keys of the environment.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html>.

use super::{Stop, Verdict, Walk, not_expired};
use crate::{Credentials, SourceName, time};

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";

pub(crate) fn load(walk: Walk<'_>) -> Result<Verdict, Stop> {
    let env = walk.env();
    let Some(id) = env.var(ACCESS_KEY_ID) else {
        return Verdict::next(format!("{ACCESS_KEY_ID} is not set"));
    };
    let Some(secret) = env.var(SECRET_ACCESS_KEY) else {
        return Err(Stop::new(format!("{ACCESS_KEY_ID} is set and {SECRET_ACCESS_KEY} is not"))
            .with_hint(format!("set {SECRET_ACCESS_KEY}, or unset {ACCESS_KEY_ID}")));
    };
    // The order is botocore's; the first name is the older one.
    let token = ["AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"].into_iter().find_map(|name| env.var(name));
    let expires_at = match env.var(EXPIRATION) {
        None => None,
        Some(text) => Some(
            time::parse(text)
                .ok_or_else(|| Stop::new(format!("{EXPIRATION} is `{text}`, which is not a time")))?,
        ),
    };
    let credentials = Credentials::new(id, secret, SourceName::Environment)
        .with_session_token(token.map(str::to_owned))
        .with_expiry(expires_at)
        .with_account_id(env.var("AWS_ACCOUNT_ID").map(str::to_owned));
    let credentials = not_expired(credentials, walk.now(), &"of the environment")?;
    Ok(Verdict::Found(credentials, format!("{ACCESS_KEY_ID} and {SECRET_ACCESS_KEY}")))
}
