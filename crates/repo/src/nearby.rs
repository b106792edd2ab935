//! What a command line may name in a directory: outs, the files in them, metafiles and stages. For completion in shells.
//!
//! It has to be there within milliseconds, whatever the size of the repository, so it is a help and no answer: only the
//! metafiles of the directory and of those above it are read, and what cannot be read is passed over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use haul_config::{ConfigPaths, ConfigStack, Env};

use crate::identity::physical;
use crate::paths::normalize;
use crate::root::{DVC_DIR, find_root};
use crate::{DirManifest, Index, Out, Repo, Result};

/// How many metafiles are read; of the others, the names have to do.
const MAX_METAFILES: usize = 400;

/// How large a directory manifest may be that is read.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Something that may be named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// What it is called in its directory.
    pub name: String,
    /// What it is.
    pub kind: NameKind,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NameKind {
    /// An out that is a file.
    File,
    /// An out that is a directory.
    Directory,
    /// A file in a tracked directory.
    Member,
    /// A directory that is no out: there may be something to name in it.
    Way,
    /// A `.dvc` file.
    Metafile,
    /// A `dvc.yaml`, whose stages are named behind a colon.
    Pipeline,
    /// A stage of the `dvc.yaml` in the directory.
    Stage,
}

/// Lists what may be named in `directory`, an absolute path; nothing outside of the repository.
pub fn names_in(repo: &Repo, directory: &Path) -> Vec<Name> {
    let directory = repo.absolute(directory);
    if !directory.starts_with(repo.root()) {
        return Vec::new();
    }
    let mut names = Names { directory, found: BTreeSet::new() };
    names.add_files();
    let mut metafiles = names.metafiles(repo);
    for metafile in metafiles.split_off(metafiles.len().min(MAX_METAFILES)) {
        if let (Some(parent), Some(out)) = (metafile.parent(), metafile.file_stem()) {
            names.add_path(&parent.join(out), NameKind::File);
        }
    }
    for metafile in metafiles {
        let Ok(index) = Index::read(repo, &metafile) else { continue };
        let stages = index.stages.iter().filter_map(|stage| stage.name.clone());
        if metafile.parent() == Some(&names.directory) {
            names.found.extend(stages.map(|name| Name { name, kind: NameKind::Stage }));
        }
        for out in &index.outs {
            names.add_out(repo, out);
        }
    }
    names.into_names()
}

impl Repo {
    /// Opens the repository that contains the working directory of `env`, and writes nothing: for a look at the names in it,
    /// as completion takes.
    ///
    /// # Errors
    ///
    /// Those of [`Repo::discover`].
    pub fn glance(env: &Env) -> Result<Self> {
        let root = normalize(&physical(&find_root(env.current_dir())?));
        let config = ConfigStack::load(&ConfigPaths::new(env, Some(&root.join(DVC_DIR))), env)?.config()?;
        Self::assemble(root, env, config)
    }
}

/// Names of one directory.
struct Names {
    directory: PathBuf,
    found: BTreeSet<Name>,
}

impl Names {
    /// Adds what is on the disk: directories, and metafiles.
    fn add_files(&mut self) {
        for entry in fs_err::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = match Path::new(&name).extension() {
                _ if name.starts_with('.') => continue,
                _ if entry.path().is_dir() => NameKind::Way,
                Some(extension) if extension == "dvc" => NameKind::Metafile,
                _ if name == "dvc.yaml" => NameKind::Pipeline,
                _ => continue,
            };
            self.found.insert(Name { name, kind });
        }
    }

    /// Lists the metafiles of the directory and of those above it, the nearest first.
    fn metafiles(&self, repo: &Repo) -> Vec<PathBuf> {
        let mut metafiles = Vec::new();
        let above = self.directory.ancestors().take_while(|directory| directory.starts_with(repo.root()));
        for directory in above {
            let entries = fs_err::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
            let found = entries.map(|entry| entry.path()).filter(|path| {
                let is_dvc_file = path.extension().is_some_and(|extension| extension == "dvc");
                (is_dvc_file || path.file_name().is_some_and(|name| name == "dvc.yaml")) && path.is_file()
            });
            let mut found: Vec<PathBuf> = found.collect();
            found.sort();
            metafiles.extend(found);
        }
        metafiles
    }

    /// Adds an out below the directory, or the files of one that the directory is in.
    fn add_out(&mut self, repo: &Repo, out: &Out) {
        if let Ok(inside) = self.directory.strip_prefix(&out.path) {
            let inside = inside.to_str().map(|inside| inside.replace('\\', "/"));
            if let (Some(inside), Some(manifest)) = (inside, manifest(repo, out)) {
                self.add_members(&manifest, &inside);
            }
            return;
        }
        let is_dir = out.oid.is_some_and(|oid| oid.is_dir()) || out.files.is_some() || out.path.is_dir();
        self.add_path(&out.path, if is_dir { NameKind::Directory } else { NameKind::File });
    }

    /// Adds a path below the directory: the path itself, or the directory that leads to it.
    fn add_path(&mut self, path: &Path, kind: NameKind) {
        let Ok(below) = path.strip_prefix(&self.directory) else { return };
        let mut parts = below.iter().map(|part| part.to_str());
        if let Some(Some(name)) = parts.next() {
            let kind = if parts.next().is_some() { NameKind::Way } else { kind };
            self.found.insert(Name { name: name.to_owned(), kind });
        }
    }

    /// Adds what a tracked directory has in `inside`, one of the directories in it.
    fn add_members(&mut self, manifest: &DirManifest, inside: &str) {
        let (entries, prefix) = match inside {
            "" => (manifest.entries(), String::new()),
            _ => (manifest.below(inside), format!("{inside}/")),
        };
        for below in entries.iter().filter_map(|entry| entry.path.strip_prefix(&*prefix)) {
            let (name, kind) = match below.split_once('/') {
                Some((name, _)) => (name, NameKind::Way),
                None => (below, NameKind::Member),
            };
            self.found.insert(Name { name: name.to_owned(), kind });
        }
    }

    /// Returns the names, each once but for stages that are called as a file is.
    fn into_names(self) -> Vec<Name> {
        let outs = |name: &str| {
            let is_out = |kind| self.found.contains(&Name { name: name.to_owned(), kind });
            is_out(NameKind::Directory) || is_out(NameKind::File)
        };
        let is_kept = |name: &&Name| name.kind != NameKind::Way || !outs(&name.name);
        self.found.iter().filter(is_kept).cloned().collect()
    }
}

/// Returns the manifest of a tracked directory, if it is at hand.
fn manifest(repo: &Repo, out: &Out) -> Option<DirManifest> {
    if let Some(recorded) = out.recorded_manifest() {
        return Some(recorded);
    }
    let oid = out.oid.filter(haul_storage::Oid::is_dir)?;
    let path = repo.cache_dir().join(out.layout.object_path(&oid));
    let is_small = fs_err::metadata(&path).ok()?.len() <= MAX_MANIFEST_BYTES;
    is_small.then(|| fs_err::read(&path).ok()).flatten().and_then(|bytes| DirManifest::parse(&bytes).ok())
}
