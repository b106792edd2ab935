//! Why a file could not be made out of an object.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// A file that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The cache does not have the object.
    #[error("the object `{}` is not in the cache", .0.display())]
    NoObject(PathBuf),
    /// None of the configured types works here.
    #[error("none of the configured cache types ({types}) works for `{}`", path.display())]
    NoType {
        /// The file.
        path: PathBuf,
        /// The types, as configured.
        types: String,
        /// Why the last of them does not work here.
        #[source]
        source: io::Error,
    },
    /// Another program made or changed the file while we worked.
    #[error("`{}` was changed by another program in the meantime and is left as it is", .0.display())]
    Changed(PathBuf),
    /// A file operation failed.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl LinkError {
    /// Returns what the user can do, as a sentence or a command.
    pub fn hint(&self) -> Option<String> {
        let Self::NoType { types, source, .. } = self else { return None };
        let why = match Errno::from_io_error(source) {
            Some(Errno::XDEV) => {
                "the cache is on another file system than the workspace, which these types do not cross: "
            }
            Some(Errno::PERM) => "the file system or the owner of the files does not allow it: ",
            _ => "",
        };
        let types = types.replace(' ', "");
        Some(format!("{why}let files be copied with `haul config --local cache.type {types},copy`"))
    }
}
