//! Reads stages and outs from the nodes of a metafile.

use std::path::{Path, PathBuf};

use haul_storage::hash::md5;
use haul_storage::{Layout, Oid};

use super::collect::is_stage_file;
use super::{Dep, Out, OutKind, Stage, Version, VersionedFile, manifest_of};
use crate::ignore::IgnoreRules;
use crate::metafile::MetafileError;
use crate::metafile::dependency::Dependency;
use crate::metafile::load::{MetafileKind, load};
use crate::metafile::params::Params;
use crate::metafile::repo_dependency::RepoDependency;
use crate::metafile::stage_checksum::stage_checksum;
use crate::metafile::template::context::ReadFiles;
use crate::metafile::template::{OptionStyle, Resolver, TemplateError, text_of};
use crate::metafile::yaml::{Kind, Node, Scalar};
use crate::paths::{normalize, relative};

/// The stages of one metafile.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadStages {
    pub(super) stages: Vec<ReadStage>,
    /// Stages whose templates cannot be resolved.
    pub(super) unresolved: Vec<Unresolved>,
    /// What a `dvc.yaml` names as metrics and plots beside its stages.
    pub(super) named: Vec<(OutKind, PathBuf)>,
}

/// A stage of a `dvc.yaml` whose templates cannot be resolved.
#[derive(Debug, Clone)]
pub(crate) struct Unresolved {
    /// The `dvc.yaml`.
    pub(crate) metafile: PathBuf,
    /// The name of the stage, or of the group whose members are not known.
    pub(crate) name: String,
    pub(crate) error: MetafileError,
}

/// A stage with its outs, before they are added to an index.
#[derive(Debug, Clone)]
pub(super) struct ReadStage {
    pub(super) stage: Stage,
    pub(super) outs: Vec<Out>,
}

/// The parts of the repository that are needed to read a metafile.
#[derive(Clone, Copy)]
pub(super) struct Context<'repo> {
    pub(super) root: &'repo Path,
    pub(super) current_dir: &'repo Path,
    /// Reads parameter files.
    pub(super) files: &'repo dyn ReadFiles,
    /// The format of dictionaries as options of a command.
    pub(super) style: OptionStyle,
    /// The ignore rules for outs; none for the outs of a commit, which are never written.
    pub(super) ignore: Option<&'repo IgnoreRules>,
}

impl Context<'_> {
    pub(super) fn shown(&self, path: &Path) -> String {
        relative(path, self.current_dir).display().to_string()
    }

    /// Reads a `.dvc` file.
    pub(super) fn dvc_file(&self, path: &Path, text: &[u8]) -> Result<ReadStages, MetafileError> {
        let root = load(MetafileKind::Single, path, &self.shown(path), text)?;
        let get = |key: &str| root.as_ref().and_then(|root| root.get(key));
        let items = |key: &str| get(key).map(Node::items).unwrap_or_default();
        let flag = |key: &str| get(key).and_then(Node::as_bool).unwrap_or_default();
        let wdir = wdir_of(path, get("wdir").and_then(Node::as_str));
        let outs = self.outs(path, &wdir, items("outs"))?;
        let deps = items("deps");
        let has_command = get("cmd").is_some_and(|command| !command.is_falsy());
        let is_import = !has_command && deps.len() == 1 && outs.len() == 1;
        let is_repo_import = is_import && deps[0].get("repo").is_some();
        let stage = Stage {
            metafile: path.to_owned(),
            name: None,
            deps: deps.iter().map(|dep| self.source_dep(path, &wdir, dep)).collect::<Result<_, _>>()?,
            wdir,
            has_command: false,
            command: Vec::new(),
            is_command_list: false,
            command_changed: false,
            checksum_changed: root.as_ref().is_some_and(|root| is_edited(root, is_import || has_command)),
            is_frozen: flag("frozen") || flag("locked") || is_repo_import,
            always_changed: flag("always_changed"),
            is_import,
            is_repo_import,
            params: Vec::new(),
            outs: 0..0,
        };
        Ok(ReadStages { stages: vec![ReadStage { stage, outs }], ..ReadStages::default() })
    }

    /// Reads a `dvc.yaml` together with its `dvc.lock`, if there is one.
    pub(super) fn pipeline(
        &self,
        path: &Path,
        text: &[u8],
        lock: Option<(&Path, &[u8])>,
    ) -> Result<ReadStages, MetafileError> {
        let root = load(MetafileKind::Pipeline, path, &self.shown(path), text)?;
        let locked = match lock {
            Some((path, text)) => load(MetafileKind::Lock, path, &self.shown(path), text)?,
            None => None,
        };
        let locked_stages = locked.as_ref().and_then(|lock| lock.get("stages"));
        let lock_path = lock.map_or(path, |(path, _)| path);
        let mut read = ReadStages::default();
        let Some(root) = root else { return Ok(read) };
        for (key, kind) in [("metrics", OutKind::Metric), ("plots", OutKind::Plot)] {
            let folder = path.parent().unwrap_or(path);
            let named = root.get(key).map(named_paths).unwrap_or_default();
            read.named.extend(named.into_iter().map(|path| (kind, normalize(&folder.join(path)))));
        }
        let shown = self.shown(path);
        let resolver = Resolver {
            files: self.files,
            folder: path.parent().unwrap_or(path),
            shown: &shown,
            style: self.style,
        };
        let failed = |error: TemplateError| MetafileError {
            path: path.to_owned(),
            line: Some(error.place.0),
            column: Some(error.place.1),
            hint: Some(format!("it is on line {} of `{shown}`", error.place.0)),
            message: error.message,
        };
        for resolved in resolver.stages(&root).map_err(failed)? {
            let name = resolved.name;
            let locked = locked_stages.and_then(|stages| stages.get(&name));
            match resolved.definition {
                Ok(definition) => match self.refuse_paths(path, &name, &definition) {
                    Ok(()) => {
                        read.stages.push(self.pipeline_stage(path, lock_path, &name, &definition, locked)?);
                    }
                    Err(error) => {
                        read.unresolved.push(Unresolved { metafile: path.to_owned(), name, error });
                    }
                },
                Err(error) => {
                    let metafile = path.to_owned();
                    read.unresolved.push(Unresolved { metafile, name, error: failed(error) });
                }
            }
        }
        Ok(read)
    }

    /// Refuses paths that are no text: a template may have put a number there.
    fn refuse_paths(&self, path: &Path, name: &str, definition: &Node) -> Result<(), MetafileError> {
        for key in ["outs", "metrics", "plots", "deps"] {
            for item in definition.get(key).map(Node::items).unwrap_or_default() {
                let paths = definitions(item).into_iter().map(|(def_path, _)| def_path);
                if let Some(no_text) = paths.into_iter().find(|def_path| def_path.as_str().is_none()) {
                    let message = format!("expected str, in stages -> {name} -> {key}");
                    return Err(self.invalid(path, no_text, &message));
                }
            }
        }
        Ok(())
    }

    fn pipeline_stage(
        &self,
        path: &Path,
        lock_path: &Path,
        name: &str,
        definition: &Node,
        locked: Option<&Node>,
    ) -> Result<ReadStage, MetafileError> {
        let flag = |key: &str| definition.get(key).and_then(Node::as_bool).unwrap_or_default();
        let wdir = wdir_of(path, definition.get("wdir").map(text_of).as_deref());
        let locked_items =
            |key: &str| locked.and_then(|locked| locked.get(key)).map(Node::items).unwrap_or_default();
        let recorded = |key: &str, def_path: &str| {
            // If a path has two entries, DVC takes the last.
            locked_items(key).iter().rev().find(|item| {
                item.get("path").and_then(Node::as_str).is_some_and(|path| is_same_path(def_path, path))
            })
        };
        let mut outs: Vec<Out> = Vec::new();
        for key in ["outs", "metrics", "plots"] {
            let kind = match key {
                "metrics" => OutKind::Metric,
                "plots" => OutKind::Plot,
                _ => OutKind::Data,
            };
            for item in definition.get(key).map(Node::items).unwrap_or_default() {
                for (def_path, flags) in definitions(item) {
                    let def_path = def_path.as_str().unwrap_or_default();
                    let out = match recorded("outs", def_path) {
                        Some(node) => self.out(lock_path, &wdir, def_path, flags, Some(node))?,
                        None => self.out(path, &wdir, def_path, flags, None)?,
                    };
                    outs.push(Out { position: outs.len(), kind, ..out });
                }
            }
        }
        let mut deps = Vec::new();
        for item in definition.get("deps").map(Node::items).unwrap_or_default() {
            let def_path = item.as_str().unwrap_or_default();
            deps.push(match recorded("deps", def_path) {
                Some(node) => self.dep(lock_path, &wdir, node)?,
                None => dep_at(&wdir, def_path),
            });
        }
        let recorded_params = locked.and_then(|locked| locked.get("params"));
        let params = definition.get("params").map(|section| Params::read(section, recorded_params, &wdir));
        let command = definition.get("cmd");
        let recorded_command = locked.and_then(|locked| locked.get("cmd"));
        let stage = Stage {
            metafile: path.to_owned(),
            name: Some(name.to_owned()),
            wdir,
            has_command: true,
            command: match command {
                Some(command) if command.is_sequence() => command.items().iter().map(text_of).collect(),
                command => command.map(text_of).into_iter().collect(),
            },
            is_command_list: command.is_some_and(Node::is_sequence),
            command_changed: match (command, recorded_command) {
                (Some(command), Some(recorded)) => !same(command, recorded),
                _ => false,
            },
            checksum_changed: false,
            is_frozen: flag("frozen"),
            always_changed: flag("always_changed"),
            is_import: false,
            is_repo_import: false,
            deps,
            params: params.unwrap_or_default(),
            outs: 0..0,
        };
        Ok(ReadStage { stage, outs })
    }

    fn outs(&self, path: &Path, wdir: &Path, items: &[Node]) -> Result<Vec<Out>, MetafileError> {
        let mut outs = Vec::new();
        for item in items {
            let Some(def_path) = item.get("path").and_then(Node::as_str) else {
                return Err(self.invalid(path, item, "required key not provided, in outs -> path"));
            };
            let position = outs.len();
            outs.push(Out { position, ..self.out(path, wdir, def_path, Some(item), Some(item))? });
        }
        Ok(outs)
    }

    /// Makes an out from its flags and its recorded state, which are in one entry of a `.dvc` file, and in `dvc.yaml` and
    /// `dvc.lock` for a pipeline. `path` is the file of `recorded`.
    fn out(
        &self,
        path: &Path,
        wdir: &Path,
        def_path: &str,
        flags: Option<&Node>,
        recorded: Option<&Node>,
    ) -> Result<Out, MetafileError> {
        let flag = |key: &str, default: bool| {
            flags.and_then(|flags| flags.get(key)).and_then(Node::as_bool).unwrap_or(default)
        };
        let absolute =
            if def_path.contains("://") { PathBuf::from(def_path) } else { normalize(&wdir.join(def_path)) };
        let is_external = !absolute.starts_with(self.root);
        let is_metafile = def_path.rsplit('/').next().is_some_and(is_stage_file);
        let refusal = self.ignore.and_then(|ignore| {
            let as_metafile = is_metafile.then(|| format!("DVC file '{def_path}' cannot be an output."));
            as_metafile.or_else(|| ignore.refusal(&absolute))
        });
        if let Some(message) = refusal {
            let (line, column) = recorded.or(flags).map(|node| (node.line, node.column)).unzip();
            let at = line.map(|line| format!(", line {line}")).unwrap_or_default();
            let hint = Some(format!("it is an out in `{}`{at}", self.shown(path)));
            return Err(MetafileError { path: path.to_owned(), line, column, message, hint });
        }
        let recorded_state =
            recorded.map(|recorded| self.recorded(path, recorded, is_external)).transpose()?;
        let state = recorded_state.unwrap_or_default();
        Ok(Out {
            stage: 0,
            position: 0,
            def_path: def_path.to_owned(),
            path: absolute,
            is_external,
            oid: state.oid,
            layout: state.layout,
            size_bytes: state.size_bytes,
            n_files: state.n_files,
            is_exec: state.is_exec,
            use_cache: flag("cache", true),
            can_push: flag("push", true),
            persist: flag("persist", false),
            // A template may have put a number there.
            remote: flags
                .and_then(|flags| flags.get("remote"))
                .filter(|remote| !remote.is_null())
                .map(text_of),
            version: state.version,
            files: state.files,
            kind: match (
                flags.and_then(|flags| flags.get("metric")),
                flags.and_then(|flags| flags.get("plot")),
            ) {
                (Some(metric), _) if !metric.is_falsy() => OutKind::Metric,
                (_, Some(plot)) if !plot.is_falsy() => OutKind::Plot,
                _ => OutKind::Data,
            },
        })
    }

    fn dep(&self, path: &Path, wdir: &Path, node: &Node) -> Result<Dep, MetafileError> {
        let def_path = node.get("path").and_then(Node::as_str).unwrap_or_default();
        let mut dep = dep_at(wdir, def_path);
        if node.get("repo").is_some() {
            dep.path = None;
        }
        let is_external = dep.path.as_ref().is_none_or(|path| !path.starts_with(self.root));
        let state = self.recorded(path, node, is_external)?;
        Ok(Dep { oid: state.oid, layout: state.layout, size_bytes: state.size_bytes, ..dep })
    }

    /// Reads a dependency of a `.dvc` file, which may be the source of an import.
    fn source_dep(&self, path: &Path, wdir: &Path, node: &Node) -> Result<Dep, MetafileError> {
        let dep = self.dep(path, wdir, node)?;
        let is_source = node.get("repo").is_none() && node.get("db").is_none();
        Ok(Dep {
            source: is_source.then(|| Box::new(Dependency::read(node))),
            repo: RepoDependency::read(node).map(Box::new),
            ..dep
        })
    }

    /// Reads hash and size of an out or a dependency.
    fn recorded(&self, path: &Path, node: &Node, is_external: bool) -> Result<Recorded, MetafileError> {
        let layout = match node.get("hash").and_then(Node::as_str) {
            Some("md5") => Layout::Current,
            // The entry was written by DVC 2.
            None => Layout::Legacy,
            Some(other) => {
                let message = format!("unsupported hash '{other}'");
                return Err(self.invalid(path, node.get("hash").unwrap_or(node), &message));
            }
        };
        let files = node
            .get("files")
            .map(|files| {
                files
                    .items()
                    .iter()
                    .map(|file| self.versioned_file(path, file))
                    .collect::<Result<Vec<_>, _>>()
            })
            .transpose()?;
        let mut oid = self.oid(path, node, is_external)?;
        let (mut size_bytes, mut n_files) = (number(node, "size"), number(node, "nfiles"));
        if let (None, Some(files)) = (oid, &files) {
            oid = self.oid_of_files(path, node, files)?;
            size_bytes = files.iter().map(|file| file.size_bytes).sum();
            n_files = Some(files.len() as u64);
        }
        Ok(Recorded {
            oid,
            layout,
            size_bytes,
            n_files,
            is_exec: node.get("isexec").and_then(Node::as_bool).unwrap_or_default(),
            version: version(node),
            files,
        })
    }

    fn oid(&self, path: &Path, node: &Node, is_external: bool) -> Result<Option<Oid>, MetafileError> {
        let Some(value) = node.get("md5") else { return Ok(None) };
        let text = match value.as_scalar() {
            Some(Scalar::Text(text)) if text.is_empty() => return Ok(None),
            Some(Scalar::Text(text)) => text.clone(),
            Some(Scalar::Null) | None => return Ok(None),
            Some(scalar) => crate::metafile::yaml::display(scalar),
        };
        match text.parse() {
            Ok(oid) => Ok(Some(oid)),
            // The data of an external out is never read, so any hash is accepted.
            Err(_) if is_external => Ok(None),
            // Deviation: haul refuses a metafile whose `md5` is not 32 hex digits. DVC accepts any text of three letters, and
            // then reports its data as missing.
            Err(error) => Err(self.invalid(path, node, &error.to_string())),
        }
    }

    fn versioned_file(&self, path: &Path, node: &Node) -> Result<VersionedFile, MetafileError> {
        Ok(VersionedFile {
            path: node.get("relpath").and_then(Node::as_str).unwrap_or_default().to_owned(),
            oid: self.oid(path, node, false)?,
            size_bytes: number(node, "size"),
            is_exec: node.get("isexec").and_then(Node::as_bool).unwrap_or_default(),
            version: version(node),
        })
    }

    /// Returns the name of the directory manifest of these files, which DVC does not record beside them.
    fn oid_of_files(
        &self,
        path: &Path,
        node: &Node,
        files: &[VersionedFile],
    ) -> Result<Option<Oid>, MetafileError> {
        match manifest_of(files) {
            Some(Ok(manifest)) => Ok(Some(Oid::dir(md5(&manifest.to_bytes())))),
            Some(Err(error)) => Err(self.invalid(path, node, &error.to_string())),
            None => Ok(None),
        }
    }

    fn invalid(&self, path: &Path, node: &Node, message: &str) -> MetafileError {
        let shown = self.shown(path);
        let prefix = if shown.starts_with("..") { "" } else { "./" };
        let (line, column) = (node.line, node.column);
        MetafileError {
            path: path.to_owned(),
            line: Some(line),
            column: Some(column),
            message: format!(
                "'{prefix}{shown}' validation failed.\n\n{message}, line {line}, column {column}"
            ),
            hint: None,
        }
    }
}

/// Reads the outs of a `.dvc` file, or of a `dvc.yaml` with its lock, in a repository at `/repo` that ignores nothing.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_for_fuzzing(
    path: &Path,
    text: &[u8],
    lock: Option<&[u8]>,
    files: &dyn ReadFiles,
) -> Result<Vec<Out>, MetafileError> {
    let root = Path::new("/repo");
    let context = Context { root, current_dir: root, files, style: OptionStyle::default(), ignore: None };
    let lock_path = path.with_file_name("dvc.lock");
    let stages = match path.extension() {
        Some(extension) if extension == "dvc" => context.dvc_file(path, text)?,
        _ => context.pipeline(path, text, lock.map(|lock| (lock_path.as_path(), lock)))?,
    };
    Ok(stages.stages.into_iter().flat_map(|stage| stage.outs).collect())
}

/// The recorded state of a content.
struct Recorded {
    oid: Option<Oid>,
    layout: Layout,
    size_bytes: Option<u64>,
    n_files: Option<u64>,
    is_exec: bool,
    version: Option<Version>,
    files: Option<Vec<VersionedFile>>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            oid: None,
            layout: Layout::Current,
            size_bytes: None,
            n_files: None,
            is_exec: false,
            version: None,
            files: None,
        }
    }
}

/// Returns a dependency without a recorded state.
fn dep_at(wdir: &Path, def_path: &str) -> Dep {
    let is_local = !def_path.contains("://") && !def_path.is_empty();
    let path = is_local.then(|| normalize(&wdir.join(def_path)));
    Dep {
        def_path: def_path.to_owned(),
        path,
        oid: None,
        layout: Layout::Current,
        size_bytes: None,
        source: None,
        repo: None,
    }
}

fn number(node: &Node, key: &str) -> Option<u64> {
    u64::try_from(node.get(key)?.as_int()?).ok()
}

/// Reads `version_id` and `etag`, which are either in the entry or below the name of their remote in `cloud`.
fn version(node: &Node) -> Option<Version> {
    let cloud = node.get("cloud").and_then(|cloud| cloud.entries().first());
    let (remote, holder) = match cloud {
        Some(entry) => (entry.key.as_str().map(str::to_owned), &entry.value),
        None => (None, node),
    };
    let text =
        |key: &str| holder.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let version = Version { remote, etag: text("etag"), version_id: text("version_id") };
    (version.etag.is_some() || version.version_id.is_some()).then_some(version)
}

/// Returns whether the checksum of a `.dvc` file differs from that of its stage; the file of an `add` has none.
fn is_edited(root: &Node, has_checksum: bool) -> bool {
    let recorded = root.get("md5").and_then(Node::as_str).filter(|text| !text.is_empty());
    let expected = has_checksum.then(|| stage_checksum(root));
    recorded != expected.as_deref()
}

/// Returns the paths of the metrics or plots that stand beside the stages: texts, or keys with more about them, whose
/// plots may take several files for an axis.
fn named_paths(section: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    let of_one = |name: &Node, more: Option<&Node>, paths: &mut Vec<String>| {
        let axes: Vec<&Node> = match more.and_then(|more| more.get("y")) {
            Some(y) if y.is_mapping() => {
                [Some(y), more.and_then(|more| more.get("x"))].into_iter().flatten().collect()
            }
            _ => Vec::new(),
        };
        if axes.is_empty() {
            paths.extend(name.as_str().map(str::to_owned));
        }
        let files = axes.iter().flat_map(|axis| axis.entries());
        paths.extend(files.filter_map(|file| file.key.as_str().map(str::to_owned)));
    };
    for item in section.items() {
        for (name, more) in definitions(item) {
            of_one(name, more, &mut paths);
        }
    }
    for entry in section.entries() {
        of_one(&entry.key, Some(&entry.value), &mut paths);
    }
    paths
}

fn wdir_of(path: &Path, wdir: Option<&str>) -> PathBuf {
    let folder = path.parent().unwrap_or(path);
    normalize(&folder.join(wdir.unwrap_or(".")))
}

/// Returns the paths and flags of one entry of `outs:` in a `dvc.yaml`: a text, or a mapping from paths to flags.
fn definitions(item: &Node) -> Vec<(&Node, Option<&Node>)> {
    if item.is_mapping() {
        return item.entries().iter().map(|entry| (&entry.key, Some(&entry.value))).collect();
    }
    vec![(item, None)]
}

fn same(left: &Node, right: &Node) -> bool {
    match (&*left.kind, &*right.kind) {
        (Kind::Scalar(left), Kind::Scalar(right)) => left == right,
        (Kind::Sequence(left), Kind::Sequence(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => false,
    }
}

/// Returns whether an entry of the lock is for this path; DVC omits slashes at the end in the lock.
fn is_same_path(def_path: &str, recorded: &str) -> bool {
    def_path == recorded || def_path.trim_end_matches('/') == recorded
}
