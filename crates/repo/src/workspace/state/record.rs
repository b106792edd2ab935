//! Small records that may be lost: JSON that is read as a whole and written as a whole.

use std::io::{self, Write};
use std::path::Path;

use haul_config::atomic::new_temp_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a record; a file that is missing or damaged counts as empty.
pub(super) fn read_record<T: DeserializeOwned + Default>(path: &Path) -> T {
    match fs_err::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::debug!(%error, path = %path.display(), "a record is damaged and starts anew");
            T::default()
        }),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::debug!(%error, "a record cannot be read");
            }
            T::default()
        }
    }
}

/// Writes a record under a temporary name, and renames it.
pub(super) fn write_record(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(directory)?;
    let mut temp = new_temp_file(directory)?;
    temp.write_all(&serde_json::to_vec(record)?)?;
    temp.persist(path).map_err(|error| error.error)?;
    Ok(())
}
