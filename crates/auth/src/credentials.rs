//! What a source yields, and the trait through which the S3 client asks for it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use haul_config::Secret;

use crate::{Result, SourceName};

/// Keys that requests are signed with.
///
/// ```
/// use haul_auth::{Credentials, SourceName};
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", SourceName::Environment);
/// assert!(!format!("{credentials:?}").contains("wJalrXUtnFEMI"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The public half of the key pair.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// The session token of temporary keys.
    pub session_token: Option<Secret>,
    /// The moment the keys expire; `None` for keys that do not.
    pub expires_at: Option<SystemTime>,
    /// The AWS account, if the source knows it.
    pub account_id: Option<String>,
    /// The source that yielded the keys.
    pub source: SourceName,
    /// Where the source found them, such as `AWS_ACCESS_KEY_ID` or a file and line; empty if it does not say.
    pub place: String,
}

impl Credentials {
    /// Makes credentials without a session token that do not expire.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        source: SourceName,
    ) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: Secret::new(secret_access_key.into()),
            session_token: None,
            expires_at: None,
            account_id: None,
            source,
            place: String::new(),
        }
    }

    /// Adds the session token of temporary keys; an empty one counts as none.
    #[must_use]
    pub fn with_session_token(mut self, session_token: Option<String>) -> Self {
        self.session_token = session_token.filter(|token| !token.is_empty()).map(Secret::new);
        self
    }

    /// Adds the moment the keys expire.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: Option<SystemTime>) -> Self {
        self.expires_at = expires_at;
        self
    }

    /// Adds the AWS account the keys belong to.
    #[must_use]
    pub fn with_account_id(mut self, account_id: Option<String>) -> Self {
        self.account_id = account_id;
        self
    }

    /// Adds the place where the source found the keys.
    #[must_use]
    pub fn with_place(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// Returns the access key id with its middle masked, for reports.
    pub fn masked_access_key_id(&self) -> String {
        mask(&self.access_key_id)
    }
}

/// Shows neither the secret halves nor the middle of the access key id.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.masked_access_key_id())
            .field("secret_access_key", &self.secret_access_key)
            .field("session_token", &self.session_token)
            .field("expires_at", &self.expires_at)
            .field("account_id", &self.account_id)
            .field("source", &self.source)
            .field("place", &self.place)
            .finish()
    }
}

/// Masks all but the first and last four characters, or everything if the text is too short for that.
fn mask(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() < 12 {
        return "****".to_owned();
    }
    let (head, tail) = (&characters[..4], &characters[characters.len() - 4..]);
    format!("{}****{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// Yields the credentials to sign the next request with.
#[async_trait]
pub trait ProvideCredentials: fmt::Debug + Send + Sync {
    /// Returns the current credentials, or `None` if requests are not to be signed.
    ///
    /// Does no I/O unless they must be fetched; concurrent callers share one fetch. Dropping the future is safe.
    async fn credentials(&self) -> Result<Option<Arc<Credentials>>>;

    /// Records that the server called `used` expired: the next [`Self::credentials`] fetches new ones, unless `used` has
    /// been replaced since.
    fn invalidate(&self, used: &Credentials);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_session_token_is_none() {
        let keys = Credentials::new("AKIA", "s", SourceName::Environment);
        assert_eq!(keys.with_session_token(Some(String::new())).session_token, None);
    }

    #[test]
    fn mask_short_key_hides_everything() {
        assert_eq!(mask("minioadmin"), "****");
        assert_eq!(mask("AKIAIOSFODNN7EXAMPLE"), "AKIA****MPLE");
    }
}
