//! Making one file out of an object.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock};

use haul_config::LinkType;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{LinkError, Staging};
use crate::workspace::state::{FileStamp, WriteMark};

/// Files up to this size are copied through one buffer; the kernel copies the rest of bigger ones.
const BUFFER_LEN: usize = 128 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a file must be to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// There was none: it must still be so.
    New,
    /// The file that was looked at: it must be unchanged.
    Over(FileStamp),
    /// Whatever there is.
    Anyway,
}

/// Puts objects into the workspace, by the first of the configured types that works.
#[derive(Debug)]
pub struct Linker {
    types: Vec<LinkType>,
    staging: Staging,
    /// Bits of the types that turned out not to work between cache and workspace.
    unsupported: AtomicU8,
    /// Bits of the types that turned out to work.
    supported: AtomicU8,
    /// Why the last of these does not work.
    why_not: AtomicI32,
    /// The devices of folders that were asked for.
    devices: RwLock<HashMap<PathBuf, u64>>,
    /// The time that files with bytes of their own get.
    mark: Option<WriteMark>,
}

impl Linker {
    /// Makes a linker that tries `types` in this order.
    pub fn new(types: Vec<LinkType>, staging: Staging) -> Self {
        Self {
            types,
            staging,
            unsupported: AtomicU8::new(0),
            supported: AtomicU8::new(0),
            why_not: AtomicI32::new(0),
            devices: RwLock::default(),
            mark: None,
        }
    }

    /// Gives files with bytes of their own this time of their last write.
    #[must_use]
    pub fn with_mark(self, mark: WriteMark) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// Returns whether a file may get bytes of its own, which the disk does not have yet.
    pub(crate) fn writes_bytes(&self) -> bool {
        self.types.iter().any(|kind| matches!(kind, LinkType::Reflink | LinkType::Copy))
    }

    /// Returns the configured types.
    pub fn types(&self) -> &[LinkType] {
        &self.types
    }

    /// Makes `destination` a file with the bytes of `object`. Its folder exists and is not a symbolic link. Returns what
    /// the file was before it got its name: another program may change it from then on.
    ///
    /// With `is_exec` the owner may execute it. Deviation: an executable file is reflinked or copied whatever
    /// the cache type; DVC sets the bit on the object all links share, whose mode then says that it cannot be trusted.
    pub fn place(
        &self,
        object: &Path,
        destination: &Path,
        placed: Placed,
        is_exec: bool,
    ) -> Result<FileStamp, LinkError> {
        let io = |source| LinkError::Io { path: destination.to_owned(), source };
        let parent = destination.parent().unwrap_or(Path::new("/"));
        let device = self.device_of(parent).map_err(io)?;
        let temp = self.staging.temp_path(parent, device);
        let result = self.make(object, &temp, destination, is_exec).and_then(|()| {
            let stamp = FileStamp::of(&fs_err::metadata(&temp).map_err(io)?);
            replace(&temp, destination, placed).map(|()| stamp)
        });
        // A rename of one hard link over another of the same file does nothing, and leaves the temporary name.
        if (result.is_err() || self.types.contains(&LinkType::Hardlink))
            && let Err(error) = fs_err::remove_file(&temp)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(io(error));
        }
        result
    }

    fn device_of(&self, folder: &Path) -> io::Result<u64> {
        let known = self.devices.read().unwrap_or_else(PoisonError::into_inner).get(folder).copied();
        if let Some(device) = known {
            return Ok(device);
        }
        let device = fs_err::metadata(folder)?.dev();
        self.devices.write().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), device);
        Ok(device)
    }

    fn make(&self, object: &Path, temp: &Path, destination: &Path, is_exec: bool) -> Result<(), LinkError> {
        let io = |source| LinkError::Io { path: destination.to_owned(), source };
        let exec_types = [LinkType::Reflink, LinkType::Copy];
        let types: &[LinkType] = if is_exec { &exec_types } else { &self.types };
        for &link_type in types {
            let bit = 1 << link_type as u8;
            if self.unsupported.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            match make_as(link_type, object, temp, self.mark) {
                Ok(()) => {
                    if is_exec {
                        let mode = fs_err::metadata(temp).map_err(io)?.mode() & 0o7777;
                        let permissions = std::fs::Permissions::from_mode(mode | 0o100);
                        fs_err::set_permissions(temp, permissions).map_err(io)?;
                    }
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && !object.exists() => {
                    return Err(LinkError::NoObject(object.to_owned()));
                }
                Err(error) if is_unsupported(&error) => {
                    self.note_unsupported(link_type, &error);
                    remove_if_there(temp).map_err(io)?;
                }
                Err(error) => return Err(io(error)),
            }
        }
        let types = types.iter().map(|link_type| link_type.as_str()).collect::<Vec<_>>().join(", ");
        let source = Errno::from_raw_os_error(self.why_not.load(Ordering::Relaxed)).into();
        Err(LinkError::NoType { path: destination.to_owned(), types, source })
    }

    /// Returns whether a file at `destination` can be linked from `object` as `link_type` says, which is tried once. An
    /// error that says nothing of the type counts as yes: it comes again when the file is made.
    pub(super) fn works(&self, link_type: LinkType, object: &Path, destination: &Path) -> bool {
        let bit = 1 << link_type as u8;
        if link_type == LinkType::Copy || self.supported.load(Ordering::Relaxed) & bit != 0 {
            return true;
        }
        if self.unsupported.load(Ordering::Relaxed) & bit != 0 {
            return false;
        }
        let parent = destination.parent().unwrap_or(Path::new("/"));
        let Ok(device) = self.device_of(parent) else { return true };
        let temp = self.staging.temp_path(parent, device);
        let made = make_as(link_type, object, &temp, None);
        if let Err(error) = remove_if_there(&temp) {
            tracing::debug!(%error, "cannot remove a temporary file");
        }
        match made {
            Err(error) if is_unsupported(&error) => {
                self.note_unsupported(link_type, &error);
                false
            }
            Err(_) => true,
            Ok(()) => {
                // An empty file is never linked, and says nothing of the others.
                if fs_err::metadata(object).is_ok_and(|metadata| metadata.len() > 0) {
                    self.supported.fetch_or(bit, Ordering::Relaxed);
                }
                true
            }
        }
    }

    fn note_unsupported(&self, link_type: LinkType, error: &io::Error) {
        tracing::debug!(%error, %link_type, "this cache type does not work here");
        let errno = Errno::from_io_error(error).unwrap_or(Errno::NOTSUP);
        self.why_not.store(errno.raw_os_error(), Ordering::Relaxed);
        // Too many links to one object says nothing of the next object.
        if errno != Errno::MLINK {
            self.unsupported.fetch_or(1 << link_type as u8, Ordering::Relaxed);
        }
    }
}

fn make_as(link_type: LinkType, object: &Path, temp: &Path, mark: Option<WriteMark>) -> io::Result<()> {
    match link_type {
        LinkType::Reflink => reflink(object, temp, mark),
        LinkType::Hardlink => {
            // As DVC: file systems limit the number of links, and empty files are many.
            if fs_err::metadata(object)?.len() == 0 {
                fs_err::OpenOptions::new().write(true).create_new(true).open(temp).map(drop)
            } else {
                // Not fs_err's: its errors hide which one it was.
                Ok(rustix::fs::link(object, temp)?)
            }
        }
        LinkType::Symlink => {
            fs_err::metadata(object)?;
            Ok(rustix::fs::symlink(object, temp)?)
        }
        LinkType::Copy => copy(object, temp, mark),
    }
}

/// Shares the blocks of `object` with a new file that has the mode of any new file.
fn reflink(object: &Path, temp: &Path, mark: Option<WriteMark>) -> io::Result<()> {
    let source = fs_err::File::open(object)?;
    let target = fs_err::OpenOptions::new().write(true).create_new(true).open(temp)?;
    reflink_copy::reflink_file(source.file(), target.file())?;
    set_mark(&target, mark)
}

fn set_mark(file: &fs_err::File, mark: Option<WriteMark>) -> io::Result<()> {
    mark.map_or(Ok(()), |mark| file.file().set_modified(mark.time()))
}

fn copy(object: &Path, temp: &Path, mark: Option<WriteMark>) -> io::Result<()> {
    let mut source = fs_err::File::open(object)?;
    let mut target = fs_err::OpenOptions::new().write(true).create_new(true).open(temp)?;
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(BUFFER_LEN, 0);
        let mut n_read = 0;
        while n_read < buffer.len() {
            match source.read(&mut buffer[n_read..])? {
                0 => break,
                n_bytes => n_read += n_bytes,
            }
        }
        target.write_all(&buffer[..n_read])?;
        if n_read == buffer.len() {
            // On Linux this is `copy_file_range`, which moves no bytes through us.
            let (mut source, _) = source.into_parts();
            io::copy(&mut source, target.file_mut())?;
        }
        set_mark(&target, mark)
    })
}

/// Gives `temp` its final name, if what is there now is what was there before.
fn replace(temp: &Path, destination: &Path, placed: Placed) -> Result<(), LinkError> {
    let io = |source| LinkError::Io { path: destination.to_owned(), source };
    match placed {
        Placed::Anyway => fs_err::rename(temp, destination).map_err(io),
        Placed::Over(stamp) => {
            match fs_err::metadata(destination) {
                Ok(metadata) if FileStamp::of(&metadata).is_same_file(&stamp) => {}
                _ => return Err(LinkError::Changed(destination.to_owned())),
            }
            fs_err::rename(temp, destination).map_err(io)
        }
        Placed::New => match renameat_with(CWD, temp, CWD, destination, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(LinkError::Changed(destination.to_owned())),
            // Not every file system can do it; look, then rename.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                if fs_err::symlink_metadata(destination).is_ok() {
                    return Err(LinkError::Changed(destination.to_owned()));
                }
                fs_err::rename(temp, destination).map_err(io)
            }
            Err(error) => Err(io(error.into())),
        },
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The errors after which DVC tries the next type.
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || Errno::from_io_error(error).is_some_and(|errno| {
            [
                Errno::PERM,
                Errno::NOTSUP,
                Errno::XDEV,
                Errno::NOTTY,
                Errno::NOSYS,
                Errno::INVAL,
                Errno::AGAIN,
                Errno::MLINK,
            ]
            .contains(&errno)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        object: PathBuf,
    }

    fn fixture(bytes: &[u8]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let object = folder.path().join("object");
        fs_err::write(&object, bytes).unwrap();
        fs_err::set_permissions(&object, std::fs::Permissions::from_mode(0o444)).unwrap();
        Fixture { folder, object }
    }

    fn linker(fixture: &Fixture, types: &[LinkType]) -> Linker {
        Linker::new(types.to_vec(), Staging::open(&fixture.folder.path().join("state")).unwrap())
    }

    fn is_staging_empty(fixture: &Fixture) -> bool {
        fs_err::read_dir(fixture.folder.path().join("state/staging")).unwrap().count() == 0
    }

    #[test]
    fn place_by_each_type_gives_what_dvc_gives() {
        for (bytes, len) in [(vec![7; 300_000], 300_000), (b"x".to_vec(), 1), (Vec::new(), 0)] {
            let fixture = fixture(&bytes);
            let destination = fixture.folder.path().join("file");
            for link_type in [LinkType::Copy, LinkType::Hardlink, LinkType::Symlink] {
                let linker = linker(&fixture, &[link_type]);
                linker.place(&fixture.object, &destination, Placed::Anyway, false).unwrap();
                assert_eq!(fs_err::read(&destination).unwrap(), bytes);
                let metadata = fs_err::symlink_metadata(&destination).unwrap();
                match link_type {
                    LinkType::Hardlink if len > 0 => assert_eq!(metadata.nlink(), 2),
                    LinkType::Symlink => {
                        assert_eq!(fs_err::read_link(&destination).unwrap(), fixture.object);
                    }
                    _ => {
                        assert_eq!(metadata.nlink(), 1);
                        assert_ne!(metadata.mode() & 0o200, 0);
                    }
                }
                // A hard link over itself must not leave its temporary name either.
                linker.place(&fixture.object, &destination, Placed::Anyway, false).unwrap();
                assert!(is_staging_empty(&fixture), "{link_type}");
            }
        }
    }

    #[test]
    fn place_falls_back_to_the_next_type() {
        let fixture = fixture(b"x");
        let destination = fixture.folder.path().join("file");
        let linker = linker(&fixture, &[LinkType::Reflink, LinkType::Copy]);
        linker.place(&fixture.object, &destination, Placed::New, false).unwrap();
        assert_eq!(fs_err::read(&destination).unwrap(), b"x");
        assert!(is_staging_empty(&fixture));
    }

    #[test]
    fn place_on_another_file_system_falls_back_and_leaves_nothing() {
        let fixture = fixture(b"x");
        let shm = tempfile::tempdir_in("/dev/shm").unwrap();
        let destination = shm.path().join("file");
        let linker = linker(&fixture, &[LinkType::Hardlink, LinkType::Copy]);
        linker.place(&fixture.object, &destination, Placed::New, false).unwrap();
        assert_eq!(fs_err::read(&destination).unwrap(), b"x");
        assert_eq!(fs_err::read_dir(shm.path()).unwrap().count(), 1);
        let hardlinks = Linker::new(vec![LinkType::Hardlink], Staging::open(shm.path()).unwrap());
        let result = hardlinks.place(&fixture.object, &destination, Placed::Anyway, false);
        let Err(error @ LinkError::NoType { .. }) = &result else { panic!("{result:?}") };
        let hint = error.hint().unwrap();
        assert!(hint.contains("`haul config --local cache.type hardlink,copy`"), "{hint}");
        let source = std::error::Error::source(error).unwrap().to_string();
        assert!(source.contains("cross-device"), "{source}");
    }

    #[test]
    fn place_of_executable_leaves_the_object_alone() {
        let fixture = fixture(b"#!");
        let destination = fixture.folder.path().join("file");
        linker(&fixture, &[LinkType::Hardlink])
            .place(&fixture.object, &destination, Placed::New, true)
            .unwrap();
        assert_eq!(fs_err::metadata(&destination).unwrap().mode() & 0o100, 0o100);
        assert_eq!(fs_err::metadata(&fixture.object).unwrap().mode() & 0o777, 0o444);
    }

    #[test]
    fn place_never_replaces_what_changed_in_the_meantime() {
        let fixture = fixture(b"new");
        let destination = fixture.folder.path().join("file");
        fs_err::write(&destination, "mine").unwrap();
        let linker = linker(&fixture, &[LinkType::Copy]);
        let stale = FileStamp { size_bytes: 9, ..FileStamp::of(&fs_err::metadata(&destination).unwrap()) };
        for placed in [Placed::New, Placed::Over(stale)] {
            let result = linker.place(&fixture.object, &destination, placed, false);
            assert!(matches!(result, Err(LinkError::Changed(_))), "{placed:?}");
        }
        assert_eq!(fs_err::read(&destination).unwrap(), b"mine");
        assert!(is_staging_empty(&fixture));
    }

    #[test]
    fn place_without_object_says_so() {
        let fixture = fixture(b"");
        let missing = fixture.folder.path().join("missing");
        for link_type in [LinkType::Copy, LinkType::Hardlink, LinkType::Symlink, LinkType::Reflink] {
            let linker = linker(&fixture, &[link_type]);
            let result = linker.place(&missing, &fixture.folder.path().join("file"), Placed::New, false);
            assert!(matches!(result, Err(LinkError::NoObject(_))), "{link_type}");
        }
    }
}
