//! Metafiles of the workspace that are not in the index, because an ignore rule matches them or a parent.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Index;
use super::collect::{context_of_commit, is_stage_file, read_file_in};
use crate::paths::private_folder;
use crate::{Error, Repo, Result};

/// An out of a metafile that is not in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IgnoredOut {
    /// The path of the out; absolute.
    pub(crate) path: PathBuf,
    /// The metafile; absolute.
    pub(crate) metafile: PathBuf,
}

impl Index {
    /// Finds outs that are not in this index of the whole workspace: those of ignored metafiles, and the repositories inside
    /// this one, each of which counts as an out whose metafile is its `.dvc` directory.
    ///
    /// It walks through every directory that is not an out, ignored or not. It is slow, and is for commands that delete
    /// data that no metafile names.
    ///
    /// # Errors
    ///
    /// If a directory or metafile cannot be read, as its outs are then not known.
    pub(crate) fn ignored_outs(&self, repo: &Repo) -> Result<Vec<IgnoredOut>> {
        let outs: HashSet<&Path> = self.outs.iter().map(|out| &*out.path).collect();
        let seen: HashSet<&Path> = self.stages.iter().map(|stage| &*stage.metafile).collect();
        let cannot = |error| Error::io("cannot look for metafiles", error);
        let mut ignored = Vec::new();
        let mut folders = vec![repo.root().to_owned()];
        while let Some(folder) = folders.pop() {
            let dvc_dir = folder.join(crate::root::DVC_DIR);
            if folder != repo.root() && dvc_dir.is_dir() {
                ignored.push(IgnoredOut { path: folder, metafile: dvc_dir });
                continue;
            }
            for entry in fs_err::read_dir(&folder).map_err(cannot)? {
                let entry = entry.map_err(cannot)?;
                let (path, name) = (entry.path(), entry.file_name());
                let name = name.to_string_lossy();
                if entry.file_type().map_err(cannot)?.is_dir() {
                    if private_folder(&name).is_none() && !outs.contains(&*path) {
                        folders.push(path);
                    }
                } else if is_stage_file(&name) && path.is_file() && !seen.contains(&*path) {
                    let read = read_file_in(context_of_commit(repo, repo), &path)?;
                    if let Some(stage) = read.unresolved.into_iter().next() {
                        return Err(stage.error.into());
                    }
                    let named = read.stages.into_iter().flat_map(|stage| stage.outs);
                    ignored.extend(named.map(|out| IgnoredOut { path: out.path, metafile: path.clone() }));
                }
            }
        }
        Ok(ignored)
    }
}
