//! `move`: give tracked data another name.

mod data;

use std::path::{Path, PathBuf};

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Oid};

use super::add::{AddOptions, AddTarget, Stored, refuse_place, store};
use super::checkout::link_record;
use super::session::{Session, Stores};
use crate::git::gitignore;
use crate::index::{VersionedFile, is_stage_file};
use crate::metafile::dvc_file::{DvcFile, OutState};
use crate::paths::{relative, with_suffix};
use crate::workspace::checkout::check_parents;
use crate::workspace::scan::{Found, fingerprint};
use crate::workspace::state::Links;
use crate::{Error, Index, LockWait, Out, Repo, Result, Stage};

/// What to move, and where to.
#[derive(Debug, Clone, Default)]
pub struct MoveOptions {
    /// The file or directory as typed; a `.dvc` file tracks it.
    pub from: String,
    /// Its new name, or the directory it goes into.
    pub to: String,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was moved.
#[derive(Debug)]
pub struct MoveReport {
    /// The new path of the data.
    pub path: PathBuf,
    /// The new `.dvc` file.
    pub metafile: PathBuf,
    /// What Git should know: both `.dvc` files and the `.gitignore`s that changed.
    pub files_to_track: Vec<PathBuf>,
    /// Tells that they were staged in Git (`core.autostage`).
    pub is_staged: bool,
    /// Why they are not although they should be: [`Error::Unstaged`].
    pub unstaged: Option<Error>,
    /// Tells that there was no data in the workspace, so that only its `.dvc` file moved.
    pub is_data_missing: bool,
}

/// Moves data with its `.dvc` file, and stores its present content as `add` does.
///
/// In this order: the content enters the cache; the new `.dvc` file is written and Git told to ignore the new place; the
/// data moves, and with it the record of the link; Git is told to forget the old place; the old `.dvc` file goes last.
/// Killed at any moment, the data is tracked under one name or both, and the same command goes on. If the data cannot
/// be moved, what was done before is taken back.
pub fn move_out(repo: &Repo, options: &MoveOptions, observer: &dyn Observer) -> Result<MoveReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let result = run(&session, options);
    session.memo.save();
    result
}

fn run(session: &Session<'_>, options: &MoveOptions) -> Result<MoveReport> {
    let repo = session.repo;
    let index = Index::collect_unchecked(repo)?;
    let from = repo.target_path(&options.from);
    let is_metafile = from.file_name().and_then(|name| name.to_str()).is_some_and(is_stage_file);
    if is_metafile {
        return Err(Error::BadOut(format!("DVC file '{}' cannot be an output.", options.from)));
    }
    let known = index.outs.iter().position(|out| out.path == from).ok_or_else(|| {
        Error::BadOut(format!("Unable to find DVC file with output '{}'", repo.display_path(&from)))
    })?;
    let out = &index.outs[known];
    let stage = index.stage_of(out);
    let old_metafile = stage.metafile.clone();
    if stage.has_command || stage.name.is_some() {
        let stage = stage.addressing(repo.current_dir());
        return Err(Error::BadOut(format!(
            "move is not permitted for stages that are not data sources. You need to either move '{stage}' to a new \
             location and edit it by hand, or remove '{stage}' and create a new one at the desired location."
        )));
    }
    let mut to = repo.identify(&repo.absolute(&options.to));
    // As DVC, for which the name is that of a directory then.
    if options.to.ends_with('/') && !to.is_dir() {
        return Err(Error::BadOut(format!("stage working dir '{}' does not exist", to.display())));
    }
    let is_out = |path: &Path| index.outs.iter().any(|other| other.path == path);
    // A tracked directory is no directory to put things into; it may be what a killed run has moved already.
    if to.is_dir() && to != from && !is_out(&to) {
        to.push(from.file_name().unwrap_or_default());
    }
    if !to.starts_with(repo.root()) {
        let folder = to.parent().unwrap_or(&to).display().to_string();
        return Err(Error::BadOut(format!("stage working dir '{folder}' is outside of DVC repo")));
    }
    // As DVC: a .dvc file that has the name of the data goes with it, one of another name stays.
    let goes_along = old_metafile.file_name() == with_suffix(&from).file_name();
    let new_metafile = if goes_along { with_suffix(&to) } else { old_metafile.clone() };
    if to == from {
        let there = if goes_along { &new_metafile } else { &to };
        return Err(Error::BadOut(format!("'{}' already exists", repo.display_path(there))));
    }
    refuse_place(repo, &to, goes_along.then_some(&*new_metafile))?;
    if let Some(around) = to.ancestors().skip(1).find(|path| is_out(path)) {
        let (to, around) = (repo.display_path(&to), repo.display_path(around));
        return Err(Error::BadOut(format!("`{to}` lies in `{around}`, which is tracked as a whole")));
    }
    check_parents(repo.root(), &to)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.is_dir()) {
        return Err(Error::BadOut(format!("stage working dir '{}' does not exist", folder.display())));
    }
    session.refuse_busy(&[], &[from.clone(), to.clone()])?;
    let target = AddTarget {
        name: options.from.clone(),
        path: from.clone(),
        out: from.clone(),
        within: None,
        metafile: old_metafile.clone(),
        position: out.position,
        known: Some(known),
    };
    let is_there = !matches!(session.scanner().look(&from)?, Found::Nothing | Found::Dangling);
    let exists = |path: &Path| fs_err::symlink_metadata(path).is_ok();
    let refuse = |path: &Path| Err(Error::BadOut(format!("'{}' already exists", repo.display_path(path))));
    let tracks = |oid: Oid| index.outs.iter().any(|out| out.path == to && out.oid == Some(oid));
    let mut begun = None;
    if is_there && exists(&to) {
        // Nothing is overwritten but what a killed run of the same command left.
        // Deviation: data may move to where the same data is tracked already; DVC refuses.
        let is_tracked = out.oid.is_some_and(tracks);
        if is_tracked || (!goes_along && out.oid.is_some()) {
            begun = data::begun(session, out, &recorded_state(repo, out)?, &to, is_tracked)?;
        }
        if begun.is_none() {
            // As DVC, where it refuses.
            return refuse(if goes_along && exists(&new_metafile) { &new_metafile } else { &to });
        }
    }
    let recorded = fs_err::read(&old_metafile).map_err(|error| Error::io("cannot read a metafile", error))?;
    let mut file = DvcFile::read(&old_metafile)?;
    let is_begun = begun.is_some();
    let (state, found) = if is_begun || !is_there {
        (recorded_state(repo, out)?, begun)
    } else {
        let Stored { state, files, .. } = store(session, &AddOptions::default(), &target, Some(out), None)?;
        (state, Some(files))
    };
    if goes_along && exists(&new_metafile) && !tracks(state.oid) {
        return refuse(&new_metafile);
    }
    // What an earlier run has done is not taken back.
    let is_new = !(is_begun || goes_along && exists(&new_metafile));
    if is_there {
        // A later run that finds half of the data at either place sees here what it is.
        file.set_state(out.position, &state)?;
        file.write()?;
    }
    if goes_along {
        file = file.moved(&new_metafile, out.position, &name_of(&to)?, &moved_deps(stage, &new_metafile))?;
    } else {
        file.set_path(out.position, &slashed(&relative(&to, &stage.wdir))?)?;
    }
    file.set_state(out.position, &state)?;

    let mut files_to_track = vec![old_metafile.clone(), new_metafile.clone()];
    if goes_along {
        file.write()?;
    }
    let taken =
        Taken { from: &from, to: &to, old_metafile: &old_metafile, recorded: &recorded, state: &state };
    let mut made = Made { metafile: goes_along.then_some(&*new_metafile), ..Made::default() };
    let begin = |made: &mut Made<'_>| {
        if let Some(git) = repo.git() {
            made.ignored = gitignore::ignore(git, &to)?;
        }
        let Some(found) = &found else { return Ok(None) };
        made.has_data = true;
        data::move_data(session, &from, &to, found, &state)
    };
    let moved = begin(&mut made);
    if moved.is_err() && is_new {
        take_back(session, &taken, &made);
    }
    let moved = moved?;
    files_to_track.extend(made.ignored.clone());
    let mut links = Links::load(session.memo.dir());
    if let (Some(files), Some(key)) = (moved, session.link_key(&to)) {
        links.insert(&key, link_record(&state.oid, state.layout, fingerprint(&files)));
    }
    if let (Some(old), Some(new)) = (session.link_key(&from), session.link_key(&to)) {
        match links.remove(&old) {
            Some(record) if links.get(&new).is_none() => links.insert(&new, record),
            _ => {}
        }
    }
    // Before a metafile lets go of the old place, which a checkout may delete as long as there is a record of it.
    links.try_save()?;
    let mut leave = || -> Result<Option<PathBuf>> {
        let ignoring = repo.git().map(|git| gitignore::unignore(git, &from)).transpose()?.flatten();
        if goes_along {
            crate::atomic::remove(&old_metafile)?;
        } else {
            file.write()?;
        }
        Ok(ignoring)
    };
    let left = leave();
    if left.is_err() && is_new && !made.has_data {
        take_back(session, &taken, &made);
    }
    files_to_track.extend(left?);
    files_to_track.sort();
    files_to_track.dedup();
    let (is_staged, unstaged) = match session.autostage(&files_to_track) {
        Ok(is_staged) => (is_staged, None),
        Err(error) => (false, Some(error)),
    };
    let is_data_missing = !is_there && !to.exists();
    let metafile = new_metafile;
    Ok(MoveReport { path: to, metafile, files_to_track, is_staged, unstaged, is_data_missing })
}

fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Error::NotUnicode(path.to_owned()))
}

/// Returns the paths that local dependencies have when seen from the directory of another `.dvc` file.
fn moved_deps(stage: &Stage, metafile: &Path) -> Vec<(usize, String)> {
    let folder = metafile.parent().unwrap_or(metafile);
    let is_relative = |dep: &&crate::Dep| !Path::new(&dep.def_path).is_absolute();
    let deps = stage.deps.iter().enumerate();
    deps.filter_map(|(at, dep)| {
        let path = Some(dep).filter(is_relative)?.path.as_ref()?;
        Some((at, slashed(&relative(path, folder)).ok()?))
    })
    .collect()
}

/// Returns a path as metafiles write it.
fn slashed(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::NotUnicode(path.to_owned()))
}

fn recorded_state(repo: &Repo, out: &Out) -> Result<OutState> {
    let oid = out.oid.ok_or_else(|| {
        Error::BadOut(format!("`{}` has neither data nor a recorded hash", repo.display_path(&out.path)))
    })?;
    // Deviation: DVC keeps the versions of the old path, which a pull then looks for under the new one.
    let unpushed = |file: &VersionedFile| VersionedFile { version: None, ..file.clone() };
    Ok(OutState {
        size_bytes: out.size_bytes,
        n_files: out.n_files,
        is_exec: out.is_exec,
        files: out.files.as_ref().map(|files| files.iter().map(unpushed).collect()),
        ..OutState::new(oid, out.layout)
    })
}

/// What a move takes from where.
struct Taken<'a> {
    from: &'a Path,
    to: &'a Path,
    old_metafile: &'a Path,
    /// The content of the old metafile.
    recorded: &'a [u8],
    state: &'a OutState,
}

/// What a move has made at the new place.
#[derive(Default)]
struct Made<'a> {
    metafile: Option<&'a Path>,
    ignored: Option<PathBuf>,
    /// Whether there may be data.
    has_data: bool,
}

/// Takes back what was done before the data could not be moved. What cannot be taken back is taken up by the same
/// command.
fn take_back(session: &Session<'_>, taken: &Taken<'_>, made: &Made<'_>) {
    let undo = || -> Result<()> {
        if made.has_data {
            data::undo(session, taken.from, taken.to, taken.state)?;
        }
        if let Some(metafile) = made.metafile {
            crate::atomic::remove(metafile)?;
        }
        if let (Some(git), Some(_)) = (session.repo.git(), &made.ignored) {
            gitignore::unignore(git, taken.to)?;
        }
        if fs_err::read(taken.old_metafile).is_ok_and(|now| now != taken.recorded) {
            crate::atomic::write(taken.old_metafile, taken.recorded)?;
        }
        Ok(())
    };
    if let Err(error) = undo() {
        tracing::debug!(%error, "a failed move is not undone whole");
    }
}
