//! The file of one level.

use std::io;
use std::path::{Path, PathBuf};

use super::resolve::{holds_path, resolve};
use super::tree::{Leaf, Node, Table};
use crate::ini::{Document, Outline, Value};
use crate::{Env, Error, Level, Origin, Result, SectionName, keys, mask_urls};

/// The file of one level, as text and as options.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) level: Level,
    pub(super) path: PathBuf,
    pub(super) document: Document,
    pub(super) table: Table,
    /// Whether there is such a file.
    pub(super) exists: bool,
}

impl Layer {
    /// Whether the file is for its owner alone: one of a user or a checkout that holds a secret.
    ///
    /// Deviation: DVC leaves `config.local` readable for all users of a machine, also with keys and passwords in it; haul
    /// takes that right away when it writes a file that holds one.
    pub(super) fn is_private(&self) -> bool {
        let is_secret = |path: &[&str], leaf: &Leaf| {
            let has_password = matches!(&leaf.raw, Value::Text(text) if mask_urls(text) != *text);
            has_password || !keys::is_harmless(path)
        };
        matches!(self.level, Level::Local | Level::Global)
            && self.table.flatten().iter().any(|(path, leaf)| is_secret(path, leaf))
    }

    /// Reads a file; one that does not exist is empty.
    pub(super) fn load(level: Level, path: &Path, env: &Env) -> Result<Self> {
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    level,
                    path: path.to_owned(),
                    document: Document::default(),
                    table: Table::default(),
                    exists: false,
                });
            }
            Err(source) => return Err(Error::Io { action: "read", path: path.to_owned(), source }),
        };
        Self::parse(level, path, bytes, env)
    }

    /// Takes bytes as the content of the file.
    pub(super) fn parse(level: Level, path: &Path, bytes: Vec<u8>, env: &Env) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.split(|&byte| byte == b'\n').skip(1).count();
            Error::Parse { path: path.to_owned(), line: Some(line), message: not_utf8(&error) }
        })?;
        let document = Document::parse(&text).map_err(|error| Error::Parse {
            path: path.to_owned(),
            line: Some(error.line),
            message: error.message,
        })?;
        Self::new(level, path, document, env)
    }

    /// Takes a document as the content of the file.
    pub(super) fn new(level: Level, path: &Path, document: Document, env: &Env) -> Result<Self> {
        let reader = Reader {
            level,
            path,
            outline: document.outline(),
            lines: document.first_lines(),
            document: &document,
        };
        let mut table = parse_named(&reader.table(0)?);
        let folder = path.parent().unwrap_or(Path::new(""));
        table.change_leaves(&mut Vec::new(), &mut |path, leaf| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if let (true, Value::Text(text)) = (holds_path(&path), &leaf.raw) {
                leaf.value = Value::Text(resolve(folder, text, env));
            }
        });
        Ok(Self { level, path: path.to_owned(), document, table, exists: true })
    }
}

/// Words it as Python does.
fn not_utf8(error: &std::string::FromUtf8Error) -> String {
    let (bytes, problem) = (error.as_bytes(), error.utf8_error());
    let start = problem.valid_up_to();
    let length = problem.error_len().unwrap_or(bytes.len() - start);
    let reason = match (problem.error_len(), bytes[start]) {
        (None, _) => "unexpected end of data",
        (Some(_), 0xc2..=0xf4) => "invalid continuation byte",
        (Some(_), _) => "invalid start byte",
    };
    if length > 1 {
        return format!(
            "'utf-8' codec can't decode bytes in position {start}-{}: {reason}",
            start + length - 1
        );
    }
    format!("'utf-8' codec can't decode byte 0x{:02x} in position {start}: {reason}", bytes[start])
}

struct Reader<'a> {
    level: Level,
    path: &'a Path,
    document: &'a Document,
    outline: Outline,
    lines: Vec<usize>,
}

impl Reader<'_> {
    fn origin(&self, item: usize) -> Origin {
        Origin::File { level: self.level, path: self.path.to_owned(), line: self.lines[item] }
    }

    /// Collects a section with its keys in lower case: of two that are equal then, the later wins.
    fn table(&self, number: usize) -> Result<Table> {
        let section = &self.outline[number];
        let mut table = Table::new(section.header.map(|item| self.origin(item)));
        for &item in &section.entries {
            let interpolated = self.document.interpolated(&self.outline, number, item);
            let raw = interpolated.map_err(|error| Error::Interpolation {
                path: self.path.to_owned(),
                line: self.lines[error.item],
                message: error.message,
            })?;
            let leaf = Leaf { value: raw.clone(), raw, origin: self.origin(item) };
            table.insert(&self.document.key(item).to_lowercase(), Node::Leaf(leaf));
        }
        for &inner in &section.sections {
            let name = self.outline[inner].name.to_lowercase();
            table.insert(&name, Node::Table(self.table(inner)?));
        }
        Ok(table)
    }
}

/// Turns `remote "name"` into a part of `remote`, and so on; these come first, as in DVC.
fn parse_named(sections: &Table) -> Table {
    let mut table = Table::default();
    for kind in ["remote", "machine", "db"] {
        table.table_mut(kind);
    }
    for (key, node) in sections.iter() {
        match (SectionName::from_header(key), node) {
            (SectionName::Plain(_), _) | (_, Node::Leaf(_)) => table.insert(key, node.clone()),
            (name, Node::Table(_)) => {
                if let [kind, inner] = name.path().as_slice() {
                    table.table_mut(kind).insert(inner, node.clone());
                }
            }
        }
    }
    table
}
