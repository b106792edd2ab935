//! A separate world for each test: directories, home, environment, and `haul` in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{CommandOutput, RunningCommand};
use crate::dataset::write;
use crate::embedded::EmbeddedS3;
use crate::terminal::Terminal;
use crate::tree::Tree;

/// A temporary directory with a home, an empty AWS configuration and a `bin` that only contains `haul`.
///
/// Programs that run here see nothing of the machine's own environment: neither its variables, nor its home, nor its
/// `PATH`. So a `haul` that needed a `git` process, for example, would fail.
#[derive(Debug)]
pub struct TestEnvironment {
    root: tempfile::TempDir,
    haul: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    secrets: Vec<String>,
}

impl TestEnvironment {
    /// Makes a world for a build of the program.
    ///
    /// Tests pass `env!("CARGO_BIN_EXE_haul-under-test")`: a binary of this package that calls the entry point of the
    /// command line crate, and that cargo builds before any test of this package runs. `HAUL_BIN` in the environment of
    /// the test run replaces it, for example by a release build.
    ///
    /// # Panics
    /// If the directory cannot be made.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let root =
            tempfile::Builder::new().prefix("haul-test-").tempdir().expect("a temp folder can be made");
        let path = root.path().canonicalize().expect("the temp folder exists");
        let program = process_variable("HAUL_BIN").map_or_else(|| program.as_ref().to_owned(), PathBuf::from);
        for folder in ["bin", "home", "aws", "tmp", "global", "system", "site-cache"] {
            fs_err::create_dir(path.join(folder)).expect("a folder can be made");
        }
        // The link gives the program the name `haul`.
        let haul = path.join("bin/haul");
        fs_err::os::unix::fs::symlink(program, &haul).expect("a link can be made");
        let mut environment = Self { root, haul, variables: BTreeMap::new(), secrets: Vec::new() };
        for (name, folder) in [
            ("PATH", "bin"),
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("XDG_CONFIG_HOME", "home/.config"),
            ("XDG_CACHE_HOME", "home/.cache"),
            ("AWS_CONFIG_FILE", "aws/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "aws/credentials"),
            ("DVC_GLOBAL_CONFIG_DIR", "global"),
            ("DVC_SYSTEM_CONFIG_DIR", "system"),
            ("DVC_SITE_CACHE_DIR", "site-cache"),
        ] {
            environment.set(name, path.join(folder));
        }
        for (name, value) in [
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("COLUMNS", "100"),
            ("LC_ALL", "C.UTF-8"),
            ("NO_PROXY", "*"),
            ("TZ", "UTC"),
            ("RUST_BACKTRACE", "0"),
        ] {
            environment.set(name, value);
        }
        environment
    }

    /// Sets a variable for all later commands.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: impl AsRef<OsStr>) {
        self.variables.remove(name.as_ref());
    }

    /// Guards a secret: fails if the output of a later command contains it.
    ///
    /// # Panics
    /// If it is so short that it would be found by chance.
    pub fn guard_secret(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 8, "a secret of {} letters is found everywhere", secret.len());
        self.secrets.push(secret);
    }

    /// Sets the variables to the keys of a server's first user, and guards its secret.
    pub fn use_keys_of(&mut self, server: &EmbeddedS3) {
        let user = server.user().clone();
        self.set("AWS_ACCESS_KEY_ID", &user.access_key);
        self.set("AWS_SECRET_ACCESS_KEY", &user.secret_key);
        self.set("AWS_DEFAULT_REGION", "us-east-1");
        self.guard_secret(user.secret_key);
    }

    /// Fails if a guarded secret is in a file of this world, other than those whose path ends with one of `allowed`.
    ///
    /// # Panics
    /// If one does.
    #[track_caller]
    pub fn assert_no_secret_on_disk(&self, allowed: &[&str]) {
        let root = self.root();
        for path in Tree::read(&root).entries.into_keys() {
            if allowed.iter().any(|end| path.display().to_string().ends_with(end)) {
                continue;
            }
            // Links, such as that of the program, lead out of the world.
            if !fs_err::symlink_metadata(root.join(&path)).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            let Ok(bytes) = fs_err::read(root.join(&path)) else { continue };
            let found =
                |secret: &&String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!self.secrets.iter().any(|secret| found(&secret)), "a secret is in {}", path.display());
        }
    }

    /// Returns the root of this world.
    ///
    /// # Panics
    /// If it is gone.
    pub fn root(&self) -> PathBuf {
        self.root.path().canonicalize().expect("the temp folder exists")
    }

    /// Makes a directory, unless it exists.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn folder(&self, name: &str) -> Folder<'_> {
        let path = self.root().join(name);
        fs_err::create_dir_all(&path).expect("a folder can be made");
        Folder { environment: self, path }
    }

    /// Makes a directory that is a Git repository and a DVC repository.
    ///
    /// # Panics
    /// If `haul init` fails.
    pub fn repository(&self, name: &str) -> Folder<'_> {
        let folder = self.folder(name);
        folder.git_init();
        folder.haul(["init"]).success();
        folder
    }

    /// Makes a DVC repository whose default remote is the bucket `bucket` of a server, under the prefix `store`.
    ///
    /// # Panics
    /// If a command fails.
    pub fn repository_at(&self, name: &str, endpoint: &str) -> Folder<'_> {
        let folder = self.repository(name);
        folder.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
        folder.haul(["remote", "modify", "origin", "endpointurl", endpoint]).success();
        folder
    }

    fn command(&self, program: &Path, folder: &Path, arguments: &[OsString]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear().envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Reads a variable of the test run itself; empty counts as unset.
#[expect(clippy::disallowed_methods, reason = "how the test run is told about programs and servers")]
pub fn process_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A directory of a test environment.
#[derive(Debug, Clone)]
pub struct Folder<'environment> {
    environment: &'environment TestEnvironment,
    path: PathBuf,
}

impl Folder<'_> {
    /// Returns its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the absolute path of an entry in it.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Runs `haul` in it, and waits until it ends.
    ///
    /// # Panics
    /// If it cannot be started, takes more than two minutes, or prints a guarded secret.
    #[track_caller]
    pub fn haul(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> CommandOutput {
        self.start(arguments).wait(Duration::from_mins(2))
    }

    /// Starts `haul` in it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> RunningCommand {
        self.start_program(&self.environment.haul, arguments)
    }

    /// Runs `haul` in it, and kills it before its `point`-th change of a file.
    ///
    /// # Errors
    ///
    /// If processes may not be traced.
    #[cfg(target_os = "linux")]
    pub fn haul_until(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        point: usize,
    ) -> std::io::Result<crate::kill_point::Reached> {
        let arguments: Vec<OsString> =
            arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        crate::kill_point::run_until(
            &self.environment.command(&self.environment.haul, &self.path, &arguments),
            point,
        )
    }

    /// Starts `haul` in it, on a terminal; `helper` is the program `on-a-terminal` of this package.
    ///
    /// # Panics
    /// If there is no terminal, or it cannot be started.
    #[track_caller]
    pub fn start_on_terminal(&self, helper: &Path, arguments: &[&str]) -> Terminal {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let command = self.environment.command(&self.environment.haul, &self.path, &arguments);
        Terminal::start(helper, &command).unwrap_or_else(|error| panic!("no terminal: {error}"))
    }

    /// Starts another program in it, in the same environment.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start_program(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> RunningCommand {
        let arguments: Vec<OsString> =
            arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let mut command = self.environment.command(program, &self.path, &arguments);
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("{name} {}", words.join(" "));
        let secrets = self.environment.secrets.clone();
        RunningCommand::start(&mut command, line, self.environment.root(), secrets)
    }

    /// Makes it a Git repository, with the files of `git init` but without a `git` process.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn git_init(&self) {
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
            fs_err::create_dir_all(self.join(".git").join(folder)).expect("a folder can be made");
        }
        self.write(".git/HEAD", "ref: refs/heads/main\n");
        self.write(
            ".git/config",
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n",
        );
    }

    /// Copies the files that Git would track in another repository: the workspace without `.git`, ignored files and local
    /// state.
    ///
    /// # Panics
    /// If something cannot be copied.
    pub fn clone_metadata_of(&self, other: &Folder<'_>) {
        self.git_init();
        for name in [".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"] {
            copy_if_there(&other.join(name), &self.join(name));
        }
        copy_metafiles(&other.path, &self.path);
    }

    /// Writes a file, and creates its parent directories.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        write(&self.join(relative), content.as_ref());
    }

    /// Reads a file of text.
    ///
    /// # Panics
    /// If it cannot be read.
    #[track_caller]
    pub fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.join(relative);
        fs_err::read_to_string(&path).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns whether a path exists; a dangling link exists too.
    pub fn exists(&self, relative: impl AsRef<Path>) -> bool {
        fs_err::symlink_metadata(self.join(relative)).is_ok()
    }

    /// Removes a file or a directory with its content, including read-only files.
    ///
    /// # Panics
    /// If it cannot be removed.
    pub fn remove(&self, relative: impl AsRef<Path>) {
        let path = self.join(relative);
        let is_folder = fs_err::symlink_metadata(&path).expect("it exists").is_dir();
        let removed = if is_folder { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
        removed.expect("it can be removed");
    }

    /// Reads a tree of files below it.
    pub fn tree(&self, relative: impl AsRef<Path>) -> Tree {
        Tree::read(&self.join(relative))
    }

    /// Returns the relative paths of the objects in the cache, such as `files/md5/ab/cdef…`.
    pub fn cache_objects(&self) -> Vec<String> {
        let cache = self.join(".dvc/cache");
        if !cache.exists() {
            return Vec::new();
        }
        let tree = Tree::read(&cache);
        let files = tree
            .entries
            .iter()
            .filter(|(path, entry)| matches!(entry, crate::tree::Entry::File(..)) && !is_temporary(path));
        files.map(|(path, _)| path.display().to_string()).collect()
    }

    /// Returns the temporary files in the cache, which a killed command may leave.
    pub fn cache_temporaries(&self) -> Vec<PathBuf> {
        Tree::read(&self.join(".dvc/cache")).entries.into_keys().filter(|path| is_temporary(path)).collect()
    }

    /// Fails unless each object in the cache has the MD5 of its name, and mode 0444, which means that the MD5 was checked.
    /// Temporary files are ignored.
    ///
    /// # Panics
    /// If one has not.
    #[track_caller]
    pub fn assert_cache_is_sound(&self) {
        let objects = self.join(".dvc/cache/files/md5");
        if !objects.exists() {
            return;
        }
        for (path, entry) in Tree::read(&objects).entries {
            if is_temporary(&path) {
                continue;
            }
            let shown = path.display();
            let crate::tree::Entry::File(_, md5) = entry else {
                assert!(entry == crate::tree::Entry::Folder, "{shown} is no object: {entry:?}");
                continue;
            };
            let name: String = shown.to_string().replace('/', "");
            let name = name.strip_suffix(".dir").unwrap_or(&name);
            assert_eq!(name, hex::encode(md5), "{shown} is not what its name says");
            let metadata = fs_err::symlink_metadata(objects.join(&path)).expect("it was there just now");
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
            assert_eq!(mode, 0o444, "{shown} has the mode {mode:o}");
        }
    }
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".tmp")
}

fn copy_if_there(from: &Path, to: &Path) {
    if from.exists() {
        write(to, &fs_err::read(from).expect("the file can be read"));
    }
}

fn copy_metafiles(from: &Path, to: &Path) {
    for entry in fs_err::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("an entry has a name").to_owned();
        if path.is_dir() && !path.is_symlink() {
            if name != ".git" && name != ".dvc" {
                copy_metafiles(&path, &to.join(name));
            }
        } else if path.extension() == Some(OsStr::new("dvc"))
            || [".gitignore", ".dvcignore", "dvc.yaml", "dvc.lock"].iter().any(|metafile| name == *metafile)
        {
            copy_if_there(&path, &to.join(name));
        }
    }
}
