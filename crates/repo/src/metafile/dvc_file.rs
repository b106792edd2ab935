//! Writes `.dvc` files and the recorded state in `dvc.lock`.
//!
//! A new file has the same bytes as DVC's. In an existing file only the recorded state changes: the user's comments,
//! order and style stay.

use std::path::{Path, PathBuf};

use haul_storage::{Layout, Oid};

use super::MetafileError;
use super::load::{MetafileKind, load};
use super::params::is_default_file;
use super::stage_checksum::stage_checksum;
use super::yaml::{Field, Node, Value, edit_mapping, holds, put_member, remove_member, write_document};
use crate::index::{Version, VersionedFile};
use crate::{Error, Result};

/// The recorded state of an out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutState {
    /// The hash.
    pub oid: Oid,
    /// The hash function and layout; [`Layout::Legacy`] outs have no `hash:` field.
    pub layout: Layout,
    /// Size in bytes; for a directory the sum over its files. Old metafiles may not have it.
    pub size_bytes: Option<u64>,
    /// Number of files of a directory.
    pub n_files: Option<u64>,
    /// Whether a single file is executable.
    pub is_exec: bool,
    /// The version of a single file in a cloud-versioned remote.
    pub version: Option<Version>,
    /// The files of a directory that was pushed to a cloud-versioned remote; they replace its hash.
    pub files: Option<Vec<VersionedFile>>,
}

impl OutState {
    /// Makes the state of content that is not on a cloud-versioned remote.
    pub fn new(oid: Oid, layout: Layout) -> Self {
        let (size_bytes, n_files) = (None, None);
        Self { oid, layout, size_bytes, n_files, is_exec: false, version: None, files: None }
    }

    /// Returns the members of an entry in DVC's order, including those to remove.
    pub(super) fn fields(&self) -> Vec<Field> {
        let hash = match self.layout {
            Layout::Current => Some("md5".into()),
            Layout::Legacy => None,
        };
        if let Some(files) = &self.files {
            let gone = ["md5", "size", "nfiles", "isexec", "version_id", "etag", "cloud"];
            let files = Value::Sequence(files.iter().map(file_value).collect());
            let gone = gone.into_iter().map(|key| (key, None));
            return gone.chain([("hash", hash), ("files", Some(files))]).collect();
        }
        let mut fields = vec![
            ("md5", Some(Value::Text(self.oid.to_string()))),
            ("size", self.size_bytes.map(|size_bytes| Value::Int(size_bytes.into()))),
            ("nfiles", self.n_files.map(|n_files| Value::Int(n_files.into()))),
            ("isexec", self.is_exec.then_some(Value::Bool(true))),
            ("hash", hash),
            ("files", None),
        ];
        fields.extend(version_fields(self.version.as_ref()));
        fields
    }
}

/// Returns the members that record a version: below the name of the remote, or, in old metafiles, beside the hash.
fn version_fields(version: Option<&Version>) -> [Field; 3] {
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    let Some(version) = version else { return [("version_id", None), ("etag", None), ("cloud", None)] };
    let [version_id, etag] = [text(&version.version_id), text(&version.etag)];
    let Some(remote) = &version.remote else {
        return [("version_id", version_id), ("etag", etag), ("cloud", None)];
    };
    let members = [("etag", etag), ("version_id", version_id)];
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    let cloud = Value::Mapping(vec![(remote.clone(), Value::Mapping(members))]);
    [("version_id", None), ("etag", None), ("cloud", Some(cloud))]
}

/// Returns an item of `files`, in DVC's order.
fn file_value(file: &VersionedFile) -> Value {
    let fields = [
        ("relpath", Some(Value::Text(file.path.clone()))),
        ("md5", file.oid.map(|oid| Value::Text(oid.to_string()))),
        ("size", file.size_bytes.map(|size_bytes| Value::Int(size_bytes.into()))),
        ("isexec", file.is_exec.then_some(Value::Bool(true))),
    ];
    let fields = fields.into_iter().chain(version_fields(file.version.as_ref()));
    Value::Mapping(fields.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// A `.dvc` file that can be edited without loss of comments, order and style.
#[derive(Debug, Clone)]
pub struct DvcFile {
    file: EditedFile,
    /// The out of a file that does not exist yet.
    new_out: Option<String>,
}

impl DvcFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { file: EditedFile::read(path, MetafileKind::Single)?, new_out: None })
    }

    /// Reads the file at `path` from `bytes`.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Ok(Self { file: EditedFile::from_bytes(path, MetafileKind::Single, bytes)?, new_out: None })
    }

    /// Makes a file, not yet written, that tracks `out_path` (relative to the file, with `/`).
    pub fn new(path: &Path, out_path: &str) -> Self {
        Self { file: EditedFile::new(path, MetafileKind::Single), new_out: Some(out_path.to_owned()) }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Records the content of the out at `position`. In the text, only the fields that differ are changed.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`] if there is no such out, or its YAML cannot be edited (an alias).
    pub fn set_state(&mut self, position: usize, state: &OutState) -> Result<()> {
        if let Some(out_path) = self.new_out.take() {
            let mut out: Vec<(String, Value)> = state
                .fields()
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect();
            out.push(("path".to_owned(), Value::Text(out_path)));
            let outs = Value::Sequence(vec![Value::Mapping(out)]);
            self.file.text = write_document(&[("outs".to_owned(), outs)]);
            return Ok(());
        }
        let outs = |root: &Node| root.get("outs").and_then(|outs| outs.items().get(position)).cloned();
        self.file.edit(&format!("out number {}", position + 1), outs, &state.fields())?;
        self.renew_checksum()
    }

    /// Returns a copy of the file, not yet written, for another path: its out at `position` gets the path `out_path`, its
    /// dependencies those of `dep_paths` (by number), all relative to the directory of `path`.
    ///
    /// Deviation: `move` keeps the comments of a `.dvc` file. DVC writes a new file without them.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`] if there is no such out, or its YAML cannot be edited.
    pub fn moved(
        &self,
        path: &Path,
        position: usize,
        out_path: &str,
        dep_paths: &[(usize, String)],
    ) -> Result<Self> {
        let mut file =
            EditedFile { text: self.file.text.clone(), ..EditedFile::new(path, MetafileKind::Single) };
        file.edit("`wdir`", |root| Some(root.clone()), &[("wdir", None)])?;
        let member = |list: &'static str, at: usize| {
            move |root: &Node| root.get(list).and_then(|list| list.items().get(at)).cloned()
        };
        let to = |path: &str| [("path", Some(Value::Text(path.to_owned())))];
        file.edit(&format!("out number {}", position + 1), member("outs", position), &to(out_path))?;
        for (at, path) in dep_paths {
            file.edit(&format!("dependency number {}", at + 1), member("deps", *at), &to(path))?;
        }
        let mut moved = Self { file, new_out: None };
        moved.renew_checksum()?;
        Ok(moved)
    }

    /// Sets the path of the out at `position`, relative to the `wdir` of the file.
    pub fn set_path(&mut self, position: usize, out_path: &str) -> Result<()> {
        let out = |root: &Node| root.get("outs").and_then(|outs| outs.items().get(position)).cloned();
        let path = Value::Text(out_path.to_owned());
        self.file.edit(&format!("out number {}", position + 1), out, &[("path", Some(path))])?;
        self.renew_checksum()
    }

    /// Marks the stage of the file as frozen, or removes the mark.
    pub fn set_frozen(&mut self, is_frozen: bool) -> Result<()> {
        let mark = is_frozen.then_some(Value::Bool(true));
        // `locked` is the name of the mark in old versions of DVC.
        self.file.edit("the stage", |root| Some(root.clone()), &[("frozen", mark), ("locked", None)])?;
        self.renew_checksum()
    }

    /// Updates the checksum of an importing stage, if it has one, after its recorded state changed.
    fn renew_checksum(&mut self) -> Result<()> {
        let root =
            load(MetafileKind::Single, &self.file.path, &self.file.shown(), self.file.text.as_bytes())?;
        if root.is_some_and(|root| root.get("md5").is_some() && root.get("deps").is_some()) {
            return self.set_checksum();
        }
        Ok(())
    }

    /// Makes a file with this text, not yet written, whether `path` exists or not.
    pub(super) fn with_text(path: &Path, text: String) -> Self {
        Self { file: EditedFile { text, ..EditedFile::new(path, MetafileKind::Single) }, new_out: None }
    }

    /// Changes members of the mapping that `find` finds.
    pub(super) fn edit(
        &mut self,
        what: &str,
        find: impl Fn(&Node) -> Option<Node>,
        fields: &[Field],
    ) -> Result<()> {
        self.file.edit(what, find, fields)
    }

    /// Sets the checksum of an importing stage, whether it had one or not.
    pub(super) fn set_checksum(&mut self) -> Result<()> {
        let root =
            load(MetafileKind::Single, &self.file.path, &self.file.shown(), self.file.text.as_bytes())?;
        let Some(root) = root else { return Ok(()) };
        let checksum = Value::Text(stage_checksum(&root));
        self.file.edit("the checksum", |root| Some(root.clone()), &[("md5", Some(checksum))])
    }

    /// Returns the current text.
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// Returns whether the text differs from the file on the disk.
    pub fn is_changed(&self) -> bool {
        self.file.is_changed()
    }

    /// Writes the file, if it changed, through a temp file beside it. Returns whether it did.
    pub fn write(&mut self) -> Result<bool> {
        self.file.write()
    }
}

/// A `dvc.lock` file in which recorded outs can be updated.
#[derive(Debug, Clone)]
pub struct DvcLock {
    file: EditedFile,
}

impl DvcLock {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { file: EditedFile::read(path, MetafileKind::Lock)? })
    }

    /// Reads the file at `path` from `bytes`.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Ok(Self { file: EditedFile::from_bytes(path, MetafileKind::Lock, bytes)? })
    }

    /// Records the content of an out of a stage; `out_path` is its path as written in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`] if the stage or the out is not in the file: the stage must run first.
    pub fn set_state(&mut self, stage: &str, out_path: &str, state: &OutState) -> Result<()> {
        let out = |root: &Node| {
            let outs = root.get("stages")?.get(stage)?.get("outs")?;
            outs.items().iter().find(|out| out.get("path").and_then(Node::as_str) == Some(out_path)).cloned()
        };
        // In a lock the hash function comes first.
        let mut fields = state.fields();
        if let Some(position) = fields.iter().position(|(key, _)| *key == "hash") {
            fields[..=position].rotate_right(1);
        }
        self.file.edit(&format!("the out '{out_path}' of the stage '{stage}'"), out, &fields)
    }

    /// Opens the file at `path`, or starts a new one.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.exists() {
            Self::read(path)
        } else {
            Ok(Self { file: EditedFile::new(path, MetafileKind::Lock) })
        }
    }

    /// Returns whether the file does not exist yet.
    pub(crate) fn is_new(&self) -> bool {
        self.file.before.is_none()
    }

    /// Records a whole stage.
    pub(crate) fn set_stage(&mut self, name: &str, stage: &LockedStage) -> Result<()> {
        self.file.put_stage(name, &stage.value())
    }

    /// Removes a stage. A file without any stage left is deleted.
    pub(crate) fn remove(mut self, stage: &str) -> Result<()> {
        self.file.remove_member("stages", stage)?;
        self.file.write_or_delete()
    }

    /// Returns the current text.
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// Writes the file, if it changed, through a temp file beside it. Returns whether it did.
    pub fn write(&mut self) -> Result<bool> {
        self.file.write()
    }
}

/// The path of a parameters file as written, and the parameters of it that a stage depends on.
pub(crate) type LockedParams = (String, Vec<(String, Value)>);

/// The entry of a stage in `dvc.lock`; dependencies and outs have their paths as written.
#[derive(Debug)]
pub(crate) struct LockedStage {
    pub(crate) command: Vec<String>,
    pub(crate) is_command_list: bool,
    pub(crate) deps: Vec<(String, OutState)>,
    /// Parameters by their files, sorted by name.
    pub(crate) params: Vec<LockedParams>,
    pub(crate) outs: Vec<(String, OutState)>,
}

impl LockedStage {
    /// Returns the entry in DVC's order.
    pub(super) fn value(&self) -> Value {
        let texts: Vec<Value> = self.command.iter().map(|text| Value::Text(text.clone())).collect();
        let command = match texts.as_slice() {
            [text] if !self.is_command_list => text.clone(),
            _ => Value::Sequence(texts),
        };
        let mut entry = vec![("cmd".to_owned(), command)];
        for (key, items) in [("deps", &self.deps), ("outs", &self.outs)] {
            let mut items: Vec<_> = items.iter().collect();
            items.sort_by(|(left, _), (right, _)| left.cmp(right));
            if !items.is_empty() {
                let items = items.into_iter().map(|(path, state)| locked_item(path, state)).collect();
                entry.push((key.to_owned(), Value::Sequence(items)));
            }
            if key == "deps" && !self.params.is_empty() {
                let mut files: Vec<_> = self.params.iter().collect();
                files.sort_by_key(|(path, _)| (!is_default_file(path), path));
                let files =
                    files.into_iter().map(|(path, values)| (path.clone(), Value::Mapping(values.clone())));
                entry.push(("params".to_owned(), Value::Mapping(files.collect())));
            }
        }
        Value::Mapping(entry)
    }
}

/// Returns an entry of the lock: the path and the hash function come first.
fn locked_item(path: &str, state: &OutState) -> Value {
    let mut fields = vec![("path", Some(Value::Text(path.to_owned())))];
    let (hash, others): (Vec<Field>, Vec<Field>) =
        state.fields().into_iter().partition(|(key, _)| *key == "hash");
    fields.extend(hash.into_iter().chain(others));
    Value::Mapping(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// A metafile with its text on the disk and its new text.
#[derive(Debug, Clone)]
pub(super) struct EditedFile {
    path: PathBuf,
    kind: MetafileKind,
    /// The text on the disk; `None` if there is no file.
    before: Option<String>,
    text: String,
}

impl EditedFile {
    fn new(path: &Path, kind: MetafileKind) -> Self {
        Self { path: path.to_owned(), kind, before: None, text: String::new() }
    }

    pub(super) fn read(path: &Path, kind: MetafileKind) -> Result<Self> {
        let bytes = fs_err::read(path).map_err(|source| Error::io("cannot read a metafile", source))?;
        Self::from_bytes(path, kind, bytes)
    }

    fn from_bytes(path: &Path, kind: MetafileKind, bytes: Vec<u8>) -> Result<Self> {
        let file = Self { before: None, text: String::new(), ..Self::new(path, kind) };
        load(kind, path, &file.shown(), &bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| file.error("it is not valid utf-8"))?;
        Ok(Self { before: Some(text.clone()), text, ..file })
    }

    /// Changes members of the mapping that `find` finds, and checks that they are read back with the new values.
    pub(super) fn edit(
        &mut self,
        what: &str,
        find: impl Fn(&Node) -> Option<Node>,
        fields: &[Field],
    ) -> Result<()> {
        let mapping_of = |text: &str| -> Result<Option<Node>> {
            Ok(load(self.kind, &self.path, &self.shown(), text.as_bytes())?.as_ref().and_then(&find))
        };
        let Some(mapping) = mapping_of(&self.text)? else {
            return Err(self.error(&format!("{what} does not exist")));
        };
        let edited = edit_mapping(&self.text, &mapping, fields)
            .map_err(|reason| self.error(&format!("{what} cannot be changed: {reason}")))?;
        let mapping = mapping_of(&edited)?;
        let is_right = |(key, value): &Field| {
            let found = mapping.as_ref().and_then(|mapping| mapping.get(key));
            match (found, value) {
                (None, None) => true,
                (Some(node), Some(value)) => holds(node, value),
                _ => false,
            }
        };
        if !fields.iter().all(is_right) {
            return Err(
                self.error(&format!("{what} cannot be changed without changing other parts of the file"))
            );
        }
        self.text = edited;
        Ok(())
    }

    /// Returns the nodes of the current text; `None` for an empty file.
    pub(super) fn root(&self) -> Result<Option<Node>> {
        Ok(load(self.kind, &self.path, &self.shown(), self.text.as_bytes())?)
    }

    /// Sets a stage in the mapping of all stages.
    fn put_stage(&mut self, name: &str, stage: &Value) -> Result<()> {
        // A new file is empty, which the schema does not allow.
        let root = if self.text.is_empty() { None } else { self.root()? };
        let edited =
            match root.as_ref().map(|root| (root, root.get("stages").filter(|stages| !stages.is_falsy()))) {
                Some((_, Some(stages))) => put_member(&self.text, stages, name, stage),
                Some((root, None)) => {
                    let stages = Value::Mapping(vec![(name.to_owned(), stage.clone())]);
                    put_member(&self.text, root, "stages", &stages)
                }
                None => {
                    let stages = Value::Mapping(vec![(name.to_owned(), stage.clone())]);
                    Ok(write_document(&[("schema".to_owned(), "2.0".into()), ("stages".to_owned(), stages)]))
                }
            };
        let edited = edited
            .map_err(|reason| self.error(&format!("the stage '{name}' cannot be recorded: {reason}")))?;
        let root = load(self.kind, &self.path, &self.shown(), edited.as_bytes())?;
        let is_right = root
            .as_ref()
            .and_then(|root| root.get("stages")?.get(name))
            .is_some_and(|node| holds(node, stage));
        if !is_right {
            return Err(self.error(&format!(
                "the stage '{name}' cannot be recorded without changing other parts of the file"
            )));
        }
        self.text = edited;
        Ok(())
    }

    /// Removes a member of the mapping `group`; it is not an error if it does not exist.
    pub(super) fn remove_member(&mut self, group: &str, member: &str) -> Result<()> {
        let root = self.root()?;
        let Some(mapping) = root.as_ref().and_then(|root| root.get(group)) else { return Ok(()) };
        if mapping.get(member).is_none() {
            return Ok(());
        }
        if mapping.entries().len() == 1 {
            self.text.clear();
            return Ok(());
        }
        let edited = remove_member(&self.text, mapping, member)
            .map_err(|reason| self.error(&format!("`{member}` cannot be removed: {reason}")))?;
        let is_right = load(self.kind, &self.path, &self.shown(), edited.as_bytes())?.and_then(|root| {
            Some((root.get(group)?.entries().len(), root.get(group)?.get(member).is_none()))
        });
        if is_right != Some((mapping.entries().len() - 1, true)) {
            return Err(
                self.error(&format!("`{member}` cannot be removed without changing other parts of the file"))
            );
        }
        self.text = edited;
        Ok(())
    }

    /// Writes the file, if it changed; deletes it if it is empty.
    pub(super) fn write_or_delete(&mut self) -> Result<()> {
        if self.text.is_empty() && self.is_changed() {
            return fs_err::remove_file(&self.path).map_err(|error| Error::io("cannot delete a file", error));
        }
        self.write().map(drop)
    }

    fn is_changed(&self) -> bool {
        self.before.as_deref() != Some(&self.text)
    }

    pub(super) fn write(&mut self) -> Result<bool> {
        if !self.is_changed() {
            return Ok(false);
        }
        crate::atomic::write(&self.path, self.text.as_bytes())?;
        self.before = Some(self.text.clone());
        Ok(true)
    }

    fn shown(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn error(&self, reason: &str) -> Error {
        MetafileError {
            path: self.path.clone(),
            line: None,
            column: None,
            message: format!("cannot edit '{}': {reason}", self.path.display()),
            hint: None,
        }
        .into()
    }
}
