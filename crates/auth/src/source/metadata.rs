//! The reply of the metadata services of containers and instances.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Stop;
use crate::{Credentials, SourceName, time};

/// Keys, or an error that comes with status 200.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reply {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    expiration: Option<String>,
    account_id: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    /// Holds `Token`, whose presence, even as null, distinguishes the reply from others.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Reply {
    /// Makes credentials with `source` as their source; `None` if a part is missing.
    pub(super) fn into_credentials(self, source: SourceName) -> Result<Option<Credentials>, Stop> {
        let (Some(id), Some(secret), Some(token), Some(expiration)) =
            (self.access_key_id, self.secret_access_key, self.rest.get("Token"), self.expiration)
        else {
            return Ok(None);
        };
        let expires_at: SystemTime = time::parse(&expiration).ok_or_else(|| {
            Stop::new(format!("the `Expiration` of the reply is not a time: `{expiration}`"))
        })?;
        let credentials = Credentials::new(id, secret, source)
            .with_session_token(token.as_str().map(str::to_owned))
            .with_expiry(Some(expires_at))
            .with_account_id(self.account_id);
        Ok(Some(credentials))
    }
}
