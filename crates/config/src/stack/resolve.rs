//! Paths in configuration files.
//!
//! A relative path in a file is relative to the folder of the file; on the command line it is relative to the working
//! directory. URLs and absolute paths stay as they are; `~` is the home directory and stays `~` in the file.

use std::path::Path;

use crate::Env;

/// Tells whether the option holds a path, so that it is resolved on reading and rewritten on writing.
pub(crate) fn holds_path(path: &[&str]) -> bool {
    const REMOTE: [&str; 8] = [
        "url",
        "gdrive_user_credentials_file",
        "gdrive_service_account_json_file_path",
        "credentialpath",
        "configpath",
        "keyfile",
        "cert_path",
        "key_path",
    ];
    match path {
        ["cache", "dir"] => true,
        ["remote", _, option] => REMOTE.contains(option),
        ["machine", _, option] => matches!(*option, "startup_script" | "setup_script"),
        _ => false,
    }
}

/// Whether the option holds a path or a switch. A path is rewritten on writing.
///
/// `Deviation:` DVC writes a relative `ssl_verify` as it is typed, and looks for it in the working directory. Here it
/// is relative to the file that holds it, like every other path, so that it is found from every directory.
pub(crate) fn may_hold_path(path: &[&str]) -> bool {
    matches!(path, ["remote", _, "ssl_verify"])
}

/// Makes a path of a file in `folder` absolute.
pub(crate) fn resolve(folder: &Path, path: &str, env: &Env) -> String {
    if is_url(path) || Path::new(path).is_absolute() {
        return path.to_owned();
    }
    match expand_home(path, env) {
        Some(expanded) if Path::new(&expanded).is_absolute() => expanded,
        _ => join(folder, path),
    }
}

/// Rewrites a path of the command line for a file in `folder`.
pub(crate) fn relative_to_file(folder: &Path, path: &str, env: &Env) -> String {
    if is_url(path) || Path::new(path).is_absolute() || expand_home(path, env).is_some() {
        return path.to_owned();
    }
    relative(&join(env.current_dir(), path), &folder.to_string_lossy())
}

/// Tells whether the text starts with `\w+://`, as all URLs of remotes do.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|character| character.is_alphanumeric() || character == '_')
    })
}

/// Replaces `~` by the home directory, and `~user` by that of another user; `None` if there is nothing to replace.
fn expand_home(path: &str, env: &Env) -> Option<String> {
    let rest = path.strip_prefix('~')?;
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() { env.home_dir()?.to_str()?.to_owned() } else { home_of(user)? };
    let expanded = format!("{}{rest}", home.trim_end_matches('/'));
    Some(if expanded.is_empty() { "/".to_owned() } else { expanded })
}

/// Looks another user up among those of this machine.
fn home_of(user: &str) -> Option<String> {
    let users = fs_err::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user))?;
    line.split(':').nth(5).map(str::to_owned)
}

/// Joins and normalises lexically, as Python's `os.path.abspath` does.
pub(crate) fn join(folder: &Path, path: &str) -> String {
    normalise(&folder.join(path).to_string_lossy())
}

fn normalise(path: &str) -> String {
    // POSIX leaves the meaning of exactly two slashes at the start open, so they stay.
    let root = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            _ => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// Returns the way from one absolute folder to another, as Python's `os.path.relpath` does.
fn relative(path: &str, start: &str) -> String {
    let split = |path: &str| -> Vec<String> {
        normalise(path).split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (path, start) = (split(path), split(start));
    let shared = path.iter().zip(&start).take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n("..", start.len() - shared);
    let down = path[shared..].iter().map(String::as_str);
    let parts: Vec<&str> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::new("/srv/repo/sub", [("HOME", "/home/me")])
    }

    #[test]
    fn resolve_starts_in_the_folder_of_the_file() {
        let check = |path: &str, expected: &str| {
            assert_eq!(resolve(Path::new("/srv/repo/.dvc"), path, &env()), expected, "{path}");
        };
        check("../loc", "/srv/repo/loc");
        check("", "/srv/repo/.dvc");
        check("/abs/../x", "/abs/../x");
        check("s3://b/../x", "s3://b/../x");
        check("s3:/b", "/srv/repo/.dvc/s3:/b");
        check("~/x", "/home/me/x");
        check("~", "/home/me");
        check("~no-such-user-here/x", "/srv/repo/.dvc/~no-such-user-here/x");
        check("$HOME/x", "/srv/repo/.dvc/$HOME/x");
    }

    #[test]
    fn only_the_certificates_of_a_remote_may_be_a_path() {
        assert!(may_hold_path(&["remote", "a", "ssl_verify"]));
        assert!(!may_hold_path(&["remote", "a", "url"]) && !may_hold_path(&["core", "ssl_verify"]));
    }

    #[test]
    fn relative_to_file_starts_in_the_working_directory() {
        let check = |path: &str, expected: &str| {
            assert_eq!(relative_to_file(Path::new("/srv/repo/.dvc"), path, &env()), expected, "{path}");
        };
        check("../loc", "../loc");
        check("../../loc", "../../loc");
        check("", "../sub");
        check("../.dvc", ".");
        check("x", "../sub/x");
        check("~/x", "~/x");
        check("/abs", "/abs");
        check("s3://b", "s3://b");
    }
}
