//! What could not be deleted, as JSON.

use haul_storage::Error;
use schemars::JsonSchema;
use serde::Serialize;

use crate::command_error::CommandError;

/// An object, or a version of a file, that is still there.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FailedLine {
    /// The name of an object; a version has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<String>,
    /// Where it is.
    path: String,
    /// Why it is still there.
    error: String,
}

impl FailedLine {
    pub(super) fn new(path: String, error: &Error) -> Self {
        Self { oid: None, path, error: CommandError::chain(error) }
    }

    pub(super) fn with_oid(self, oid: String) -> Self {
        Self { oid: Some(oid), ..self }
    }
}
