//! A folder with a home and a repository, and the program run inside of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use haul::{ExitStatus, Ui};
use haul_config::Env;

/// A world for one test.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Makes an empty world: a home, and an empty folder to work in.
    pub(crate) fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        fs_err::create_dir_all(sandbox.folder.path().join("home")).unwrap();
        fs_err::create_dir_all(sandbox.root()).unwrap();
        sandbox
    }

    /// Makes a world with a DVC repository that uses no Git.
    pub(crate) fn with_repository() -> Self {
        let sandbox = Self::new();
        sandbox.write(".dvc/config", "");
        fs_err::create_dir_all(sandbox.root().join(".dvc/tmp")).unwrap();
        sandbox
    }

    /// Returns the working directory of the runs.
    pub(crate) fn root(&self) -> PathBuf {
        // Temporary folders lie behind a link on some systems, and error messages name real paths.
        self.folder.path().canonicalize().unwrap().join("repo")
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs_err::read_to_string(self.path(relative)).unwrap()
    }

    /// Returns the environment variables of the runs.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 4] {
        let home = self.root().with_file_name("home");
        [
            ("HOME", home.clone()),
            ("USERPROFILE", home.clone()),
            ("DVC_SYSTEM_CONFIG_DIR", home.join("system")),
            ("DVC_GLOBAL_CONFIG_DIR", home.join("global")),
        ]
    }

    fn env(&self, directory: &Path) -> Env {
        Env::new(directory, self.variables())
    }

    /// Runs the program with words separated by blanks.
    pub(crate) fn haul(&self, line: &str) -> Output {
        self.run(line.split_whitespace(), &self.root())
    }

    /// Runs the program in a folder below the working directory.
    pub(crate) fn haul_in(&self, directory: &str, line: &str) -> Output {
        self.run(line.split_whitespace(), &self.path(directory))
    }

    /// Runs the program with words that may hold blanks.
    pub(crate) fn run<'word>(&self, words: impl IntoIterator<Item = &'word str>, directory: &Path) -> Output {
        let (ui, captured) = Ui::captured();
        let args = std::iter::once("haul").chain(words).map(OsString::from);
        let status = haul::run(args, &self.env(directory), ui);
        Output {
            status,
            stdout: self.portable(&captured.stdout()),
            stderr: self.portable(&captured.stderr()),
        }
    }

    /// Runs the program with words separated by blanks, and a text on the standard input.
    pub(crate) fn haul_with_input(&self, line: &str, input: &str) -> Output {
        let (ui, captured) = Ui::captured();
        let ui = ui.with_input(std::io::Cursor::new(input.to_owned()));
        let args = std::iter::once("haul").chain(line.split_whitespace()).map(OsString::from);
        let status = haul::run(args, &self.env(&self.root()), ui);
        Output {
            status,
            stdout: self.portable(&captured.stdout()),
            stderr: self.portable(&captured.stderr()),
        }
    }

    /// Replaces what differs from run to run.
    fn portable(&self, text: &str) -> String {
        let root = self.root();
        text.replace(&root.display().to_string(), "<root>")
            .replace(&root.with_file_name("home").display().to_string(), "<home>")
    }
}

impl Output {
    /// Checks all three answers of a run.
    #[track_caller]
    pub(crate) fn is(&self, code: u8, stdout: &str, stderr: &str) {
        assert_eq!(
            (self.status.code(), self.stdout.as_str(), self.stderr.as_str()),
            (code, stdout, stderr),
            "exit code, stdout, stderr"
        );
    }

    /// Checks a run that moved one object of six bytes: stderr says how much that was, and how long it took.
    #[track_caller]
    pub(crate) fn moved(&self, stdout: &str) {
        assert_eq!((self.status.code(), self.stdout.as_str()), (0, stdout), "{}", self.stderr);
        assert!(self.stderr.starts_with("1 object, 6 B in "), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
    }

    /// Checks that a run succeeded without a word.
    #[track_caller]
    pub(crate) fn is_silent_success(&self) {
        self.is(0, "", "");
    }
}
