//! What a collection has to say of cloud-versioned remotes.

use haul_repo::ops::{CollectedVersions, PlannedVersions, UnusedVersion};
use haul_storage::Error;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::utc;
use super::failed::FailedLine;
use crate::ui::{Page, human_bytes};

/// Says in a line for each remote what would go.
pub(super) fn plan_lines(remotes: &[PlannedVersions]) -> Vec<String> {
    remotes.iter().filter(|remote| !remote.unused.is_empty() || remote.n_young > 0).map(plan_line).collect()
}

/// Returns how many versions were to be deleted in all.
pub(super) fn n_unused(remotes: &[PlannedVersions]) -> usize {
    remotes.iter().map(|remote| remote.unused.len()).sum()
}

/// Names the versions that could not be deleted.
pub(super) fn failed<'a>(
    planned: &'a [PlannedVersions],
    done: &'a [CollectedVersions],
) -> impl Iterator<Item = (String, &'a Error)> {
    planned.iter().zip(done).flat_map(|(planned, done)| {
        done.failed.iter().map(|(index, error)| (path_of(planned, &planned.unused[*index]), error))
    })
}

fn plan_line(remote: &PlannedVersions) -> String {
    use std::fmt::Write as _;
    let mut line = format!(
        "Unused on remote `{}` at {}: {} of {} versions, {}",
        remote.name,
        remote.location,
        remote.unused.len(),
        remote.n_versions,
        human_bytes(bytes(remote))
    );
    let times = || remote.unused.iter().filter_map(|version| version.modified);
    if let Some((oldest, newest)) = times().min().zip(times().max()) {
        write!(line, ", from {} to {}", utc(oldest), utc(newest)).expect("a string takes all");
    }
    if remote.n_young > 0 {
        write!(line, "; {} more are too young", remote.n_young).expect("a string takes all");
    }
    line
}

fn bytes(remote: &PlannedVersions) -> u64 {
    remote.unused.iter().map(|version| version.size_bytes).sum()
}

fn path_of(remote: &PlannedVersions, version: &UnusedVersion) -> String {
    format!("{}/{}?versionId={}", remote.location.trim_end_matches('/'), version.key, version.version_id)
}

/// The plan for a remote, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlannedVersionLines {
    /// The name of the remote.
    remote: String,
    /// Where it is.
    url: String,
    /// Number of versions there.
    n_versions: u64,
    /// Their size in bytes.
    total_bytes: u64,
    /// Number of versions that no metafile names.
    n_unused: usize,
    /// Their size in bytes.
    unused_bytes: u64,
    /// Number of unused versions that are too young to be deleted.
    n_kept_young: u64,
    /// The versions; only of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

impl PlannedVersionLines {
    /// Describes the plan; with `lists_paths`, each version by its URL.
    pub(super) fn new(remote: &PlannedVersions, lists_paths: bool) -> Self {
        Self {
            remote: remote.name.clone(),
            url: remote.location.clone(),
            n_versions: remote.n_versions,
            total_bytes: remote.total_bytes,
            n_unused: remote.unused.len(),
            unused_bytes: bytes(remote),
            n_kept_young: remote.n_young,
            paths: lists_paths
                .then(|| remote.unused.iter().map(|version| path_of(remote, version)).collect()),
        }
    }
}

/// What was deleted on a remote, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VersionLines {
    /// The name of the remote.
    remote: String,
    /// Where it is.
    url: String,
    /// Number of versions that were deleted.
    n_removed: u64,
    /// Versions that could not be deleted.
    failed: Vec<FailedLine>,
    /// Number of versions that were not tried, because the command stopped.
    n_not_tried: u64,
    #[serde(skip)]
    has_unused: bool,
    /// Only for a dry run.
    #[serde(skip)]
    paths: Vec<String>,
}

impl VersionLines {
    /// Says what would be deleted, as if it were.
    pub(super) fn planned(remote: &PlannedVersions) -> Self {
        Self {
            remote: remote.name.clone(),
            url: remote.location.clone(),
            n_removed: remote.unused.len() as u64,
            failed: Vec::new(),
            n_not_tried: 0,
            has_unused: !remote.unused.is_empty(),
            paths: remote.unused.iter().map(|version| path_of(remote, version)).collect(),
        }
    }

    pub(super) fn done(planned: &PlannedVersions, done: &CollectedVersions) -> Self {
        let line = |(index, error): &(usize, Error)| {
            FailedLine::new(path_of(planned, &planned.unused[*index]), error)
        };
        let failed = done.failed.iter().map(line);
        Self {
            n_removed: done.n_removed,
            failed: failed.collect(),
            n_not_tried: done.n_not_tried,
            paths: Vec::new(),
            ..Self::planned(planned)
        }
    }

    pub(super) fn text(&self, page: &mut Page) {
        for path in &self.paths {
            page.line(format_args!("Would remove {path}"));
        }
        if self.has_unused {
            let removed = if self.paths.is_empty() { "Removed" } else { "Would remove" };
            page.line(format_args!("{removed} {} versions from remote '{}'.", self.n_removed, self.remote));
        } else {
            page.line(format_args!("No unused versions to remove from remote '{}'.", self.remote));
        }
    }
}
