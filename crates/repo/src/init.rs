//! Making a repository.

use std::path::{Path, PathBuf};

use haul_config::Env;

use crate::git::{Git, gitignore};
use crate::ignore::DVCIGNORE;
use crate::paths::normalize;
use crate::root::{DVC_DIR, GIT_IGNORED};
use crate::{Error, Result};

/// How to make a repository.
#[derive(Debug, Clone, Copy, Default)]
pub struct InitOptions {
    /// Do without Git.
    pub no_scm: bool,
    /// Below the root of a Git repository.
    pub subdir: bool,
    /// Replace an existing `.dvc`, its cache included.
    pub force: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct InitReport {
    /// The root of the new repository.
    pub root: PathBuf,
    /// Tells that the new files were staged in Git, so that a commit makes sense now.
    pub staged: bool,
}

/// The comment DVC puts into a new `.dvcignore`.
const DVCIGNORE_TEXT: &str = "\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
";

/// Makes `directory` a DVC repository and stages its files in Git. The configuration comes after the files that Git
/// ignores, and the file with the birth time last: killed half way, the same command sees what is missing and goes on.
///
/// Deviation: DVC leaves a half-made `.dvc` when it is killed, or finds the index of Git locked, and then says that it
/// exists.
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
        // A half-made `.dvc` would be taken for a repository. What the first error was matters more than this.
        if is_new {
            drop(fs_err::remove_dir_all(&dvc_dir));
        }
        return Err(error);
    }
    Ok(InitReport { root, staged: git.is_some() })
}

/// Tells whether [`make`] was killed here, so that it may go on: the configuration is not there yet, or neither is the
/// last file it makes, and Git does not know the first it stages. In a clone, Git does.
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

/// Writes the files of a new repository that are not there, and stages them.
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
    // Its time is the birth time of the repository, from which DVC derives where its own state lies.
    fs_err::write(birth_time(&dvc_dir), "").map_err(failed)
}

fn birth_time(dvc_dir: &Path) -> PathBuf {
    dvc_dir.join("tmp").join("btime")
}

fn find_git(root: &Path, subdir: bool) -> Result<Git> {
    // The directory is made if it is not there.
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

/// Tells whether two paths lead to the same folder, be it through links.
fn same_folder(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((fs_err::canonicalize(left), fs_err::canonicalize(right)), (Ok(left), Ok(right)) if left == right)
}
