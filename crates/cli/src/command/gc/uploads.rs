//! What a collection has to say of unfinished uploads.

use haul_repo::ops::{CollectedUploads, PlannedUploads};
use haul_storage::Error;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::utc;
use super::failed::FailedLine;
use crate::ui::Page;

/// Says in a line for each remote what would be given up, or could be.
pub(super) fn plan_lines(remotes: &[PlannedUploads], has_age: bool) -> Vec<String> {
    let is_any = |remote: &&PlannedUploads| !remote.unfinished.is_empty() || remote.n_kept > 0;
    remotes.iter().filter(is_any).map(|remote| plan_line(remote, has_age)).collect()
}

/// Returns how many uploads were to be given up in all.
pub(super) fn n_unfinished(remotes: &[PlannedUploads]) -> usize {
    remotes.iter().map(|remote| remote.unfinished.len()).sum()
}

/// Names the uploads that could not be given up.
pub(super) fn failed<'a>(
    planned: &'a [PlannedUploads],
    done: &'a [CollectedUploads],
) -> impl Iterator<Item = (String, &'a Error)> {
    planned
        .iter()
        .zip(done)
        .flat_map(|(planned, done)| done.failed.iter().map(|(at, error)| (path_of(planned, *at), error)))
}

fn plan_line(remote: &PlannedUploads, has_age: bool) -> String {
    use std::fmt::Write as _;
    let PlannedUploads { name, location, unfinished, n_kept } = remote;
    if !has_age {
        return format!(
            "Unfinished on remote `{name}` at {location}: {n_kept} uploads; `--older-than` gives up those that are older, as \
             --older-than 7d"
        );
    }
    let mut line =
        format!("Unfinished on remote `{name}` at {location}: {} uploads to be given up", unfinished.len());
    let times = || unfinished.iter().filter_map(|upload| upload.started);
    if let Some((oldest, newest)) = times().min().zip(times().max()) {
        write!(line, ", from {} to {}", utc(oldest), utc(newest)).expect("a string takes all");
    }
    if *n_kept > 0 {
        write!(line, "; {n_kept} more are too young").expect("a string takes all");
    }
    line
}

fn path_of(remote: &PlannedUploads, at: usize) -> String {
    let upload = &remote.unfinished[at];
    format!("{}?uploadId={}", remote.path_of(upload), upload.upload_id)
}

/// The plan for the uploads on a remote, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlannedUploadLines {
    /// The name of the remote.
    remote: String,
    /// Where it is.
    url: String,
    /// Number of uploads to be given up.
    n_unfinished: usize,
    /// Number of uploads that are too young for that.
    n_kept_young: u64,
    /// The uploads; only of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

impl PlannedUploadLines {
    /// Describes the plan; with `lists_paths`, each upload by its URL.
    pub(super) fn new(remote: &PlannedUploads, lists_paths: bool) -> Self {
        Self {
            remote: remote.name.clone(),
            url: remote.location.clone(),
            n_unfinished: remote.unfinished.len(),
            n_kept_young: remote.n_kept,
            paths: lists_paths.then(|| (0..remote.unfinished.len()).map(|at| path_of(remote, at)).collect()),
        }
    }
}

/// What was given up on a remote, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UploadLines {
    /// The name of the remote.
    remote: String,
    /// Where it is.
    url: String,
    /// Number of uploads that were given up.
    n_removed: u64,
    /// Uploads that could not be given up.
    failed: Vec<FailedLine>,
    /// Number of uploads that were not tried, because the command stopped.
    n_not_tried: u64,
    #[serde(skip)]
    is_planned: bool,
    /// Only for a dry run.
    #[serde(skip)]
    paths: Vec<String>,
}

impl UploadLines {
    /// Says what would be given up, as if it were.
    pub(super) fn planned(remote: &PlannedUploads) -> Self {
        Self {
            remote: remote.name.clone(),
            url: remote.location.clone(),
            n_removed: remote.unfinished.len() as u64,
            failed: Vec::new(),
            n_not_tried: 0,
            is_planned: !remote.unfinished.is_empty(),
            paths: (0..remote.unfinished.len()).map(|at| path_of(remote, at)).collect(),
        }
    }

    pub(super) fn done(planned: &PlannedUploads, done: &CollectedUploads) -> Self {
        let failed = done.failed.iter().map(|(at, error)| FailedLine::new(path_of(planned, *at), error));
        Self {
            n_removed: done.n_removed,
            failed: failed.collect(),
            n_not_tried: done.n_not_tried,
            paths: Vec::new(),
            ..Self::planned(planned)
        }
    }

    /// A line only where there is something to say: DVC has none.
    pub(super) fn text(&self, page: &mut Page) {
        for path in &self.paths {
            page.line(format_args!("Would give up the upload of {path}"));
        }
        if self.is_planned {
            let gave_up = if self.paths.is_empty() { "Gave up" } else { "Would give up" };
            page.line(format_args!(
                "{gave_up} {} unfinished uploads to remote '{}'.",
                self.n_removed, self.remote
            ));
        }
    }
}
