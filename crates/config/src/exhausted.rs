//! Failures of the machine that concern every file, not only the one at hand.
//!
//! A file that may not be read says nothing of the next one. A full disk does: there is no point in going on.

use std::error::Error as StdError;
use std::io;

/// What the machine has run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exhausted {
    /// The file system is full (`ENOSPC`), in bytes or in files.
    Space,
    /// The quota of the user, the group or the project is used up (`EDQUOT`).
    Quota,
    /// The file system is mounted read-only (`EROFS`).
    Writable,
    /// This process has as many files open as it may (`EMFILE`).
    OpenFiles,
    /// The system has as many files open as it can (`ENFILE`).
    SystemFiles,
    /// The device fails (`EIO`). Of a write it concerns all files; of a read it may be a single bad block.
    Device,
}

impl Exhausted {
    /// Finds out whether an error concerns every file. `None` for errors of one file, such as a missing right.
    ///
    /// ```
    /// use haul_config::Exhausted;
    /// let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    /// assert_eq!(Exhausted::of(&full), Some(Exhausted::Space));
    /// assert_eq!(Exhausted::of(&std::io::Error::from(std::io::ErrorKind::PermissionDenied)), None);
    /// ```
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::StorageFull => return Some(Self::Space),
            io::ErrorKind::QuotaExceeded => return Some(Self::Quota),
            io::ErrorKind::ReadOnlyFilesystem => return Some(Self::Writable),
            _ => {}
        }
        rustix::io::Errno::from_io_error(error).map_or_else(
            || Self::of_text(&error.to_string()),
            |number| Self::of_number(number.raw_os_error()),
        )
    }

    /// Does [`of`](Self::of) for the causes of an error of any kind.
    pub fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(current) = next {
            let found = match current.downcast_ref::<io::Error>() {
                Some(error) => Self::of(error),
                None => Self::of_text(&current.to_string()),
            };
            if found.is_some() {
                return found;
            }
            next = current.source();
        }
        None
    }

    /// Reads the number at the end of a text: errors that were given a path keep it there alone.
    fn of_text(text: &str) -> Option<Self> {
        let (_, number) = text.strip_suffix(')')?.rsplit_once(" (os error ")?;
        Self::of_number(number.parse().ok()?)
    }

    fn of_number(number: i32) -> Option<Self> {
        match rustix::io::Errno::from_raw_os_error(number) {
            rustix::io::Errno::NOSPC => Some(Self::Space),
            rustix::io::Errno::DQUOT => Some(Self::Quota),
            rustix::io::Errno::ROFS => Some(Self::Writable),
            rustix::io::Errno::MFILE => Some(Self::OpenFiles),
            rustix::io::Errno::NFILE => Some(Self::SystemFiles),
            rustix::io::Errno::IO => Some(Self::Device),
            _ => None,
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Space, Self::Quota, Self::Writable, Self::OpenFiles, Self::SystemFiles, Self::Device];

    /// Returns what it is, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Space => "the file system is full (`ENOSPC`)",
            Self::Quota => "the quota is used up (`EDQUOT`)",
            Self::Writable => "the file system is mounted read-only (`EROFS`)",
            Self::OpenFiles => "the process has too many files open (`EMFILE`)",
            Self::SystemFiles => "the system has too many files open (`ENFILE`)",
            Self::Device => "the device fails (`EIO`)",
        }
    }

    /// Returns what the user can do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Space => {
                "make room on that file system, then type the same command again: what is done stays done"
            }
            Self::Quota => {
                "make room, or have the quota raised, then type the same command again: what is done stays done"
            }
            Self::Writable => {
                "have the file system mounted for writing, then type the same command again: what is done stays done"
            }
            Self::OpenFiles => {
                "let the process open more files with `ulimit -n 4096`, then type the same command again: what is done \
                 stays done"
            }
            Self::SystemFiles => {
                "the whole system has too many files open: end what holds them, then try again"
            }
            Self::Device => "the device fails: look for its errors in the log of the system with `dmesg`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_are_told_from_those_of_a_file() {
        for (number, expected) in [
            (rustix::io::Errno::NOSPC, Some(Exhausted::Space)),
            (rustix::io::Errno::DQUOT, Some(Exhausted::Quota)),
            (rustix::io::Errno::ROFS, Some(Exhausted::Writable)),
            (rustix::io::Errno::MFILE, Some(Exhausted::OpenFiles)),
            (rustix::io::Errno::NFILE, Some(Exhausted::SystemFiles)),
            (rustix::io::Errno::IO, Some(Exhausted::Device)),
            (rustix::io::Errno::ACCESS, None),
            (rustix::io::Errno::PERM, None),
            (rustix::io::Errno::NAMETOOLONG, None),
            (rustix::io::Errno::FBIG, None),
            (rustix::io::Errno::NOENT, None),
        ] {
            let plain = io::Error::from(number);
            assert_eq!(Exhausted::of(&plain), expected, "{number:?}");
            // As fs_err does it: the number is in the text.
            let wrapped = io::Error::new(plain.kind(), format!("failed to open file `x`: {plain}"));
            assert_eq!(Exhausted::of(&wrapped), expected, "{number:?} with a path");
            assert_eq!(Exhausted::behind(&Outer(wrapped)), expected, "{number:?} below another error");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
}
