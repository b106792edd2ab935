//! The sessions of roles that required an MFA code, kept in the cache of the AWS CLI, so that both share them.
//!
//! Source: `~/.aws/cli/cache/KEY.json`, as `awscli/customizations/assumerole.py` and botocore's `JSONFileCache`
//! write it; KEY is the SHA-1 of the call's arguments in Python's JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haul_config::Env;
use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};

use crate::{Credentials, SourceName, sts, time};

/// A session with less time left than this is not used, as in botocore.
const LEAST_LEFT: Duration = Duration::from_mins(15);

/// The directory of the sessions; `None` without a home directory.
pub(crate) struct RoleCache {
    folder: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    credentials: sts::Issued,
    #[serde(default)]
    assumed_role_user: Option<sts::AssumedRoleUser>,
}

impl RoleCache {
    pub(crate) fn new(env: &Env) -> Self {
        Self { folder: env.home_dir().map(|home| home.join(".aws/cli/cache")) }
    }

    /// Returns the file name, without extension, for a call's arguments, whose values are JSON.
    pub(crate) fn key(mut arguments: Vec<(&str, String)>) -> String {
        arguments.sort();
        let pairs: Vec<_> = arguments.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        hex::encode(Sha1::digest(format!("{{{}}}", pairs.join(", "))))
    }

    /// Quotes a text as Python's `json.dumps` does: ASCII only.
    pub(crate) fn quote(text: &str) -> String {
        let mut quoted = String::from("\"");
        for character in text.chars() {
            match character {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                ' '..='~' => quoted.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        // Writing to a string cannot fail.
                        let _ = write!(quoted, "\\u{unit:04x}");
                    }
                }
            }
        }
        quoted + "\""
    }

    /// Returns a session that has enough time left; a file that cannot be read counts as none.
    pub(crate) fn get(&self, key: &str, now: SystemTime) -> Option<Credentials> {
        let text = fs_err::read_to_string(self.file(key)?).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        let assumed =
            sts::Assumed { credentials: kept.credentials, assumed_role_user: kept.assumed_role_user };
        let credentials = assumed.into_credentials(SourceName::AssumeRole).ok()?;
        (credentials.expires_at? > now + LEAST_LEFT).then_some(credentials)
    }

    /// Saves a session; if the directory is not writable, the user is asked for another code next time.
    pub(crate) fn put(&self, key: &str, assumed: &sts::Assumed) {
        let Some(file) = self.file(key) else { return };
        let issued = &assumed.credentials;
        let user = assumed.assumed_role_user.as_ref();
        // The format of botocore's `JSONFileCache`.
        let expiration = match time::parse(&issued.expiration) {
            Some(end) => time::format(end).replace('Z', "UTC"),
            None => issued.expiration.clone(),
        };
        let mut kept = json!({
            "Credentials": {
                "AccessKeyId": issued.access_key_id,
                "SecretAccessKey": issued.secret_access_key,
                "SessionToken": issued.session_token,
                "Expiration": expiration,
            },
        });
        if let Some(user) = user {
            kept["AssumedRoleUser"] = json!({ "AssumedRoleId": user.id, "Arn": user.arn });
            if let Some(account) = user.arn.as_deref().and_then(sts::account_of_arn) {
                kept["Credentials"]["AccountId"] = json!(account);
            }
        }
        if let Err(error) = write_private(&file, kept.to_string().as_bytes()) {
            tracing::warn!(%error, "the session of the role could not be kept for the next command");
        }
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{key}.json")))
    }
}

/// Writes a file atomically, readable only by its owner.
pub(crate) fn write_private(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    // Temp files are made with mode 0600.
    let mut temp = tempfile::NamedTempFile::new_in(folder)?;
    temp.write_all(content)?;
    temp.as_file().sync_all()?;
    temp.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected keys were made by botocore's `AssumeRoleCredentialFetcher._create_cache_key`.
    #[test]
    fn key_is_the_one_of_the_aws_cli() {
        let arguments = vec![
            ("SerialNumber", RoleCache::quote("arn:aws:iam::1:mfa/é")),
            ("RoleArn", RoleCache::quote("arn:aws:iam::123456789012:role/r")),
            ("DurationSeconds", "900".to_owned()),
        ];
        assert_eq!(RoleCache::key(arguments), "1e7dd89bc6920d892820eb49301b45957dcde282");
    }
}
