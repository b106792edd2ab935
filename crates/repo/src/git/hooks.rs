//! The hooks of a Git repository, and its merge drivers.
//!
//! Sources: <https://git-scm.com/docs/githooks>, <https://git-scm.com/docs/gitattributes>.

use std::io::Write;
use std::path::{Path, PathBuf};

use gix::bstr::BStr;

use super::Git;
use crate::{Error, Result};

impl Git {
    /// Returns the directory of the hooks that `install` writes, which all work trees of the repository share.
    pub(crate) fn hooks_dir(&self) -> PathBuf {
        self.repo.to_thread_local().common_dir().join("hooks")
    }

    /// Returns the directory of hooks that `core.hooksPath` names, if it is another one.
    pub(crate) fn other_hooks_dir(&self) -> Option<PathBuf> {
        let repo = self.repo.to_thread_local();
        let configured = repo.config_snapshot().trusted_path("core.hooksPath").ok()??;
        let path = self.work_dir.join(configured);
        let is_same = fs_err::canonicalize(&path).ok() == fs_err::canonicalize(self.hooks_dir()).ok();
        (!is_same).then_some(path)
    }

    /// Writes a merge driver into the configuration of the repository, as `git config` does; an existing one of that name
    /// is replaced.
    pub(crate) fn set_merge_driver(&self, name: &str, description: &str, driver: &str) -> Result<()> {
        let path = self.repo.to_thread_local().common_dir().join("config");
        let text = fs_err::read(&path)
            .map_err(|source| Error::io("cannot read the configuration of Git", source))?;
        let text = with_driver(&text, name, description, driver)
            .map_err(|source| Error::git(format!("cannot read `{}`", path.display()), source))?;
        match text {
            Some(text) => replace_locked(&path, &text),
            None => Ok(()),
        }
    }
}

/// Returns the text of a configuration with a merge driver added; `None` if it already has the driver.
fn with_driver(
    text: &[u8],
    name: &str,
    description: &str,
    driver: &str,
) -> std::result::Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
    let metadata = gix::config::file::Metadata::default();
    let mut file = gix::config::File::from_bytes_no_includes(
        text,
        metadata,
        gix::config::file::init::Options::default(),
    )?;
    let section = Some(BStr::new(name));
    let found = |file: &gix::config::File, key: &str| {
        file.raw_value_by("merge", section, key).ok().map(|value| value.to_string())
    };
    let values = [("name", description), ("driver", driver)];
    if values.iter().all(|(key, value)| found(&file, key).as_deref() == Some(value)) {
        return Ok(None);
    }
    if file.section("merge", section).is_ok() {
        for (key, value) in values {
            file.set_raw_value_by("merge", section, key, BStr::new(value))?;
        }
        return Ok(Some(file.to_bstring().into()));
    }
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    write!(text, "[merge \"{name}\"]\n\tname = {}\n\tdriver = {}\n", quoted(description), quoted(driver))?;
    Ok(Some(text))
}

/// Quotes a value if `git config` would: if blanks at its ends would be lost, or it would begin a comment.
fn quoted(value: &str) -> String {
    if value.trim() == value && !value.contains(['#', ';', '"', '\\']) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Replaces a file as Git does, with Git's lock file, which keeps other writers out.
fn replace_locked(path: &Path, text: &[u8]) -> Result<()> {
    let failed = |source| Error::io("cannot write the configuration of Git", source);
    let lock = path.with_extension("lock");
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(&lock).map_err(failed)?;
    let written = file
        .write_all(text)
        .and_then(|()| fs_err::set_permissions(&lock, fs_err::metadata(path)?.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs_err::rename(&lock, path));
    if written.is_err() {
        // A remaining lock would block Git. If it cannot be deleted, the first error is the one to report.
        drop(fs_err::remove_file(&lock));
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driven(text: &str) -> Option<String> {
        let text =
            with_driver(text.as_bytes(), "dvc", "DVC merge driver", "dvc git-hook merge-driver %O ").unwrap();
        text.map(|text| String::from_utf8(text).unwrap())
    }

    const SECTION: &str =
        "[merge \"dvc\"]\n\tname = DVC merge driver\n\tdriver = \"dvc git-hook merge-driver %O \"\n";

    #[test]
    fn merge_driver_is_added_as_git_does_and_only_once() {
        let with = driven("[core]\n\tbare = false # c\n").unwrap();
        assert_eq!(with, format!("[core]\n\tbare = false # c\n{SECTION}"));
        assert_eq!(driven(&with), None);
        assert_eq!(driven("").unwrap(), SECTION);
    }

    #[test]
    fn another_merge_driver_of_the_name_is_replaced() {
        let old = "[merge \"dvc\"]\n\tname = DVC merge driver\n\tdriver = other\n[core]\n\tbare = false\n";
        let with = driven(old).unwrap();
        assert!(
            with.contains("driver = \"dvc git-hook merge-driver %O \"") && !with.contains("other"),
            "{with}"
        );
        assert!(with.ends_with("[core]\n\tbare = false\n"), "{with}");
        assert_eq!(driven(&with), None);
    }
}
