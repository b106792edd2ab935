//! Where the four configuration files live.

use std::path::{Path, PathBuf};

use crate::{Env, Level};

/// The configuration file of each level.
///
/// Source: <https://dvc.org/doc/user-guide/project-structure/configuration>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigPaths {
    system: PathBuf,
    global: Option<PathBuf>,
    repo: Option<PathBuf>,
    local: Option<PathBuf>,
}

impl ConfigPaths {
    /// Finds the files for this environment and, inside a repository, for its `.dvc` folder.
    ///
    /// `DVC_SYSTEM_CONFIG_DIR` and `DVC_GLOBAL_CONFIG_DIR` name folders to look in instead.
    pub fn new(env: &Env, dvc_dir: Option<&Path>) -> Self {
        let dvc_dir = dvc_dir.map(|path| env.absolute(path));
        Self {
            system: env.absolute(system_dir(env)).join("config"),
            global: global_dir(env).map(|folder| env.absolute(folder).join("config")),
            repo: dvc_dir.as_ref().map(|folder| folder.join("config")),
            local: dvc_dir.map(|folder| folder.join("config.local")),
        }
    }

    /// Returns the file of a level; outside a repository there is none for [`Level::Repo`] and [`Level::Local`].
    pub fn path(&self, level: Level) -> Option<&Path> {
        match level {
            Level::System => Some(&self.system),
            Level::Global => self.global.as_deref(),
            Level::Repo => self.repo.as_deref(),
            Level::Local => self.local.as_deref(),
        }
    }

    /// Returns the `.dvc` folder the paths were made for.
    pub fn dvc_dir(&self) -> Option<&Path> {
        self.repo.as_deref().and_then(Path::parent)
    }
}

/// Follows `platformdirs.site_config_dir("dvc", "iterative")`.
fn system_dir(env: &Env) -> PathBuf {
    if let Some(folder) = env.var_os("DVC_SYSTEM_CONFIG_DIR") {
        return folder.into();
    }
    if cfg!(windows) {
        let base = env.var_os("PROGRAMDATA").map_or_else(|| PathBuf::from(r"C:\ProgramData"), PathBuf::from);
        return base.join("iterative").join("dvc");
    }
    if cfg!(target_os = "macos") {
        return "/Library/Application Support/dvc".into();
    }
    // Only the first folder of the list is looked at, as DVC does.
    let first = env.var("XDG_CONFIG_DIRS").and_then(|folders| folders.split(':').next());
    Path::new(first.filter(|folder| !folder.is_empty()).unwrap_or("/etc/xdg")).join("dvc")
}

/// Follows `platformdirs.user_config_dir("dvc", "iterative")`.
fn global_dir(env: &Env) -> Option<PathBuf> {
    if let Some(folder) = env.var_os("DVC_GLOBAL_CONFIG_DIR") {
        return Some(folder.into());
    }
    if cfg!(windows) {
        let base = env.var_os("LOCALAPPDATA").map(PathBuf::from);
        let base = base.or_else(|| Some(env.home_dir()?.join("AppData").join("Local")))?;
        return Some(base.join("iterative").join("dvc"));
    }
    if cfg!(target_os = "macos") {
        return Some(env.home_dir()?.join("Library/Application Support/dvc"));
    }
    let base = env.var("XDG_CONFIG_HOME").map(str::trim).filter(|folder| !folder.is_empty());
    Some(match base {
        Some(folder) => Path::new(folder).join("dvc"),
        None => env.home_dir()?.join(".config/dvc"),
    })
}
