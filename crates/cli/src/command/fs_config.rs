//! `--fs-config`: options of one URL.

use clap::Args;

use crate::command_error::CommandError;

/// Options of the URL.
#[derive(Debug, Args)]
pub(crate) struct FsConfigArgs {
    /// Options of the URL, as those of a remote
    #[arg(long, value_name = "name=value", num_args = 0..)]
    fs_config: Vec<String>,
}

impl FsConfigArgs {
    /// Returns names and values; of a name that stands twice the last value, at the place of the first.
    pub(crate) fn options(&self) -> Result<Vec<(String, String)>, CommandError> {
        let mut options: Vec<(String, String)> = Vec::new();
        for word in &self.fs_config {
            let Some((name, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) else {
                // Not the word itself: it may be a secret.
                let message = "argument --fs-config: Could not parse argument as k1=v1 k2=v2 ... format";
                return Err(CommandError::usage(message));
            };
            match options.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => value.clone_into(known),
                None => options.push((name.to_owned(), value.to_owned())),
            }
        }
        Ok(options)
    }
}
