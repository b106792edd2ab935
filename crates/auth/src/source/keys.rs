//! Keys in a profile.

use super::{Stop, Verdict, owned};
use crate::profile::{AwsFile, Profile};
use crate::{Credentials, SourceName};

pub(super) const ACCESS_KEY_ID: &str = "aws_access_key_id";
pub(super) const SECRET_ACCESS_KEY: &str = "aws_secret_access_key";

/// Returns the keys of `profile` in one file.
///
/// Deviation: botocore signs with an empty key if the file has one; haul reports an error that names the key.
pub(super) fn load(
    file: &AwsFile,
    name: &str,
    profile: Option<&Profile>,
    source: SourceName,
) -> Result<Verdict, Stop> {
    let path = file.path.display();
    if !file.exists {
        return Verdict::next(if file.path.as_os_str().is_empty() {
            "no file is named".to_owned()
        } else {
            format!("there is no file `{path}`")
        });
    }
    let Some(profile) = profile else {
        return Verdict::next(format!("`{path}` has no profile `{name}`"));
    };
    let Some(id) = profile.text(ACCESS_KEY_ID)? else {
        return Verdict::next(format!("the profile `{name}` of `{path}` has no `{ACCESS_KEY_ID}`"));
    };
    let Some(secret) = profile.text(SECRET_ACCESS_KEY)? else {
        return Err(Stop::new(format!(
            "`{ACCESS_KEY_ID}` ({}) has no `{SECRET_ACCESS_KEY}` beside it",
            id.origin
        )));
    };
    for (key, value) in [(ACCESS_KEY_ID, &id), (SECRET_ACCESS_KEY, &secret)] {
        if value.value.is_empty() {
            return Err(Stop::new(format!("`{key}` ({}) is empty", value.origin)));
        }
    }
    let token = match profile.text("aws_security_token")? {
        Some(token) => Some(token),
        None => profile.text("aws_session_token")?,
    };
    let credentials = Credentials::new(id.value, secret.value, source)
        .with_session_token(owned(token.filter(|token| !token.value.is_empty())))
        .with_account_id(owned(profile.non_empty("aws_account_id")?));
    Ok(Verdict::Found(credentials, format!("`{ACCESS_KEY_ID}` ({})", id.origin)))
}
