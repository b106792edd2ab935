//! The one JSON document that a command prints with `--json`, also when it fails.

use schemars::JsonSchema;
use serde::Serialize;

use super::json;
use super::message::Message;
use crate::command_error::{CommandError, FailureKind};

/// The version of the shapes of all documents; it changes when a field goes or changes its meaning, not when one comes.
pub(crate) const VERSION: u32 = 1;

// Deviation: DVC leaves stdout empty when a command with `--json` fails; haul prints a document that has the errors.
/// What stands around the result of each command.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Frame {
    /// Version of the shapes; a field that is new does not change it.
    pub(super) version: u32,
    /// The command, as `push` or `remote add`; null if the words name none.
    pub(super) command: Option<String>,
    /// What stderr has as `WARNING:`, in order.
    pub(super) warnings: Vec<String>,
    /// What went wrong; empty if nothing did. The last one is what ended the command.
    pub(super) errors: Vec<ErrorLine>,
}

/// One thing that went wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorLine {
    /// What kind of failure it is.
    kind: FailureKind,
    /// What stderr has as `ERROR:`.
    message: String,
    /// What to do or to type next, as stderr has it after `hint:`.
    hint: Option<String>,
    /// The file, target or option the failure is about, where it is about one.
    path: Option<String>,
    /// Facts that help to find the place, as stderr has them after `note:`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl ErrorLine {
    /// Lists the failures of single objects or files, and the error that ended the command.
    pub(super) fn list(error: &CommandError) -> Vec<Self> {
        if error.is_silent() {
            return Vec::new();
        }
        let joined = |texts: &[String]| (!texts.is_empty()).then(|| texts.join("\n"));
        let details = error.details().iter().map(|detail| Self {
            kind: detail.kind,
            message: detail.text.clone(),
            hint: None,
            path: detail.path.clone(),
            notes: Vec::new(),
        });
        let last = Self {
            kind: error.kind(),
            message: error.text(),
            hint: joined(error.hints()),
            path: error.path().map(str::to_owned),
            notes: error.notes().to_vec(),
        };
        details.chain([last]).collect()
    }
}

/// A result on its way to stdout.
pub(super) trait Content: Send {
    /// Writes the document; `indented` for people.
    fn document(&self, frame: &Frame, indented: bool) -> Result<String, serde_json::Error>;
}

impl<M: Message> Content for M {
    fn document(&self, frame: &Frame, indented: bool) -> Result<String, serde_json::Error> {
        if !M::IS_DVC_SHAPE {
            return json::to_string(&Framed { frame, result: self }, indented);
        }
        if frame.errors.is_empty() {
            // DVC's own shape has no place for anything else.
            return json::to_string(self, indented);
        }
        json::to_string(&Partial { frame, result: self }, indented)
    }
}

/// A result that has no text of its own.
pub(super) struct Recorded<T>(pub(super) T);

impl<T: Serialize + Send> Content for Recorded<T> {
    fn document(&self, frame: &Frame, indented: bool) -> Result<String, serde_json::Error> {
        json::to_string(&Framed { frame, result: &self.0 }, indented)
    }
}

/// The document of a command that has no result, or got none.
pub(super) struct Nothing;

impl Content for Nothing {
    fn document(&self, frame: &Frame, indented: bool) -> Result<String, serde_json::Error> {
        json::to_string(frame, indented)
    }
}

/// A result of haul's own shape: its fields stand beside those of the frame.
#[derive(Serialize)]
struct Framed<'a, M> {
    #[serde(flatten)]
    frame: &'a Frame,
    #[serde(flatten)]
    result: &'a M,
}

/// What a failed command has of a result in DVC's shape.
#[derive(Serialize)]
struct Partial<'a, M> {
    #[serde(flatten)]
    frame: &'a Frame,
    result: &'a M,
}
