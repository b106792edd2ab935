//! Where an import, or what `add --out` copies, is put.

use std::path::{Path, PathBuf};

use crate::git::gitignore;
use crate::ops::add::{cached_outside, refuse_place, refuse_symlinked_folder};
use crate::paths::normalize;
use crate::{Error, Index, Repo, Result};

/// The place of a new out.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Place {
    /// The file or directory, absolute.
    pub(in crate::ops) out: PathBuf,
    /// Its name.
    pub(in crate::ops) name: String,
    /// The `.dvc` file beside it.
    pub(in crate::ops) metafile: PathBuf,
}

/// Returns the path that data of `url` gets, as typed: `out`, a name in it if it is a directory, or the name in `url`.
///
/// # Errors
///
/// [`Error::BadOut`] in DVC's words, if something is there and `force` is not set.
pub(in crate::ops) fn resolve_out(
    current_dir: &Path,
    url: &str,
    out: Option<&str>,
    force: bool,
) -> Result<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            rest.find('/').map_or("", |start| &rest[start..])
        }
        None => url,
    };
    let path = normalize(Path::new(path));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(".");
    let resolved = match out.filter(|out| !out.is_empty()) {
        None => name.to_owned(),
        Some(out) if current_dir.join(out).is_dir() => {
            Path::new(out).join(name).to_str().unwrap_or(out).to_owned()
        }
        Some(out) => out.to_owned(),
    };
    let full = current_dir.join(&resolved);
    // A link to nothing is something, too.
    if !force && fs_err::symlink_metadata(&full).is_ok() {
        let kind = if full.is_dir() { "directory" } else { "file" };
        return Err(Error::BadOut(format!(
            "The {kind} '{resolved}' already exists locally. \nTo override it, re-run with '--force'."
        )));
    }
    Ok(resolved)
}

impl Place {
    /// Finds the place of an out, as typed, and refuses one where nothing can be tracked.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] or [`Error::OverlappingOuts`] in DVC's words.
    pub(in crate::ops) fn of(repo: &Repo, index: &Index, out: &str) -> Result<Self> {
        let out = repo.absolute(out);
        let root = repo.root();
        if out == root || !out.starts_with(root) {
            return Err(cached_outside(&out));
        }
        let name = out.file_name().unwrap_or_default();
        let name = name.to_str().ok_or_else(|| Error::NotUnicode(out.clone()))?.to_owned();
        let metafile = out.with_file_name(format!("{name}.dvc"));
        let folder = out.parent().unwrap_or(root);
        if !folder.is_dir() {
            let how = if folder.exists() { "is not directory" } else { "does not exist" };
            return Err(Error::BadOut(format!("stage working dir '{}' {how}", folder.display())));
        }
        refuse_place(repo, &out, Some(&metafile))?;
        refuse_symlinked_folder(root, &out)?;
        let place = Self { out, name, metafile };
        place.refuse_overlap(repo, index)?;
        if let Some(git) = repo.git()
            && git.is_tracked(&place.out)?
        {
            return Err(crate::ops::add::tracked_by_git(repo, &place.out));
        }
        Ok(place)
    }

    fn refuse_overlap(&self, repo: &Repo, index: &Index) -> Result<()> {
        let current_dir = repo.current_dir();
        for out in &index.outs {
            let stage = index.stage_of(out);
            let (shown, addressing) = (repo.display_path(&out.path), stage.addressing(current_dir));
            if out.path == self.out && stage.metafile != self.metafile {
                return Err(Error::OverlappingOuts(format!(
                    "output '{shown}' is already specified in {}.\nUse `dvc remove {addressing}` to stop tracking the \
                     overlapping output.",
                    stage.shown(current_dir)
                )));
            }
            if out.path != self.out && (out.path.starts_with(&self.out) || self.out.starts_with(&out.path)) {
                let (own, file) = (repo.display_path(&self.out), repo.display_path(&self.metafile));
                let (mut first, mut second) = ((own, file), (shown, addressing));
                if self.out.starts_with(&out.path) {
                    std::mem::swap(&mut first, &mut second);
                }
                return Err(Error::OverlappingOuts(format!(
                    "The output paths:\n'{}'('{}')\n'{}'('{}')\noverlap and are thus in the same tracked directory.\nTo keep \
                     reproducibility, outputs should be in separate tracked directories or tracked individually.",
                    first.0, first.1, second.0, second.1
                )));
            }
        }
        Ok(())
    }

    /// Makes Git look away from the out. Returns the file that Git should know, if one was written.
    pub(in crate::ops) fn ignore(&self, repo: &Repo) -> Result<Option<PathBuf>> {
        let Some(git) = repo.git() else { return Ok(None) };
        match gitignore::ignore(git, &self.out)? {
            None if repo.config().core.autostage.value => gitignore::unstaged(git, &self.out),
            changed => Ok(changed),
        }
    }

    /// Returns what names the out to other operations.
    pub(in crate::ops) fn target(&self, repo: &Repo) -> String {
        repo.display_path(&self.metafile)
    }
}
