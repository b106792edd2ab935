//! `credential_process`: a program prints the keys.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use haul_config::Located;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::redact::redacted_excerpt;
use super::{Stop, Verdict, Walk, not_expired, owned};
use crate::{Credentials, SourceName, shell_words, time};

/// Deviation: botocore waits for a `credential_process` without limit; haul waits for two minutes, which is enough for a
/// user who has to touch a hardware token.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Deviation: botocore reads all that a `credential_process` prints, until memory is full; haul stops at 1 MiB, as keys
/// and tokens have a few thousand characters.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

pub(crate) async fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    let keys = walk.profile(profile);
    let Some(line) = keys.text("credential_process")? else {
        return Verdict::next(format!("the profile `{profile}` has no `credential_process`"));
    };
    let named = format!("`credential_process` ({})", line.origin);
    let words = shell_words::split(line.value).map_err(|why| Stop::new(format!("{named}: {why}")))?;
    let [program, arguments @ ..] = words.as_slice() else {
        return Err(Stop::new(format!("{named} is empty")));
    };
    let stdout = run(walk, &line, program, arguments).await?;
    let credentials = read(&stdout, &named, owned(keys.non_empty("aws_account_id")?))?;
    let credentials = not_expired(credentials, walk.now(), &format!("printed by {named}"))?;
    Ok(Verdict::Found(credentials, format!("`{program}`, {named}")))
}

/// Runs the program in the environment the chain was given and returns what it prints.
///
/// The program inherits haul's stdin, as in botocore: some programs ask for a code.
async fn run(
    walk: Walk<'_>,
    line: &Located<&str>,
    program: &str,
    arguments: &[String],
) -> Result<Vec<u8>, Stop> {
    let named = format!("`{program}`, the `credential_process` ({}),", line.origin);
    let env = walk.env();
    let cannot_run = |error| Stop::new(format!("{named} cannot be run")).with_source(error);
    // The process is killed when `child` is dropped, so errors below need no cleanup.
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(env.vars_os())
        .current_dir(env.current_dir())
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot_run)?;
    let timeout = walk.context.process_timeout.unwrap_or(TIMEOUT);
    let output = match tokio::time::timeout(timeout, output(child)).await {
        Err(_) => {
            let seconds = timeout.as_secs();
            return Err(Stop::new(format!("{named} did not end within {seconds} s")).transient());
        }
        Ok(Err(Broken::TooLong(stream))) => {
            return Err(Stop::new(format!("{named} printed more than 1 MiB on {stream}")));
        }
        Ok(Err(Broken::Io(error))) => return Err(cannot_run(error)),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = redacted_excerpt(&output.stderr);
    let stderr = if stderr.is_empty() { "it printed nothing on stderr".to_owned() } else { stderr };
    Err(Stop::new(format!("{named} failed ({}): {stderr}", output.status)))
}

/// Why there is no output.
enum Broken {
    TooLong(&'static str),
    Io(io::Error),
}

/// Reads all that the program prints, and waits until it ends.
async fn output(mut child: Child) -> Result<Output, Broken> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read_all(stdout, "stdout"), read_all(stderr, "stderr"))?;
    let status = child.wait().await.map_err(Broken::Io)?;
    Ok(Output { status, stdout, stderr })
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>, name: &'static str) -> Result<Vec<u8>, Broken> {
    let mut content = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut content).await.map_err(Broken::Io)?;
    }
    if content.len() as u64 > MAX_OUTPUT_BYTES { Err(Broken::TooLong(name)) } else { Ok(content) }
}

/// Parses what the program printed; the text itself never enters a message, as it may contain the secret.
fn read(stdout: &[u8], named: &str, account_id: Option<String>) -> Result<Credentials, Stop> {
    // A map and not a struct: of a duplicate key, the last value counts.
    let output: Map<String, Value> = serde_json::from_slice(stdout).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Stop::new(format!("{named} did not print the expected JSON ({place})"))
    })?;
    match output.get("Version") {
        Some(version) if version.as_f64() == Some(1.0) => {}
        Some(version) => {
            return Err(Stop::new(format!("{named} printed `Version` {version}; expected 1")));
        }
        None => return Err(Stop::new(format!("{named} printed no `Version`; expected 1"))),
    }
    let text = |key: &str| output.get(key).and_then(Value::as_str).map(str::to_owned);
    let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
        return Err(Stop::new(format!("{named} printed no `AccessKeyId` or no `SecretAccessKey`")));
    };
    let expires_at = match text("Expiration") {
        None => None,
        Some(text) => Some(time::parse(&text).ok_or_else(|| {
            Stop::new(format!("{named} printed an `Expiration` that is not a time: `{text}`"))
        })?),
    };
    Ok(Credentials::new(id, secret, SourceName::Process)
        .with_session_token(text("SessionToken"))
        .with_expiry(expires_at)
        .with_account_id(text("AccountId").or(account_id)))
}
