//! Entries in `.gitignore` for the data that DVC tracks.
//!
//! The entry of `data/f.txt` is the line `/f.txt` in `data/.gitignore`, as DVC writes it.

use std::path::{Path, PathBuf};

use super::Git;
use crate::{Error, Result};

/// Makes Git ignore `path` by an entry in the `.gitignore` beside it, unless Git already ignores it.
/// Returns the path of the `.gitignore` if it was changed.
///
/// # Errors
///
/// [`Error::NotUnicode`] for a name that is not UTF-8; [`Error::Io`] if the file cannot be written.
pub fn ignore(git: &Git, path: &Path) -> Result<Option<PathBuf>> {
    if git.is_ignored(path, false)? {
        return Ok(None);
    }
    let (file, name) = place(path)?;
    let mut text = read(&file)?.unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&entry(name));
    text.push('\n');
    crate::atomic::write(&file, text.as_bytes())?;
    git.forget_excludes();
    Ok(Some(file))
}

/// Returns the `.gitignore` beside `path` if it has the entry of `path` but the version in Git's index does not: a command
/// that wrote the entry was stopped before it staged the file.
pub fn unstaged(git: &Git, path: &Path) -> Result<Option<PathBuf>> {
    let (file, name) = place(path)?;
    let line = entry(name);
    let has_entry = |text: &str| text.lines().any(|other| other == line);
    if !read(&file)?.is_some_and(|text| has_entry(&text)) {
        return Ok(None);
    }
    let staged = git.staged(&file)?;
    let is_staged = staged.is_some_and(|text| has_entry(&String::from_utf8_lossy(&text)));
    Ok((!is_staged).then_some(file))
}

/// Refuses a path that a `.gitignore` cannot express.
///
/// Deviation: haul refuses to track a path whose name has a line break. DVC writes the line break into `.gitignore`, where
/// it makes two entries for other names.
///
/// # Errors
///
/// [`Error::BadOut`] for a name with a line break; [`Error::NotUnicode`].
pub fn check_name(path: &Path) -> Result<()> {
    place(path).map(drop)
}

/// Removes the entry of `path`; a file that becomes empty is deleted. Returns the file's path if it was changed.
///
/// Deviation: haul removes the `.gitignore` entry of a name with special characters, such as `f [x].txt`. DVC never
/// finds it, because it compares the entry with the unescaped name.
pub fn unignore(git: &Git, path: &Path) -> Result<Option<PathBuf>> {
    let (file, name) = place(path)?;
    let Some(text) = read(&file)? else { return Ok(None) };
    let (escaped, plain) = (entry(name), format!("/{name}"));
    let is_entry = |line: &&str| {
        let line = line.trim_end_matches(['\n', '\r']);
        line == escaped || line.trim() == plain.trim() || line.trim() == escaped.trim()
    };
    let kept: String = text.split_inclusive('\n').filter(|line| !is_entry(line)).collect();
    if kept.len() == text.len() {
        return Ok(None);
    }
    if kept.is_empty() {
        crate::atomic::remove(&file)?;
    } else {
        crate::atomic::write(&file, kept.as_bytes())?;
    }
    git.forget_excludes();
    Ok(Some(file))
}

/// Returns the line that matches exactly this file.
///
/// Deviation: haul escapes blanks at the end of a name in `.gitignore`. DVC does not, and as Git strips them, it does not
/// ignore the file.
fn entry(name: &str) -> String {
    let mut line = String::from("/");
    let n_trailing = name.len() - name.trim_end_matches(' ').len();
    for (position, character) in name.char_indices() {
        let is_trailing_blank = position >= name.len() - n_trailing;
        if is_trailing_blank || matches!(character, '\\' | '[' | ']' | '!' | '*' | '#' | '?') {
            line.push('\\');
        }
        line.push(character);
    }
    line
}

fn place(path: &Path) -> Result<(PathBuf, &str)> {
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or_else(|| Error::NotUnicode(path.to_owned()))?;
    if name.contains('\n') {
        return Err(Error::BadOut(format!(
            "`{}` has a line break in its name, which `.gitignore` cannot express; rename it",
            path.display()
        )));
    }
    Ok((path.with_file_name(".gitignore"), name))
}

fn read(file: &Path) -> Result<Option<String>> {
    match fs_err::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::io("cannot read a `.gitignore`", source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_escaped_as_by_dvc() {
        for (name, expected) in [
            ("#hash", "/\\#hash"),
            ("!bang", "/\\!bang"),
            ("sta*r", "/sta\\*r"),
            ("qu?e", "/qu\\?e"),
            ("back\\slash", "/back\\\\slash"),
            ("f [x].txt", "/f \\[x\\].txt"),
            ("ünï", "/ünï"),
            ("tr  ", "/tr\\ \\ "),
        ] {
            assert_eq!(entry(name), expected);
        }
    }
}
