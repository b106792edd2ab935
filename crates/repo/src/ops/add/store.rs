//! Hashing a target, storing it and linking it from the cache.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use haul_config::LinkType;
use haul_storage::progress::{Event, Phase};
use haul_storage::{ErrorKind, Layout, Md5Digest, Oid, OidKind, StoreMode};

use super::{AddOptions, AddTarget};
use crate::index::VersionedFile;
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::dvc_file::OutState;
use crate::ops::manifest_of;
use crate::ops::session::Session;
use crate::workspace::checkout::{Target, Wanted, apply, flavour_of, plan_found};
use crate::workspace::link::link_types;
use crate::workspace::scan::{FileEntry, Found, FoundDir, many};
use crate::workspace::state::FileStamp;
use crate::{DirManifest, Error, Out, Result};

/// Files that are stored in one call.
const STORE_BATCH: usize = 32_768;

/// A target that was hashed, and stored unless the user did not want that.
pub(in crate::ops) struct Stored {
    /// What to record of the out.
    pub(in crate::ops) state: OutState,
    /// What was found at the target, with all hashes.
    pub(in crate::ops) files: Found,
    /// Objects that were new to the cache.
    pub(in crate::ops) n_new: u64,
    /// Files of the target.
    pub(in crate::ops) n_files: u64,
}

/// Hashes a target and stores it; of a directory, only what is at `only` or below it, if that is given.
pub(in crate::ops) fn store(
    session: &Session<'_>,
    options: &AddOptions,
    target: &AddTarget,
    previous: Option<&Out>,
    only: Option<&str>,
) -> Result<Stored> {
    let mut found = session.scanner().look(&target.path)?;
    found.refuse_dangling(&target.path)?;
    let layout = layout_of(session, target, previous, &mut found)?;
    if matches!(found, Found::Nothing | Found::Dangling) {
        let not_there = || does_not_exist(session, target);
        let (Some(within), Some(previous)) = (&target.within, previous) else {
            return Err(not_there());
        };
        return remove_part(session, options, layout, within, previous, found)?.ok_or_else(not_there);
    }
    let mut n_stored = 0;
    if options.no_commit || layout == Layout::Legacy {
        hash(session, target, layout, &mut found)?;
    } else {
        let mode = match link_types(&session.repo.config().cache).first() {
            // What lies behind a link in the place of the out is not ours to make read-only.
            Some(LinkType::Hardlink) if !options.no_relink && !found.is_linked_dir() => StoreMode::Hardlink,
            _ => StoreMode::Copy,
        };
        let files = found.files_mut();
        let stored = only.map_or(0..files.len(), |only| range_below(files, only));
        n_stored += store_files(session, target, mode, &mut files[stored])?;
        if only.is_some() {
            hash(session, target, layout, &mut found)?;
        }
    }
    let n_files = found.files().len() as u64;
    let size_bytes = found.files().iter().map(|file| file.stamp.size_bytes).sum();
    let state = match (&found, &target.within) {
        (Found::File(file), None) => {
            let oid = file.oid().ok_or(Error::Interrupted)?;
            let unchanged = previous.filter(|out| out.oid == Some(oid) && out.layout == layout);
            OutState {
                size_bytes: Some(size_bytes),
                is_exec: file.is_exec(),
                version: unchanged.and_then(|out| out.version.clone()),
                ..OutState::new(oid, layout)
            }
        }
        (Found::Dir(dir), None) => {
            let (manifest, _) = manifest_of(&dir.files)?;
            let oid = store_manifest(session, options, layout, &manifest)?;
            dir_state(
                oid,
                layout,
                Some(size_bytes),
                &manifest,
                keep_versions(previous, layout, &manifest, &found, ""),
            )
        }
        (found, Some(within)) => {
            let part = match found {
                Found::Dir(dir) => {
                    let (manifest, _) = manifest_of(&dir.files)?;
                    // DVC stores the manifest of the part as well; a cache it shares with us looks the same.
                    store_manifest(session, options, layout, &manifest)?;
                    let prefixed = |entry: DirEntry| DirEntry {
                        path: format!("{within}/{}", entry.path).into(),
                        digest: entry.digest,
                    };
                    manifest.into_entries().into_iter().map(prefixed).collect()
                }
                found => found
                    .files()
                    .iter()
                    .map(|file| {
                        let digest = file.digest.ok_or(Error::Interrupted)?;
                        Ok(DirEntry { path: within.as_str().into(), digest })
                    })
                    .collect::<Result<Vec<_>>>()?,
            };
            let old = previous_manifest(session, previous)?;
            let is_appended = old.below(within).is_empty();
            let new = replaced(&old, within, part)?;
            let oid = store_manifest(session, options, layout, &new)?;
            let old_size = previous.and_then(|out| out.size_bytes);
            // As DVC: the sizes of the other files are not known, so the sum is only known in two cases.
            let size = if is_appended && old_size.is_some_and(|size| size > 0) {
                old_size.map(|size| size + size_bytes)
            } else if previous.and_then(|out| out.oid) == Some(oid) {
                old_size
            } else {
                None
            };
            dir_state(oid, layout, size, &new, keep_versions(previous, layout, &new, found, within))
        }
        (Found::Nothing | Found::Dangling, None) => return Err(does_not_exist(session, target)),
    };
    session.cache.sync_found()?;
    Ok(Stored { state, files: found, n_new: n_stored, n_files })
}

/// Returns where the file of a path, or those below the path, are among sorted files.
fn range_below(files: &[FileEntry], path: &str) -> Range<usize> {
    let is_below = |file: &FileEntry| {
        file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let first = files.iter().position(is_below).unwrap_or(files.len());
    let n_below = files[first..].iter().take_while(|file| is_below(file)).count();
    first..first + n_below
}

/// Returns what of a directory is at a path or below it, as if that had been looked at; `None` if there are no files.
pub(in crate::ops) fn found_below(found: &Found, path: &str) -> Option<Found> {
    let files = found.files();
    let shortened = |file: &FileEntry| FileEntry {
        path: file.path[path.len()..].trim_start_matches('/').into(),
        ..file.clone()
    };
    let mut files: Vec<FileEntry> = files[range_below(files, path)].iter().map(shortened).collect();
    match files.as_slice() {
        [] => None,
        [file] if file.path.is_empty() => files.pop().map(Found::File),
        _ => Some(Found::Dir(FoundDir { files, ..FoundDir::default() })),
    }
}

/// Links the target from the cache as the cache types ask for. Returns its files as they are then, or `None` if
/// none of the types works.
pub(in crate::ops) fn relink(
    session: &Session<'_>,
    target: &AddTarget,
    state: &OutState,
    mut files: Found,
) -> Result<Option<Vec<FileEntry>>> {
    let types = link_types(&session.repo.config().cache);
    if types.first() == Some(&LinkType::Hardlink) {
        refresh(target, &mut files);
    }
    let entries: Vec<DirEntry>;
    let wanted = match &files {
        Found::Nothing | Found::Dangling => return Ok(Some(Vec::new())),
        Found::File(file) => Wanted::File {
            size_bytes: Some(file.stamp.size_bytes),
            digest: file.digest.ok_or(Error::Interrupted)?,
            is_exec: state.is_exec && target.within.is_none(),
        },
        Found::Dir(dir) => {
            entries = manifest_of(&dir.files)?.0.into_entries();
            Wanted::Dir(&entries)
        }
    };
    let out = Target { path: &target.path, within: None, wanted, layout: state.layout };
    let linker = session.linker()?;
    let mut plan = plan_found(files, session.cache, &out, Some(&linker), session.cancel)?;
    plan.keep_empty_folders();
    let writes_bytes = linker.writes_bytes();
    let linker = session.note_writes(linker, plan.writes(writes_bytes))?;
    let Session { repo, cache, memo, observer, cancel } = *session;
    let applied = apply(plan, repo.root(), &linker, cache, memo, observer, cancel)?;
    if applied.is_link_failure {
        if let Some((_, error)) = applied.failures.iter().find(|(_, error)| error.hint().is_some()) {
            tracing::warn!("{error}: {}; {}", error.source_text(), error.hint().unwrap_or_default());
        }
        return Ok(None);
    }
    many(applied.failures.into_iter().map(|(_, error)| error).collect())?;
    Ok(Some(applied.files.unwrap_or_default()))
}

/// As DVC: an out of DVC 2 keeps its hash function until its content changes.
fn layout_of(
    session: &Session<'_>,
    target: &AddTarget,
    previous: Option<&Out>,
    found: &mut Found,
) -> Result<Layout> {
    let Some(previous) = previous.filter(|out| out.layout == Layout::Legacy && target.within.is_none())
    else {
        return Ok(Layout::Current);
    };
    hash(session, target, Layout::Legacy, found)?;
    let oid = match &*found {
        Found::Nothing | Found::Dangling => None,
        Found::File(file) => file.oid(),
        Found::Dir(dir) => Some(manifest_of(&dir.files)?.1),
    };
    let is_unchanged = oid.is_some() && oid == previous.oid;
    // Deviation: an unchanged out whose objects are gone is stored in the current layout.
    let mut oids: Vec<_> =
        found.files().iter().filter_map(|file| Some((Layout::Legacy, file.oid()?))).collect();
    oids.extend(oid.map(|oid| (Layout::Legacy, oid)));
    let mut is_stored = is_unchanged;
    if is_unchanged {
        for answer in session.cache.check_many(&oids, session.cancel) {
            is_stored &= answer?.is_some();
        }
    }
    if is_stored {
        return Ok(Layout::Legacy);
    }
    for file in found.files_mut() {
        file.digest = None;
    }
    Ok(Layout::Current)
}

fn hash(session: &Session<'_>, target: &AddTarget, layout: Layout, found: &mut Found) -> Result<()> {
    let failures =
        session.scanner().hash(&target.path, found.files_mut(), flavour_of(layout), session.observer)?;
    many(failures.into_iter().map(|(_, error)| error).collect())
}

/// Stores the files the cache does not have, and fills in all hashes. Returns the number of new objects.
fn store_files(
    session: &Session<'_>,
    target: &AddTarget,
    mode: StoreMode,
    files: &mut [FileEntry],
) -> Result<u64> {
    let layout = Layout::Current;
    session.scanner().recall(files, flavour_of(layout));
    let known: Vec<usize> = (0..files.len()).filter(|&index| files[index].digest.is_some()).collect();
    let sized = |&index: &usize| Some((layout, files[index].oid()?, Some(files[index].stamp.size_bytes)));
    let oids: Vec<_> = known.iter().filter_map(sized).collect();
    for (index, answer) in known.into_iter().zip(session.cache.check_many_sized(&oids, session.cancel)) {
        if answer?.is_none() {
            files[index].digest = None;
        }
    }
    let unknown: Vec<usize> = (0..files.len()).filter(|&index| files[index].digest.is_none()).collect();
    if unknown.is_empty() {
        return Ok(0);
    }
    let clock = session.memo.begin_reading(unknown.iter().map(|&index| files[index].stamp));
    let total_bytes = unknown.iter().map(|&index| files[index].stamp.size_bytes).sum();
    tracing::debug!(n_files = unknown.len(), total_bytes, "storing");
    let n_objects = unknown.len() as u64;
    session.observer.on(Event::Planned { phase: Phase::Caching, n_objects, total_bytes });
    let mut n_stored = 0;
    let mut errors: Vec<Error> = Vec::new();
    let mut is_interrupted = false;
    for batch in unknown.chunks(STORE_BATCH) {
        let paths: Vec<PathBuf> = batch.iter().map(|&index| files[index].full_path(&target.path)).collect();
        let answers = session.cache.store_files(&paths, mode, session.observer, session.cancel);
        for (&index, answer) in batch.iter().zip(answers) {
            match answer {
                Ok(stored) => {
                    n_stored += u64::from(!stored.existed);
                    let stamp = FileStamp::of(&stored.source);
                    let digest: Md5Digest = *stored.oid.digest();
                    if let Some(clock) = &clock {
                        session.memo.record_read(clock, &stamp, flavour_of(layout), digest);
                    }
                    files[index].stamp = stamp;
                    files[index].digest = Some(digest);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => is_interrupted = true,
                Err(error) => errors.push(error.into()),
            }
        }
        // The disk, say: told once, instead of the files that met it or were not tried.
        if let Some(at) = errors.iter().position(Error::ends_run) {
            return Err(errors.swap_remove(at));
        }
        if is_interrupted {
            return Err(Error::Interrupted);
        }
    }
    many(errors)?;
    Ok(n_stored)
}

fn store_manifest(
    session: &Session<'_>,
    options: &AddOptions,
    layout: Layout,
    manifest: &DirManifest,
) -> Result<Oid> {
    let bytes = manifest.to_bytes();
    if options.no_commit {
        return Ok(Oid::dir(haul_storage::hash::md5(&bytes)));
    }
    Ok(session.cache.store_bytes(layout, OidKind::Dir, &bytes)?)
}

/// Takes a part that is gone out of the directory; `None` if there was no such part.
fn remove_part(
    session: &Session<'_>,
    options: &AddOptions,
    layout: Layout,
    within: &str,
    previous: &Out,
    files: Found,
) -> Result<Option<Stored>> {
    let old = previous_manifest(session, Some(previous))?;
    if old.below(within).is_empty() {
        return Ok(None);
    }
    let new = replaced(&old, within, Vec::new())?;
    let oid = store_manifest(session, options, layout, &new)?;
    let versioned = keep_versions(Some(previous), layout, &new, &files, within);
    let state = dir_state(oid, layout, None, &new, versioned);
    Ok(Some(Stored { state, files, n_new: 0, n_files: 0 }))
}

fn previous_manifest(session: &Session<'_>, previous: Option<&Out>) -> Result<DirManifest> {
    let Some((previous, oid)) = previous.and_then(|out| Some((out, out.oid?))) else {
        return Ok(DirManifest::default());
    };
    session.obtain_manifest(previous, &oid)?.ok_or_else(|| {
        let kind = ErrorKind::NotFound;
        let name = session.repo.display_path(&previous.path);
        Error::Storage(
            haul_storage::Error::new(
                kind,
                format!("the list of files of `{name}` (`{oid}`) is not in the cache or on its remote"),
            )
            .with_hint("push it from a copy that has it: haul push"),
        )
    })
}

fn replaced(old: &DirManifest, within: &str, files: Vec<DirEntry>) -> Result<DirManifest> {
    old.replaced(within, files).map_err(|error| Error::BadOut(error.to_string()))
}

fn dir_state(
    oid: Oid,
    layout: Layout,
    size_bytes: Option<u64>,
    manifest: &DirManifest,
    files: Option<Vec<VersionedFile>>,
) -> OutState {
    let n_files = Some(manifest.entries().len() as u64);
    OutState { size_bytes, n_files, files, ..OutState::new(oid, layout) }
}

/// As DVC: a directory whose files stand in the metafile keeps them there, and those that did not change keep the
/// versions that were pushed of them. `found` are the files below `within`.
fn keep_versions(
    previous: Option<&Out>,
    layout: Layout,
    manifest: &DirManifest,
    found: &Found,
    within: &str,
) -> Option<Vec<VersionedFile>> {
    let previous = previous?;
    let old: HashMap<&str, &VersionedFile> =
        previous.files.as_ref()?.iter().map(|file| (file.path.as_str(), file)).collect();
    let below = |path: &str| match (within, path) {
        ("", path) | (path, "") => path.to_owned(),
        (within, path) => format!("{within}/{path}"),
    };
    let new: HashMap<String, &FileEntry> =
        found.files().iter().map(|file| (below(&file.path), file)).collect();
    let files = manifest.entries().iter().map(|entry| {
        let oid = Some(Oid::file(entry.digest));
        let old = old.get(&*entry.path).filter(|old| old.oid == oid && previous.layout == layout);
        let new = new.get(&*entry.path);
        let fresh = VersionedFile {
            path: entry.path.to_string(),
            oid,
            size_bytes: new.map(|file| file.stamp.size_bytes),
            is_exec: new.is_some_and(|file| file.is_exec()),
            version: None,
        };
        old.map_or(fresh, |unchanged| (*unchanged).clone())
    });
    Some(files.collect())
}

/// Takes the number of links anew, after files were linked into the cache.
fn refresh(target: &AddTarget, files: &mut Found) {
    for file in files.files_mut() {
        let path = file.full_path(&target.path);
        if let Ok(mut fresh) = FileEntry::read(&file.path, &path) {
            fresh.digest = file.digest;
            *file = fresh;
        }
    }
}

fn does_not_exist(session: &Session<'_>, target: &AddTarget) -> Error {
    let name = session.repo.display_path(&target.path);
    let message = format!("output '{name}' does not exist");
    let source = io::Error::new(
        io::ErrorKind::NotFound,
        format!("[Errno 2] No such file or directory: '{}'", target.path.display()),
    );
    Error::io(message, source)
}
