//! Answers cases of the credential chain with haul, for `cargo xtask parity`, which gives the same cases to botocore.
//!
//! Reads one case per line from stdin (`tests/parity/credentials/cases.py` makes them, and the directory of each) and
//! writes one answer per line: the source in botocore's words, a fingerprint of the keys, region and endpoint, or the
//! error and its source; every request that would have been sent; and the content of the caches of the AWS CLI
//! afterwards. There is no network: requests are answered from the case.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use haul_auth::http::{HttpClient, HttpError, HttpErrorKind, SendOptions};
use haul_auth::{CredentialChain, CredentialRequest, Credentials, PromptMfa, ProvideCredentials};
use haul_config::{ConfigPaths, ConfigStack, Env, RemoteKind, Secret};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The number of threads: enough that some work during the pauses between attempts of others.
const AT_ONCE: usize = 32;

#[derive(Debug, Deserialize)]
struct Case {
    dir: PathBuf,
    env: BTreeMap<String, String>,
    remote: BTreeMap<String, String>,
    replies: Vec<Reply>,
    mfa_code: Option<String>,
}

/// A reply to requests whose `METHOD URL` begins with `request` and whose body contains all of `contains`.
#[derive(Debug, Clone, Deserialize)]
struct Reply {
    request: String,
    contains: Vec<String>,
    status: u16,
    #[serde(default)]
    body: String,
    /// How often it is used; without it, always.
    times: Option<u32>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cases: Vec<Case> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()?;
    let mut answers = stream::iter(cases).map(answer).buffered(AT_ONCE);
    let mut stdout = std::io::stdout().lock();
    while let Some(answer) = answers.next().await {
        writeln!(stdout, "{}", answer?)?;
    }
    Ok(())
}

async fn answer(case: Case) -> Result<Value> {
    let http = Arc::new(Playback { replies: Mutex::new(case.replies.clone()), sent: Mutex::default() });
    let mut told = match resolve(&case, &http).await? {
        Ok(found) => found,
        Err(refusal) => json!({ "refusal": refusal }),
    };
    told["requests"] = Value::Array(http.sent.lock().unwrap_or_else(PoisonError::into_inner).clone());
    told["left"] = left_behind(&case)?;
    Ok(told)
}

/// Works like the product: reads the remote from a configuration file, and the settings and the chain from the remote.
async fn resolve(case: &Case, http: &Arc<Playback>) -> Result<Result<Value, Value>> {
    let dvc_dir = case.dir.join(".dvc");
    fs_err::create_dir_all(&dvc_dir)?;
    // A bucket with dots never becomes part of the host.
    let mut config = vec!["['remote \"r\"']".to_owned(), "    url = s3://a.bucket/store".to_owned()];
    config.extend(case.remote.iter().map(|(option, value)| format!("    {option} = {value}")));
    fs_err::write(dvc_dir.join("config"), config.join("\n") + "\n")?;
    let env = Env::new(&case.dir, &case.env);
    let stack = ConfigStack::load(&ConfigPaths::new(&env, Some(&dvc_dir)), &env)?;
    let remote = stack.config()?.remote(Some("r"))?;
    let RemoteKind::S3(s3) = &remote.kind else { anyhow::bail!("not an S3 remote") };

    let mut chain = CredentialChain::new(CredentialRequest::from(&**s3), env.clone(), Arc::clone(http) as _);
    if let Some(code) = &case.mfa_code {
        chain = chain.with_mfa_prompt(Arc::new(FixedCode(Secret::from(code.as_str()))));
    }
    let connection = match haul_storage::connect_s3(&remote, s3, &env, &haul_storage::Contact::default()) {
        Ok(connection) => connection,
        Err(error) => return Ok(Err(refusal_of_settings(&error))),
    };
    let (source, fingerprint) = match chain.credentials().await {
        Ok(Some(credentials)) => {
            (Some(credentials.source.botocore_name()), Some(fingerprint_of(&credentials)))
        }
        Ok(None) => (Some("anonymous"), None),
        Err(haul_auth::Error::NoCredentials { .. }) => (None, None),
        Err(error) => return Ok(Err(refusal(&error))),
    };
    Ok(Ok(json!({
        "source": source,
        "fingerprint": fingerprint,
        "region": connection.store.region(),
        "endpoint": connection.store.endpoint(),
    })))
}

fn fingerprint_of(credentials: &Credentials) -> String {
    let token = credentials.session_token.as_ref().map_or("", |token| token.expose());
    let text = format!("{}\n{}\n{token}", credentials.access_key_id, credentials.secret_access_key.expose());
    hex::encode(Sha256::digest(text))[..16].to_owned()
}

fn refusal(error: &haul_auth::Error) -> Value {
    let by = match error {
        haul_auth::Error::Source { name, .. } => name.botocore_name(),
        haul_auth::Error::ProfileNotFound(_) => "profile",
        haul_auth::Error::Parse { .. } | haul_auth::Error::Read { .. } => "file",
        _ => "value",
    };
    json!({ "by": by, "message": chain_of(error) })
}

fn refusal_of_settings(error: &haul_storage::Error) -> Value {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<haul_auth::Error>());
    cause.map_or_else(|| json!({ "by": "value", "message": chain_of(error) }), refusal)
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn left_behind(case: &Case) -> Result<Value> {
    let home = Path::new(case.env.get("HOME").context("every case has a home")?);
    let mut left = Map::new();
    for folder in [".aws/sso/cache", ".aws/cli/cache"] {
        let Ok(entries) = fs_err::read_dir(home.join(folder)) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let content = fs_err::read(entry.path())?;
            left.insert(name, serde_json::from_slice(&content).unwrap_or(Value::Null));
        }
    }
    Ok(Value::Object(left))
}

/// Returns the same code each time.
#[derive(Debug)]
struct FixedCode(Secret);

impl PromptMfa for FixedCode {
    fn code(&self, _: &str) -> std::io::Result<Option<Secret>> {
        Ok(Some(self.0.clone()))
    }
}

/// Answers requests from the case, and records them.
#[derive(Debug)]
struct Playback {
    replies: Mutex<Vec<Reply>>,
    sent: Mutex<Vec<Value>>,
}

#[async_trait]
impl HttpClient for Playback {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let line = format!("{} {}", request.method(), request.uri());
        let body = String::from_utf8_lossy(request.body()).into_owned();
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(describe(&request, &body));
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = replies.iter_mut().find(|reply| {
            reply.times != Some(0)
                && line.starts_with(&reply.request)
                && reply.contains.iter().all(|part| body.contains(part))
        });
        let Some(reply) = reply else {
            return Err(HttpError::new(HttpErrorKind::Connect, "no reply"));
        };
        reply.times = reply.times.map(|times| times - 1);
        http::Response::builder()
            .status(reply.status)
            .body(Bytes::from(reply.body.clone()))
            .map_err(|error| HttpError::new(HttpErrorKind::Other, error.to_string()))
    }
}

/// Describes the parts of a request that determine its answer, in the words of `oracle.py`.
fn describe(request: &http::Request<Bytes>, body: &str) -> Value {
    let uri = request.uri();
    let header = |name: &str| {
        request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut told = json!({
        "method": request.method().as_str(),
        "url": format!("{}://{}{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |host| host.as_str()), uri.path()),
        "query": pairs(uri.query().unwrap_or_default()),
    });
    for name in ["x-aws-ec2-metadata-token", "x-amz-sso_bearer_token", "x-amz-security-token"] {
        if let Some(value) = header(name) {
            told[name] = value.into();
        }
    }
    if let Some(value) = header("authorization") {
        told["authorization"] = scope(&value).unwrap_or(value).into();
    }
    if header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let mut form = pairs(body);
        let session = form.get("RoleSessionName").and_then(Value::as_str).unwrap_or_default();
        let is_made_up =
            session.strip_prefix("haul-session-").is_some_and(|time| time.parse::<u64>().is_ok());
        let session = if is_made_up { "SESSION".to_owned() } else { session.to_owned() };
        form.insert("RoleSessionName".to_owned(), session.into());
        told["form"] = Value::Object(form);
    } else if !body.is_empty() {
        told["json"] = serde_json::from_str(body).unwrap_or_else(|_| body.into());
    }
    told
}

/// Returns the key, region and service of a signature; signatures themselves depend on the time.
fn scope(authorization: &str) -> Option<String> {
    let (_, rest) = authorization.split_once("Credential=")?;
    let (scope, _) = rest.split_once(", ")?;
    let mut parts = scope.rsplitn(5, '/').skip(1);
    let (service, region, _, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{key} {region} {service}"))
}

fn pairs(text: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), Value::String(decode(value))))
        .collect()
}
