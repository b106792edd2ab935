//! What DVC asks before it commits a stage that changed.

use haul_config::python_repr;

use crate::Stage;
use crate::ops::{EntryStatus, StageStatus};

/// What changed of a stage.
#[derive(Debug, Default)]
pub(super) struct Changes {
    deps: Vec<String>,
    outs: Vec<String>,
    /// DVC's word for what changed of the stage itself.
    stage: Option<&'static str>,
}

impl Changes {
    pub(super) fn of(status: &StageStatus, stage: &Stage) -> Self {
        let paths = |entries: &[EntryStatus]| -> Vec<String> {
            entries.iter().map(|entry| entry.path.clone()).collect()
        };
        let stage = match &stage.name {
            Some(_) if status.is_changed_command => Some("'cmd' of {} has changed."),
            None if status.is_changed_checksum => Some("'md5' of {} changed."),
            _ => None,
        };
        let params = status.changed_params.iter().map(|params| params.path.clone());
        let deps = paths(&status.changed_deps).into_iter().chain(params).collect();
        Self { deps, outs: paths(&status.changed_outs), stage }
    }

    pub(super) fn is_any(&self) -> bool {
        !self.deps.is_empty() || !self.outs.is_empty() || self.stage.is_some()
    }

    /// Returns DVC's question about a stage, shown as `stage: 'a.dvc'`.
    pub(super) fn question(&self, stage: &str) -> String {
        let list = |paths: &[String]| {
            let quoted: Vec<String> = paths.iter().map(|path| python_repr(path)).collect();
            format!("[{}]", quoted.join(", "))
        };
        let (deps, outs) = (list(&self.deps), list(&self.outs));
        let what = match (self.deps.is_empty(), self.outs.is_empty()) {
            (false, false) => format!("dependencies {deps} and outputs {outs} of {stage} changed."),
            (false, true) => format!("dependencies {deps} of {stage} changed."),
            (true, false) => format!("outputs {outs} of {stage} changed."),
            (true, true) => self.stage.unwrap_or_default().replacen("{}", stage, 1),
        };
        format!("{what} Are you sure you want to commit it?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_is_that_of_dvc() {
        let changes = |deps: &[&str], outs: &[&str], stage| Changes {
            deps: deps.iter().map(|path| (*path).to_owned()).collect(),
            outs: outs.iter().map(|path| (*path).to_owned()).collect(),
            stage,
        };
        let stage = "stage: 'a.dvc'";
        for (changes, expected) in [
            (
                changes(&["d"], &["o", "it's"], None),
                "dependencies ['d'] and outputs ['o', \"it's\"] of stage: 'a.dvc' changed.",
            ),
            (changes(&["d"], &[], None), "dependencies ['d'] of stage: 'a.dvc' changed."),
            (changes(&[], &["o"], None), "outputs ['o'] of stage: 'a.dvc' changed."),
            (changes(&[], &[], Some("'md5' of {} changed.")), "'md5' of stage: 'a.dvc' changed."),
        ] {
            assert_eq!(changes.question(stage), format!("{expected} Are you sure you want to commit it?"));
        }
    }
}
