//! DVC itself, as the reference.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use crate::command::CommandOutput;
use crate::environment::{Folder, process_variable};

/// An installed DVC; `HAUL_DVC` is the path of its program.
#[derive(Debug, Clone)]
pub struct DvcOracle {
    program: PathBuf,
}

impl DvcOracle {
    /// Finds it; `None` if `HAUL_DVC` is not set.
    pub fn find() -> Option<Self> {
        process_variable("HAUL_DVC").map(|program| Self { program: PathBuf::from(program) })
    }

    /// Runs a DVC command in a directory, with the environment that `haul` has there.
    ///
    /// # Panics
    /// If it cannot be started or takes more than two minutes.
    #[track_caller]
    pub fn run(
        &self,
        folder: &Folder<'_>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> CommandOutput {
        folder.start_program(&self.program, arguments).wait(Duration::from_mins(2))
    }
}
