//! Flags that several commands share.

use clap::Args;
use haul_repo::SelectOptions;
use haul_repo::git::RevisionSet;

/// Which outs a command works on.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// Take the stages that the targets depend on, too
    #[arg(short = 'd', long)]
    with_deps: bool,
    /// Take everything below targets that are folders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Tracked files and folders, .dvc files and stages; else everything
    targets: Vec<String>,
}

impl SelectArgs {
    /// Returns the selection; with `glob`, targets are shell patterns.
    pub(crate) fn into_options(self, glob: bool) -> SelectOptions {
        SelectOptions { targets: self.targets, recursive: self.recursive, with_deps: self.with_deps, glob }
    }
}

/// Which revisions a command looks at.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RevisionArgs {
    /// Look at all branches, too
    #[arg(short = 'a', long)]
    all_branches: bool,
    /// Look at all tags, too
    #[arg(short = 'T', long)]
    all_tags: bool,
    /// Look at all commits, too
    #[arg(short = 'A', long)]
    all_commits: bool,
}

impl RevisionArgs {
    pub(crate) fn set(self) -> RevisionSet {
        RevisionSet {
            all_branches: self.all_branches,
            all_tags: self.all_tags,
            all_commits: self.all_commits,
        }
    }

    /// Returns the flags that were given, as DVC names them.
    pub(crate) fn given(self) -> Vec<&'static str> {
        [
            (self.all_branches, "--all-branches"),
            (self.all_tags, "--all-tags"),
            (self.all_commits, "--all-commits"),
        ]
        .into_iter()
        .filter_map(|(is_given, name)| is_given.then_some(name))
        .collect()
    }
}

/// From or to where, and how many at once.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// Number of transfers at once; 0 for the default (`jobs` of the remote, else 64)
    #[arg(short, long, value_name = "number", value_parser = jobs, allow_negative_numbers = true)]
    pub(crate) jobs: Option<usize>,
    /// The remote; else the default one
    #[arg(short, long, value_name = "name")]
    pub(crate) remote: Option<String>,
}

impl RemoteArgs {
    /// Returns the number of jobs, if it is not left to the defaults (as DVC leaves it for 0).
    pub(crate) fn n_jobs(&self) -> Option<usize> {
        self.jobs.filter(|jobs| *jobs > 0)
    }

    /// Returns the name of the remote, which has no upper case in DVC's configuration.
    pub(crate) fn name(&self) -> Option<String> {
        self.remote.as_ref().map(|name| name.to_lowercase())
    }
}

/// The cache of pipeline runs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RunCacheArgs {
    /// Move the history of pipeline runs, too
    #[arg(long, overrides_with = "no_run_cache")]
    run_cache: bool,
    /// Leave the history of pipeline runs where it is
    #[arg(long, overrides_with = "run_cache")]
    no_run_cache: bool,
}

impl RunCacheArgs {
    pub(crate) fn is_wanted(self) -> bool {
        self.run_cache
    }
}

/// Reads a number of jobs in the words of DVC's parser.
///
/// Deviation: a negative number of jobs is refused like any other bad argument (254). DVC passes it on, and what becomes
/// of it depends on the remote.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.trim().parse::<i64>() {
        Ok(number) => usize::try_from(number).map_err(|_| String::from("number must not be negative")),
        Err(_) => Err(String::from("invalid int value")),
    }
}
