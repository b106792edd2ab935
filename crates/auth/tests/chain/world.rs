//! A home directory, an environment, a clock, and fake services with scripted replies.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use haul_auth::http::{HttpClient, HttpError, HttpErrorKind, ProxyUse, SendOptions};
use haul_auth::{
    Clock, CredentialChain, CredentialRequest, Credentials, Error, PromptMfa, ProvideCredentials,
};
use haul_config::{Env, Located, Origin, Secret};

/// The time all tests start at.
pub(crate) const NOW: &str = "2026-01-31T12:00:00Z";
/// An hour later.
pub(crate) const LATER: &str = "2026-01-31T13:00:00Z";

pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
    variables: Vec<(String, String)>,
    pub(crate) request: CredentialRequest,
    pub(crate) http: Arc<FakeHttp>,
    pub(crate) clock: Arc<TestClock>,
    prompt: Option<Arc<FakePrompt>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs_err::create_dir(home.path().join(".aws")).unwrap();
        // Processes need to be found; everything else of the environment is kept out.
        let path = Env::from_process().unwrap().var("PATH").unwrap_or_default().to_owned();
        let variables =
            vec![("HOME".to_owned(), home.path().to_str().unwrap().to_owned()), ("PATH".to_owned(), path)];
        Self {
            home,
            variables,
            request: CredentialRequest::default(),
            http: Arc::default(),
            clock: Arc::default(),
            prompt: None,
        }
    }

    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
        self
    }

    pub(crate) fn config(self, content: &str) -> Self {
        self.file(".aws/config", content)
    }

    pub(crate) fn credentials(self, content: &str) -> Self {
        self.file(".aws/credentials", content)
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn env_keys(self) -> Self {
        self.var("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT").var("AWS_SECRET_ACCESS_KEY", "secret-of-env")
    }

    pub(crate) fn profile(mut self, name: &str) -> Self {
        self.request.profile = Some(Located::new(name.to_owned(), Origin::CommandLine));
        self
    }

    pub(crate) fn prompt(mut self, code: &str) -> Self {
        self.prompt = Some(Arc::new(FakePrompt { code: code.to_owned(), asked: Mutex::default() }));
        self
    }

    /// Adds a reply to the next request whose method and URL start with `start`.
    pub(crate) fn reply(self, start: &str, status: u16, body: &str) -> Self {
        self.http.add(start, Reply::Answer(status, body.to_owned()));
        self
    }

    /// Makes the next request whose method and URL start with `start` fail.
    pub(crate) fn fail(self, start: &str, kind: HttpErrorKind) -> Self {
        self.http.add(start, Reply::Failure(kind));
        self
    }

    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.home.path().join(path)
    }

    pub(crate) fn chain(&self) -> CredentialChain {
        let env = Env::new(self.home.path(), self.variables.iter().map(|(name, value)| (name, value)));
        let http: Arc<dyn HttpClient> = Arc::<FakeHttp>::clone(&self.http);
        let chain = CredentialChain::new(self.request.clone(), env, http)
            .with_clock(Arc::<TestClock>::clone(&self.clock))
            .with_process_timeout(Duration::from_secs(20));
        match &self.prompt {
            Some(prompt) => chain.with_mfa_prompt(Arc::<FakePrompt>::clone(prompt)),
            None => chain,
        }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.prompt.as_ref().map(|prompt| prompt.asked.lock().unwrap().clone()).unwrap_or_default()
    }

    /// Resolves, expecting success.
    pub(crate) async fn found(&self) -> Arc<Credentials> {
        match self.chain().credentials().await {
            Ok(Some(credentials)) => credentials,
            Ok(None) => panic!("anonymous"),
            Err(error) => panic!("{error}: {:?}", error.hint()),
        }
    }

    /// Resolves, expecting an error.
    pub(crate) async fn error(&self) -> Error {
        self.chain().credentials().await.unwrap_err()
    }
}

pub(crate) fn secret(credentials: &Credentials) -> &str {
    credentials.secret_access_key.expose()
}

pub(crate) fn token(credentials: &Credentials) -> &str {
    credentials.session_token.as_ref().map_or("", |token| token.expose())
}

/// Returns the JSON of the metadata services.
pub(crate) fn metadata(id: &str, end: &str) -> String {
    format!(
        r#"{{"AccessKeyId": "{id}", "SecretAccessKey": "secret-of-{id}", "Token": "token-of-{id}", "Expiration": "{end}", "Code": "Success"}}"#
    )
}

/// Returns the XML of STS.
pub(crate) fn assumed(action: &str, id: &str, end: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <{action}Result><AssumedRoleUser><AssumedRoleId>ID:s</AssumedRoleId>
        <Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser><Credentials><AccessKeyId>{id}</AccessKeyId>
        <SecretAccessKey>secret-of-{id}</SecretAccessKey><SessionToken>token-of-{id}&amp;</SessionToken>
        <Expiration>{end}</Expiration></Credentials></{action}Result>
        <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"#
    )
}

/// Fake services: replies are matched by the start of `METHOD URL`, in order; a request without a reply gets no answer.
#[derive(Default)]
pub(crate) struct FakeHttp {
    replies: Mutex<VecDeque<(String, Reply)>>,
    sent: Mutex<Vec<Sent>>,
}

#[derive(Debug)]
enum Reply {
    Answer(u16, String),
    Failure(HttpErrorKind),
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    pub(crate) options: SendOptions,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns a field of a form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let (_, value) =
            self.body.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name)?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    }
}

/// Shows nothing: bodies hold tokens.
impl std::fmt::Debug for FakeHttp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FakeHttp").finish_non_exhaustive()
    }
}

impl FakeHttp {
    fn add(&self, start: &str, reply: Reply) {
        self.replies.lock().unwrap().push_back((start.to_owned(), reply));
    }

    pub(crate) fn answer(&self, start: &str, status: u16, body: &str) {
        self.add(start, Reply::Answer(status, body.to_owned()));
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl HttpClient for FakeHttp {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let line = format!("{} {}", request.method(), request.uri());
        let (parts, body) = request.into_parts();
        self.sent.lock().unwrap().push(Sent {
            line: line.clone(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            options,
        });
        let mut replies = self.replies.lock().unwrap();
        let index = replies.iter().position(|(start, _)| line.starts_with(start));
        let Some((_, reply)) = index.and_then(|index| replies.remove(index)) else {
            return Err(HttpError::new(HttpErrorKind::Connect, format!("no reply to `{line}`")));
        };
        match reply {
            Reply::Answer(status, body) => {
                Ok(http::Response::builder().status(status).body(Bytes::from(body)).unwrap())
            }
            Reply::Failure(kind) => Err(HttpError::new(kind, "as told")),
        }
    }
}

/// Returns whether a request bypassed proxies.
pub(crate) fn is_direct(sent: &Sent) -> bool {
    sent.options.proxy == ProxyUse::Never
}

#[derive(Debug)]
pub(crate) struct TestClock(Mutex<SystemTime>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Mutex::new(time(NOW)))
    }
}

impl TestClock {
    pub(crate) fn set(&self, text: &str) {
        *self.0.lock().unwrap() = time(text);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn time(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

#[derive(Debug)]
struct FakePrompt {
    code: String,
    asked: Mutex<Vec<String>>,
}

impl PromptMfa for FakePrompt {
    fn code(&self, serial: &str) -> std::io::Result<Option<Secret>> {
        self.asked.lock().unwrap().push(serial.to_owned());
        Ok(Some(Secret::from(self.code.as_str())))
    }
}

/// Returns the permission bits of a file.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs_err::metadata(path).unwrap().permissions().mode() & 0o777
}
