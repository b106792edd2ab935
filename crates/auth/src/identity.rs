//! The identity behind credentials, from STS.

use serde::Deserialize;

use crate::source::{Stop, Walk};
use crate::{Credentials, sts};

/// What STS reports about the owner of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CallerIdentity {
    /// The AWS account.
    #[serde(rename = "Account", default)]
    pub account: String,
    /// The name of the user or of the assumed role.
    #[serde(rename = "Arn", default)]
    pub arn: String,
    /// The id of the user or of the session.
    #[serde(rename = "UserId", default)]
    pub user_id: String,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "GetCallerIdentityResult")]
    result: CallerIdentity,
}

/// Calls `GetCallerIdentity`, which no policy can deny.
pub(crate) async fn ask(walk: Walk<'_>, credentials: &Credentials) -> Result<CallerIdentity, Stop> {
    let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let reply = sts::call(walk, &parameters, Some(credentials)).await?;
    let response: Response = sts::parse(&reply)?;
    Ok(response.result)
}
