//! What differs between an out and what it should be.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use haul_storage::progress::Observer;
use haul_storage::{Cache, CancellationToken, Layout, Md5Digest, Oid};

use super::flavour_of;
use crate::metafile::dir_manifest::DirEntry;
use crate::paths::{MAX_PATH_BYTES, is_absence};
use crate::workspace::link::Linker;
use crate::workspace::scan::{FileEntry, Found, FoundDir, Scanner, many};
use crate::{Error, Result};

/// What an out, or a part of one, should be.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// A file.
    File {
        /// Its content.
        digest: Md5Digest,
        /// Its recorded size in bytes.
        size_bytes: Option<u64>,
        /// The owner may execute it.
        is_exec: bool,
    },
    /// A directory with these files, sorted by path.
    Dir(&'a [DirEntry]),
}

/// What to compare.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The out, absolute.
    pub path: &'a Path,
    /// The file or directory of the out that is asked for, with `/`; the rest is left alone.
    pub within: Option<&'a str>,
    /// What it should be. For a part, the entries of that part.
    pub wanted: Wanted<'a>,
    /// Where its objects lie.
    pub layout: Layout,
}

/// A file to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Create {
    /// The path below the out; empty for the out itself.
    pub(super) path: Box<str>,
    pub(super) oid: Oid,
    /// The file that is there now.
    pub(super) over: Option<FileEntry>,
    /// There is a symbolic link to nothing, which holds no data.
    pub(super) is_over_dangling: bool,
    /// The content is right already, only the kind of link is not.
    pub(super) is_relink: bool,
}

/// What it takes to make an out what it should be.
#[derive(Debug, Clone)]
pub struct OutPlan {
    pub(super) path: PathBuf,
    pub(super) layout: Layout,
    pub(super) is_dir: bool,
    pub(super) is_exec: bool,
    pub(super) create: Vec<Create>,
    pub(super) delete: Vec<FileEntry>,
    /// Symbolic links to nothing that should not be there.
    pub(super) delete_dangling: Vec<Box<str>>,
    /// Temporary files of ours, left by a process that was killed.
    pub(super) stale: Vec<Box<str>>,
    /// Directories that should not be there, the outermost last.
    pub(super) delete_folders: Vec<Box<str>>,
    /// Files that are right as they are.
    pub(super) unchanged: Vec<FileEntry>,
    /// The file only lacks the right to be executed.
    pub(super) chmod: bool,
    /// Tells that there was nothing at the path of the out.
    pub existed: bool,
    /// Files whose object the cache does not have; paths below the out.
    pub missing: Vec<(Box<str>, Oid)>,
}

impl OutPlan {
    /// Tells that there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.stale.is_empty() && !self.changes()
    }

    /// Tells whether anything but the kind of links changes.
    pub fn changes(&self) -> bool {
        self.chmod
            || self.create.iter().any(|create| !create.is_relink)
            || !self.delete.is_empty()
            || !self.delete_dangling.is_empty()
            || !self.delete_folders.is_empty()
            || (!self.existed && self.missing.is_empty())
    }

    /// Tells that all of it is to make files where none are.
    pub(crate) fn only_adds(&self) -> bool {
        self.create.iter().all(|create| create.over.is_none())
            && self.delete.is_empty()
            && self.delete_dangling.is_empty()
            && self.delete_folders.is_empty()
            && !self.chmod
    }

    /// Returns the files that will get bytes of their own, with their objects; `writes_bytes` is what the linker says.
    /// Absolute paths.
    pub(crate) fn writes(&self, writes_bytes: bool) -> impl Iterator<Item = (PathBuf, Layout, Oid)> {
        let creates: &[Create] = if writes_bytes || self.is_exec { &self.create } else { &[] };
        creates.iter().map(|create| {
            let path = if create.path.is_empty() { self.path.clone() } else { self.path.join(&*create.path) };
            (path, self.layout, create.oid)
        })
    }

    /// Leaves directories that hold no file where they are, as `dvc add` does; `dvc checkout` removes them.
    pub(crate) fn keep_empty_folders(&mut self) {
        self.delete_folders.clear();
    }

    /// Returns the path of the out, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the files that will be deleted, or replaced by other content.
    fn victims(&self) -> impl Iterator<Item = &FileEntry> {
        let replaced =
            self.create.iter().filter(|create| !create.is_relink).filter_map(|create| create.over.as_ref());
        self.delete.iter().chain(replaced)
    }

    /// Returns the paths of all files that will be deleted, or replaced by other content. Absolute paths.
    pub(crate) fn victim_paths(&self) -> Vec<PathBuf> {
        self.victims().map(|entry| entry.full_path(&self.path)).collect()
    }

    /// Returns the files whose content would be lost: it is neither wanted here nor in the cache. Absolute paths.
    pub fn unsaved(&self, cache: &Cache, cancel: &CancellationToken) -> Result<Vec<PathBuf>> {
        let victims: Vec<&FileEntry> = self.victims().collect();
        // An object of another size than the file is damaged, and the file the only copy.
        let oids: Vec<_> = victims
            .iter()
            .filter_map(|entry| Some((self.layout, entry.oid()?, Some(entry.stamp.size_bytes))))
            .collect();
        if oids.len() != victims.len() {
            return Err(Error::Interrupted);
        }
        let mut unsaved = Vec::new();
        for (entry, answer) in victims.iter().zip(cache.check_many_sized(&oids, cancel)) {
            if answer?.is_none() {
                unsaved.push(entry.full_path(&self.path));
            }
        }
        Ok(unsaved)
    }
}

/// Compares an out with what it should be. With `relink`, right files are made again where they are not
/// linked as that linker would link them.
pub fn plan(
    scanner: &Scanner<'_>,
    cache: &Cache,
    target: &Target<'_>,
    relink: Option<&Linker>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<OutPlan> {
    let mut found = scanner.look(target.path)?;
    if let (Found::Dir(dir), Wanted::Dir(wanted)) = (&mut found, target.wanted) {
        find_ignored(dir, target.path, wanted)?;
    }
    if let (Found::Dir(dir), Some(within)) = (&mut found, target.within) {
        dir.files.retain(|entry| is_at_or_below(&entry.path, within));
        dir.folders.retain(|path| is_at_or_below(path, within));
        dir.dangling.retain(|path| is_at_or_below(path, within));
    }
    let failures = scanner.hash(target.path, found.files_mut(), flavour_of(target.layout), observer)?;
    many(failures.into_iter().map(|(_, error)| error).collect())?;
    plan_found(found, cache, target, relink, cancel)
}

/// Adds the wanted files that are there and ignored: they were tracked before a rule named them.
///
/// Deviation: a tracked file that `.dvcignore` names is left alone as long as it is right, and kept if it has unsaved
/// changes. DVC writes it anew in each checkout, and says each time that its directory changed.
fn find_ignored(dir: &mut FoundDir, root: &Path, wanted: &[DirEntry]) -> Result<()> {
    if dir.ignored.is_empty() {
        return Ok(());
    }
    let is_ignored = |entry: &&DirEntry| {
        dir.ignored.contains(&entry.path) || ancestors(&entry.path).any(|folder| dir.ignored.contains(folder))
    };
    let mut found = Vec::new();
    for entry in wanted.iter().filter(is_ignored) {
        let path = root.join(&*entry.path);
        match FileEntry::read(&entry.path, &path) {
            Ok(file) if path.is_file() => found.push(file),
            // A directory in the way is an error when the file is to be made.
            Ok(_) => {}
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(Error::io("cannot look at the workspace", error)),
        }
    }
    dir.files.extend(found);
    dir.files.sort_unstable_by(|left, right| left.path.cmp(&right.path));
    Ok(())
}

/// Does [`plan`] with what was found already.
pub(crate) fn plan_found(
    found: Found,
    cache: &Cache,
    target: &Target<'_>,
    relink: Option<&Linker>,
    cancel: &CancellationToken,
) -> Result<OutPlan> {
    let is_symlink = found.is_linked_dir();
    let mut plan = OutPlan {
        path: target.path.to_owned(),
        layout: target.layout,
        is_dir: matches!(target.wanted, Wanted::Dir(_)),
        is_exec: matches!(target.wanted, Wanted::File { is_exec: true, .. }),
        create: Vec::new(),
        delete: Vec::new(),
        delete_dangling: Vec::new(),
        stale: Vec::new(),
        delete_folders: Vec::new(),
        unchanged: Vec::new(),
        chmod: false,
        existed: !matches!(found, Found::Nothing),
        missing: Vec::new(),
    };
    match (target.wanted, found) {
        (Wanted::File { digest, is_exec, .. }, Found::File(entry)) => {
            let lacks_bit = is_exec && entry.digest == Some(digest) && entry.mode & 0o100 == 0;
            // Through a link, the bit would be set on the object that all links share.
            if lacks_bit && (entry.is_symlink || entry.n_links > 1) {
                let (oid, over) = (Oid::file(digest), Some(entry));
                plan.create.push(Create {
                    path: "".into(),
                    oid,
                    over,
                    is_over_dangling: false,
                    is_relink: false,
                });
            } else {
                plan.chmod = lacks_bit;
                plan.compare_files(&[DirEntry { path: "".into(), digest }], vec![entry]);
            }
        }
        (Wanted::File { digest, .. }, found) => {
            let is_over_dangling = matches!(found, Found::Dangling);
            if let Found::Dir(dir) = found {
                plan.refuse_symlink(dir.is_symlink)?;
                plan.delete = dir.files;
                plan.delete_dangling = dir.dangling;
                plan.stale = dir.stale;
                plan.delete_folders = dir.folders.into_iter().rev().chain(["".into()]).collect();
            }
            let oid = Oid::file(digest);
            plan.create.push(Create { path: "".into(), oid, over: None, is_over_dangling, is_relink: false });
        }
        (Wanted::Dir(wanted), Found::Dir(dir)) => {
            let is_symlink = dir.is_symlink;
            plan.compare_dir(wanted, dir);
            if plan.changes() {
                plan.refuse_symlink(is_symlink)?;
            }
        }
        (Wanted::Dir(wanted), found) => {
            match found {
                Found::File(entry) => plan.delete.push(entry),
                Found::Dangling => plan.delete_dangling.push("".into()),
                Found::Nothing | Found::Dir(_) => {}
            }
            plan.compare_dir(wanted, FoundDir::default());
        }
    }
    if let Some(linker) = relink {
        plan.relink(linker, cache);
        if !plan.create.is_empty() {
            plan.refuse_symlink(is_symlink)?;
        }
    }
    let size_bytes = match target.wanted {
        Wanted::File { size_bytes, .. } => size_bytes,
        Wanted::Dir(_) => None,
    };
    plan.find_missing(cache, size_bytes, cancel)?;
    plan.refuse_long_paths()?;
    Ok(plan)
}

impl OutPlan {
    fn compare_dir(&mut self, wanted: &[DirEntry], found: FoundDir) {
        let folders = found.folders.into_iter().rev();
        self.delete_folders = folders.filter(|folder| !has_below(wanted, folder)).collect();
        self.compare_files(wanted, found.files);
        self.stale = found.stale;
        for link in found.dangling {
            match self.create.binary_search_by(|create| create.path.cmp(&link)) {
                Ok(at) => self.create[at].is_over_dangling = true,
                Err(_) => self.delete_dangling.push(link),
            }
        }
    }

    /// Walks along two rows that are sorted by path.
    fn compare_files(&mut self, wanted: &[DirEntry], files: Vec<FileEntry>) {
        let mut wanted = wanted.iter().peekable();
        let mut files = files.into_iter().peekable();
        loop {
            let order = match (wanted.peek(), files.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(entry), Some(file)) => entry.path.cmp(&file.path),
            };
            let entry = if order.is_le() { wanted.next() } else { None };
            let file = if order.is_ge() { files.next() } else { None };
            match (entry, file) {
                (Some(entry), Some(file)) if file.digest == Some(entry.digest) => self.unchanged.push(file),
                (Some(entry), over) => self.create.push(Create {
                    path: entry.path.clone(),
                    oid: Oid::file(entry.digest),
                    over,
                    is_over_dangling: false,
                    is_relink: false,
                }),
                (None, Some(file)) => self.delete.push(file),
                (None, None) => return,
            }
        }
    }

    /// Nothing is written through a symbolic link: it may lead anywhere.
    fn refuse_symlink(&self, is_symlink: bool) -> Result<()> {
        if !is_symlink {
            return Ok(());
        }
        let message = format!(
            "`{}` is a symbolic link to a directory, and nothing is written through it; replace it by the directory, or \
             remove it",
            self.path.display()
        );
        Err(Error::Workspace { path: self.path.clone(), message })
    }

    /// Refuses files that cannot be made because their path is too long, before directories are made for them.
    fn refuse_long_paths(&self) -> Result<()> {
        let root_bytes = self.path.as_os_str().len() + 1;
        let is_too_long = |create: &&Create| root_bytes + create.path.len() > MAX_PATH_BYTES;
        let Some(create) = self.create.iter().find(is_too_long) else { return Ok(()) };
        let start: String = create.path.chars().take(64).collect();
        let message = format!(
            "the path of a file in `{}` has {} bytes, and no path can have more than {MAX_PATH_BYTES}: `{start}…`",
            self.path.display(),
            root_bytes + create.path.len()
        );
        Err(Error::Workspace { path: self.path.clone(), message })
    }

    /// Plans to make files again whose link is not the right one.
    ///
    /// Deviation: a file of a legacy out that has other line ends than its object stays, as long as it is a file of its own
    /// and such are wanted; DVC replaces it or not, depending on the kind of out and the cache type.
    fn relink(&mut self, linker: &Linker, cache: &Cache) {
        let (path, layout, is_exec) = (&self.path, self.layout, self.is_exec);
        let (right, wrong) = std::mem::take(&mut self.unchanged).into_iter().partition(|entry| {
            entry.oid().is_none_or(|oid| {
                let object = cache.object_path(layout, &oid);
                linker.is_as_wanted(entry, &entry.full_path(path), &object, is_exec)
            })
        });
        self.unchanged = right;
        let wrong: Vec<FileEntry> = wrong;
        self.create.extend(wrong.into_iter().filter_map(|entry| {
            let oid = entry.oid()?;
            Some(Create {
                path: entry.path.clone(),
                oid,
                over: Some(entry),
                is_over_dangling: false,
                is_relink: true,
            })
        }));
    }

    /// Takes out what cannot be made, because the cache does not have the object.
    fn find_missing(
        &mut self,
        cache: &Cache,
        size_bytes: Option<u64>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        // A file that is only linked anew tells the size itself.
        let size_of = |create: &Create| {
            let over = create.over.as_ref().filter(|_| create.is_relink);
            over.map(|entry| entry.stamp.size_bytes).or(size_bytes)
        };
        let oids: Vec<_> =
            self.create.iter().map(|create| (self.layout, create.oid, size_of(create))).collect();
        let mut answers = cache.check_many_sized(&oids, cancel).into_iter();
        let mut failure = None;
        let missing = &mut self.missing;
        self.create.retain(|create| match answers.next() {
            Some(Ok(Some(_))) => true,
            Some(Ok(None)) => {
                missing.push((create.path.clone(), create.oid));
                false
            }
            Some(Err(error)) => {
                failure = Some(error);
                false
            }
            None => false,
        });
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// Tells whether `path` is `folder` or lies below it.
pub(crate) fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether one of the entries, which are sorted, lies below a directory.
fn has_below(entries: &[DirEntry], folder: &str) -> bool {
    let folder = format!("{folder}/");
    let at = entries.partition_point(|entry| *entry.path < *folder);
    entries.get(at).is_some_and(|entry| entry.path.starts_with(&folder))
}

/// Returns the directories above a path, the outermost first: `a`, `a/b` for `a/b/c`.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
