//! ECS tasks and EKS pods: an agent on the host provides the keys of the container's role.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::metadata::Reply;
use super::{Stop, Verdict, Walk, not_expired};
use crate::http::ProxyUse;
use crate::profile::expand;
use crate::send::{self, Attempts, excerpt};
use crate::{SourceName, send::is_busy};

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The address of ECS's agent.
const ECS: &str = "http://169.254.170.2";
/// Hosts that may be asked without TLS, in addition to the loopback addresses: the agents of ECS and EKS.
const PLAIN_HOSTS: [&str; 4] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"];

const ATTEMPTS: Attempts =
    Attempts { count: 3, timeout: Duration::from_secs(2), proxy: ProxyUse::Never, after_network_error: true };

pub(crate) async fn load(walk: Walk<'_>) -> Result<Verdict, Stop> {
    let env = walk.env();
    let url = match (env.var(RELATIVE_URI), env.var(FULL_URI)) {
        (Some(path), _) => format!("{ECS}{}", percent_encoded(path)),
        (None, Some(url)) => url.to_owned(),
        (None, None) => return Verdict::next(format!("neither {RELATIVE_URI} nor {FULL_URI} is set")),
    };
    check(&url)?;
    let token = token(walk)?;
    let mut headers = vec![("accept", "application/json")];
    headers.extend(token.as_deref().map(|token| ("authorization", token)));
    let response = send::send(
        walk.http(),
        || send::request(Method::GET, &url, &headers, Bytes::new()),
        ATTEMPTS,
        |_| false,
    )
    .await
    .map_err(|error| error.stop(&format!("the container credentials service at `{url}`")))?;
    let status = response.status();
    if !status.is_success() {
        let stop = Stop::new(format!(
            "the container credentials service at `{url}` answers {status}: {}",
            excerpt(response.body())
        ));
        return Err(if is_busy(status) { stop.transient() } else { stop });
    }
    let unreadable =
        || Stop::new(format!("the container credentials service at `{url}` answers without keys"));
    let reply: Reply = serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
    let credentials = reply.into_credentials(SourceName::Container)?.ok_or_else(unreadable)?;
    let credentials = not_expired(credentials, walk.now(), &"of the container")?;
    Ok(Verdict::Found(credentials, format!("`{url}`")))
}

/// Percent-encodes characters that a URL cannot contain, such as blanks.
pub(super) fn percent_encoded(path: &str) -> Cow<'_, str> {
    const UNSENDABLE: &AsciiSet =
        &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');
    utf8_percent_encode(path, UNSENDABLE).into()
}

/// Refuses to send the container's token in plain text to a host that is not one of the agents.
fn check(url: &str) -> Result<(), Stop> {
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| {
        Stop::new(format!("the URL of the container credentials service, `{url}`, is not valid"))
            .with_source(error)
    })?;
    let host = uri.host().unwrap_or_default();
    let is_loopback =
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if uri.scheme_str() == Some("https") || is_loopback || PLAIN_HOSTS.contains(&host) {
        return Ok(());
    }
    Err(Stop::new(format!(
        "{FULL_URI} is `{url}`; expected an https URL, a loopback address or one of {}",
        PLAIN_HOSTS.join(", ")
    )))
}

/// Returns the token; the file's, which EKS renews, wins over the variable's.
fn token(walk: Walk<'_>) -> Result<Option<String>, Stop> {
    let env = walk.env();
    let (name, token) = if let Some(path) = env.var_os(TOKEN_FILE) {
        let path = expand(Path::new(path), env);
        let token = fs_err::read_to_string(path)
            .map_err(|error| Stop::new(format!("{TOKEN_FILE} cannot be read")).with_source(error))?;
        (TOKEN_FILE, token)
    } else if let Some(token) = env.var(TOKEN) {
        (TOKEN, token.to_owned())
    } else {
        return Ok(None);
    };
    // The token becomes a header's value: a line break would start another header.
    if token.contains(['\r', '\n']) {
        return Err(Stop::new(format!("the token of {name} has more than one line")));
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn plain_text_goes_to_the_agents_only() {
        for url in [
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1",
            "http://localhost:1234/",
            "http://127.9.9.9/",
            "http://[::1]:80/",
            "https://example.com/",
        ] {
            assert!(check(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/",
            "http://169.254.170.2.example.com/",
            "/relative",
            "http://[fd00:ec2::24]/",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
