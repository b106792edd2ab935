//! A file system in a file, which can lose its power.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileSystem {
    Ext4,
    Xfs,
}

impl FileSystem {
    pub(super) const ALL: &'static [Self] = &[Self::Ext4, Self::Xfs];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

/// A file with a file system in it.
pub(super) struct Image {
    file: PathBuf,
    file_system: FileSystem,
}

/// A mounted image. Dropping it unmounts it, even if it is in use.
pub(super) struct Mounted {
    path: PathBuf,
    is_mounted: bool,
}

impl Image {
    /// Makes an empty file system.
    pub(super) fn make(file: &Path, file_system: FileSystem, mib: u64) -> Result<Self> {
        std::fs::File::create(file)?.set_len(mib << 20)?;
        let image = file.display().to_string();
        match file_system {
            FileSystem::Ext4 => run("mkfs.ext4", &["-q", "-F", &image])?,
            FileSystem::Xfs => run("mkfs.xfs", &["-q", "-f", &image])?,
        }
        Ok(Self { file: file.to_owned(), file_system })
    }

    /// Copies an image that is not mounted.
    pub(super) fn copy(from: &Self, to: &Path, file_system: FileSystem) -> Result<Self> {
        let (from, target) = (from.file.display().to_string(), to.display().to_string());
        run("cp", &["--sparse=always", "--reflink=auto", &from, &target])?;
        Ok(Self { file: to.to_owned(), file_system })
    }

    /// Mounts the image, which replays its journal.
    pub(super) fn mount(&self, at: &Path) -> Result<Mounted> {
        std::fs::create_dir_all(at)?;
        let (image, point) = (self.file.display().to_string(), at.display().to_string());
        run("mount", &["-t", self.file_system.name(), "-o", "loop", &image, &point])?;
        Ok(Mounted { path: at.to_owned(), is_mounted: true })
    }
}

impl Mounted {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file system lose everything that is not on the disk; with `is_flushed` its journal is written first.
    pub(super) fn shut_down(&self, is_flushed: bool) -> Result<()> {
        let how = if is_flushed { "shutdown -f" } else { "shutdown" };
        run("xfs_io", &["-x", "-c", how, &self.path.display().to_string()])
    }

    pub(super) fn unmount(mut self) -> Result<()> {
        let point = self.path.display().to_string();
        let mut last = Ok(());
        for _ in 0..50 {
            last = run("umount", &[&point]);
            if last.is_ok() {
                self.is_mounted = false;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        last
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_mounted {
            drop(run("umount", &["--lazy", &self.path.display().to_string()]));
        }
    }
}

/// Unmounts the file system at `at`, if there is one.
pub(super) fn unmount_left(at: &Path) {
    drop(run("umount", &["--lazy", &at.display().to_string()]));
}

pub(super) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("`{program} {}`: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
