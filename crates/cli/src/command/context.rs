//! What every command works with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use haul_auth::{AwsSettings, CredentialRequest, Error as AuthError};
use haul_config::{ConfigPaths, ConfigStack, Edited, Env, Notice, RemoteKind};
use haul_repo::root::find_root;
use haul_repo::{LockWait, Repo};
use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Contact};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::GlobalArgs;
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::interrupt::Interrupt;
use crate::mfa::{Silence, TerminalPrompt};
use crate::ui::{OutputFormat, Printer, Progress, Surroundings, WaitLine};

/// The surroundings of a command.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    env: Env,
    printer: Arc<Printer>,
    lock_wait: LockWait,
    interrupt: Interrupt,
    is_called_dvc: bool,
}

impl Context {
    pub(crate) fn new(global: &GlobalArgs, env: Env, printer: Printer, is_called_dvc: bool) -> Self {
        let lock_wait = if global.wait_for_lock { LockWait::Forever } else { LockWait::Briefly };
        Self { env, printer: Arc::new(printer), lock_wait, interrupt: Interrupt::default(), is_called_dvc }
    }

    /// Changes to the folder of `--cd`; fails if it is not there.
    pub(crate) fn enter(&self, global: &GlobalArgs) -> Result<Self, CommandError> {
        let Some(directory) = &global.cd else { return Ok(self.clone()) };
        let absolute = self.env.current_dir().join(directory);
        fs_err::read_dir(&absolute)
            .map_err(|error| CommandError::unexpected("cannot change the directory").caused_by(&error))?;
        // A process that changes its directory does not remember through which links.
        let absolute =
            if cfg!(windows) { absolute } else { fs_err::canonicalize(&absolute).unwrap_or(absolute) };
        Ok(Self { env: self.env.clone().with_current_dir(absolute), ..self.clone() })
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn printer(&self) -> &Printer {
        &self.printer
    }

    /// Whether the program was called by DVC's name.
    pub(crate) fn is_called_dvc(&self) -> bool {
        self.is_called_dvc
    }

    /// Returns the form of the output.
    pub(crate) fn format(&self) -> OutputFormat {
        self.printer.format()
    }

    /// Opens the repository around the working directory.
    pub(crate) fn open_repo(&self) -> Result<Repo, CommandError> {
        let repo = Repo::discover(&self.env)?;
        Ok(repo.with_contact(self.contact()).with_cancellation(self.cancellation()))
    }

    /// Returns how long to wait for the lock of the repository.
    pub(crate) fn lock_wait(&self) -> LockWait {
        self.lock_wait
    }

    /// Returns the token that Ctrl-C cancels.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.interrupt.token().clone()
    }

    /// Returns how the program ends if it was asked to stop.
    pub(crate) fn interrupted_status(&self) -> ExitStatus {
        self.interrupt.status()
    }

    /// Returns how remotes reach the person who waits for them.
    pub(crate) fn contact(&self) -> Contact {
        Contact {
            mfa_prompt: Some(Arc::new(TerminalPrompt::new(&self.printer))),
            wait_listener: Some(Arc::new(WaitLine::new(&self.printer))),
        }
    }

    /// Reads a line that a person types; Ctrl-C ends the wait for it.
    pub(crate) fn answer(&self) -> Result<Option<String>, CommandError> {
        let printer = Arc::clone(&self.printer);
        self.wait_for_person(move || printer.read_line())
    }

    /// Reads a line that a person types on the terminal, without an echo; Ctrl-C ends the wait for it, and the echo is back.
    pub(crate) fn silent_answer(&self, question: &str) -> Result<String, CommandError> {
        let cannot_ask = |error: &io::Error| match error.kind() {
            io::ErrorKind::Interrupted => CommandError::interrupted(),
            _ => CommandError::unexpected("cannot ask on the terminal").caused_by(error),
        };
        let question = question.to_owned();
        let _silence = Silence::of_terminal().map_err(|error| cannot_ask(&error))?;
        let ask = move || rpassword::prompt_password(question).map_err(|error| cannot_ask(&error)).map(Some);
        Ok(self.wait_for_person(ask)?.unwrap_or_default())
    }

    fn wait_for_person(
        &self,
        read: impl FnOnce() -> Result<Option<String>, CommandError> + Send + 'static,
    ) -> Result<Option<String>, CommandError> {
        self.interrupt.watch(&self.printer);
        let (sender, receiver) = std::sync::mpsc::channel();
        let read = move || sender.send(read());
        std::thread::Builder::new()
            .name(String::from("haul-stdin"))
            .spawn(read)
            .map_err(|error| CommandError::unexpected("cannot read the standard input").caused_by(&error))?;
        loop {
            if self.interrupt.is_requested() {
                // The thread ends with the process.
                return Err(CommandError::interrupted());
            }
            match receiver.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => return line,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// Runs work that does not need the network, with its progress on display.
    pub(crate) fn observe<T>(&self, work: impl FnOnce(&dyn Observer) -> T) -> T {
        let progress = self.start_work();
        let result = work(&progress);
        progress.finish();
        result
    }

    /// Runs work that waits for the network, with its progress on display.
    ///
    /// At Ctrl-C, SIGTERM or SIGHUP the work has two seconds to stop by itself; then it is dropped.
    pub(crate) fn observe_async<T>(
        &self,
        work: impl AsyncFnOnce(&dyn Observer) -> haul_repo::Result<T>,
    ) -> haul_repo::Result<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| haul_repo::Error::io("cannot start the threads of the network", error))?;
        let progress = self.start_work();
        let result = runtime.block_on(async {
            tokio::select! {
                result = work(&progress) => result,
                () = self.interrupt.grace_is_over() => Err(haul_repo::Error::Interrupted),
            }
        });
        progress.finish();
        // A file operation that hangs (a dead network mount) must not keep the process.
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }

    fn start_work(&self) -> Progress {
        self.interrupt.watch(&self.printer);
        let surroundings = Surroundings {
            in_ci: self.env.var("CI").is_some(),
            is_dumb: self.env.var("TERM") == Some("dumb"),
        };
        Progress::start(&self.printer, surroundings)
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
                Notice::SecretWritten { key, path, commands } => {
                    self.report_secret(key, path, commands.as_deref());
                }
                // Options are set one by one, so what is incomplete is on the way, not wrong.
                Notice::Incomplete { message, hint, .. } | Notice::Doubtful { message, hint } => {
                    printer.note(message);
                    printer.hint(hint);
                }
                // Deviation: a change of `cache.type` brings up the sentence that DVC has for it and never comes to print.
                Notice::CacheTypeChanged => printer.warning(
                    "You have changed the 'cache.type' option. This doesn't update any existing workspace file \
                     links, but it can be done with:\n             haul checkout --relink",
                ),
                _ => {}
            }
        }
        printer.record(Edit { paths: shown_paths(&edited.files) });
    }

    /// Says that the AWS files do not have the profile that a remote was just given. They may get it later, so it is no
    /// error.
    pub(crate) fn report_profile(&self, stack: &ConfigStack, remote: &str, option: &str) {
        if !matches!(option.to_lowercase().as_str(), "profile" | "credentialpath" | "configpath") {
            return;
        }
        let Ok(remote) = stack.config().and_then(|config| config.remote(Some(remote))) else { return };
        let RemoteKind::S3(s3) = &remote.kind else { return };
        let Err(error) = AwsSettings::load(&CredentialRequest::from(s3.as_ref()), &self.env) else { return };
        if matches!(error, AuthError::ProfileNotFound(_)) {
            self.printer.note(&error.to_string());
            if let Some(hint) = error.hint() {
                self.printer.hint(&hint);
            }
        }
    }

    /// Returns a path as short as it can be shown: relative to the working directory if it lies below it.
    pub(crate) fn display_path(&self, path: &Path) -> String {
        path.strip_prefix(self.env.current_dir()).unwrap_or(path).display().to_string()
    }
}

/// What a change of the configuration wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Edit {
    /// The configuration files that were written.
    paths: Vec<String>,
}

/// Returns paths as JSON has them.
pub(super) fn shown_paths(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}
