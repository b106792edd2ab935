//! Clones of other repositories, kept between runs.
//!
//! They are bare, and are in the user's cache directory (`$XDG_CACHE_HOME/haul/clones`, `~/.cache/haul/clones`; of users
//! without a home, `$TMPDIR/haul-UID/haul/clones`): if they are deleted, the next run downloads them again. The program `git`
//! does the network access, so that its credential helpers, keys and proxies work; the clones are read without it.
//!
//! Deviation: haul keeps clones of other repositories between runs and updates them; DVC makes a new clone in a temporary
//! directory for each run.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use haul_config::{Env, mask_urls};
use haul_storage::CancellationToken;
use haul_storage::hash::md5;

use crate::git::Git;
use crate::workspace::lock::{LockWait, RepoLock};
use crate::{Error, Result};

/// Variables by which Git passes its repository to hooks; with them, `git` would use the wrong repository here.
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

/// The interval in which a cancellation is checked while `git` runs.
const GLANCE: Duration = Duration::from_millis(10);

/// Opens the clone of `url`, which is created or updated first. No network is needed if `revision` is a full commit id that
/// the clone has.
pub(super) fn open(url: &str, revision: Option<&str>, env: &Env, cancel: &CancellationToken) -> Result<Git> {
    if url.is_empty() || url.starts_with('-') {
        let message = format!("cannot clone `{url}`: it is not the URL of a repository");
        return Err(Error::NotARepository(message));
    }
    let directory = directory_of(url, env)?;
    let target = Target { url, env, cancel };
    let failed = |source| Error::io("cannot create a directory for a clone", source);
    let parent = directory.parent().unwrap_or(Path::new("/"));
    make_private(parent).map_err(failed)?;
    let _lock = RepoLock::acquire(&directory.with_extension("lock"), LockWait::Forever, cancel)?;
    if !directory.join("HEAD").exists() {
        create(&directory, &target)?;
    }
    if let (Some(name), Ok(git)) = (revision.filter(|name| is_commit_id(name)), Git::open_bare(&directory))
        && git.resolve(name).is_ok()
    {
        return Ok(git);
    }
    update(&directory, &target)?;
    Git::open_bare(&directory)
}

fn directory_of(url: &str, env: &Env) -> Result<PathBuf> {
    let base = env.var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    let base = base.or_else(|| Some(env.home_dir()?.join(".cache")));
    let base = base.map_or_else(|| temporary(env, url), Ok)?;
    // The same relative path is another repository in another working directory.
    let absolute = env.absolute(url);
    let name = if absolute.exists() { absolute.to_string_lossy().into_owned() } else { url.to_owned() };
    Ok(base.join("haul").join("clones").join(hex::encode(md5(name.as_bytes()))))
}

/// Returns a directory for temporary files that is the user's own, for machines where the user has no home.
fn temporary(env: &Env, url: &str) -> Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let folder = env.var_os("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), |folder| env.absolute(folder));
    let user = rustix::process::geteuid().as_raw();
    let own = folder.join(format!("haul-{user}"));
    let failed = |source| Error::io("cannot make room for a clone", source);
    make_private(&own).map_err(failed)?;
    // Others can make directories there as well.
    let metadata = fs_err::symlink_metadata(&own).map_err(failed)?;
    if !metadata.is_dir() || metadata.uid() != user || metadata.mode() & 0o077 != 0 {
        return Err(Error::NotARepository(format!(
            "cannot keep a clone of '{}': neither HOME nor XDG_CACHE_HOME is set, and others can write to '{}'",
            mask_urls(url),
            own.display()
        )));
    }
    Ok(own)
}

/// Creates a directory that only the user can read: URLs may contain a token, and the repositories may be private.
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// The repository to clone, and the environment.
struct Target<'a> {
    url: &'a str,
    env: &'a Env,
    cancel: &'a CancellationToken,
}

/// Creates an empty clone under a temporary name. The URL is written to its configuration, so that it is not among the
/// arguments of a process.
fn create(directory: &Path, target: &Target<'_>) -> Result<()> {
    let Target { url, env, .. } = *target;
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let failed = |source| Error::io("cannot create a clone", source);
    let temp = tempfile::Builder::new().prefix(".new").tempdir_in(parent).map_err(failed)?;
    git(temp.path(), &["init", "--quiet", "--bare", "."], target)?;
    let path = env.absolute(url);
    let url = if path.exists() { path.to_string_lossy().into_owned() } else { url.to_owned() };
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    let mut config = fs_err::read_to_string(temp.path().join("config")).map_err(failed)?;
    write!(config, "[gc]\n\tauto = 0\n[remote \"origin\"]\n\turl = \"{quoted}\"\n")
        .expect("writing to a string cannot fail");
    fs_err::write(temp.path().join("config"), config).map_err(failed)?;
    // A directory that a killed process left has no `HEAD`, and is removed.
    match fs_err::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs_err::rename(temp.keep(), directory).map_err(failed)
}

/// Fetches branches and tags, and the name of the default branch.
fn update(directory: &Path, target: &Target<'_>) -> Result<()> {
    let heads = git(directory, &["ls-remote", "--symref", "origin", "HEAD"], target)?;
    let refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    git(directory, &[&["fetch", "--quiet", "--prune", "--no-tags", "origin"], &refs[..]].concat(), target)?;
    let head = heads.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    if let Some(head) = head.filter(|head| head.starts_with("refs/heads/")) {
        return git(directory, &["symbolic-ref", "HEAD", head], target).map(drop);
    }
    let id = heads.lines().find_map(|line| line.strip_suffix("\tHEAD"));
    match id.filter(|id| is_commit_id(id)) {
        Some(id) => git(directory, &["update-ref", "--no-deref", "HEAD", id], target).map(drop),
        None => Ok(()),
    }
}

fn is_commit_id(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs `git`, and returns what it prints. Git asks for passwords on the terminal. A cancellation ends the program.
fn git(directory: &Path, arguments: &[&str], on: &Target<'_>) -> Result<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_clear().envs(on.env.vars_os());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in LOCAL_VARIABLES {
        command.env_remove(name);
    }
    let failed = |source| Error::io("cannot run `git`", source);
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = std::thread::scope(|scope| {
        let (stdout, stderr) = (scope.spawn(|| read(stdout)), scope.spawn(|| read(stderr)));
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if on.cancel.is_cancelled() => {
                    // When the program ends, so do the threads that read its output.
                    drop(child.kill());
                    drop(child.wait());
                    break Err(Error::Interrupted);
                }
                Ok(None) => std::thread::sleep(GLANCE),
                Err(source) => break Err(failed(source)),
            }
        };
        (status, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default())
    });
    if status?.success() {
        return Ok(stdout);
    }
    if on.cancel.is_cancelled() {
        return Err(Error::Interrupted);
    }
    let lines = stderr.trim().lines().map(|line| line.trim_start_matches("fatal: "));
    let said = lines.collect::<Vec<_>>().join(" ");
    Err(Error::Clone { url: mask_urls(on.url), source: mask_urls(&said).into() })
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // If reading fails, the output so far is still shown.
        drop(pipe.read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
