//! Where a value was set, as JSON.

use haul_config::Origin;
use schemars::JsonSchema;
use serde::Serialize;

/// Where a value was set: one shape in all documents.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OriginLine {
    /// The kind of place: `default`, `file`, `aws_file`, `variable` or `command_line`.
    kind: &'static str,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The line in the file, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The level of a DVC configuration file: `system`, `global`, `repo` or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    /// The section of an AWS file.
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<String>,
    /// The name of the environment variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
}

impl OriginLine {
    const fn of_kind(kind: &'static str) -> Self {
        Self { kind, path: None, line: None, level: None, section: None, variable: None }
    }
}

impl From<&Origin> for OriginLine {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Default => Self::of_kind("default"),
            Origin::File { level, path, line } => Self {
                path: Some(path.display().to_string()),
                line: Some(*line),
                level: Some(level.name()),
                ..Self::of_kind("file")
            },
            Origin::AwsFile { path, section, line } => Self {
                path: Some(path.display().to_string()),
                line: Some(*line),
                section: Some(section.clone()),
                ..Self::of_kind("aws_file")
            },
            Origin::Env { name } => Self { variable: Some(name.clone()), ..Self::of_kind("variable") },
            Origin::CommandLine => Self::of_kind("command_line"),
        }
    }
}
