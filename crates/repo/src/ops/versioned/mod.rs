//! Remotes on which files lie under their own paths, and metafiles record which version is whose content.
//!
//! Versions are recorded from the replies to their own uploads, and only when all files of an out are there. What
//! a push has sent before it was ended is in a journal, and is not sent again. Nothing on the remote is ever
//! overwritten or deleted by a push: the bucket keeps each version.
//!
//! Deviation: DVC deletes a key before it writes it, forgets the hashes of a directory when a file fails, and forgets
//! all its other files when one is pushed by name; it reads everything twice, and what is cached once more.

mod fetch;
mod file;
mod journal;
mod push;
mod record;
mod status;
mod update;

use std::path::PathBuf;
use std::sync::Arc;

use haul_storage::transfer::DownloadCheck;
use haul_storage::versions::VersionedStore;

pub(super) use self::fetch::fetch;
pub(super) use self::file::homes;
pub(super) use self::push::{Pushed, push};
pub(super) use self::status::compare;
pub use self::update::{UpdateOptions, UpdateReport, update};

use crate::index::Stage;
use crate::{Out, Repo};

/// Requests that look for versions at once, unless the user says how many.
const LOOK_UPS: usize = 64;

/// An out, or a part of one, that goes to a cloud-versioned remote.
#[derive(Debug, Clone)]
pub(super) struct VersionedOut {
    pub(super) out: Out,
    /// The `.dvc` file or `dvc.yaml`.
    pub(super) metafile: PathBuf,
    /// The name of a pipeline stage.
    pub(super) stage_name: Option<String>,
    /// The path as DVC shows it.
    pub(super) display: String,
    /// The file or folder inside that was asked for.
    pub(super) within: Option<String>,
    pub(super) share: Share,
}

/// Which files of an out are read from a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Share {
    /// All of them.
    All,
    /// All but those that are recorded on these other remotes.
    AllBut(Vec<String>),
    /// Those that are recorded on it.
    Recorded,
}

impl VersionedOut {
    pub(super) fn new(repo: &Repo, out: &Out, stage: &Stage, within: Option<String>) -> Self {
        Self {
            out: out.clone(),
            metafile: stage.metafile.clone(),
            stage_name: stage.name.clone(),
            display: repo.display_path(&out.path),
            within,
            share: Share::All,
        }
    }

    /// Returns the file that its versions are recorded in.
    fn recorded_in(&self) -> PathBuf {
        match &self.stage_name {
            Some(_) => self.metafile.with_file_name("dvc.lock"),
            None => self.metafile.clone(),
        }
    }
}

/// The outs that go to one cloud-versioned remote.
#[derive(Debug)]
pub(super) struct VersionedBatch {
    /// The name of the remote.
    pub(super) remote: String,
    pub(super) store: Arc<dyn VersionedStore>,
    /// Requests at once, from the remote's configuration.
    pub(super) jobs: Option<usize>,
    /// `verify` of the remote.
    pub(super) check: DownloadCheck,
    pub(super) outs: Vec<VersionedOut>,
}

impl VersionedBatch {
    /// Returns how many versions are looked for at once.
    fn jobs(&self, options: Option<usize>) -> usize {
        self.store.limits().jobs(options.or(self.jobs), LOOK_UPS)
    }
}
