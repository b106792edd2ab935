//! Targets and paths.

use std::path::Path;

use clap_complete::engine::CompletionCandidate;
use haul_repo::Repo;
use haul_repo::nearby::{NameKind, names_in};

use super::{Place, candidate, directory_of, split_path};

/// Finds tracked data, `.dvc` files and stages; with `stages_only`, the latter two.
pub(super) fn targets(place: &Place, typed: &str, stages_only: bool) -> Vec<CompletionCandidate> {
    let Ok(repo) = Repo::glance(&place.env) else { return any(place, typed, false) };
    let (directory, name) = split_path(typed);
    if let Some((file, stage)) = name.split_once(':') {
        let prefix = format!("{directory}{file}:");
        let found = names_in(&repo, &directory_of(place, directory)).into_iter();
        let stages = found.filter(|found| found.kind == NameKind::Stage && found.name.starts_with(stage));
        return stages.map(|found| candidate(prefix.clone() + &found.name, "stage")).collect();
    }
    let mut candidates = Vec::new();
    for found in names_in(&repo, &directory_of(place, directory)) {
        let (end, about) = match found.kind {
            NameKind::File => ("", "tracked file"),
            NameKind::Member => ("", "file in a tracked directory"),
            NameKind::Directory => ("", "tracked directory"),
            NameKind::Way => ("/", "directory"),
            NameKind::Metafile => ("", ".dvc file"),
            NameKind::Stage if directory.is_empty() => ("", "stage"),
            NameKind::Pipeline if !directory.is_empty() => (":", "stages"),
            _ => continue,
        };
        let is_data = matches!(found.kind, NameKind::File | NameKind::Member | NameKind::Directory);
        if found.name.starts_with(name) && !(stages_only && is_data) {
            candidates.push(candidate(format!("{directory}{}{end}", found.name), about));
            // What is in it is a target, too.
            if found.kind == NameKind::Directory && found.name == name {
                candidates.push(candidate(format!("{directory}{}/", found.name), "its files"));
            }
        }
    }
    candidates
}

/// Finds paths in the repository that the argument `url` names, if it is on this machine: its data and its files.
pub(super) fn of_repository(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let Some(url) = place.argument("url") else { return Vec::new() };
    let root = place.env.absolute(&url);
    if !root.is_dir() {
        return Vec::new();
    }
    let there = Place { env: place.env.clone().with_current_dir(root), before: Vec::new() };
    let mut candidates = any(&there, typed, false);
    for found in targets(&there, typed, false) {
        let is_known = |known: &CompletionCandidate| {
            let known = known.get_value().to_string_lossy();
            known.trim_end_matches('/') == found.get_value().to_string_lossy().trim_end_matches('/')
        };
        let is_stage = found.get_help().is_some_and(|help| help.to_string().starts_with("stage"));
        if !is_stage && !candidates.iter().any(is_known) {
            candidates.push(found);
        }
    }
    candidates
}

/// Finds paths on this machine; with `directories_only`, directories.
pub(super) fn any(place: &Place, typed: &str, directories_only: bool) -> Vec<CompletionCandidate> {
    let (directory, name) = split_path(typed);
    let mut candidates = Vec::new();
    for entry in fs_err::read_dir(directory_of(place, directory)).into_iter().flatten().filter_map(Result::ok)
    {
        let Ok(found) = entry.file_name().into_string() else { continue };
        let is_dir = entry.path().is_dir();
        let is_hidden = found.starts_with('.') && !name.starts_with('.');
        if is_hidden || !found.starts_with(name) || (directories_only && !is_dir) {
            continue;
        }
        candidates.push(format!("{directory}{found}{}", if is_dir { "/" } else { "" }));
    }
    if directories_only && typed.is_empty() && Path::new(directory).as_os_str().is_empty() {
        candidates.push(String::from("."));
    }
    candidates.sort();
    candidates.into_iter().map(|path| candidate(path, "")).collect()
}
