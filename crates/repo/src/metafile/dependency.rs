//! The recorded state of the source of an import in a `.dvc` file.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvc-files#dependency-entries>.

use super::yaml::{Field, Kind, Node, Scalar, Value, display};

/// The source of an import, in its recorded state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependency {
    /// The URL or path as written.
    pub path: String,
    /// The identity of its content; `None` if the source was never read, or if `files` have it.
    pub hash: Option<DependencyHash>,
    /// Size in bytes; for a directory the sum over its files.
    pub size_bytes: Option<u64>,
    /// Number of files of a directory.
    pub n_files: Option<u64>,
    /// Whether the file is executable.
    pub is_exec: bool,
    /// The version id of a file.
    pub version_id: Option<String>,
    /// The files of a directory, each with its version.
    pub files: Option<Vec<DependencyFile>>,
    /// Options of the source for this import alone (`--fs-config`), and `version_aware`.
    pub options: Vec<(String, String)>,
}

/// The identity of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencyHash {
    /// `md5`: of a local file, or of the list of files of any directory.
    Md5(String),
    /// `etag`: of a file in a bucket.
    Etag(String),
    /// `checksum`: of a file on a web server.
    Checksum(String),
}

impl DependencyHash {
    /// Returns the name and the value in the metafile.
    pub fn member(&self) -> (&'static str, &str) {
        match self {
            Self::Md5(value) => ("md5", value),
            Self::Etag(value) => ("etag", value),
            Self::Checksum(value) => ("checksum", value),
        }
    }
}

/// A file of a directory with versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DependencyFile {
    /// The path below the directory.
    pub path: String,
    /// The entity tag.
    pub etag: Option<String>,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
    /// The version id.
    pub version_id: Option<String>,
}

impl Dependency {
    /// Returns whether versions of the source are recorded.
    pub fn is_version_aware(&self) -> bool {
        self.version_id.is_some()
            || self.files.is_some()
            || self.options.iter().any(|(name, value)| name == "version_aware" && value == "true")
    }

    /// Returns whether the source was a directory.
    pub fn is_dir(&self) -> bool {
        let has_list =
            matches!(&self.hash, Some(DependencyHash::Md5(md5)) if md5.strip_suffix(".dir").is_some());
        self.files.is_some() || self.n_files.is_some() || has_list
    }

    /// Reads an entry of `deps`.
    pub(crate) fn read(node: &Node) -> Self {
        let text = |node: &Node, key: &str| {
            let scalar = node.get(key)?.as_scalar()?;
            let is_empty =
                matches!(scalar, Scalar::Null) || matches!(scalar, Scalar::Text(text) if text.is_empty());
            (!is_empty).then(|| display(scalar))
        };
        let number = |node: &Node, key: &str| u64::try_from(node.get(key)?.as_int()?).ok();
        let hash = text(node, "etag").map(DependencyHash::Etag);
        let hash = hash.or_else(|| text(node, "checksum").map(DependencyHash::Checksum));
        let file = |node: &Node| DependencyFile {
            path: text(node, "relpath").unwrap_or_default(),
            etag: text(node, "etag"),
            size_bytes: number(node, "size"),
            version_id: text(node, "version_id"),
        };
        let options = node.get("fs_config").map(Node::entries).unwrap_or_default();
        let option = |key: &Node, value: &Node| {
            let value = match &*value.kind {
                Kind::Scalar(Scalar::Bool(value)) => value.to_string(),
                _ => display(value.as_scalar()?),
            };
            Some((display(key.as_scalar()?), value))
        };
        Self {
            path: text(node, "path").unwrap_or_default(),
            hash: hash.or_else(|| text(node, "md5").map(DependencyHash::Md5)),
            size_bytes: number(node, "size"),
            n_files: number(node, "nfiles"),
            is_exec: node.get("isexec").and_then(Node::as_bool).unwrap_or_default(),
            version_id: text(node, "version_id"),
            files: node.get("files").map(|files| files.items().iter().map(file).collect()),
            options: options.iter().filter_map(|entry| option(&entry.key, &entry.value)).collect(),
        }
    }

    /// Returns the members that record the content, including those to remove.
    pub(crate) fn state_fields(&self) -> Vec<Field> {
        let int = |number: Option<u64>| number.map(|number| Value::Int(number.into()));
        let has_files = self.files.is_some();
        let told = self.hash.as_ref().filter(|_| !has_files).map(DependencyHash::member);
        let told = |name: &str| told.filter(|(found, _)| *found == name).map(|(_, value)| Value::from(value));
        let mut fields = vec![
            ("md5", told("md5")),
            ("etag", told("etag")),
            ("checksum", told("checksum")),
            ("size", int(self.size_bytes.filter(|_| !has_files))),
            ("nfiles", int(self.n_files.filter(|_| !has_files))),
            ("isexec", (self.is_exec && !has_files).then_some(Value::Bool(true))),
            ("version_id", self.version_id.clone().filter(|_| !has_files).map(Value::Text)),
            ("hash", Some("md5".into())),
        ];
        fields.push((
            "files",
            self.files
                .as_ref()
                .map(|files| Value::Sequence(files.iter().map(DependencyFile::value).collect())),
        ));
        fields
    }

    /// Returns the entry of a new file, in DVC's order.
    pub(crate) fn value(&self) -> Value {
        let mut fields = self.state_fields();
        let files = fields.pop();
        let option = |(name, value): &(String, String)| {
            let is_switch = name == "version_aware" && value == "true";
            (name.clone(), if is_switch { Value::Bool(true) } else { Value::Text(value.clone()) })
        };
        let options = Value::Mapping(self.options.iter().map(option).collect());
        fields.push(("path", Some(Value::Text(self.path.clone()))));
        fields.push(("fs_config", (!self.options.is_empty()).then_some(options)));
        fields.extend(files);
        let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Mapping(present.collect())
    }
}

impl DependencyFile {
    fn value(&self) -> Value {
        let fields = [
            ("relpath", Some(Value::Text(self.path.clone()))),
            ("etag", self.etag.clone().map(Value::Text)),
            ("size", self.size_bytes.map(|size_bytes| Value::Int(size_bytes.into()))),
            ("version_id", self.version_id.clone().map(Value::Text)),
        ];
        let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Mapping(present.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metafile::yaml::{parse, write_document};

    #[test]
    fn dependency_is_written_as_it_was_read() {
        for text in [
            "deps:\n- etag: 5d41402abc4b2a76b9719d911017c592\n  size: 5\n  hash: md5\n  path: remote://src/one.txt\n  \
             fs_config:\n    jobs: '2'\n",
            "deps:\n- checksum: '\"ab-1\"'\n  size: 6\n  hash: md5\n  path: https://example.com/one.txt\n",
            "deps:\n- md5: ffdc2e69c4d0f497097e048655b13bd9.dir\n  size: 2\n  nfiles: 2\n  hash: md5\n  path: ../d\n",
            "deps:\n- md5: 401b30e3b8b5d629635a5c613cdb7919\n  size: 2\n  isexec: true\n  hash: md5\n  path: ../f\n",
            "deps:\n- etag: 6e809cbda0732ac4845916a59016f954\n  size: 6\n  version_id: 5384540f.000007\n  hash: md5\n  path: \
             remote://v/one.txt\n  fs_config:\n    version_aware: true\n",
            "deps:\n- hash: md5\n  path: remote://v/dir\n  fs_config:\n    version_aware: true\n  files:\n  - relpath: a\n    \
             etag: 0cc175b9c0f1b6a831c399e269772661\n    size: 1\n    version_id: 1715609d.000005\n",
        ] {
            let root = parse(text).unwrap().unwrap();
            let dependency = Dependency::read(&root.get("deps").unwrap().items()[0]);
            let written = write_document(&[("deps".to_owned(), Value::Sequence(vec![dependency.value()]))]);
            assert_eq!(written, text);
        }
    }
}
