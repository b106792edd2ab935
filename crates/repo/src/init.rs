//! Creates a repository.

use std::path::{Path, PathBuf};

use haul_config::Env;

use crate::git::{Git, gitignore};
use crate::ignore::DVCIGNORE;
use crate::paths::normalize;
use crate::root::{DVC_DIR, GIT_IGNORED};
use crate::{Error, Result};

/// How to create a repository.
#[derive(Debug, Clone, Copy, Default)]
pub struct InitOptions {
    /// Create a repository without Git.
    pub no_scm: bool,
    /// Allow a directory below the root of a Git repository.
    pub subdir: bool,
    /// Replace an existing `.dvc`, its cache included.
    pub force: bool,
}

/// The result of [`init`].
#[derive(Debug, Clone)]
pub struct InitReport {
    /// The root of the new repository.
    pub root: PathBuf,
    /// Whether the new files were staged in Git, so that the user should commit them.
    pub staged: bool,
}

/// The comment DVC puts into a new `.dvcignore`.
const DVCIGNORE_TEXT: &str = "\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
";

/// Makes `directory` a DVC repository and stages its files in Git. The configuration is written after the files that Git
/// ignores, and the file with the birth time last, so that the same command can complete a repository after a kill.
///
/// Deviation: haul's `init` completes a `.dvc` that an earlier `init` left incomplete. DVC leaves such a `.dvc` when it is
/// killed or Git's index is locked, and then refuses because `.dvc` exists.
///
/// # Errors
///
/// [`Error::Init`] in DVC's words: no Git, `.dvc` ignored by Git, `.dvc` exists; [`Error::BadOut`] for options that
/// contradict each other.
pub fn init(directory: &Path, options: InitOptions, env: &Env) -> Result<InitReport> {
    if options.no_scm && options.subdir {
        return Err(Error::BadOut("Cannot initialize repo with `--no-scm` and `--subdir`".to_owned()));
    }
    let root = normalize(&env.absolute(directory));
    let dvc_dir = root.join(DVC_DIR);
    let git = if options.no_scm { None } else { Some(find_git(&root, options.subdir)?) };
    if let Some(git) = &git
        && git.is_ignored(&dvc_dir, false)?
    {
        return Err(Error::Init(format!(
            "{} is ignored by your SCM tool. \nMake sure that it's tracked, for example, by adding '!.dvc' to \
             .gitignore.",
            dvc_dir.display()
        )));
    }
    let failed = |source| Error::io("failed to initiate DVC", source);
    let mut is_new = true;
    if dvc_dir.is_dir() {
        if options.force {
            fs_err::remove_dir_all(&dvc_dir).map_err(failed)?;
        } else if is_half_made(&dvc_dir, git.as_ref())? {
            is_new = false;
        } else {
            let shown = crate::paths::relative(&dvc_dir, &normalize(env.current_dir()));
            return Err(Error::Init(format!("'{}' exists. Use `-f` to force.", shown.display())));
        }
    }
    if let Err(error) = make(&root, git.as_ref()) {
        // An incomplete `.dvc` would be taken for a repository. If it cannot be deleted, the first error is reported.
        if is_new {
            drop(fs_err::remove_dir_all(&dvc_dir));
        }
        return Err(error);
    }
    Ok(InitReport { root, staged: git.is_some() })
}

/// Returns whether [`make`] was killed in this directory and may complete it: the configuration is missing, or the last
/// file is missing and Git does not track the first one. In a clone, Git tracks it.
fn is_half_made(dvc_dir: &Path, git: Option<&Git>) -> Result<bool> {
    let config = dvc_dir.join("config");
    if !config.exists() {
        return Ok(true);
    }
    Ok(match git {
        Some(git) => !birth_time(dvc_dir).exists() && !git.is_tracked(&config)?,
        None => false,
    })
}

/// Writes the missing files of a new repository, and stages them.
fn make(root: &Path, git: Option<&Git>) -> Result<()> {
    let failed = |source| Error::io("failed to initiate DVC", source);
    let dvc_dir = root.join(DVC_DIR);
    fs_err::create_dir_all(dvc_dir.join("tmp")).map_err(failed)?;
    let ignore_file = root.join(DVCIGNORE);
    if !ignore_file.exists() {
        crate::atomic::write(&ignore_file, DVCIGNORE_TEXT.as_bytes())?;
    }
    let config = dvc_dir.join("config");
    if let Some(git) = git {
        for name in GIT_IGNORED {
            gitignore::ignore(git, &dvc_dir.join(name))?;
        }
        if !config.exists() {
            crate::atomic::write(&config, b"")?;
        }
        git.stage(&[config, ignore_file, dvc_dir.join(".gitignore")])?;
    } else if !config.exists() {
        crate::atomic::write(&config, b"[core]\n    no_scm = True\n")?;
    }
    // Its time is the birth time of the repository, from which DVC derives the path of its own state.
    fs_err::write(birth_time(&dvc_dir), "").map_err(failed)
}

fn birth_time(dvc_dir: &Path) -> PathBuf {
    dvc_dir.join("tmp").join("btime")
}

fn find_git(root: &Path, subdir: bool) -> Result<Git> {
    // The directory need not exist yet.
    let nearest = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(root);
    match Git::discover(nearest)? {
        Some(git) if subdir || same_folder(git.work_dir(), root) => Ok(git),
        _ => Err(Error::Init(format!(
            "{} is not tracked by any supported SCM tool (e.g. Git). Use `--no-scm` if you don't want to use any \
             SCM or `--subdir` if initializing inside a subdirectory of a parent SCM repository.",
            root.display()
        ))),
    }
}

/// Returns whether two paths lead to the same directory, possibly through links.
fn same_folder(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((fs_err::canonicalize(left), fs_err::canonicalize(right)), (Ok(left), Ok(right)) if left == right)
}
