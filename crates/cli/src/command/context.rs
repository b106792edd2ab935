//! What every command works with.

use std::path::Path;
use std::sync::Arc;

use haul_config::{ConfigPaths, ConfigStack, Edited, Env, Notice};
use haul_repo::root::find_root;

use crate::args::GlobalArgs;
use crate::command_error::CommandError;
use crate::ui::Printer;

/// The surroundings of a command.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    env: Env,
    printer: Arc<Printer>,
    wait_for_lock: bool,
}

impl Context {
    pub(crate) fn new(global: &GlobalArgs, env: Env, printer: Printer) -> Self {
        Self { env, printer: Arc::new(printer), wait_for_lock: global.wait_for_lock }
    }

    /// Changes to the folder of `--cd`; fails if it is not there.
    pub(crate) fn enter(&self, global: &GlobalArgs) -> Result<Self, CommandError> {
        let Some(directory) = &global.cd else { return Ok(self.clone()) };
        let absolute = self.env.current_dir().join(directory);
        fs_err::read_dir(&absolute)
            .map_err(|error| CommandError::unexpected("cannot change the directory").caused_by(&error))?;
        Ok(Self { env: self.env.clone().with_current_dir(absolute), ..self.clone() })
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn printer(&self) -> &Printer {
        &self.printer
    }

    pub(crate) fn shared_printer(&self) -> &Arc<Printer> {
        &self.printer
    }

    /// Tells whether to wait for the lock of the repository for ever.
    pub(crate) fn wait_for_lock(&self) -> bool {
        self.wait_for_lock
    }

    /// Loads the configuration files of the repository around the working directory; outside of a repository
    /// those of the user and the machine.
    pub(crate) fn config_stack(&self) -> Result<ConfigStack, CommandError> {
        let root = match find_root(self.env.current_dir()) {
            Ok(root) => Some(root),
            Err(haul_repo::Error::NotARepository(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let dvc_dir = root.map(|root| root.join(haul_repo::root::DVC_DIR));
        let paths = ConfigPaths::new(&self.env, dvc_dir.as_deref());
        Ok(ConfigStack::load(&paths, &self.env)?)
    }

    /// Tells the user what an edit of the configuration did beyond what was asked for.
    pub(crate) fn report_edit(&self, edited: &Edited) {
        let printer = &self.printer;
        for notice in &edited.notices {
            match notice {
                Notice::SecretInTrackedFile { key, path, commands } => {
                    let path = self.display_path(path);
                    printer.warning(&format!(
                        "`{key}` is a secret and now stands in `{path}`, which Git tracks: \
                         everyone who can read the repository will be able to read it."
                    ));
                    printer.hint(&format!("move it to the file that Git ignores:\n    {}", commands.join("\n    ")));
                }
                Notice::Incomplete { message, hint, .. } => {
                    printer.warning(message);
                    printer.hint(hint);
                }
                Notice::CacheTypeChanged => printer.warning(
                    "You have changed the 'cache.type' option. This doesn't update any existing workspace file \
                     links, but it can be done with:\n             haul checkout --relink",
                ),
                _ => {}
            }
        }
    }

    /// Returns a path as short as it can be shown: relative to the working directory if it lies below it.
    pub(crate) fn display_path(&self, path: &Path) -> String {
        path.strip_prefix(self.env.current_dir()).unwrap_or(path).display().to_string()
    }
}
