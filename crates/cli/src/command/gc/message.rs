//! What a collection has to say.

use haul_repo::ops::{GcPlace, GcPlan, GcReport, PlannedPlace};
use haul_storage::Layout;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::utc;
use super::failed::FailedLine;
use super::uploads::{PlannedUploadLines, UploadLines};
use super::versions::{PlannedVersionLines, VersionLines};
use crate::ui::{Message, Page, human_bytes};

/// Says in a line for each place what would go.
pub(super) fn plan_lines(places: &[PlannedPlace]) -> Vec<String> {
    places.iter().filter(|place| place.n_unused() > 0 || place.n_young > 0).map(plan_line).collect()
}

/// Names how many objects were to be deleted in all.
pub(super) fn unused_of(places: &[PlannedPlace]) -> usize {
    places.iter().map(PlannedPlace::n_unused).sum()
}

fn plan_line(place: &PlannedPlace) -> String {
    use std::fmt::Write as _;
    let legacy = if place.layout == Layout::Legacy { " (objects of DVC 2)" } else { "" };
    let whose = match &place.place {
        GcPlace::Cache { .. } => format!("the cache{legacy}"),
        GcPlace::Remote { name, location } => format!("remote `{name}` at {location}{legacy}"),
    };
    let n_files = place.n_objects + place.temporary.len() as u64;
    let (n_unused, bytes) = (place.n_unused(), human_bytes(place.unused_bytes()));
    let all = if n_unused as u64 == n_files && n_files > 0 { ", all there are" } else { "" };
    let mut line = format!("Unused in {whose}: {n_unused} of {n_files} objects{all}, {bytes}");
    if let Some((oldest, newest)) = place.age() {
        write!(line, ", from {} to {}", utc(oldest), utc(newest)).expect("a string takes all");
    }
    if place.n_young > 0 {
        write!(line, "; {} more are too young", place.n_young).expect("a string takes all");
    }
    if place.n_bound_elsewhere > 0 {
        let n_objects = place.n_bound_elsewhere;
        write!(line, "; {n_objects} of them are used by outs that are bound to other remotes")
            .expect("a string takes all");
    }
    line
}

/// What is to be deleted, and what was.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct Collection {
    /// Whether nothing is deleted.
    is_dry_run: bool,
    /// What is to be deleted.
    plan: Plan,
    /// What was deleted; null if nothing was tried.
    outcome: Option<Outcome>,
}

impl Collection {
    /// Describes what is to be deleted; of a dry run, each file and object by its path.
    pub(super) fn planned(plan: &GcPlan, is_dry_run: bool) -> Self {
        Self { is_dry_run, plan: Plan::new(plan, is_dry_run), outcome: None }
    }

    pub(super) fn done(plan: &GcPlan, report: &GcReport) -> Self {
        let outcome = Some(Outcome::done(plan, report));
        Self { is_dry_run: false, plan: Plan::new(plan, false), outcome }
    }
}

/// What is to be deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Plan {
    /// The cache and the remotes, each layout by itself.
    places: Vec<PlannedLines>,
    /// Cloud-versioned remotes.
    versions: Vec<PlannedVersionLines>,
    /// Remotes with uploads that were never finished.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uploads: Vec<PlannedUploadLines>,
}

/// What is to be deleted from one place.
#[derive(Debug, Serialize, JsonSchema)]
struct PlannedLines {
    #[serde(flatten)]
    place: PlaceLine,
    /// Number of objects there.
    n_objects: u64,
    /// Their size in bytes.
    total_bytes: u64,
    /// Number of objects that nothing uses.
    n_unused: usize,
    /// Their size in bytes.
    unused_bytes: u64,
    /// When the oldest of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    /// When the newest of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    /// Number of unused objects that are too young to be deleted.
    n_kept_young: u64,
    /// What would be deleted; only of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlaceLine {
    /// `cache` or `remote`.
    place: &'static str,
    /// The name of the remote.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    /// Where it is.
    url: String,
    /// Whether these are the objects of DVC 2.
    is_legacy: bool,
}

impl PlaceLine {
    fn new(place: &PlannedPlace) -> Self {
        let is_legacy = place.layout == Layout::Legacy;
        match &place.place {
            GcPlace::Cache { root } => {
                Self { place: "cache", remote: None, url: root.display().to_string(), is_legacy }
            }
            GcPlace::Remote { name, location } => {
                Self { place: "remote", remote: Some(name.clone()), url: location.clone(), is_legacy }
            }
        }
    }
}

impl Plan {
    /// Describes the plan; with `lists_paths`, each file and object by its path.
    fn new(plan: &GcPlan, lists_paths: bool) -> Self {
        let lines = |place: &PlannedPlace| PlannedLines {
            place: PlaceLine::new(place),
            n_objects: place.n_objects,
            total_bytes: place.total_bytes,
            n_unused: place.n_unused(),
            unused_bytes: place.unused_bytes(),
            oldest: place.age().map(|(oldest, _)| utc(oldest)),
            newest: place.age().map(|(_, newest)| utc(newest)),
            n_kept_young: place.n_young,
            paths: lists_paths.then(|| paths(place)),
        };
        let places = plan.places.iter().map(lines).collect();
        let versions = plan.versions.iter().map(|remote| PlannedVersionLines::new(remote, lists_paths));
        let uploads = plan.uploads.iter().map(|remote| PlannedUploadLines::new(remote, lists_paths));
        let (versions, uploads) = (versions.collect(), uploads.collect());
        Self { places, versions, uploads }
    }
}

/// What was deleted, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outcome {
    #[serde(skip)]
    is_dry_run: bool,
    /// The places of the plan, in its order.
    places: Vec<OutcomeLines>,
    /// The cloud-versioned remotes of the plan.
    versions: Vec<VersionLines>,
    /// The remotes with unfinished uploads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uploads: Vec<UploadLines>,
}

/// What was deleted from one place.
#[derive(Debug, Serialize, JsonSchema)]
struct OutcomeLines {
    #[serde(flatten)]
    place: PlaceLine,
    /// Number of objects that were deleted.
    n_removed: u64,
    /// Objects that could not be deleted.
    failed: Vec<FailedLine>,
    /// Number of files of directories whose manifests could not be deleted; they stay.
    n_held_back: u64,
    /// Number of objects that were not tried, because the command stopped.
    n_not_tried: u64,
    #[serde(skip)]
    has_unused: bool,
    /// Only for a dry run.
    #[serde(skip)]
    paths: Vec<String>,
}

impl Outcome {
    /// Says what would be deleted, as if it were.
    pub(super) fn planned(plan: &GcPlan) -> Self {
        let lines = |place: &PlannedPlace| OutcomeLines {
            place: PlaceLine::new(place),
            n_removed: place.n_unused() as u64,
            failed: Vec::new(),
            n_held_back: 0,
            n_not_tried: 0,
            has_unused: place.n_unused() > 0,
            paths: paths(place),
        };
        let places = plan.places.iter().map(lines).collect();
        Self {
            is_dry_run: true,
            places,
            versions: plan.versions.iter().map(VersionLines::planned).collect(),
            uploads: plan.uploads.iter().map(UploadLines::planned).collect(),
        }
    }

    pub(super) fn done(plan: &GcPlan, report: &GcReport) -> Self {
        let lines = plan.places.iter().zip(&report.places).map(|(place, done)| OutcomeLines {
            place: PlaceLine::new(place),
            n_removed: done.n_removed,
            failed: done
                .failed
                .iter()
                .map(|(oid, error)| {
                    let path = place.place.path_of(place.layout, oid);
                    FailedLine::new(path, error.as_ref()).with_oid(oid.to_string())
                })
                .collect(),
            n_held_back: done.n_held_back,
            n_not_tried: done.n_not_tried,
            has_unused: place.n_unused() > 0,
            paths: Vec::new(),
        });
        let versions = plan.versions.iter().zip(&report.versions);
        let versions = versions.map(|(planned, done)| VersionLines::done(planned, done)).collect();
        let uploads = plan.uploads.iter().zip(&report.uploads);
        let uploads = uploads.map(|(planned, done)| UploadLines::done(planned, done)).collect();
        Self { is_dry_run: false, places: lines.collect(), versions, uploads }
    }
}

impl Message for Outcome {
    /// DVC's lines, two for each place: it looks at the layouts one after the other.
    ///
    /// Deviation: DVC says "Removed 3 objects" of a dry run, too; haul says what it would remove.
    fn text(&self, page: &mut Page) {
        for place in &self.places {
            for path in &place.paths {
                page.line(format_args!("Would remove {path}"));
            }
            let removed = if self.is_dry_run { "Would remove" } else { "Removed" };
            let n_removed = place.n_removed;
            let scheme = if place.place.is_legacy { "legacy" } else { "repo" };
            match (place.place.remote.is_some(), place.has_unused) {
                (false, true) => {
                    page.line(format_args!("{removed} {n_removed} objects from {scheme} cache."));
                }
                (false, false) => page.line(format_args!("No unused '{scheme}' cache to remove.")),
                (true, true) => page.line(format_args!("{removed} {n_removed} objects from remote.")),
                (true, false) => page.line("No unused cache to remove from remote."),
            }
        }
        for remote in &self.versions {
            remote.text(page);
        }
        for remote in &self.uploads {
            remote.text(page);
        }
    }
}

fn paths(place: &PlannedPlace) -> Vec<String> {
    let objects = place.unused.iter().map(|object| place.place.path_of(place.layout, &object.oid));
    objects.chain(place.temporary.iter().map(|file| file.path.display().to_string())).collect()
}
