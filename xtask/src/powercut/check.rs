//! Checks haul's promises after a power failure.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Lab;
use super::scene::{OUTS, Scene, Verb};
use crate::dataset;

/// Returns the damages in the file system mounted at `mount_point`. `is_done`: the command had ended with exit code 0.
pub(super) fn damages(lab: &Lab, scene: &Scene, mount_point: &Path, is_done: bool) -> Result<Vec<String>> {
    let repo = mount_point.join("repo");
    let mut damages = Vec::new();
    empty_files(&repo, &mut damages)?;
    let (cache, store) = (cache_of(&repo), repo.with_file_name("store").join("files/md5"));
    unsound_objects(&cache, Trusted::ByMode, &mut damages)?;
    let has_only_copy = matches!(scene.verb, Verb::Add | Verb::Commit | Verb::Push | Verb::Store);
    if has_only_copy {
        compare(scene, &repo, "the user's data", &mut damages);
    }
    if is_done {
        lost_objects(scene, &cache, "are lost after exit code 0", &mut damages)?;
        if scene.verb == Verb::Store {
            lost_objects(scene, &store, "are lost on the remote after exit code 0", &mut damages)?;
        }
        let metafile = fs::read_to_string(repo.join("data.dvc")).unwrap_or_default();
        if metafile.is_empty() {
            damages.push("`data.dvc` is lost after exit code 0".to_owned());
        }
        if scene.verb == Verb::Push && !metafile.contains("version_id") {
            damages.push("the versions that were pushed are not recorded after exit code 0".to_owned());
        }
    }
    // A command that reported success need not run again.
    let mut next: Vec<Vec<&str>> = Vec::new();
    if !is_done || matches!(scene.verb, Verb::Checkout | Verb::Push | Verb::Store) {
        next.push(scene.verb.arguments());
    }
    next.extend([vec!["checkout"], vec!["status"]]);
    for arguments in next {
        let (is_good, output) = lab.ask(&lab.client, &repo, &arguments)?;
        let says = output.lines().last().unwrap_or_default();
        if !is_good {
            damages.push(format!("`{}` fails afterwards: {says}", arguments.join(" ")));
        } else if arguments == ["status"] && !output.contains("up to date") {
            damages.push(format!("`status` says: {}", output.replace('\n', "; ")));
        }
    }
    compare(scene, &repo, "the workspace", &mut damages);
    unsound_objects(&cache, Trusted::ByMode, &mut damages)?;
    if scene.verb == Verb::Store {
        // What the push that was cut has left, another clone would fetch.
        lost_objects(scene, &store, "are not on the remote after the next push", &mut damages)?;
        unsound_objects(&store, Trusted::ByName, &mut damages)?;
    }
    Ok(damages)
}

/// Returns the object database of a repository.
pub(super) fn cache_of(repo: &Path) -> PathBuf {
    repo.join(".dvc/cache/files/md5")
}

/// What makes an object one that is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trusted {
    ByMode,
    ByName,
}

fn lost_objects(scene: &Scene, database: &Path, how: &str, damages: &mut Vec<String>) -> Result<()> {
    let found: BTreeSet<PathBuf> = objects(database)?.into_iter().map(|(path, _)| path).collect();
    let n_lost = scene.objects.difference(&found).count();
    if n_lost > 0 {
        damages.push(format!("{n_lost} of {} objects {how}", scene.objects.len()));
    }
    Ok(())
}

fn compare(scene: &Scene, repo: &Path, what: &str, damages: &mut Vec<String>) {
    for out in OUTS {
        if let Err(error) = dataset::compare(&repo.join(out), &scene.golden.join(out)) {
            damages.push(format!("{what} is not whole: {error}"));
        }
    }
}

fn empty_files(repo: &Path, damages: &mut Vec<String>) -> Result<()> {
    for name in [".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "data.dvc", "big.dvc"] {
        match fs::metadata(repo.join(name)) {
            Ok(metadata) if metadata.len() == 0 => damages.push(format!("`{name}` is empty")),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Finds objects that are trusted and have other bytes than their names say.
fn unsound_objects(database: &Path, by: Trusted, damages: &mut Vec<String>) -> Result<()> {
    let trusted: Vec<PathBuf> = objects(database)?
        .into_iter()
        .filter(|(_, mode)| by == Trusted::ByName || mode & 0o7777 == 0o444)
        .map(|(path, _)| database.join(path))
        .collect();
    if trusted.is_empty() {
        return Ok(());
    }
    let output = Command::new("md5sum").args(&trusted).output().context("cannot run md5sum")?;
    let sums = String::from_utf8(output.stdout)?;
    for (line, path) in sums.lines().zip(&trusted) {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = format!("{folder}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if line.get(..32) != name.get(..32) {
            let size = fs::metadata(path)?.len();
            damages.push(format!("the object {name} ({size} bytes) is trusted and has other bytes"));
        }
    }
    Ok(())
}

/// Returns the objects of a database, with their modes; temporary files are none.
pub(super) fn objects(database: &Path) -> Result<Vec<(PathBuf, u32)>> {
    let mut objects = Vec::new();
    let folders = match fs::read_dir(database) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(objects),
        other => other?,
    };
    for folder in folders {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.len() >= 30 && !name.starts_with('.') {
                let path = PathBuf::from(folder.file_name()).join(name);
                objects.push((path, file.metadata()?.permissions().mode()));
            }
        }
    }
    objects.sort();
    Ok(objects)
}
