//! Which outs the workspace and the commits have.

use std::collections::HashSet;
use std::sync::Arc;

use haul_storage::hash::md5;
use haul_storage::{CancellationToken, Layout, Oid};

use super::projects::Project;
use super::versions::{self, VersionRef};
use super::{GcOptions, links};
use crate::git::Revision;
use crate::index::{Broken, CommitReader, Reading};
use crate::ops::collect::Configs;
use crate::ops::import::partial_state;
use crate::workspace::state::state_dir;
use crate::{Error, Index, Out, Result};

/// An object in a layout.
pub(super) type Object = (Layout, Oid);

/// An out that is kept.
#[derive(Debug, Clone)]
pub(super) struct UsedOut {
    /// The number of its project; 0 is the repository itself.
    pub(super) project: usize,
    pub(super) object: Object,
    /// The remote it is bound to.
    pub(super) remote: Option<String>,
    /// Tells that its revision means another place by the remote than the workspace does, so that it is kept in any place.
    pub(super) is_elsewhere: bool,
    /// Its path as DVC shows it, and a revision that has it.
    pub(super) display: String,
    pub(super) revision: Arc<str>,
    /// Tells that its files stand in the metafile, so that no manifest is needed.
    pub(super) is_listed: bool,
    /// Tells that its list of files may well be nowhere: it is imported from another repository, or never pushed.
    pub(super) may_be_nowhere: bool,
}

/// Everything that is used.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) outs: Vec<UsedOut>,
    /// Objects that symbolic links of workspaces lead to.
    pub(super) linked: Vec<Object>,
    /// Versions on cloud-versioned remotes.
    pub(super) versions: HashSet<VersionRef>,
    pub(super) warnings: Vec<String>,
    known: HashSet<(usize, Object, Option<String>, bool, bool)>,
}

/// Reads the workspaces and commits of all projects.
///
/// # Errors
///
/// [`Error::RevisionCollection`] for the first metafile or revision that cannot be read, unless such are to be skipped;
/// what Git says of commits that it does not have.
pub(super) fn collect(projects: &[Project], options: &GcOptions) -> Result<Used> {
    let mut used = Used::default();
    for (number, project) in projects.iter().enumerate() {
        used.workspace(number, project, options)?;
        if !options.history.is_empty() {
            used.commits(number, project, options)?;
        }
    }
    Ok(used)
}

impl Used {
    fn workspace(&mut self, number: usize, project: &Project, options: &GcOptions) -> Result<()> {
        let (index, mut failed) =
            Index::collect_for_deletion(&project.repo).map_err(|error| cannot_collect("workspace", error))?;
        if !options.skip_failed
            && let Some(error) = failed.pop()
        {
            return Err(cannot_collect("workspace", error));
        }
        let revision: Arc<str> = "workspace".into();
        self.warnings.extend(failed.iter().map(|error| skipping_part(project, &revision, error)));
        self.add(number, project, &index, &revision, &|_| false);
        self.linked.extend(links::linked_objects(project, &index)?);
        Ok(())
    }

    fn commits(&mut self, number: usize, project: &Project, options: &GcOptions) -> Result<()> {
        let Some(git) = project.repo.git() else { return Ok(()) };
        let revisions = git.history(&options.history)?;
        let mut reader = CommitReader::new(&project.repo, git);
        let mut configs = Configs::new(&project.repo);
        for revision in &revisions {
            check(&options.cancel)?;
            self.commit(number, project, &mut reader, &mut configs, revision, options)?;
        }
        Ok(())
    }

    fn commit(
        &mut self,
        number: usize,
        project: &Project,
        reader: &mut CommitReader<'_>,
        configs: &mut Configs,
        revision: &Revision,
        options: &GcOptions,
    ) -> Result<()> {
        // Deviation: of a revision that is skipped, DVC keeps nothing; here, what can be read of it is kept.
        let broken = if options.skip_failed { Broken::PassOver } else { Broken::Refuse };
        // A configuration that cannot be had may mean any place.
        let config = configs.of_revision(reader, revision).ok();
        let reading = config.map_or(Reading::UnderNone, Reading::Under);
        match reader.addition(revision, reading, broken) {
            Ok(addition) => {
                let failed = addition.failed.iter();
                self.warnings.extend(failed.map(|error| skipping_part(project, &revision.name, error)));
                let is_elsewhere = |out: &Out| config.is_none_or(|config| configs.is_elsewhere(config, out));
                let revision = Arc::from(revision.name.as_str());
                self.add(number, project, &addition.index, &revision, &is_elsewhere);
                Ok(())
            }
            Err(error) if options.skip_failed && !error.is_interrupted() => {
                tracing::debug!(%error, revision = revision.name, "cannot collect a revision");
                self.warnings.push(skipping(&revision.name));
                Ok(())
            }
            Err(error) => Err(cannot_collect(&revision.name, error)),
        }
    }

    fn add(
        &mut self,
        project_number: usize,
        project: &Project,
        index: &Index,
        revision: &Arc<str>,
        is_elsewhere: &dyn Fn(&Out) -> bool,
    ) {
        for out in index.outs.iter().filter(|out| out.use_cache) {
            self.versions.extend(versions::recorded(&project.repo, out));
            let display = || project.repo.display_path(&out.path);
            let listed = out.files.iter().flatten().filter_map(|file| file.oid);
            // Two branches that were merged may have left a hash beside a list of other files: both count.
            let has_whole_list = || {
                out.recorded_manifest().is_some_and(|list| out.oid == Some(Oid::dir(md5(&list.to_bytes()))))
            };
            let is_elsewhere = is_elsewhere(out);
            let stage = index.stage_of(out);
            let records_nothing = stage.is_import && out.oid.is_none() && out.files.is_none();
            // What was got of an import that records nothing of it.
            let noted = if records_nothing {
                partial_state(&state_dir(&project.repo.tmp_dir()), stage)
            } else {
                None
            };
            let may_be_nowhere = !out.can_push || stage.is_repo_import || noted.is_some();
            // Deviation: DVC gives up the objects of what was imported from other repositories; in a workspace of
            // symbolic links that would be the only copy.
            for (oid, is_member) in
                out.oid.or(noted).map(|oid| (oid, false)).into_iter().chain(listed.map(|oid| (oid, true)))
            {
                let key =
                    (project_number, (out.layout, oid), out.remote.clone(), is_elsewhere, may_be_nowhere);
                if self.known.insert(key) {
                    self.outs.push(UsedOut {
                        project: project_number,
                        object: (out.layout, oid),
                        remote: out.remote.clone(),
                        is_elsewhere,
                        display: display(),
                        revision: Arc::clone(revision),
                        is_listed: is_member || has_whole_list(),
                        may_be_nowhere,
                    });
                }
            }
            if out.oid.is_none() && out.files.is_none() && !stage.is_import {
                self.warnings.push(without_hash(project, index, out));
            }
        }
    }
}

/// DVC's words for an out whose objects are not known.
fn without_hash(project: &Project, index: &Index, out: &Out) -> String {
    let repo = &project.repo;
    let stage = index.stage_of(out);
    let (display, shown) = (repo.display_path(&out.path), stage.shown(repo.current_dir()));
    let mut text = format!(
        "Output '{display}'({shown}) is missing version info. Cache for it will not be collected. Use `dvc repro` to \
         get your pipeline up to date."
    );
    if fs_err::symlink_metadata(&out.path).is_ok() {
        use std::fmt::Write as _;
        let addressing = stage.addressing(repo.current_dir());
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nYou can also use `dvc commit {addressing}` to associate existing '{display}' with {shown}."
        );
    }
    text
}

fn cannot_collect(revision: &str, error: Error) -> Error {
    if error.is_interrupted() {
        return Error::Interrupted;
    }
    Error::RevisionCollection { revision: revision.to_owned(), source: Box::new(error) }
}

/// DVC's words for a revision that is passed over.
fn skipping(revision: &str) -> String {
    format!("Failed to collect '{revision}', skipping")
}

/// The same for one metafile of it.
fn skipping_part(project: &Project, revision: &str, error: &Error) -> String {
    let part = match error {
        Error::Metafile(error) | Error::UnresolvedStage(error) => {
            format!("'{}'", project.repo.display_path(&error.path))
        }
        other => format!("a part that cannot be read ({other})"),
    };
    format!("{} {part}: data that only it names counts as unused", skipping(revision))
}

pub(super) fn check(cancel: &CancellationToken) -> Result<()> {
    if cancel.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
}
