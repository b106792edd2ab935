//! `haul root`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Message, Page};

/// Print the path of the repository's root, relative to the current folder
#[derive(Debug, Args)]
pub(crate) struct RootArgs {}

impl RootArgs {
    #[expect(clippy::unused_self, reason = "all commands are run in the same way")]
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let current = context.env().current_dir();
        let root = haul_repo::root::find_root(current)?;
        context.printer().show(Root { path: relative_path(&root, current).display().to_string() })?;
        Ok(ExitStatus::Success)
    }
}

/// The root of the repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Root {
    /// Its path, relative to the working directory.
    path: String,
}

impl Message for Root {
    fn text(&self, page: &mut Page) {
        page.line(&self.path);
    }
}

/// Returns the way from the folder `start` to `path`, both absolute and free of `..`.
pub(crate) fn relative_path(path: &std::path::Path, start: &std::path::Path) -> std::path::PathBuf {
    let n_common =
        path.components().zip(start.components()).take_while(|(left, right)| left == right).count();
    let up = start.components().skip(n_common).map(|_| std::path::Component::ParentDir);
    let relative: std::path::PathBuf = up.chain(path.components().skip(n_common)).collect();
    if relative.as_os_str().is_empty() { std::path::PathBuf::from(".") } else { relative }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn relative_path_goes_up_and_down() {
        for (path, start, relative) in
            [("/a/b", "/a/b", "."), ("/a", "/a/b/c", "../.."), ("/a/b", "/a/c", "../b"), ("/a/b", "/", "a/b")]
        {
            assert_eq!(relative_path(Path::new(path), Path::new(start)), Path::new(relative));
        }
    }
}
