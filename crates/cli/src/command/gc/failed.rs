//! What could not be deleted, as JSON.

use haul_storage::Error;
use serde::Serialize;

use crate::command_error::CommandError;

/// An object, or a version of a file, that is still there.
#[derive(Debug, Serialize)]
pub(super) struct FailedLine {
    /// The name of an object; a version has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    path: String,
    error: String,
}

impl FailedLine {
    pub(super) fn new(path: String, error: &Error) -> Self {
        Self { md5: None, path, error: CommandError::chain(error) }
    }

    pub(super) fn with_md5(self, md5: String) -> Self {
        Self { md5: Some(md5), ..self }
    }
}
