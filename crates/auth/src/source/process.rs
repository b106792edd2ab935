//! `credential_process`: a program prints the keys.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>.

use std::process::Stdio;
use std::time::Duration;

use haul_config::Located;
use serde::Deserialize;
use tokio::process::Command;

use super::{Stop, Verdict, Walk, not_expired, owned};
use crate::send::excerpt;
use crate::{Credentials, SourceName, shell_words, time};

/// Deviation: botocore waits for ever. Long enough for a person who has to touch a token.
const TIMEOUT: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    version: Option<serde_json::Value>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
    account_id: Option<String>,
}

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
async fn run(
    walk: Walk<'_>,
    line: &Located<&str>,
    program: &str,
    arguments: &[String],
) -> Result<Vec<u8>, Stop> {
    let named = format!("`{program}`, the `credential_process` ({}),", line.origin);
    let env = walk.env();
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(env.vars_os())
        .current_dir(env.current_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(walk.context.process_timeout.unwrap_or(TIMEOUT), output).await {
        Err(_) => {
            let seconds = walk.context.process_timeout.unwrap_or(TIMEOUT).as_secs();
            return Err(Stop::new(format!("{named} did not end within {seconds} s")).transient());
        }
        Ok(Err(error)) => return Err(Stop::new(format!("{named} cannot be run")).with_source(error)),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = masked(&excerpt(&output.stderr));
    let said = if said.is_empty() { "it printed nothing on stderr".to_owned() } else { said };
    Err(Stop::new(format!("{named} failed ({}): {said}", output.status)))
}

/// Hides what may be a key in the words of a program that failed: some of them show what they got.
///
/// AWS's secret keys are 40 characters of base64, session tokens are longer; no word of a sentence and hardly a path is.
fn masked(said: &str) -> String {
    const LEAST: usize = 32;
    let is_key = |character: char| character.is_ascii_alphanumeric() || "+/=".contains(character);
    let mut shown = String::new();
    let mut rest = said;
    while !rest.is_empty() {
        let length = rest.find(|character| !is_key(character)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(length);
        let mixed = [char::is_ascii_digit, char::is_ascii_uppercase, char::is_ascii_lowercase]
            .into_iter()
            .all(|is_kind: fn(&char) -> bool| run.chars().any(|character| is_kind(&character)));
        shown.push_str(if run.len() >= LEAST && mixed { "****" } else { run });
        let other = tail.find(is_key).unwrap_or(tail.len());
        shown.push_str(&tail[..other]);
        rest = &tail[other..];
    }
    shown
}

/// Reads what the program printed; the text itself never enters a message, as it may hold the secret.
fn read(stdout: &[u8], named: &str, account_id: Option<String>) -> Result<Credentials, Stop> {
    let output: Output = serde_json::from_slice(stdout).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Stop::new(format!("{named} printed what is not the JSON expected ({place})"))
    })?;
    match output.version {
        Some(version) if version == 1 => {}
        Some(version) => {
            return Err(Stop::new(format!("{named} printed `Version` {version}; expected 1")));
        }
        None => return Err(Stop::new(format!("{named} printed no `Version`; expected 1"))),
    }
    let (Some(id), Some(secret)) = (output.access_key_id, output.secret_access_key) else {
        return Err(Stop::new(format!("{named} printed no `AccessKeyId` or no `SecretAccessKey`")));
    };
    let expires_at = match output.expiration {
        None => None,
        Some(text) => Some(time::parse(&text).ok_or_else(|| {
            Stop::new(format!("{named} printed an `Expiration` that is no time: `{text}`"))
        })?),
    };
    Ok(Credentials::new(id, secret, SourceName::Process)
        .with_session_token(output.session_token)
        .with_expiry(expires_at)
        .with_account_id(output.account_id.or(account_id)))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_looks_like_a_key_is_hidden() {
        let said = "got SecretAccessKey=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9, for arn:aws:iam::123456789012:role/r";
        assert_eq!(
            masked(said),
            "got **** for arn:aws:iam::123456789012:role/r".replace("got ****", "got ****,")
        );
        let said = "no vault at https://vault.example.org:8200/v1/aws/creds/some-long-role-name, größe 1";
        assert_eq!(masked(said), said);
    }
}
