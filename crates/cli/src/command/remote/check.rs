//! `haul remote check`.

use std::time::SystemTime;

use clap::Args;
use haul_auth::{Answer, CallerIdentity, Credentials, ProvideCredentials, Trace};
use haul_config::{Located, Remote, RemoteKind};
use haul_storage::{ListFrom, RemoteStore, S3Connection, connect_s3, open_remote};
use serde::Serialize;

use super::show::resolve_name;
use crate::command::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::{Message, Page};

/// Try a remote: who am I, where is it, may I list it
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Name of the remote; else the default one
    name: Option<String>,
}

/// What was found out, in the order in which it matters.
#[derive(Debug, Default, Serialize)]
struct Findings {
    remote: String,
    lines: Vec<Finding>,
    trace: Vec<SourceLine>,
    is_reachable: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

#[derive(Debug, Serialize)]
struct SourceLine {
    source: String,
    answer: &'static str,
    text: String,
}

impl Message for Findings {
    fn text(&self, page: &mut Page) {
        page.line(format_args!("{:<12} {}", "remote", self.remote));
        for Finding { what, value, origin } in &self.lines {
            match origin {
                Some(origin) => page.line(format_args!("{what:<12} {value}  ({origin})")),
                None => page.line(format_args!("{what:<12} {value}")),
            }
        }
        if !self.trace.is_empty() {
            page.line("sources of credentials, in order:");
        }
        for SourceLine { source, answer, text } in &self.trace {
            page.line(format_args!("  {source:<24} {answer:<7} {text}"));
        }
    }
}

impl CheckArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let format = context.format(self.json);
        let stack = context.config_stack()?;
        let name = resolve_name(self.name, &stack)?;
        let remote = stack.config()?.remote(Some(&name))?;
        let mut findings = Findings { remote: name, ..Findings::default() };
        findings.located("url", Some(&remote.url));
        let result = match &remote.kind {
            RemoteKind::S3(s3) => {
                let connection = connect_s3(&remote, s3, context.env(), Some(context.mfa_prompt()))?;
                context.observe_async(async |_| Ok(findings.ask_s3(&connection).await))
            }
            _ => context.observe_async(async |_| Ok(findings.ask(&remote, context).await)),
        };
        context.printer().show(&findings, format)?;
        result??;
        Ok(ExitStatus::Success)
    }
}

impl Findings {
    fn add(&mut self, what: &'static str, value: impl Into<String>) {
        self.lines.push(Finding { what, value: value.into(), origin: None });
    }

    fn located(&mut self, what: &'static str, value: Option<&Located<String>>) {
        let (value, origin) = match value {
            Some(found) => (found.value.clone(), Some(found.origin.to_string())),
            None => (String::from("not set"), None),
        };
        self.lines.push(Finding { what, value, origin });
    }

    /// Asks an S3 server; every answer that does not need the next one is kept.
    async fn ask_s3(&mut self, connection: &S3Connection) -> Result<(), CommandError> {
        self.located("profile", Some(&connection.settings.profile));
        self.located("region", connection.options.region.as_ref());
        self.located("endpoint", connection.options.endpoint_url.as_ref());
        let credentials = connection.credentials.credentials().await;
        self.trace = source_lines(&connection.credentials.trace());
        match credentials {
            Ok(Some(credentials)) => {
                self.describe(&credentials);
                // Only AWS itself is sure to know the caller by these keys.
                if connection.options.endpoint_url.is_none() {
                    self.identity(connection.credentials.caller_identity().await);
                }
            }
            Ok(None) => self.add("credentials", "none: requests are not signed"),
            Err(error) => {
                self.add("credentials", "none");
                return Err(error.into());
            }
        }
        self.list(&connection.store).await
    }

    async fn ask(&mut self, remote: &Remote, context: &Context) -> Result<(), CommandError> {
        let store = open_remote(remote, context.env())?;
        self.list(store.as_ref()).await
    }

    async fn list(&mut self, store: &dyn RemoteStore) -> Result<(), CommandError> {
        match store.list_page("files/md5/", &ListFrom::Start).await {
            Ok(page) => {
                let more = if page.is_truncated { " or more" } else { "" };
                self.add("listing", format!("allowed; {}{more} objects", page.objects.len()));
                self.is_reachable = true;
                Ok(())
            }
            Err(error) => {
                self.add("listing", "failed");
                Err(CommandError::from(error).with_status(ExitStatus::Failure))
            }
        }
    }

    fn describe(&mut self, credentials: &Credentials) {
        let who = format!("{} from {}", credentials.masked_access_key_id(), credentials.source);
        self.add("credentials", who);
        if let Some(expiry) = credentials.expires_at {
            let left = expiry.duration_since(SystemTime::now()).map(|left| left.as_secs() / 60);
            self.add(
                "expire",
                left.map_or_else(|_| String::from("have expired"), |minutes| format!("in {minutes} min")),
            );
        }
    }

    fn identity(&mut self, identity: haul_auth::Result<Option<CallerIdentity>>) {
        match identity {
            Ok(Some(identity)) => {
                self.add("identity", format!("{} (account {})", identity.arn, identity.account));
            }
            Ok(None) => {}
            Err(error) => self.add("identity", format!("not known: {}", CommandError::chain(&error))),
        }
    }
}

fn source_lines(trace: &Trace) -> Vec<SourceLine> {
    let line = |entry: &haul_auth::TraceEntry| {
        let answer = match entry.answer {
            Answer::Found(_) => "used",
            Answer::Continue(_) => "-",
            _ => "failed",
        };
        SourceLine { source: entry.source.to_string(), answer, text: entry.answer.text().to_owned() }
    };
    trace.entries().iter().map(line).collect()
}
