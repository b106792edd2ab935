//! Selects the stages and outs of targets.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::collect::{DVC_YAML, Unreadable, git_ignored_text, is_git_ignored, is_stage_file, read_file};
use super::target::{Target, expand_globs, parse};
use super::{Broken, CommitReader, Index, Out, Reading, Stage, Unresolved};
use crate::git::Revision;
use crate::paths::posix;
use crate::{Error, Repo, Result};

/// The outs that a command works on.
#[derive(Debug, Clone, Default)]
pub struct SelectOptions {
    /// The targets as the user typed them, relative to the working directory; none means everything.
    pub targets: Vec<String>,
    /// Include all stages below targets that are directories (`-R`).
    pub recursive: bool,
    /// Include the stages upstream (`-d`).
    pub with_deps: bool,
    /// Targets are shell patterns (`--glob`).
    pub glob: bool,
}

/// One out that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The out, in [`Index::outs`].
    pub out: usize,
    /// The requested file or directory inside the out, with `/`; `None` for the whole out.
    pub within: Option<String>,
}

/// An index and a selection from it.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The stages and outs that were read: all, or those of the metafiles that the targets name.
    pub index: Index,
    /// The selected stages, each once for each requested absolute path inside it.
    pub stages: Vec<(usize, Option<PathBuf>)>,
    /// The selected outs; an out that is selected as a whole has no entries for parts.
    pub outs: Vec<Selected>,
    /// Target directories of a recursive selection that contain no metafile that is read, with the reason.
    pub(crate) empty: Vec<(String, &'static str)>,
}

impl Selection {
    /// Returns the selection of `options`. Reads only the metafiles that are needed, as DVC does: an invalid metafile
    /// elsewhere does not stop a command with targets.
    ///
    /// # Errors
    ///
    /// [`Error::TargetNotFound`] in DVC's words; [`Error::Metafile`]; [`Error::OverlappingOuts`] if all outs had to be read.
    pub fn resolve(repo: &Repo, options: &SelectOptions) -> Result<Self> {
        if options.targets.is_empty() {
            let index = Index::collect_unchecked(repo)?;
            index.refuse_unresolved()?;
            return Ok(Self::everything(index));
        }
        let known = Known::Files(HashSet::new());
        Resolver { repo, of: Of::Workspace, index: Index::default(), known, empty: Vec::new() }
            .resolve(options)
    }

    /// Returns the stages of a metafile, or the stage of that name in it. Unlike other targets, it cannot be the path of an
    /// out or the name of a group.
    ///
    /// # Errors
    ///
    /// [`Error::TargetNotFound`] in DVC's words; [`Error::Metafile`].
    pub(crate) fn stages_of(repo: &Repo, target: &str) -> Result<Self> {
        let known = Known::Files(HashSet::new());
        let mut resolver =
            Resolver { repo, of: Of::Workspace, index: Index::default(), known, empty: Vec::new() };
        let keys = resolver.stages_of(target);
        let keys = keys.map_err(|error| super::hidden::explain(repo, &resolver.index, target, error))?;
        let is_meant = |stage: &Stage| keys.contains(&key(stage));
        let found = resolver.index.stages.iter().enumerate().filter(|(_, stage)| is_meant(stage));
        let stages = found.map(|(number, _)| (number, None)).collect();
        Ok(Self::of_stages(resolver.index, stages))
    }

    /// Returns the selection of `options` in a commit. With targets, the whole commit is read; without, only what it adds to
    /// the commits that `reader` has read before in the same reading, and stages whose templates cannot be resolved are in
    /// the index as such.
    pub(crate) fn resolve_at(
        reader: &mut CommitReader<'_>,
        revision: &Revision,
        reading: Reading,
        options: &SelectOptions,
    ) -> Result<Self> {
        if options.targets.is_empty() {
            return Ok(Self::everything(reader.addition(revision, reading, Broken::RefuseFiles)?.index));
        }
        let index = reader.read_whole(revision)?;
        let known = Known::Everything;
        Resolver { repo: reader.repo(), of: Of::Index, index, known, empty: Vec::new() }.resolve(options)
    }

    /// Returns the selection of one target in an index of everything.
    pub(crate) fn resolve_in(repo: &Repo, index: &Index, target: &str) -> Result<Self> {
        let (index, known) = (index.clone(), Known::Everything);
        let options = SelectOptions { targets: vec![target.to_owned()], ..SelectOptions::default() };
        Resolver { repo, of: Of::Index, index, known, empty: Vec::new() }.resolve(&options)
    }

    /// Selects outs of an index.
    pub(crate) fn of_outs(index: Index, outs: Vec<Selected>) -> Self {
        let mut numbers: Vec<usize> = outs.iter().map(|selected| index.outs[selected.out].stage).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let stages = numbers.into_iter().map(|stage| (stage, None)).collect();
        Self { index, stages, outs, empty: Vec::new() }
    }

    fn everything(index: Index) -> Self {
        let stages = (0..index.stages.len()).map(|stage| (stage, None)).collect();
        Self::of_stages(index, stages)
    }

    fn of_stages(index: Index, stages: Vec<(usize, Option<PathBuf>)>) -> Self {
        let mut parts: BTreeMap<usize, BTreeSet<Option<String>>> = BTreeMap::new();
        for (stage, filter) in &stages {
            for number in index.stages[*stage].outs.clone() {
                let part = filter.as_ref().map_or(Part::Whole, |filter| part(&index.outs[number], filter));
                let within = match part {
                    Part::Whole => None,
                    Part::Below(path) => Some(path),
                    Part::Nothing => continue,
                };
                parts.entry(number).or_default().insert(within);
            }
        }
        let mut outs = Vec::new();
        for (out, parts) in parts {
            if parts.contains(&None) {
                outs.push(Selected { out, within: None });
            } else {
                outs.extend(parts.into_iter().map(|within| Selected { out, within }));
            }
        }
        Self { index, stages, outs, empty: Vec::new() }
    }
}

/// The part of an out that a path names.
enum Part {
    Whole,
    Below(String),
    Nothing,
}

fn part(out: &Out, filter: &Path) -> Part {
    if out.path.starts_with(filter) {
        return Part::Whole;
    }
    let below = filter.strip_prefix(&out.path).ok().and_then(|below| posix(below).ok());
    below.map_or(Part::Nothing, Part::Below)
}

/// The part of the repository that has been read.
enum Known {
    /// These metafiles.
    Files(HashSet<PathBuf>),
    Everything,
}

/// The metafile and name of a stage, which stay valid when more metafiles are read.
type Key = (PathBuf, Option<String>);

/// What targets are looked for in.
enum Of {
    /// The workspace, which can say why a target is not found.
    Workspace,
    /// An index that was read, as of a commit.
    Index,
}

struct Resolver<'repo> {
    repo: &'repo Repo,
    of: Of,
    index: Index,
    known: Known,
    /// See [`Selection::empty`].
    empty: Vec<(String, &'static str)>,
}

impl Resolver<'_> {
    /// See [`Selection::stages_of`].
    fn stages_of(&mut self, target: &str) -> Result<Vec<Key>> {
        let repo = self.repo;
        let (file, name) = match parse(target)? {
            Target::File { file, name } => (file, name),
            Target::NameOrPath(name) if repo.target_path(DVC_YAML).exists() => (DVC_YAML, Some(name)),
            Target::NameOrPath(_) => {
                let message = format!("'{DVC_YAML}' does not exist");
                return Err(Error::no_target(target.to_owned(), message));
            }
        };
        let mut keys = self.file(&repo.target_path(file), name)?;
        if let Some(name) = name.filter(|_| file_name(file) == DVC_YAML) {
            keys.retain(|(_, own)| own.as_deref() == Some(name));
            if keys.is_empty() {
                return Err(Error::no_target(
                    name.to_owned(),
                    stage_not_found(name, &repo.display_path(&repo.target_path(file))),
                ));
            }
        }
        Ok(keys)
    }

    fn resolve(mut self, options: &SelectOptions) -> Result<Selection> {
        let globbed;
        let targets = if options.glob {
            globbed = expand_globs(self.repo.current_dir(), &options.targets)?;
            &globbed
        } else {
            &options.targets
        };
        let mut selected: Vec<(Key, Option<PathBuf>)> = Vec::new();
        for target in targets {
            let found = self.target(target, options).map_err(|error| match self.of {
                Of::Workspace => super::hidden::explain(self.repo, &self.index, target, error),
                Of::Index => error,
            });
            for found in found? {
                if !selected.contains(&found) {
                    selected.push(found);
                }
            }
        }
        let number = |key: &Key| {
            self.index.stages.iter().position(|stage| stage.metafile == key.0 && stage.name == key.1)
        };
        let stages =
            selected.iter().filter_map(|(key, filter)| Some((number(key)?, filter.clone()))).collect();
        Ok(Selection { empty: self.empty, ..Selection::of_stages(self.index, stages) })
    }

    fn target(&mut self, target: &str, options: &SelectOptions) -> Result<Vec<(Key, Option<PathBuf>)>> {
        let text = if cfg!(windows) { target.replace('\\', "/") } else { target.to_owned() };
        let path = self.repo.target_path(&text);
        let is_recursive = options.recursive && path.is_dir();
        let whole = |keys: Vec<Key>| keys.into_iter().map(|key| (key, None)).collect();
        let parsed = parse(&text)?;
        match parsed {
            Target::File { file, name } if !options.with_deps && is_stage_file(file_name(file)) => {
                return Ok(whole(self.file(&self.repo.target_path(file), name)?));
            }
            Target::NameOrPath(name) if !is_recursive => {
                let stages = self.named(name)?;
                if !stages.is_empty() {
                    return Ok(whole(if options.with_deps { self.upstream(stages)? } else { stages }));
                }
            }
            _ => {}
        }
        if is_recursive {
            self.read_everything()?;
            self.refuse_unresolved(|stage| stage.metafile.starts_with(&path))?;
            let inside = self.index.stages.iter().filter(|stage| stage.metafile.starts_with(&path));
            let keys: Vec<Key> = inside.map(key).collect();
            if keys.is_empty() {
                self.empty.push((target.to_owned(), why_nothing_is_read(self.repo, &path)?));
            }
            return Ok(whole(keys));
        }
        self.read_everything()?;
        if let Some((out, below)) = self.out_at(&path, &self.repo.absolute(&text)) {
            if out.oid.is_some_and(|oid| !oid.is_dir()) && !below.as_os_str().is_empty() {
                let file = self.repo.display_path(&out.path);
                return Err(Error::no_target(
                    target.to_owned(),
                    format!("'{target}' does not exist: '{file}' is tracked as a file"),
                ));
            }
            let key = key(self.index.stage_of(out));
            let path = if below.as_os_str().is_empty() { out.path.clone() } else { out.path.join(below) };
            // Deviation: with `-d`, haul includes the dependencies of a stage that is named by its out; DVC omits them.
            return Ok(vec![(key, Some(path))]);
        }
        let stages = match parsed {
            Target::File { file, name } => self.file(&self.repo.target_path(file), name)?,
            Target::NameOrPath(name) => {
                // The target may be an out of a stage whose templates cannot be resolved, so that its outs are not known.
                self.refuse_unresolved(|_| true)?;
                return Err(self.not_found(target, name));
            }
        };
        Ok(whole(if options.with_deps { self.upstream(stages)? } else { stages }))
    }

    /// Returns the out that is at a path or contains it, and the path in it. A metafile may also spell the path of its out
    /// through a link.
    fn out_at(&self, path: &Path, as_typed: &Path) -> Option<(&Out, PathBuf)> {
        let below = |path: &Path, out: &Path| path.strip_prefix(out).ok().map(Path::to_owned);
        let outs = || self.index.outs.iter();
        outs()
            .find_map(|out| Some((out, below(path, &out.path).or_else(|| below(as_typed, &out.path))?)))
            .or_else(|| {
                outs().find_map(|out| Some((out, below(path, &self.index.identity_of(self.repo, out))?)))
            })
    }

    /// Returns the stages of a metafile, or the one (or the group) of that name.
    fn file(&mut self, path: &Path, name: Option<&str>) -> Result<Vec<Key>> {
        self.read(path)?;
        let stages = self.index.stages.iter().filter(|stage| stage.metafile == path);
        let Some(name) = name.filter(|_| path.extension().is_none_or(|extension| extension != "dvc")) else {
            self.refuse_unresolved(|stage| stage.metafile == path)?;
            return Ok(stages.map(key).collect());
        };
        self.refuse_unresolved(|stage| stage.metafile == path && is_meant(stage, name))?;
        let found: Vec<Key> = stages.filter(|stage| has_name(stage, name)).map(key).collect();
        if found.is_empty() {
            return Err(Error::no_target(
                name.to_owned(),
                stage_not_found(name, &self.repo.display_path(path)),
            ));
        }
        Ok(found)
    }

    /// Returns the stages of that name in the `dvc.yaml` of the working directory; empty if there are none.
    fn named(&mut self, name: &str) -> Result<Vec<Key>> {
        let path = self.repo.target_path(DVC_YAML);
        let exists = match &self.known {
            Known::Files(_) => path.exists(),
            Known::Everything => true,
        };
        if !exists {
            return Ok(Vec::new());
        }
        if matches!(self.known, Known::Files(_)) {
            self.read(&path)?;
        }
        self.refuse_unresolved(|stage| stage.metafile == path && is_meant(stage, name))?;
        let stages = self.index.stages.iter().filter(|stage| stage.metafile == path);
        Ok(stages.filter(|stage| has_name(stage, name)).map(key).collect())
    }

    /// Fails if the templates of a requested stage cannot be resolved.
    fn refuse_unresolved(&self, is_asked_for: impl Fn(&Unresolved) -> bool) -> Result<()> {
        let stage = self.index.unresolved.iter().find(|stage| is_asked_for(stage));
        stage.map_or(Ok(()), |stage| Err(Error::UnresolvedStage(stage.error.clone())))
    }

    /// Reads one metafile.
    fn read(&mut self, path: &Path) -> Result<()> {
        let missing =
            |what: &str| Error::no_target(path.display().to_string(), format!("'{}' {what}", path.display()));
        let Known::Files(files) = &mut self.known else {
            let is_known = self.index.stages.iter().any(|stage| stage.metafile == path);
            return if is_known { Ok(()) } else { Err(missing("does not exist")) };
        };
        if files.contains(path) {
            return Ok(());
        }
        if self.repo.ignore().is_ignored(path, false) {
            return Err(missing("is dvc-ignored"));
        }
        if !path.exists() {
            return Err(missing("does not exist"));
        }
        if !path.is_file() {
            return Err(missing("is not a .dvc file"));
        }
        if let Some(message) = git_ignored_text(self.repo, path)? {
            return Err(Error::no_target(path.display().to_string(), message));
        }
        files.insert(path.to_owned());
        self.index.extend(read_file(self.repo, path)?);
        Ok(())
    }

    fn read_everything(&mut self) -> Result<()> {
        if matches!(self.known, Known::Files(_)) {
            // A stage whose templates cannot be resolved is an error only if it was requested.
            let index = Index::collect_unchecked(self.repo)?;
            super::graph::check(&index, self.repo)?;
            self.index = index;
            self.known = Known::Everything;
        }
        Ok(())
    }

    /// Adds the stages whose outs the stages depend on, and so on; as in DVC, each comes behind those that it depends on.
    fn upstream(&mut self, stages: Vec<Key>) -> Result<Vec<Key>> {
        self.read_everything()?;
        self.refuse_unresolved(|_| true)?;
        let mut seen: HashSet<Key> = HashSet::new();
        let mut found = Vec::new();
        for stage in stages {
            // Each stage on the way down, with what it needs and was not looked at yet.
            let mut path: Vec<(Key, Vec<Key>)> = Vec::new();
            let mut next = Some(stage);
            loop {
                if let Some(stage) = next.take().filter(|stage| seen.insert(stage.clone())) {
                    let mut needed = self.needed(&stage);
                    needed.reverse();
                    path.push((stage, needed));
                }
                let Some((_, needed)) = path.last_mut() else { break };
                next = needed.pop();
                if next.is_none() {
                    found.extend(path.pop().map(|(stage, _)| stage));
                }
            }
        }
        Ok(found)
    }

    /// Returns the stages whose outs a stage depends on.
    fn needed(&self, (file, name): &Key) -> Vec<Key> {
        let stage = self.index.stages.iter().find(|stage| stage.metafile == *file && stage.name == *name);
        let needed = stage.filter(|stage| !stage.is_repo_import).map(|stage| stage.deps.as_slice());
        let paths: Vec<&PathBuf> =
            needed.unwrap_or_default().iter().filter_map(|dep| dep.path.as_ref()).collect();
        let overlaps =
            |out: &&Out| paths.iter().any(|path| out.path.starts_with(path) || path.starts_with(&out.path));
        self.index.outs.iter().filter(overlaps).map(|out| key(self.index.stage_of(out))).collect()
    }

    fn not_found(&self, target: &str, name: &str) -> Error {
        let file = self.repo.target_path(DVC_YAML);
        let reason = if file.exists() {
            stage_not_found(name, DVC_YAML)
        } else {
            format!("'{DVC_YAML}' does not exist")
        };
        Error::no_target(
            target.to_owned(),
            format!("'{target}' does not exist as an output or a stage name in '{DVC_YAML}': {reason}"),
        )
    }
}

/// Returns why no metafile below a directory is read; an empty text if there is none.
fn why_nothing_is_read(repo: &Repo, folder: &Path) -> Result<&'static str> {
    let found = repo.ignore().check(folder, true);
    Ok(match found.filter(|found| found.is_ignored) {
        Some(found) if found.rule.starts_with("in sub_repo") => {
            ": it belongs to another DVC repository; run the command there"
        }
        Some(_) => ": a `.dvcignore` names it",
        None if is_git_ignored(repo, folder, true, Unreadable::PassOver)? => ": Git ignores it",
        None => "",
    })
}

fn stage_not_found(name: &str, file: &str) -> String {
    format!("Stage '{name}' not found inside '{file}' file")
}

fn key(stage: &Stage) -> Key {
    (stage.metafile.clone(), stage.name.clone())
}

/// Returns whether the name of a stage, or of its group, is `name`.
fn has_name(stage: &Stage, name: &str) -> bool {
    stage.name.as_deref().is_some_and(|own| is_called(own, name))
}

/// Returns whether `name` means a stage or a group that cannot be resolved.
fn is_meant(stage: &Unresolved, name: &str) -> bool {
    is_called(&stage.name, name) || is_called(name, &stage.name)
}

fn is_called(own: &str, name: &str) -> bool {
    let is_member =
        |member: &str, group: &str| member.strip_prefix(group).is_some_and(|rest| rest.starts_with('@'));
    own == name || is_member(own, name)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
