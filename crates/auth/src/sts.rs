//! The Security Token Service: query requests, XML replies.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::send::{self, Attempts};
use crate::settings::{Service, place, region};
use crate::source::{Stop, Walk};
use crate::{Credentials, SignedPayload, SigningScope, SourceName, sign, time};

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Temporary keys in STS's format.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: String,
}

/// The reply to `AssumeRole` and `AssumeRoleWithWebIdentity`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Assumed {
    pub(crate) credentials: Issued,
    #[serde(default)]
    pub(crate) assumed_role_user: Option<AssumedRoleUser>,
}

/// The identity after assuming a role.
#[derive(Deserialize)]
pub(crate) struct AssumedRoleUser {
    #[serde(rename = "AssumedRoleId", default)]
    pub(crate) id: Option<String>,
    #[serde(rename = "Arn", default)]
    pub(crate) arn: Option<String>,
}

#[derive(Deserialize)]
struct AssumeRoleResponse {
    #[serde(rename = "AssumeRoleResult", alias = "AssumeRoleWithWebIdentityResult")]
    result: Assumed,
}

#[derive(Deserialize)]
struct ErrorResponse {
    #[serde(rename = "Error")]
    error: ErrorBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

impl Assumed {
    /// Makes credentials with `source` as their source.
    pub(crate) fn into_credentials(self, source: SourceName) -> Result<Credentials, Stop> {
        let end = time::parse_or_seconds(&self.credentials.expiration).ok_or_else(|| {
            Stop::new(format!(
                "STS sent an `Expiration` that is not a time: `{}`",
                self.credentials.expiration
            ))
        })?;
        let account = self.assumed_role_user.and_then(|user| user.arn).as_deref().and_then(account_of_arn);
        Ok(Credentials::new(self.credentials.access_key_id, self.credentials.secret_access_key, source)
            .with_session_token(Some(self.credentials.session_token))
            .with_expiry(Some(end))
            .with_account_id(account))
    }
}

/// Calls `AssumeRole` or `AssumeRoleWithWebIdentity`.
pub(crate) async fn assume(
    walk: Walk<'_>,
    parameters: &[(&str, &str)],
    credentials: Option<&Credentials>,
) -> Result<Assumed, Stop> {
    let reply = call(walk, parameters, credentials).await?;
    let response: AssumeRoleResponse = parse(&reply)?;
    Ok(response.result)
}

/// Calls an action and returns the XML of its reply; the request is signed if `credentials` are given.
pub(crate) async fn call(
    walk: Walk<'_>,
    parameters: &[(&str, &str)],
    credentials: Option<&Credentials>,
) -> Result<String, Stop> {
    let reader = walk.reader();
    let region = region(&walk.context.request, &reader)?.map(|region| region.value);
    let place = place(Service::Sts, region.as_deref(), &reader)?;
    // An endpoint that has a path is used unchanged.
    let has_path = place.url.splitn(4, '/').count() == 4;
    let url = if has_path { place.url.clone() } else { format!("{}/", place.url) };
    let body = Bytes::from(form(parameters));
    let request = || {
        let mut request = send::request(
            http::Method::POST,
            &url,
            &[(CONTENT_TYPE.as_str(), FORM), ("accept", "text/xml")],
            body.clone(),
        )?;
        if let Some(credentials) = credentials {
            let scope = SigningScope { service: "sts", region: &place.signing_region, time: walk.now() };
            let payload = SignedPayload::Bytes(&body);
            sign(&http::Method::POST, &url, request.headers_mut(), payload, scope, credentials)
                .map_err(|error| Stop::new("cannot sign the request to STS").with_source(error))?;
        }
        Ok(request)
    };
    let response = send::send(walk.http(), request, Attempts::SERVICE, is_temporary)
        .await
        .map_err(|error| error.stop(&format!("STS at `{url}`")))?;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    if response.status().is_success() {
        return Ok(text);
    }
    let status = response.status();
    let stop = match quick_xml::de::from_str::<ErrorResponse>(&text) {
        Ok(ErrorResponse { error: ErrorBody { code, message } }) => {
            let action = parameters.first().map_or("", |(_, action)| action);
            Stop::new(format!("STS refuses {action}: {message} ({code})"))
        }
        Err(_) => Stop::new(format!("STS at `{url}` answers {status}: {}", send::excerpt(response.body()))),
    };
    Err(if send::is_busy(status) { stop.transient() } else { stop })
}

/// Parses a reply.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(reply: &str) -> Result<T, Stop> {
    quick_xml::de::from_str(reply)
        .map_err(|error| Stop::new("cannot parse the reply of STS").with_source(error))
}

/// Returns the account of an ARN such as `arn:aws:sts::123456789012:assumed-role/…`.
pub(crate) fn account_of_arn(arn: &str) -> Option<String> {
    let account = arn.split(':').nth(4)?;
    (!account.is_empty()).then(|| account.to_owned())
}

/// Returns whether STS is throttling or could not reach the identity provider, both of which it reports with status 400.
fn is_temporary(response: &http::Response<Bytes>) -> bool {
    const CODES: [&str; 4] = [
        "<Code>Throttling",
        "<Code>IDPCommunicationError",
        "<Code>RequestLimitExceeded",
        "<Code>TooManyRequests",
    ];
    let text = String::from_utf8_lossy(response.body());
    response.status().is_client_error() && CODES.iter().any(|code| text.contains(code))
}

fn form(parameters: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, &UNRESERVED);
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_encodes_everything_but_unreserved_characters() {
        assert_eq!(form(&[("A", "a b+/:~"), ("B", "é=")]), "A=a%20b%2B%2F%3A~&B=%C3%A9%3D");
    }
}
