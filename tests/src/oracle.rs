//! DVC itself, as the judge of what is right.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use crate::command::CommandOutput;
use crate::environment::{Folder, process_variable};

/// A DVC that is installed on this machine; `HAUL_DVC` names its program.
#[derive(Debug, Clone)]
pub struct DvcOracle {
    program: PathBuf,
}

impl DvcOracle {
    /// Finds it; `None` where `HAUL_DVC` is not set.
    pub fn find() -> Option<Self> {
        process_variable("HAUL_DVC").map(|program| Self { program: PathBuf::from(program) })
    }

    /// Runs a DVC command in a folder, with the environment that `haul` has there.
    ///
    /// # Panics
    /// When it cannot be started or takes more than two minutes.
    #[track_caller]
    pub fn run(
        &self,
        folder: &Folder<'_>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> CommandOutput {
        folder.start_program(&self.program, arguments).wait(Duration::from_mins(2))
    }
}
