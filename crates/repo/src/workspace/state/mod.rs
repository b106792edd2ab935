//! What is remembered between runs: the hashes of files that did not change, and which outs we linked.
//!
//! All of it lies in `.dvc/tmp/haul/` and may be deleted at any time: the next run is slower, and an out that
//! is tracked no longer stays in the workspace. DVC's own state is left alone.

mod clock;
mod epoch;
mod links;
mod memo;
mod record;
mod stamp;
mod table;
mod unrecorded;
mod writes;

pub use clock::FileClock;
pub use links::{LinkRecord, Links};
pub use memo::Memo;
pub use stamp::FileStamp;
pub use unrecorded::Unrecorded;
pub use writes::{NotedWrite, WriteMark, Writes, note_writes};

use std::path::{Path, PathBuf};

/// The folder of everything that may be deleted, below `.dvc/tmp`.
pub const STATE_DIR: &str = "haul";

/// The system has surely written out what did not change for so long; by default it waits half a minute.
const WRITTEN_OUT_NS: i64 = 600 * 1_000_000_000;

/// Returns the folder of the state below `.dvc/tmp`.
pub fn state_dir(tmp_dir: &Path) -> PathBuf {
    tmp_dir.join(STATE_DIR)
}
