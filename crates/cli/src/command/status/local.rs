//! The workspace beside the metafiles.

use haul_repo::Repo;
use haul_repo::ops::{self, EntryStatus, ParamsStatus, StageStatus, StatusOptions};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::column;
use crate::command::{CommandResult, Context, fail};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::{Message, OutputFormat, Page};

pub(super) fn run(context: &Context, repo: &Repo, options: &StatusOptions) -> CommandResult {
    let mut report = context
        .observe(|observer| ops::status(repo, options, observer))
        .map_err(|error| Verb::STATUS.error(error))?;
    if !report.sources.is_empty() {
        context
            .observe_async(async |_| ops::ask_sources(repo, &mut report, &options.cancel).await)
            .map_err(|error| Verb::STATUS.error(error))?;
    }
    for warning in &report.warnings {
        context.printer().warning(warning);
    }
    let is_changed = !report.stages.is_empty();
    let status = LocalStatus { stages: report.stages, is_empty_project: report.n_stages == 0 };
    // Before an error, it is not known whether everything is up to date.
    if is_changed || report.failed.is_empty() {
        context.printer().show(status)?;
    }
    fail(Verb::STATUS, report.failed)?;
    // Only a quiet status tells by its code that something changed.
    let is_failure = is_changed && context.printer().is_quiet() && context.format() == OutputFormat::Text;
    Ok(if is_failure { ExitStatus::Failure } else { ExitStatus::Success })
}

struct LocalStatus {
    stages: Vec<StageStatus>,
    is_empty_project: bool,
}

impl Message for LocalStatus {
    const IS_DVC_SHAPE: bool = true;

    fn text(&self, page: &mut Page) {
        if self.is_empty_project {
            page.line("There are no data or pipelines tracked in this project yet.");
            page.line("See <https://dvc.org/doc/start> to get started!");
        } else if self.stages.is_empty() {
            page.line("Data and pipelines are up to date.");
        }
        for stage in &self.stages {
            page.line(format_args!("{}:", stage.address));
            for Titled { title, entries, params } in titled(stage) {
                page.line(format_args!("\t{title}:"));
                for EntryStatus { path, state } in entries {
                    page.line(format_args!("\t\t{}{path}", column(state.as_str())));
                }
                for ParamsStatus { path, state, params } in params {
                    match state {
                        Some(state) => page.line(format_args!("\t\t{}{path}", column(state.as_str()))),
                        None => page.line(format_args!("\t\t{path}:")),
                    }
                    for EntryStatus { path, state } in params {
                        page.line(format_args!("\t\t\t{}{path}", column(state.as_str())));
                    }
                }
            }
            for flag in flags(stage) {
                page.line(format_args!("\t{flag}"));
            }
        }
    }
}

/// Returns what is to be said of the stage itself.
fn flags(stage: &StageStatus) -> impl Iterator<Item = &'static str> {
    [
        (stage.is_always_changed, "always changed"),
        (stage.is_changed_command, "changed command"),
        (stage.is_changed_checksum, "changed checksum"),
    ]
    .into_iter()
    .filter_map(|(is_set, name)| is_set.then_some(name))
}

/// DVC's shape: `{"d.dvc": [{"changed outs": {"d": "modified"}}, "changed checksum"]}`.
impl Serialize for LocalStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.stages.iter().map(|stage| (&stage.address, StageEntries(stage))))
    }
}

struct StageEntries<'status>(&'status StageStatus);

impl Serialize for StageEntries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(stage) = self;
        let mut list = serializer.serialize_seq(None)?;
        for titled in titled(stage) {
            list.serialize_element(&titled)?;
        }
        for flag in flags(stage) {
            list.serialize_element(flag)?;
        }
        list.end()
    }
}

/// What differs of a stage under one title.
struct Titled<'status> {
    title: &'static str,
    entries: &'status [EntryStatus],
    params: &'status [ParamsStatus],
}

/// Returns the titles that have something below them.
fn titled(stage: &StageStatus) -> impl Iterator<Item = Titled<'_>> {
    let deps = Titled { title: "changed deps", entries: &stage.changed_deps, params: &stage.changed_params };
    let outs = Titled { title: "changed outs", entries: &stage.changed_outs, params: &[] };
    [deps, outs].into_iter().filter(|titled| !titled.entries.is_empty() || !titled.params.is_empty())
}

impl Serialize for Titled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.title, &PathStates(self))?;
        map.end()
    }
}

struct PathStates<'titled, 'status>(&'titled Titled<'status>);

impl Serialize for PathStates<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Titled { entries, params, .. } = self.0;
        let mut map = serializer.serialize_map(Some(entries.len() + params.len()))?;
        for entry in *entries {
            map.serialize_entry(&entry.path, entry.state.as_str())?;
        }
        for file in *params {
            match file.state {
                Some(state) => map.serialize_entry(&file.path, state.as_str())?,
                None => map.serialize_entry(&file.path, &ParamStates(&file.params))?,
            }
        }
        map.end()
    }
}

struct ParamStates<'status>(&'status [EntryStatus]);

impl Serialize for ParamStates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| (&entry.path, entry.state.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use haul_repo::ops::EntryState;

    use super::*;

    fn changed() -> LocalStatus {
        let entry = |path: &str, state| EntryStatus { path: path.to_owned(), state };
        let stage = StageStatus {
            address: String::from("d.dvc"),
            changed_outs: vec![entry("d", EntryState::Modified), entry("é", EntryState::NotInCache)],
            is_changed_checksum: true,
            ..StageStatus::default()
        };
        LocalStatus { stages: vec![stage], is_empty_project: false }
    }

    #[test]
    fn text_is_that_of_dvc() {
        let mut page = Page::new(false);
        changed().text(&mut page);
        assert_eq!(
            page.into_text(),
            "d.dvc:\n\tchanged outs:\n\t\tmodified:           d\n\t\tnot in cache:       é\n\tchanged checksum\n"
        );
    }

    #[test]
    fn json_is_that_of_dvc() {
        assert_eq!(
            serde_json::to_string(&changed()).unwrap(),
            r#"{"d.dvc":[{"changed outs":{"d":"modified","é":"not in cache"}},"changed checksum"]}"#
        );
        let clean = LocalStatus { stages: Vec::new(), is_empty_project: false };
        assert_eq!(serde_json::to_string(&clean).unwrap(), "{}");
    }
}
