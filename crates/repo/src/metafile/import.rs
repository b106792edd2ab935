//! Writes the `.dvc` file of an import.

use std::path::Path;

use super::dependency::Dependency;
use super::dvc_file::{DvcFile, OutState};
use super::load::{MetafileKind, load};
use super::stage_checksum::stage_checksum;
use super::yaml::{Field, Node, Value, write_document};
use crate::Result;

/// The content of a new `.dvc` file of an import.
#[derive(Debug, Clone)]
pub(crate) struct NewImport<'a> {
    /// The source of the data.
    pub(crate) dependency: Value,
    /// The out, relative to the file.
    pub(crate) out_path: &'a str,
    /// The content of the out, if it was downloaded.
    pub(crate) state: Option<&'a OutState>,
    /// Whether the out may be pushed.
    pub(crate) can_push: bool,
    /// Whether the file gets a checksum of its stage, by which DVC detects edits; not before the source was read.
    pub(crate) has_checksum: bool,
}

impl DvcFile {
    /// Makes the file of an import, not yet written; it replaces an existing file at `path`.
    pub(crate) fn new_import(path: &Path, import: &NewImport<'_>) -> Result<Self> {
        let present = |fields: Vec<Field>| -> Vec<(String, Value)> {
            fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
        };
        let mut out = present(state_fields(import.state));
        out.push(("path".to_owned(), import.out_path.into()));
        if !import.can_push {
            out.push(("push".to_owned(), Value::Bool(false)));
        }
        let mut members = vec![
            ("frozen".to_owned(), Value::Bool(true)),
            ("deps".to_owned(), Value::Sequence(vec![import.dependency.clone()])),
            ("outs".to_owned(), Value::Sequence(vec![Value::Mapping(out)])),
        ];
        if import.has_checksum {
            let text = write_document(&members);
            let shown = path.file_name().unwrap_or_default().to_string_lossy();
            let root = load(MetafileKind::Single, path, &shown, text.as_bytes())?;
            let checksum = root.as_ref().map(stage_checksum).unwrap_or_default();
            members.insert(0, ("md5".to_owned(), Value::Text(checksum)));
        }
        Ok(Self::with_text(path, write_document(&members)))
    }

    /// Records the source and the out in the file of an import; without a state, the state of the out is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`](crate::Error::Metafile) if its YAML cannot be edited (an alias).
    pub(crate) fn set_import(&mut self, dependency: &Dependency, state: Option<&OutState>) -> Result<()> {
        let member = |list: &'static str| {
            move |root: &Node| root.get(list).and_then(|list| list.items().first()).cloned()
        };
        self.edit("the dependency", member("deps"), &dependency.state_fields())?;
        self.edit("the out", member("outs"), &state_fields(state))?;
        self.set_checksum()
    }

    /// Returns whether both files import the same data to the same path: their checksums are equal.
    pub(crate) fn imports_as(&self, other: &Self) -> bool {
        let checksum = |file: &Self| {
            let root = load(MetafileKind::Single, file.path(), "", file.text().as_bytes()).ok().flatten();
            root.and_then(|root| root.get("md5").and_then(Node::as_str).map(str::to_owned))
        };
        checksum(self).is_some_and(|own| checksum(other) == Some(own))
    }
}

/// Returns the members that record the content of an out; without a state, all of them are removed.
pub(super) fn state_fields(state: Option<&OutState>) -> Vec<Field> {
    let Some(state) = state else {
        let gone = ["md5", "size", "nfiles", "isexec", "version_id", "etag", "cloud", "files"];
        return gone.into_iter().map(|key| (key, None)).chain([("hash", Some("md5".into()))]).collect();
    };
    state.fields()
}
