//! What is left behind, as a map from path to content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Path → what stands there.
pub(super) type Snapshot = BTreeMap<String, Entry>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    Link(String),
    File { mode: u32, bytes: Vec<u8> },
}

/// Each tool's own scratch space, and Git's.
const PRIVATE: &[&str] =
    &[".git", ".dvc/tmp", "site", "home/.cache", "home/.config/dvc/user_id", "home/.config/dvc/tmp"];

/// Reads the tree below `root`; `words` are replaced in the texts outside the cache.
pub(super) fn take(root: &Path, words: &[(String, &str)]) -> Result<Snapshot> {
    let mut snapshot = Snapshot::new();
    walk(root, "", words, &mut snapshot)?;
    Ok(snapshot)
}

fn walk(dir: &Path, name: &str, words: &[(String, &str)], snapshot: &mut Snapshot) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let below = entry.file_name().to_string_lossy().into_owned();
        let name = if name.is_empty() { below } else { format!("{name}/{below}") };
        if PRIVATE.iter().any(|private| name == *private || name.ends_with(&format!("/{private}"))) {
            continue;
        }
        let path = entry.path();
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            // Two-digit folders of the cache may stay empty; what is in them counts.
            if !name.contains("/cache/files/md5/") {
                snapshot.insert(name.clone(), Entry::Folder);
            }
            walk(&path, &name, words, snapshot)?;
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path)?.to_string_lossy().into_owned();
            snapshot.insert(
                name,
                Entry::Link(replace(target.into_bytes(), words).into_iter().map(char::from).collect()),
            );
        } else {
            let bytes = fs::read(&path)?;
            let bytes = if name.contains("/cache/") { bytes } else { replace(bytes, words) };
            snapshot.insert(name, Entry::File { mode: mode(&metadata), bytes });
        }
    }
    Ok(())
}

fn replace(bytes: Vec<u8>, words: &[(String, &str)]) -> Vec<u8> {
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = words.iter().fold(text, |text, (from, to)| text.replace(from, to));
            without_version_ids(&text).into_bytes()
        }
        Err(error) => error.into_bytes(),
    }
}

/// Version ids are the server's choice: no two are equal.
fn without_version_ids(text: &str) -> String {
    let line = |line: &str| match line.split_once("version_id: ") {
        Some((before, _)) if before.trim().is_empty() => format!("{before}version_id: <id>\n"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    u32::from(metadata.permissions().readonly())
}

/// Reports every difference; paths that match one of `except` may differ.
pub(super) fn compare(dvc: &Snapshot, haul: &Snapshot, except: &[String]) -> Result<()> {
    let mut differences = Vec::new();
    let paths: std::collections::BTreeSet<_> = dvc.keys().chain(haul.keys()).collect();
    for path in paths {
        if except.iter().any(|glob| matches(glob, path)) {
            continue;
        }
        match (dvc.get(path), haul.get(path)) {
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) => {
                differences.push(format!("{path}\n--- dvc\n{}\n--- haul\n{}", show(left), show(right)));
            }
            (Some(left), None) => differences.push(format!("{path}: only with dvc\n{}", show(left))),
            (None, Some(right)) => differences.push(format!("{path}: only with haul\n{}", show(right))),
            (None, None) => {}
        }
    }
    if !differences.is_empty() {
        bail!("{} paths differ\n{}", differences.len(), differences.join("\n"));
    }
    Ok(())
}

/// `*` matches any number of characters, `/` included.
fn matches(glob: &str, path: &str) -> bool {
    match glob.split_once('*') {
        None => glob == path,
        Some((head, tail)) => path.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
        }),
    }
}

fn show(entry: &Entry) -> String {
    match entry {
        Entry::Folder => "folder".to_owned(),
        Entry::Link(target) => format!("link to {target}"),
        Entry::File { mode, bytes } => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
            format!("mode {mode:o}, {} bytes:\n{text}", bytes.len())
        }
    }
}
