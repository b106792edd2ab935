//! The instance metadata service of EC2.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};

use super::container::percent_encoded;
use super::metadata::Reply;
use super::{Stop, Verdict, Walk};
use crate::http::ProxyUse;
use crate::send::{self, Attempts, SendError};
use crate::settings::{integer, switch, uses_ipv6};
use crate::{Credentials, SourceName};

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";
const CREDENTIALS: &str = "latest/meta-data/iam/security-credentials/";
/// How long expired keys are still used; see [`extended`].
const EXTENSION: Duration = Duration::from_mins(15);

/// Why the service has no keys, or the error that ends the chain.
enum Miss {
    Continue(String),
    Stop(Stop),
}

impl From<Stop> for Miss {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<crate::Error> for Miss {
    fn from(error: crate::Error) -> Self {
        Self::Stop(error.into())
    }
}

/// Asks the service.
///
/// A service that does not answer never ends the chain, as in botocore: most machines without credentials are not EC2
/// instances. Only an invalid value of its settings ends it.
pub(crate) async fn load(walk: Walk<'_>) -> Result<Verdict, Stop> {
    let is_disabled = walk.env().var("AWS_EC2_METADATA_DISABLED");
    if is_disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Verdict::next("AWS_EC2_METADATA_DISABLED is true");
    }
    let service = match Service::new(walk)? {
        Ok(service) => service,
        Err(why) => return Verdict::next(why),
    };
    match service.credentials().await {
        Ok((credentials, role)) => {
            Ok(Verdict::Found(extended(credentials, walk), format!("role `{role}` of the instance")))
        }
        Err(Miss::Continue(why)) => Verdict::next(why),
        Err(Miss::Stop(stop)) => Err(stop),
    }
}

struct Service<'a> {
    walk: Walk<'a>,
    endpoint: String,
    attempts: Attempts,
    is_v1_disabled: bool,
}

impl<'a> Service<'a> {
    /// Reads the settings, or returns why the service must not be asked.
    fn new(walk: Walk<'a>) -> Result<Result<Self, String>, Stop> {
        let reader = walk.reader();
        let endpoint = reader.any("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")?;
        let mode = reader.parsed(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
            "ec2_metadata_service_endpoint_mode",
            uses_ipv6,
        )?;
        let uses_ipv6 = match mode {
            Some(mode) => mode.value,
            None => {
                reader.parsed("AWS_IMDS_USE_IPV6", "imds_use_ipv6", switch)?.is_some_and(|used| used.value)
            }
        };
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.value,
            None if uses_ipv6 => IPV6,
            None => IPV4,
        };
        let timeout =
            reader.parsed("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", integer::<i64>)?;
        let n_attempts = reader.parsed(
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
            "metadata_service_num_attempts",
            integer::<i64>,
        )?;
        if let Some(attempts) = n_attempts.as_ref().filter(|attempts| attempts.value < 1) {
            return Ok(Err(format!("the number of attempts ({}) is {}", attempts.origin, attempts.value)));
        }
        let is_v1_disabled =
            reader.parsed("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled", switch)?;
        Ok(Ok(Self {
            walk,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            attempts: Attempts {
                // Deviation: botocore asks the instance metadata service once, and fails when many processes of an instance
                // ask. haul asks a service that is busy again; no answer, the sign that this is not EC2, still ends it at once.
                count: n_attempts
                    .as_ref()
                    .map_or(3, |attempts| u32::try_from(attempts.value).unwrap_or(u32::MAX)),
                timeout: Duration::from_secs(
                    timeout.map_or(1, |timeout| u64::try_from(timeout.value).unwrap_or(1).max(1)),
                ),
                proxy: ProxyUse::Never,
                after_network_error: n_attempts.is_some_and(|attempts| attempts.value > 1),
            },
            is_v1_disabled: is_v1_disabled.is_some_and(|disabled| disabled.value),
        }))
    }

    async fn credentials(&self) -> Result<(Credentials, String), Miss> {
        let mut token = self.token().await?;
        let mut role = self.get(CREDENTIALS, token.as_deref()).await?;
        if role.status() == StatusCode::UNAUTHORIZED && token.is_some() {
            // The token expired earlier than requested.
            token = self.token().await?;
            role = self.get(CREDENTIALS, token.as_deref()).await?;
        }
        if role.status() == StatusCode::NOT_FOUND {
            return Err(Miss::Continue("the instance has no role".to_owned()));
        }
        let role = self.text(&role)?;
        let Some(role) = role.lines().next().map(str::trim).filter(|role| !role.is_empty()) else {
            return Err(Miss::Continue("the instance has no role".to_owned()));
        };
        let reply = self.get(&format!("{CREDENTIALS}{}", percent_encoded(role)), token.as_deref()).await?;
        let reply: Reply = serde_json::from_str(&self.text(&reply)?).map_err(|_| {
            Miss::Continue(format!("the instance metadata service answers without keys of `{role}`"))
        })?;
        if let (Some(code), Some(message)) = (&reply.code, &reply.message) {
            return Err(Miss::Continue(format!("the instance metadata service says: {message} ({code})")));
        }
        let credentials = reply.into_credentials(SourceName::InstanceMetadata)?;
        let credentials = credentials.ok_or_else(|| {
            Miss::Continue(format!("the instance metadata service lacks a key of `{role}`"))
        })?;
        Ok((credentials, role.to_owned()))
    }

    /// Gets a session token; `None` means: try version 1 of the service, which has no tokens.
    async fn token(&self) -> Result<Option<String>, Miss> {
        let url = format!("{}/latest/api/token", self.endpoint);
        let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
        let request = || send::request(Method::PUT, &url, &ttl, Bytes::new());
        let why = match send::send(self.walk.http(), request, self.attempts, |_| false).await {
            Ok(response) if response.status() == StatusCode::OK => return Ok(Some(self.text(&response)?)),
            Ok(response) if matches!(response.status().as_u16(), 403..=405) => {
                format!("gives no token ({})", response.status())
            }
            Ok(response) => {
                let status = response.status();
                return Err(Miss::Continue(format!("the instance metadata service answers {status}")));
            }
            // The hop limit of the instance applies to the reply to a token request: in a container the reply may be
            // lost although the service is running.
            Err(SendError::Http(error)) if error.kind() == crate::http::HttpErrorKind::Timeout => {
                "gives no token in time".to_owned()
            }
            Err(error) => return Err(self.unreachable(error)),
        };
        if self.is_v1_disabled {
            return Err(Miss::Continue(format!(
                "the instance metadata service {why}, and its version 1 is disabled"
            )));
        }
        Ok(None)
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Result<Response<Bytes>, Miss> {
        let url = format!("{}/{path}", self.endpoint);
        let headers: Vec<_> = token.map(|token| ("x-aws-ec2-metadata-token", token)).into_iter().collect();
        let request = || send::request(Method::GET, &url, &headers, Bytes::new());
        match send::send(self.walk.http(), request, self.attempts, |_| false).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.unreachable(error)),
        }
    }

    fn text(&self, response: &Response<Bytes>) -> Result<String, Miss> {
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(String::from_utf8_lossy(response.body()).into_owned());
        }
        Err(Miss::Continue(format!("the instance metadata service at `{}` answers {status}", self.endpoint)))
    }

    fn unreachable(&self, error: SendError) -> Miss {
        match error {
            SendError::Stop(stop) => Miss::Stop(stop),
            // Deviation: if nothing listens at the metadata service's address, botocore asks once more, without a token;
            // haul does not.
            SendError::Http(error) => Miss::Continue(format!(
                "no answer from `{}`: {error}; this is not an EC2 instance",
                self.endpoint
            )),
        }
    }
}

/// Extends the life of keys that are expired, or nearly: the service returns such keys if it cannot get new ones, and S3
/// then accepts them for longer.
///
/// Source: "static stability", <https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html>.
fn extended(credentials: Credentials, walk: Walk<'_>) -> Credentials {
    let least = walk.now() + EXTENSION;
    match credentials.expires_at {
        Some(end) if end < walk.now() + Duration::from_mins(1) => {
            tracing::warn!(
                "the instance metadata service hands out expired keys; using them for 15 minutes more"
            );
            credentials.with_expiry(Some(least))
        }
        _ => credentials,
    }
}
