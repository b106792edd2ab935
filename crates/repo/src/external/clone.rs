//! Clones of other repositories, kept between runs.
//!
//! They are bare, and lie in the cache directory of the user (`$XDG_CACHE_HOME/haul/clones`, `~/.cache/haul/clones`): deleting
//! them costs another download and nothing else. The program `git` does the network, so that its credential helpers, keys
//! and proxies work; what was fetched is read without it.
//!
//! Deviation: DVC clones anew into a temporary directory for each run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use haul_config::{Env, mask_urls};
use haul_storage::CancellationToken;
use haul_storage::hash::md5;

use crate::git::Git;
use crate::lock::{LockWait, RepoLock};
use crate::{Error, Result};

/// Variables by which Git tells a hook where it runs; here they would lead it to the wrong repository.
///
/// Source: `git rev-parse --local-env-vars`.
const LOCAL_VARIABLES: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG_PARAMETERS",
];

/// Opens the clone of `url`, made or brought up to date first. A full commit id that the clone has needs no network.
pub(super) fn open(url: &str, revision: Option<&str>, env: &Env, cancel: &CancellationToken) -> Result<Git> {
    if url.is_empty() || url.starts_with('-') {
        let message = format!("cannot clone `{url}`: it is no URL of a repository");
        return Err(Error::NotARepository(message));
    }
    let directory = directory_of(url, env);
    let failed = |source| Error::io("cannot make room for a clone", source);
    let parent = directory.parent().unwrap_or(Path::new("/"));
    make_private(parent).map_err(failed)?;
    let _lock = RepoLock::acquire(&directory.with_extension("lock"), LockWait::Forever, cancel)?;
    if !directory.join("HEAD").exists() {
        create(&directory, url, env)?;
    }
    if let (Some(name), Ok(git)) = (revision.filter(|name| is_commit_id(name)), Git::open_bare(&directory))
        && git.resolve(name).is_ok()
    {
        return Ok(git);
    }
    update(&directory, url, env)?;
    Git::open_bare(&directory)
}

fn directory_of(url: &str, env: &Env) -> PathBuf {
    let base = env.var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    let base = base.or_else(|| Some(env.home_dir()?.join(".cache"))).unwrap_or_else(std::env::temp_dir);
    // A relative path means another repository in another directory.
    let absolute = env.absolute(url);
    let name = if absolute.exists() { absolute.to_string_lossy().into_owned() } else { url.to_owned() };
    base.join("haul").join("clones").join(hex::encode(md5(name.as_bytes())))
}

/// Makes a directory that only the user can read: URLs may hold a token, and the repositories may be private.
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Makes an empty clone under a temporary name. The URL goes into its configuration, not into the arguments of a process.
fn create(directory: &Path, url: &str, env: &Env) -> Result<()> {
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let failed = |source| Error::io("cannot make a clone", source);
    let temp = tempfile::Builder::new().prefix(".new").tempdir_in(parent).map_err(failed)?;
    git(temp.path(), &["init", "--quiet", "--bare", "."], url, env)?;
    let path = env.absolute(url);
    let url = if path.exists() { path.to_string_lossy().into_owned() } else { url.to_owned() };
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    let mut config = fs_err::read_to_string(temp.path().join("config")).map_err(failed)?;
    config.push_str(&format!("[gc]\n\tauto = 0\n[remote \"origin\"]\n\turl = \"{quoted}\"\n"));
    fs_err::write(temp.path().join("config"), config).map_err(failed)?;
    // What a killed process may have left there has no `HEAD`.
    match fs_err::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs_err::rename(temp.keep(), directory).map_err(failed)
}

/// Fetches branches and tags, and takes over which branch is the default one.
fn update(directory: &Path, url: &str, env: &Env) -> Result<()> {
    let heads = git(directory, &["ls-remote", "--symref", "origin", "HEAD"], url, env)?;
    let refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    git(directory, &[&["fetch", "--quiet", "--prune", "--no-tags", "origin"], &refs[..]].concat(), url, env)?;
    let head = heads.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    match head.filter(|head| head.starts_with("refs/heads/")) {
        Some(head) => git(directory, &["symbolic-ref", "HEAD", head], url, env).map(drop),
        None => {
            let id = heads.lines().find_map(|line| line.strip_suffix("\tHEAD"));
            match id.filter(|id| is_commit_id(id)) {
                Some(id) => git(directory, &["update-ref", "--no-deref", "HEAD", id], url, env).map(drop),
                None => Ok(()),
            }
        }
    }
}

fn is_commit_id(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs `git`, and returns what it prints. Questions for passwords go to the terminal, as Git asks them.
fn git(directory: &Path, arguments: &[&str], url: &str, env: &Env) -> Result<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).stdin(Stdio::null()).env_clear().envs(env.vars_os());
    for name in LOCAL_VARIABLES {
        command.env_remove(name);
    }
    let output = command.output().map_err(|source| Error::io("cannot run `git`", source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said =
        said.trim().lines().map(|line| line.trim_start_matches("fatal: ")).collect::<Vec<_>>().join(" ");
    Err(Error::git(format!("Failed to clone repo '{}'", mask_urls(url)), mask_urls(&said)))
}
