//! The chain: asks the sources in order, keeps what they yield, and renews it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use haul_config::{Env, Secret, mask_urls};

use crate::cache::{CredentialCache, Fetch};
use crate::identity::CallerIdentity;
use crate::profile::AwsFiles;
use crate::source::{
    Context, Stop, Verdict, Walk, assume_role, config_file, container, env, explicit, instance, login,
    process, shared_credentials, sso, web_identity,
};
use crate::{
    Answer, Clock, CredentialRequest, Credentials, Error, HttpClient, ProvideCredentials, Result, SourceName,
    SystemClock, Trace, identity,
};

/// Asks the user for the code of an MFA device.
pub trait PromptMfa: std::fmt::Debug + Send + Sync {
    /// Returns the code of the device `serial`, or `None` if the user cannot be asked (no terminal).
    ///
    /// May block: it is not called on the threads that serve other tasks.
    fn code(&self, serial: &str) -> std::io::Result<Option<Secret>>;
}

/// Finds credentials as botocore does, keeps them, and renews them five minutes before they expire.
///
/// The order is botocore's: keys of the remote, environment (unless the remote names a profile), assume role, web
/// identity, SSO, shared credentials file, credential process, config file, container, instance metadata.
///
/// Deviation: botocore also reads `AWS_CREDENTIAL_FILE` and boto 2's files, both older than the shared files.
#[derive(Debug)]
pub struct CredentialChain {
    walker: Walker,
    cache: CredentialCache,
}

/// The part that asks the sources.
#[derive(Debug)]
struct Walker {
    context: Context,
    trace: Mutex<Trace>,
}

impl CredentialChain {
    /// Makes a chain; no file is read and no service asked before the first [`ProvideCredentials::credentials`].
    pub fn new(request: CredentialRequest, env: Env, http: Arc<dyn HttpClient>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let context =
            Context { request, env, http, clock: Arc::clone(&clock), prompt: None, process_timeout: None };
        Self {
            walker: Walker { context, trace: Mutex::new(Trace::default()) },
            cache: CredentialCache::new(clock),
        }
    }

    /// Sets how to ask the user for MFA codes; without it, profiles with `mfa_serial` fail unless a session is cached.
    #[must_use]
    pub fn with_mfa_prompt(mut self, prompt: Arc<dyn PromptMfa>) -> Self {
        self.walker.context.prompt = Some(prompt);
        self
    }

    /// Replaces the two minutes that a `credential_process` may take.
    #[must_use]
    pub fn with_process_timeout(mut self, timeout: Duration) -> Self {
        self.walker.context.process_timeout = Some(timeout);
        self
    }

    /// Replaces the system's clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.walker.context.clock = Arc::clone(&clock);
        self.cache = CredentialCache::new(clock);
        self
    }

    /// Returns what the sources answered when they were last asked; empty before the first time.
    pub fn trace(&self) -> Trace {
        self.walker.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks STS whose credentials these are.
    ///
    /// `None` if requests are not signed. Servers that are not AWS often have no STS: then this fails.
    pub async fn caller_identity(&self) -> Result<Option<CallerIdentity>> {
        let Some(credentials) = self.credentials().await? else { return Ok(None) };
        let context = &self.walker.context;
        let files = AwsFiles::load(&context.request, &context.env)?;
        let walk = Walk { context, files: &files, refused: None };
        match identity::ask(walk, &credentials).await {
            Ok(identity) => Ok(Some(identity)),
            Err(stop) => Err(stopped(credentials.source, stop, self.trace())),
        }
    }
}

#[async_trait]
impl ProvideCredentials for CredentialChain {
    async fn credentials(&self) -> Result<Option<Arc<Credentials>>> {
        if let Some(origin) = &self.walker.context.request.anonymous {
            let mut trace = Trace::default();
            trace.push(SourceName::Anonymous, Answer::Found(format!("`allow_anonymous_login` ({origin})")));
            *self.walker.trace.lock().unwrap_or_else(PoisonError::into_inner) = trace;
            return Ok(None);
        }
        self.cache.get(&self.walker).await.map(Some)
    }

    fn invalidate(&self, used: &Credentials) {
        self.cache.invalidate(used);
    }
}

#[async_trait]
impl Fetch for Walker {
    async fn fetch(&self, refused: Option<&Credentials>) -> Result<Credentials> {
        let (result, trace) = walk(&self.context, refused).await;
        tracing::debug!(target: "haul_auth", "credentials:\n{trace}");
        *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = trace;
        result
    }
}

/// Asks the sources in order; the first that has credentials wins, and a broken source ends the walk.
async fn walk(context: &Context, refused: Option<&Credentials>) -> (Result<Credentials>, Trace) {
    let mut trace = Trace::default();
    if let Some(result) = note(&mut trace, SourceName::Explicit, explicit::load(&context.request)) {
        return (result, trace);
    }
    let files = match AwsFiles::load(&context.request, &context.env) {
        Ok(files) => files,
        Err(error) => return (Err(error), trace),
    };
    let walk = Walk { context, files: &files, refused };
    let result = ask_all(walk, &mut trace).await;
    let result = result.unwrap_or_else(|| Err(Error::NoCredentials { trace: trace.clone() }));
    (result, trace)
}

async fn ask_all(walk: Walk<'_>, trace: &mut Trace) -> Option<Result<Credentials>> {
    let in_env = if walk.files.is_explicit() {
        Verdict::next("the remote names a profile, so the environment's keys are not used")
    } else {
        env::load(walk)
    };
    if let Some(result) = note(trace, SourceName::Environment, in_env) {
        return Some(result);
    }
    let profile = walk.files.active().value.as_str();
    let role = assume_role::load(walk, profile).await;
    if let Some(result) = note(trace, SourceName::AssumeRole, role) {
        return Some(result);
    }
    let in_profile = ask_profile(walk, profile, walk.files.is_explicit(), trace).await;
    if in_profile.is_some() {
        return in_profile;
    }
    if let Some(result) = note(trace, SourceName::Container, container::load(walk).await) {
        return Some(result);
    }
    note(trace, SourceName::InstanceMetadata, instance::load(walk).await)
}

/// Asks the sources that a profile defines; they also serve as the source of an assumed role.
pub(crate) async fn ask_profile(
    walk: Walk<'_>,
    profile: &str,
    ignore_env: bool,
    trace: &mut Trace,
) -> Option<Result<Credentials>> {
    let identity = web_identity::load(walk, profile, ignore_env).await;
    if let Some(result) = note(trace, SourceName::WebIdentity, identity) {
        return Some(result);
    }
    if let Some(result) = note(trace, SourceName::Sso, sso::load(walk, profile).await) {
        return Some(result);
    }
    let shared = shared_credentials::load(walk, profile);
    if let Some(result) = note(trace, SourceName::SharedCredentials, shared) {
        return Some(result);
    }
    if let Some(result) = note(trace, SourceName::Login, login::load(walk, profile)) {
        return Some(result);
    }
    if let Some(result) = note(trace, SourceName::Process, process::load(walk, profile).await) {
        return Some(result);
    }
    note(trace, SourceName::ConfigFile, config_file::load(walk, profile))
}

/// Records an answer in the trace, without the passwords of URLs; `None` means: ask the next source.
fn note(
    trace: &mut Trace,
    name: SourceName,
    verdict: std::result::Result<Verdict, Stop>,
) -> Option<Result<Credentials>> {
    match verdict {
        Ok(Verdict::Continue(why)) => {
            trace.push(name, Answer::Continue(mask_urls(&why)));
            None
        }
        Ok(Verdict::Found(credentials, from)) => {
            if let Err(stop) = check_keys(&credentials, &from) {
                trace.push(name, Answer::Stop(stop.message.clone()));
                return Some(Err(stopped(name, stop, trace.clone())));
            }
            let from = mask_urls(&from);
            trace.push(name, Answer::Found(from.clone()));
            Some(Ok(credentials.with_place(from)))
        }
        Err(stop) => {
            trace.push(name, Answer::Stop(stop.message.clone()));
            Some(Err(stopped(name, stop, trace.clone())))
        }
    }
}

/// Refuses keys with characters that no key has: most often the line break at the end of a secret of a CI system.
///
/// Deviation: botocore signs with a key that ends with a line break, and the server says that the signature is wrong.
fn check_keys(credentials: &Credentials, from: &str) -> std::result::Result<(), Stop> {
    let parts = [
        ("access key id", Some(credentials.access_key_id.as_str())),
        ("secret access key", Some(credentials.secret_access_key.expose().as_str())),
        ("session token", credentials.session_token.as_ref().map(|token| token.expose().as_str())),
    ];
    for (what, key) in parts {
        let Some(key) = key else { continue };
        let is_odd = |character: char| character.is_whitespace() || character.is_control();
        let problem = if key.ends_with(['\n', '\r']) {
            "ends with a line break"
        } else if key.starts_with(is_odd) {
            "starts with a blank"
        } else if key.ends_with(is_odd) {
            "ends with a blank"
        } else if key.contains(char::is_control) {
            "contains a line break or another control character"
        } else {
            continue;
        };
        let message = format!("the {what} {problem}, which a key never does ({from})");
        let hint =
            format!("store the {what} again without it; `printf %s KEY`, unlike `echo`, adds no line break");
        return Err(Stop::new(message).with_hint(hint));
    }
    Ok(())
}

fn stopped(name: SourceName, stop: Stop, trace: Trace) -> Error {
    let Stop { message, hint, transient, source } = stop;
    Error::Source { name, message, hint, transient, trace, source }
}
