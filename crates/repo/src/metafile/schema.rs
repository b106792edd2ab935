//! The schemas of DVC's files, and DVC's words for violations.
//!
//! The schemas are data; the check follows voluptuous, the library that DVC uses: every error of a file is reported, but
//! for a value with alternatives only the errors of the alternative that matched furthest.

use super::yaml::{Entry, Kind, Node, Scalar, display};

/// The schema of a value.
#[derive(Debug)]
pub(super) enum Schema {
    Anything,
    Bool,
    Int,
    Str,
    Null,
    /// Exactly the first text; the second is the message for other values.
    Exactly(&'static str, &'static str),
    /// A hash: null, the empty text, or at least three characters or digits.
    Checksum,
    /// Any list (`list`).
    AnyList,
    /// Any mapping (`dict`).
    AnyDict,
    /// A list of such values.
    ListOf(&'static Self),
    /// A mapping from texts to such values.
    DictOf(&'static Self),
    /// A mapping from texts to such values with at most one member.
    AtMostOne(&'static Self),
    /// A mapping with these members.
    Struct(&'static [&'static [Field]]),
    /// A value that matches one of these.
    Any(&'static [Self]),
    /// The second schema for mappings that have one of the keys, the first for every other value.
    EitherOr(&'static [&'static str], &'static Self, &'static Self),
}

/// A member of a mapping: its name, whether it is required, and its schema.
pub(super) type Field = (&'static str, bool, Schema);

/// A step of the path to a value: a key or an index.
pub(super) type Step = String;

/// A violation of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) message: String,
    pub(super) path: Vec<Step>,
}

const CHECKSUMS: &[Field] = &[
    ("md5", false, Schema::Checksum),
    ("checksum", false, Schema::Checksum),
    ("etag", false, Schema::Checksum),
];
const META: &[Field] = &[
    ("size", false, Schema::Int),
    ("nfiles", false, Schema::Int),
    ("isexec", false, Schema::Bool),
    ("version_id", false, Schema::Str),
];
const CLOUD: Schema = Schema::AtMostOne(&Schema::Struct(&[META, CHECKSUMS]));
const DIR_FILES: Schema = Schema::ListOf(&Schema::Struct(&[
    CHECKSUMS,
    META,
    &[("relpath", true, Schema::Str), ("cloud", false, CLOUD)],
]));
const ANNOTATIONS: &[Field] = &[
    ("desc", false, Schema::Str),
    ("type", false, Schema::Str),
    ("labels", false, Schema::ListOf(&Schema::Str)),
    ("meta", false, Schema::Anything),
];
const ARTIFACT: &[Field] = &[
    ("path", false, Schema::Str),
    ("persist", false, Schema::Bool),
    ("cloud", false, CLOUD),
    ("hash", false, Schema::Str),
];
const OUT: Schema = Schema::Struct(&[
    CHECKSUMS,
    META,
    ARTIFACT,
    ANNOTATIONS,
    &[
        ("cache", false, Schema::Bool),
        ("remote", false, Schema::Str),
        ("push", false, Schema::Bool),
        ("files", false, DIR_FILES),
        ("fs_config", false, Schema::AnyDict),
    ],
]);
const DEP: Schema = Schema::Struct(&[
    CHECKSUMS,
    META,
    ARTIFACT,
    &[
        ("files", false, DIR_FILES),
        ("fs_config", false, Schema::AnyDict),
        (
            "db",
            false,
            Schema::Struct(&[&[
                ("query", false, Schema::Str),
                ("connection", false, Schema::Str),
                ("file_format", false, Schema::Str),
                ("table", false, Schema::Str),
            ]]),
        ),
        (
            "repo",
            false,
            Schema::Struct(&[&[
                ("url", true, Schema::Str),
                ("rev", false, Schema::Str),
                ("rev_lock", false, Schema::Str),
                ("config", false, Schema::Any(&[Schema::Str, Schema::AnyDict])),
                ("remote", false, Schema::Any(&[Schema::Str, Schema::AnyDict])),
            ]]),
        ),
    ],
]);

/// A `.dvc` file.
pub(super) const DVC_FILE: Schema = Schema::Struct(&[&[
    ("md5", false, Schema::Checksum),
    ("wdir", false, Schema::Any(&[Schema::Str, Schema::Null])),
    ("deps", false, Schema::Any(&[Schema::ListOf(&DEP), Schema::Null])),
    ("outs", false, Schema::Any(&[Schema::ListOf(&OUT), Schema::Null])),
    ("locked", false, Schema::Bool),
    ("frozen", false, Schema::Bool),
    ("meta", false, Schema::Anything),
    ("always_changed", false, Schema::Bool),
    ("desc", false, Schema::Str),
]]);

const LOCK_DATA: Schema = Schema::ListOf(&Schema::Struct(&[
    CHECKSUMS,
    META,
    &[
        ("path", true, Schema::Str),
        ("cloud", false, CLOUD),
        ("files", false, DIR_FILES),
        ("hash", false, Schema::Str),
        ("dataset", false, Schema::AnyDict),
    ],
]));
const COMMAND: Schema = Schema::Any(&[Schema::Str, Schema::AnyList]);

/// A `dvc.lock` file.
pub(super) const DVC_LOCK: Schema = Schema::Struct(&[&[
    ("schema", true, Schema::Exactly("2.0", "invalid schema version")),
    ("datasets", false, Schema::Anything),
    (
        "stages",
        false,
        Schema::DictOf(&Schema::Struct(&[&[
            ("cmd", true, COMMAND),
            ("deps", false, LOCK_DATA),
            ("params", false, Schema::DictOf(&Schema::DictOf(&Schema::Anything))),
            ("outs", false, LOCK_DATA),
        ]])),
    ),
]]);

const OUT_FLAGS: &[Field] = &[
    ("cache", false, Schema::Bool),
    ("persist", false, Schema::Bool),
    ("checkpoint", false, Schema::Bool),
    ("remote", false, Schema::Str),
    ("push", false, Schema::Bool),
];
const PLOT_PROPS: &[Field] = &[
    ("template", false, Schema::Str),
    ("x", false, Schema::Str),
    ("y", false, Schema::Str),
    ("x_label", false, Schema::Str),
    ("y_label", false, Schema::Str),
    ("title", false, Schema::Str),
    ("header", false, Schema::Bool),
];
const PIPELINE_OUTS: Schema =
    Schema::ListOf(&Schema::Any(&[Schema::Str, Schema::DictOf(&Schema::Struct(&[ANNOTATIONS, OUT_FLAGS]))]));
const PIPELINE_PLOT: Schema = Schema::Struct(&[ANNOTATIONS, OUT_FLAGS, PLOT_PROPS]);
const PIPELINE_PLOTS: Schema = Schema::ListOf(&Schema::Any(&[
    Schema::Str,
    Schema::DictOf(&Schema::Any(&[PIPELINE_PLOT, Schema::ListOf(&PIPELINE_PLOT)])),
]));
const VARS: Schema = Schema::ListOf(&Schema::Any(&[Schema::Str, Schema::AnyDict]));
const STAGE: Schema = Schema::Struct(&[&[
    ("matrix", false, Schema::DictOf(&Schema::Any(&[Schema::Str, Schema::AnyList]))),
    ("cmd", true, COMMAND),
    ("wdir", false, Schema::Str),
    ("deps", false, Schema::ListOf(&Schema::Str)),
    ("params", false, VARS),
    ("vars", false, VARS),
    ("frozen", false, Schema::Bool),
    ("meta", false, Schema::Anything),
    ("desc", false, Schema::Str),
    ("always_changed", false, Schema::Bool),
    ("outs", false, PIPELINE_OUTS),
    ("metrics", false, PIPELINE_OUTS),
    ("plots", false, PIPELINE_PLOTS),
]]);
const FOREACH: Schema = Schema::Struct(&[&[
    ("foreach", true, Schema::Any(&[Schema::AnyDict, Schema::AnyList, Schema::Str])),
    ("do", true, STAGE),
]]);
const PLOT_AXIS: Schema = Schema::Any(&[
    Schema::Str,
    Schema::ListOf(&Schema::Str),
    Schema::DictOf(&Schema::Any(&[Schema::Str, Schema::ListOf(&Schema::Str)])),
]);
const PLOT: Schema = Schema::Struct(&[&[
    ("x", false, Schema::Any(&[Schema::Str, Schema::DictOf(&Schema::Str)])),
    ("y", false, PLOT_AXIS),
    ("x_label", false, Schema::Str),
    ("y_label", false, Schema::Str),
    ("title", false, Schema::Str),
    ("template", false, Schema::Str),
]]);
const ARTIFACTS: Schema = Schema::DictOf(&Schema::Struct(&[&[("path", true, Schema::Str)], ANNOTATIONS]));

/// A `dvc.yaml` file.
pub(super) const DVC_YAML: Schema = Schema::Struct(&[&[
    ("datasets", false, Schema::Anything),
    (
        "plots",
        false,
        Schema::ListOf(&Schema::Any(&[Schema::Str, Schema::DictOf(&Schema::Any(&[PLOT, Schema::Null]))])),
    ),
    ("stages", false, Schema::DictOf(&Schema::EitherOr(&["foreach", "do"], &STAGE, &FOREACH))),
    ("vars", false, VARS),
    ("params", false, Schema::ListOf(&Schema::Str)),
    ("metrics", false, Schema::ListOf(&Schema::Str)),
    ("artifacts", false, ARTIFACTS),
]]);

/// Returns all violations of `schema` in `node`, in DVC's order.
pub(super) fn check(schema: &Schema, node: &Node) -> Vec<Violation> {
    let mut violations = Vec::new();
    visit(schema, node, &mut Vec::new(), &mut violations);
    violations
}

/// Returns the violations of an empty file.
pub(super) fn check_empty(schema: &Schema) -> Vec<Violation> {
    let Schema::Struct(groups) = schema else { return Vec::new() };
    let required = groups.iter().flat_map(|group| *group).filter(|field| field.1);
    required
        .map(|(name, _, _)| Violation {
            message: "required key not provided".to_owned(),
            path: vec![(*name).to_owned()],
        })
        .collect()
}

fn visit(schema: &Schema, node: &Node, path: &mut Vec<Step>, found: &mut Vec<Violation>) {
    let expect = |is_fine: bool, message: &str, found: &mut Vec<Violation>| {
        if !is_fine {
            found.push(Violation { message: message.to_owned(), path: path.clone() });
        }
    };
    match schema {
        Schema::Anything => {}
        Schema::Bool => expect(node.as_bool().is_some(), "expected bool", found),
        Schema::Int => expect(node.as_int().is_some(), "expected int", found),
        Schema::Str => expect(node.as_str().is_some(), "expected str", found),
        Schema::Null => expect(node.is_null(), "not a valid value", found),
        Schema::Exactly(text, message) => expect(node.as_str() == Some(text), message, found),
        Schema::Checksum => expect(is_checksum(node), "not a valid value", found),
        Schema::AnyList => expect(node.is_sequence(), "expected list", found),
        Schema::AnyDict => expect(node.is_mapping(), "expected dict", found),
        Schema::ListOf(item_schema) => {
            if !node.is_sequence() {
                return expect(false, "expected a list", found);
            }
            for (position, item) in node.items().iter().enumerate() {
                path.push(position.to_string());
                visit(item_schema, item, path, found);
                path.pop();
            }
        }
        Schema::DictOf(value_schema) | Schema::AtMostOne(value_schema) => {
            if !node.is_mapping() {
                return expect(false, "expected a dictionary", found);
            }
            let n_before = found.len();
            for entry in members(node) {
                path.push(key_text(&entry.key));
                if entry.key.as_str().is_some() {
                    visit(value_schema, &entry.value, path, found);
                } else {
                    found
                        .push(Violation { message: "extra keys not allowed".to_owned(), path: path.clone() });
                }
                path.pop();
            }
            if matches!(schema, Schema::AtMostOne(_)) && found.len() == n_before && node.entries().len() > 1 {
                found.push(Violation {
                    message: "length of value must be at most 1".to_owned(),
                    path: path.clone(),
                });
            }
        }
        Schema::Struct(groups) => {
            if !node.is_mapping() {
                return expect(false, "expected a dictionary", found);
            }
            for entry in members(node) {
                let name = entry.key.as_str();
                path.push(key_text(&entry.key));
                match groups.iter().flat_map(|group| *group).find(|field| Some(field.0) == name) {
                    Some((_, _, value_schema)) => visit(value_schema, &entry.value, path, found),
                    None => {
                        found.push(Violation {
                            message: "extra keys not allowed".to_owned(),
                            path: path.clone(),
                        });
                    }
                }
                path.pop();
            }
            for (name, _, _) in groups.iter().flat_map(|group| *group).filter(|field| field.1) {
                if node.get(name).is_none() {
                    path.push((*name).to_owned());
                    found.push(Violation {
                        message: "required key not provided".to_owned(),
                        path: path.clone(),
                    });
                    path.pop();
                }
            }
        }
        Schema::Any(alternatives) => {
            let mut furthest: Option<Vec<Violation>> = None;
            for alternative in *alternatives {
                let mut violations = Vec::new();
                visit(alternative, node, path, &mut violations);
                if violations.is_empty() {
                    return;
                }
                let depth = |violations: &[Violation]| violations[0].path.len();
                if furthest.as_ref().is_none_or(|furthest| depth(&violations) > depth(furthest)) {
                    furthest = Some(violations);
                }
            }
            found.extend(furthest.into_iter().flatten());
        }
        Schema::EitherOr(keys, primary, fallback) => {
            let is_fallback = keys.iter().any(|key| node.get(key).is_some());
            visit(if is_fallback { fallback } else { primary }, node, path, found);
        }
    }
}

/// Returns the members of a mapping, including those merged into it, without the `<<` itself.
fn members(node: &Node) -> impl Iterator<Item = &Entry> {
    node.entries().iter().filter(|entry| entry.key.as_scalar() != Some(&Scalar::Merge))
}

fn is_checksum(node: &Node) -> bool {
    match &*node.kind {
        // In Python, `True` is an integer, and `str(True)` has four letters.
        Kind::Scalar(Scalar::Null | Scalar::Bool(_)) => true,
        Kind::Scalar(Scalar::Text(text)) => text.is_empty() || text.chars().count() >= 3,
        Kind::Scalar(Scalar::Int(value)) => value.to_string().len() >= 3,
        _ => false,
    }
}

fn key_text(key: &Node) -> String {
    key.as_scalar().map_or_else(|| "…".to_owned(), display)
}

/// Returns the line and column that DVC reports for a violation: those of the collection at the path, or of the nearest
/// one that contains it, at most four steps up and never the whole document.
pub(super) fn locate(root: &Node, path: &[Step]) -> Option<(usize, usize)> {
    (1..=path.len()).rev().take(4).find_map(|length| {
        let node = path[..length].iter().try_fold(root.clone(), |node, step| child(&node, step))?;
        (node.is_mapping() || node.is_sequence()).then_some((node.line, node.column))
    })
}

fn child(node: &Node, step: &Step) -> Option<Node> {
    if node.is_sequence() {
        return node.items().get(step.parse::<usize>().ok()?).cloned();
    }
    node.entries().iter().find(|entry| key_text(&entry.key) == *step).map(|entry| entry.value.clone())
}
