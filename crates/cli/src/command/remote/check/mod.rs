//! `haul remote check`.

mod ask;
mod bucket;

use clap::Args;
use haul_auth::{Answer, Trace};
use haul_config::{Located, Origin, RemoteKind, mask_urls};
use haul_storage::{connect_s3, open_remote};
use schemars::JsonSchema;
use serde::Serialize;

use ask::Question;

use super::show::resolve_name;
use crate::command::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::{Colour, Message, OriginLine, Page, Printer};

/// Try a remote: who am I, where is it, what may I do there
///
/// Changes nothing on the remote, unless `--write` says so.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Write a small object beside the data, read it back and delete it
    #[arg(short, long)]
    write: bool,
    /// Name of the remote; else the default one
    name: Option<String>,
}

/// What was found out, in the order in which it matters.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the list is called so in the document")]
pub(in crate::command) struct Findings {
    /// The name of the remote.
    name: String,
    /// What was looked at.
    findings: Vec<Finding>,
    /// The sources of credentials, in the order in which they are asked.
    sources: Vec<SourceLine>,
    /// Whether the server answers.
    is_reachable: bool,
    /// What has to be put right before a push succeeds.
    #[serde(skip)]
    failed: Vec<&'static str>,
    /// The object that was written, and whose versions may be left.
    #[serde(skip)]
    probe: Option<String>,
    /// How many lines are on the screen already.
    #[serde(skip)]
    n_shown: usize,
}

/// One line, with what to do about it.
#[derive(Debug, Serialize, JsonSchema)]
struct Finding {
    /// What was looked at.
    what: &'static str,
    /// What came of it.
    state: State,
    /// What it is.
    value: String,
    /// Where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<OriginLine>,
    /// The same in words.
    #[serde(skip)]
    place: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Tried, and good.
    Ok,
    /// Told, not tried.
    Info,
    /// Works, with a consequence that is easily overlooked.
    Warning,
    /// Tried, and refused or without an answer.
    Failed,
}

/// What one source of credentials answered.
#[derive(Debug, Serialize, JsonSchema)]
struct SourceLine {
    /// The source, as botocore names it.
    source: String,
    /// `used`, `-` or `failed`.
    answer: &'static str,
    /// Why.
    text: String,
}

impl Message for Findings {
    fn text(&self, page: &mut Page) {
        self.new_lines(page);
        if !self.sources.is_empty() {
            page.line("sources of credentials, in order:");
        }
        for SourceLine { source, answer, text } in &self.sources {
            page.line(format_args!("  {source:<24} {answer:<7} {text}"));
        }
    }
}

impl Findings {
    /// Writes the lines that are not on the screen yet.
    fn new_lines(&self, page: &mut Page) {
        if self.n_shown == 0 {
            page.line(format_args!("{:<12} {}", "remote", self.name));
        }
        for Finding { what, state, value, place, fix, .. } in &self.findings[self.n_shown..] {
            let value = match state {
                State::Ok | State::Info => value.clone(),
                State::Warning => page.coloured(Colour::Yellow, value),
                State::Failed => page.coloured(Colour::Red, value),
            };
            match place {
                Some(place) => page.line(format_args!("{what:<12} {value}  ({place})")),
                None => page.line(format_args!("{what:<12} {value}")),
            }
            if let Some(fix) = fix {
                page.line(format_args!("{:<12}   -> {fix}", ""));
            }
        }
    }

    /// Shows what is known, before something is asked that may take its time.
    fn show_known(&mut self, printer: &Printer) {
        // A closed stdout is reported when the command ends.
        printer.show_part(|page| self.new_lines(page)).ok();
        self.n_shown = self.findings.len();
    }
}

impl CheckArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let name = resolve_name(self.name, &stack)?;
        let remote = stack.config()?.remote(Some(&name))?;
        let mut findings = Findings { name, ..Findings::default() };
        findings.located("url", Some(&remote.url));
        // A cloud-versioned bucket shows the workspace itself.
        let is_versioned = remote.version_aware.as_ref().is_some_and(|is_on| is_on.value);
        let can_upload = match remote.check_uploads() {
            Ok(()) => true,
            Err(error) => {
                let text = error.to_string();
                findings.fail("uploads", text, &error.into());
                false
            }
        };
        let question = Question {
            write: self.write && can_upload,
            is_versioned,
            prefix: if is_versioned { "" } else { "files/md5/" },
            is_web: matches!(remote.kind, RemoteKind::Http(_)),
        };
        if let RemoteKind::S3(s3) = &remote.kind {
            let connection = connect_s3(&remote, s3, context.env(), &context.contact())?;
            context.observe_async(async |_| {
                findings.ask_s3(&connection, question, context.printer()).await;
                Ok(())
            })?;
        } else {
            let store = open_remote(&remote, context.env())?;
            context.observe_async(async |_| {
                findings.ask_store(store.as_ref(), question, context.printer()).await;
                Ok(())
            })?;
        }
        let (name, failed) = (findings.name.clone(), findings.failed.join(", "));
        context.printer().show(findings)?;
        if failed.is_empty() {
            return Ok(ExitStatus::Success);
        }
        // The line of each finding has the failure and the next step.
        Err(CommandError::failure(format!("remote '{name}' does not pass: {failed}")))
    }
}

impl Findings {
    fn add(&mut self, what: &'static str, state: State, value: impl Into<String>) -> &mut Finding {
        let value = value.into();
        self.findings.push(Finding { what, state, value, origin: None, place: None, fix: None });
        self.findings.last_mut().expect("one has just been added")
    }

    fn located(&mut self, what: &'static str, value: Option<&Located<String>>) {
        match value {
            Some(found) => {
                let finding = self.add(what, State::Info, mask_urls(&found.value));
                finding.place = Some(found.origin.to_string());
                finding.origin = Some((&found.origin).into());
            }
            None => drop(self.add(what, State::Info, "not set")),
        }
    }

    /// Says what is in effect, and by whose word.
    fn effective(&mut self, what: &'static str, value: &str, set: Option<&Located<String>>, fallback: &str) {
        let finding = self.add(what, State::Info, mask_urls(value));
        finding.place = Some(set.map_or_else(|| fallback.to_owned(), |set| set.origin.to_string()));
        finding.origin = Some(set.map_or(&Origin::Default, |set| &set.origin).into());
    }

    /// Notes what failed, with what to do about it.
    fn fail(&mut self, what: &'static str, value: impl Into<String>, error: &CommandError) {
        self.add(what, State::Failed, value).fix = error.hints().first().cloned();
        self.failed.push(what);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Ui;

    #[test]
    fn line_is_shown_as_soon_as_it_is_known_and_once() {
        let (ui, captured) = Ui::captured();
        let printer = Printer::new(ui, false);
        let mut findings = Findings { name: String::from("s"), ..Findings::default() };
        findings.add("url", State::Info, "s3://b");
        findings.show_known(&printer);
        assert_eq!(captured.stdout(), "remote       s\nurl          s3://b\n");
        findings.show_known(&printer);
        findings.add("listing", State::Ok, "allowed");
        printer.show(findings).unwrap();
        printer.flush().unwrap();
        assert_eq!(captured.stdout(), "remote       s\nurl          s3://b\nlisting      allowed\n");
    }
}
