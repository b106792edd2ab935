//! The last steps of an import, and of an `add` of what lies elsewhere.

use super::{ImportReport, Place};
use crate::ops::session::Session;
use crate::ops::{CheckoutOptions, checkout};
use crate::{LockWait, Result, SelectOptions};

/// Data that is in the cache or on a remote, and is to be tracked.
pub(in crate::ops) struct Landing<'a> {
    pub(in crate::ops) session: &'a Session<'a>,
    pub(in crate::ops) place: &'a Place,
    /// Whether Git is made to look away from the out.
    pub(in crate::ops) is_ignored: bool,
    /// Whether the workspace gets the data.
    pub(in crate::ops) is_checked_out: bool,
    /// Overwrite what is there.
    pub(in crate::ops) force: bool,
    pub(in crate::ops) wait: LockWait,
}

impl Landing<'_> {
    /// Makes Git look away, then lets `write` write the `.dvc` file, then writes the workspace.
    pub(in crate::ops) fn land(
        &self,
        write: impl FnOnce() -> Result<()>,
        report: &mut ImportReport,
    ) -> Result<()> {
        let (session, place) = (self.session, self.place);
        let repo = session.repo;
        let lock = repo.lock(self.wait)?;
        session.refuse_busy(&[], std::slice::from_ref(&place.out))?;
        if self.is_ignored {
            report.files_to_track.extend(place.ignore(repo)?);
        }
        write()?;
        report.files_to_track.push(place.metafile.clone());
        report.files_to_track.sort();
        drop(lock);
        session.autostage(&report.files_to_track)?;
        if self.is_checked_out {
            let options = CheckoutOptions {
                select: SelectOptions { targets: vec![place.target(repo)], ..SelectOptions::default() },
                force: self.force,
                wait: self.wait,
                cancel: session.cancel.clone(),
                ..CheckoutOptions::default()
            };
            report.checkout = checkout(repo, &options, session.observer)?;
        }
        Ok(())
    }
}
