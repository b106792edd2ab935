//! The data of a commit, of the metafiles of the workspace, and of the workspace itself, to be compared.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::import::ImportChain;
use super::learn::{NoRemote, learn_in};
use super::session::Session;
use crate::data_tree::{DataObject, DataTree, Portion, Side, Sided};
use crate::index::Selected;
use crate::ops::Failure;
use crate::paths::posix;
use crate::tree::Tree;
use crate::workspace::checkout::flavour_of;
use crate::workspace::scan::Found;
use crate::{Error, Index, Out, Project, Repo, Result, Selection};

/// Portions of outs, by their paths below the root.
pub(super) type Portions = HashMap<String, Portion>;

/// Which outs take part, or which portions of them; `None` means all.
pub(super) type Wanted = Option<Portions>;

/// Adds the outs of a selection, by their paths below the root of `repo`.
fn add_portions(portions: &mut Portions, repo: &Repo, index: &Index, outs: &[Selected]) {
    for selected in outs {
        let Some(key) = repo.relative(&index.outs[selected.out].path).and_then(|path| posix(path).ok())
        else {
            continue;
        };
        let within = selected.within.clone();
        let portion = within.map_or(Portion::Whole, |path| Portion::Below(BTreeSet::from([path])));
        match portions.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().add(portion),
            Entry::Vacant(new) => drop(new.insert(portion)),
        }
    }
}

fn portion(wanted: &Wanted, path: &str) -> Option<Portion> {
    match wanted {
        None => Some(Portion::Whole),
        Some(wanted) => wanted.get(path).cloned(),
    }
}

/// Returns the data that the metafiles of a commit name.
pub(super) async fn of_commit(
    session: &Session<'_>,
    project: &Project,
    is_granular: bool,
    selection: &Wanted,
) -> Result<Side> {
    let mut tree = project.data_tree()?;
    if is_granular {
        learn_what_is_there(project.repo(), session, &mut tree).await?;
    }
    Ok(Side::of_tree(&tree, is_granular, &|path| portion(selection, path)))
}

/// Makes the directories known whose lists of files can be had. As in DVC, without a remote those in the cache can.
async fn learn_what_is_there(repo: &Repo, session: &Session<'_>, tree: &mut DataTree<'_>) -> Result<()> {
    let place = (repo, Some(session.cache));
    learn_in(place, tree, "", &ImportChain::default(), NoRemote::IsNothing).await?;
    Ok(())
}

/// Returns the data that metafiles of the workspace name.
pub(super) async fn of_metafiles(
    session: &Session<'_>,
    files: &dyn Tree,
    index: &Index,
    is_granular: bool,
    selection: &Wanted,
) -> Result<Side> {
    let mut tree = DataTree::new(files, index, session.repo.root());
    if is_granular {
        learn_what_is_there(session.repo, session, &mut tree).await?;
    }
    Ok(Side::of_tree(&tree, is_granular, &|path| portion(selection, path)))
}

/// Hashes what the workspace has at the paths of the outs. The lock of the repository is held.
pub(super) fn of_workspace(
    session: &Session<'_>,
    index: &Index,
    is_granular: bool,
    selection: &Wanted,
) -> Result<(Side, Vec<Failure>)> {
    let hashed: Vec<Result<Vec<(String, Sided)>>> = index
        .outs
        .par_iter()
        .map(|out| {
            session.check_cancelled()?;
            // What is not cached is a file of the workspace like any other.
            let Some(path) = session.key(&out.path).filter(|_| out.use_cache) else { return Ok(Vec::new()) };
            match portion(selection, &path) {
                Some(portion) => hash_out(session, out, &path, is_granular, &portion),
                None => Ok(Vec::new()),
            }
        })
        .collect();
    let mut side = Side::default();
    let mut failed = Vec::new();
    for (out, hashed) in index.outs.iter().zip(hashed) {
        match hashed {
            Ok(entries) => side.entries.extend(entries),
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => {
                let subject = session.repo.display_path(&out.path);
                failed.push(Failure { subject, path: Some(out.path.clone()), error });
            }
        }
    }
    Ok((side, failed))
}

fn hash_out(
    session: &Session<'_>,
    out: &Out,
    path: &str,
    is_granular: bool,
    portion: &Portion,
) -> Result<Vec<(String, Sided)>> {
    let found = session.scanner().scan(&out.path, flavour_of(out.layout), session.observer)?;
    let object = |oid| Some(DataObject { layout: out.layout, oid });
    Ok(match found {
        Found::Nothing | Found::Dangling => Vec::new(),
        Found::File(entry) => {
            let oid = entry.oid().ok_or(Error::Interrupted)?;
            let sided = Sided { is_dir: false, object: object(oid) };
            if portion.is_whole() { vec![(path.to_owned(), sided)] } else { Vec::new() }
        }
        Found::Dir(dir) => {
            let (manifest, oid) = super::manifest_of(&dir.files)?;
            let mut entries = Vec::new();
            if portion.is_whole() {
                entries.push((path.to_owned(), Sided { is_dir: true, object: object(oid) }));
            }
            if is_granular {
                entries.extend(portion.of(&manifest).into_iter().map(|file| {
                    let object = object(haul_storage::Oid::file(file.digest));
                    (format!("{path}/{}", file.path), Sided { is_dir: false, object })
                }));
            }
            entries
        }
    })
}

/// Returns which outs of `index` targets name; `None` for a target that it does not have.
pub(super) fn selected(repo: &Repo, index: &Index, targets: &[String]) -> Result<(Portions, Vec<String>)> {
    let mut found = HashMap::new();
    let mut missing = Vec::new();
    for target in targets {
        match Selection::resolve_in(repo, index, target) {
            Ok(selection) => add_portions(&mut found, repo, &selection.index, &selection.outs),
            Err(Error::TargetNotFound { .. }) => missing.push(target.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok((found, missing))
}
