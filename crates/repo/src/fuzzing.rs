//! Properties that hold for any metafile and any directory manifest: the fuzz targets `dvc-file`, `dvc-yaml`, `dvc-lock`
//! and `manifest` (feature `fuzzing`).

use std::path::Path;

use haul_storage::{Layout, Oid};

use crate::index::read_for_fuzzing;
use crate::metafile::dir_manifest::DirManifest;
use crate::metafile::dvc_file::{DvcFile, DvcLock, OutState};
use crate::metafile::template::context::{FileContent, ReadFiles};

fn state() -> OutState {
    let oid = Oid::file([0xab; 16]);
    OutState { size_bytes: Some(12), ..OutState::new(oid, Layout::Current) }
}

fn directory_state() -> OutState {
    let oid = Oid::dir([0xcd; 16]);
    OutState { size_bytes: Some(4096), n_files: Some(7), ..OutState::new(oid, Layout::Current) }
}

/// Returns the comments that have a line of their own.
fn comments(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with('#')).collect()
}

/// Reads a `.dvc` file as a stage, and records another file, and then a directory, in each of its outs.
///
/// # Panics
///
/// If a property does not hold: an unchanged file is not written; comments stay; a recorded state is read back, and
/// recording it again changes nothing.
pub fn dvc_file(bytes: &[u8]) {
    let path = Path::new("/repo/f.dvc");
    drop(read_for_fuzzing(path, bytes, None, &Params(b"")));
    let Ok(file) = DvcFile::from_bytes(path, bytes.to_vec()) else { return };
    assert_eq!(file.text().as_bytes(), bytes);
    assert!(!file.is_changed());
    for position in 0..3 {
        let mut edited = file.clone();
        for state in [state(), directory_state()] {
            if edited.set_state(position, &state).is_err() {
                break;
            }
            assert_eq!(comments(edited.text()), comments(file.text()), "{:?}", edited.text());
            let read = DvcFile::from_bytes(path, edited.text().as_bytes().to_vec());
            let mut read = read.unwrap_or_else(|error| panic!("{error}: {:?}", edited.text()));
            assert!(read.set_state(position, &state).is_ok());
            assert!(!read.is_changed(), "{:?} becomes {:?}", edited.text(), read.text());
            let stages = read_for_fuzzing(path, edited.text().as_bytes(), None, &Params(b""));
            if let Ok(outs) = stages {
                assert_eq!(outs[position].oid, Some(state.oid), "{:?}", edited.text());
                assert_eq!(outs[position].size_bytes, state.size_bytes);
            }
        }
    }
}

/// Reads a `dvc.yaml`, and after lines of `---` its `dvc.lock` and `params.yaml`.
pub fn dvc_yaml(bytes: &[u8]) {
    let (definition, rest) = cut(bytes);
    let (lock, params) = rest.map_or((None, None), |rest| {
        let (lock, params) = cut(rest);
        (Some(lock), params)
    });
    let files = Params(params.unwrap_or_default());
    drop(read_for_fuzzing(Path::new("/repo/dvc.yaml"), definition, lock, &files));
}

/// Splits at the first line of `---`.
fn cut(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mark = b"\n---\n";
    match bytes.windows(mark.len()).position(|window| window == mark) {
        Some(position) => (&bytes[..position], Some(&bytes[position + mark.len()..])),
        None => (bytes, None),
    }
}

/// A repository whose only file is a `params.yaml` with this content.
struct Params<'a>(&'a [u8]);

impl ReadFiles for Params<'_> {
    fn read(&self, path: &Path) -> std::io::Result<Option<FileContent>> {
        Ok((path == Path::new("/repo/params.yaml")).then(|| FileContent::File(self.0.to_vec())))
    }

    fn shown(&self, path: &Path) -> String {
        path.display().to_string()
    }
}

/// Reads a `dvc.lock`, and records another file in the out `f` of the stage `a`.
///
/// # Panics
///
/// If a property of [`dvc_file`] does not hold.
pub fn dvc_lock(bytes: &[u8]) {
    let path = Path::new("/repo/dvc.lock");
    let Ok(mut file) = DvcLock::from_bytes(path, bytes.to_vec()) else { return };
    assert_eq!(file.text().as_bytes(), bytes);
    for state in [state(), directory_state()] {
        let before = comments(file.text()).join("\n");
        if file.set_state("a", "f", &state).is_err() {
            return;
        }
        assert_eq!(comments(file.text()).join("\n"), before, "{:?}", file.text());
        let read = DvcLock::from_bytes(path, file.text().as_bytes().to_vec());
        let mut read = read.unwrap_or_else(|error| panic!("{error}: {:?}", file.text()));
        assert!(read.set_state("a", "f", &state).is_ok());
        assert_eq!(read.text(), file.text());
    }
}

/// Reads a directory manifest.
///
/// # Panics
///
/// If a property does not hold: its paths are sorted, different and inside the directory; what is written is read back
/// unchanged.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = DirManifest::parse(bytes) else { return };
    let paths: Vec<&str> = manifest.entries().iter().map(|entry| &*entry.path).collect();
    assert!(paths.is_sorted_by(|one, next| one < next));
    for path in &paths {
        let inside = crate::paths::normalize(&Path::new("/out").join(path));
        assert!(
            inside.starts_with("/out") && inside.components().count() == path.split('/').count() + 2,
            "{path:?}"
        );
        assert!(!path.contains('\0'));
        assert!(manifest.get(path).is_some());
        assert_eq!(manifest.below(path).len(), 1);
        assert!(path.rsplit_once('/').is_none_or(|(folder, _)| !manifest.below(folder).is_empty()));
    }
    let written = manifest.to_bytes();
    assert!(written.is_ascii());
    let again = DirManifest::parse(&written).expect("it is ours");
    assert_eq!(again, manifest);
    assert_eq!(again.to_bytes(), written);
    if let Some(path) = paths.first() {
        let without = manifest.replaced(path, Vec::new()).expect("less is no contradiction");
        assert_eq!(without.entries().len(), paths.len() - 1);
    }
}
