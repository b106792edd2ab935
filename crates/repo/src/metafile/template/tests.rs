//! Templates beside DVC's resolver: `fixtures/templates.json` is what DVC made of random files (`templates.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::context::{FileContent, ReadFiles};
use super::{OptionStyle, Resolver};
use crate::metafile::yaml::{Kind, Node, Scalar, display, parse};

/// Files in memory, below `/repo`.
struct Files(BTreeMap<PathBuf, String>);

impl ReadFiles for Files {
    fn read(&self, path: &Path) -> std::io::Result<Option<FileContent>> {
        if let Some(text) = self.0.get(path) {
            return Ok(Some(FileContent::File(text.clone().into_bytes())));
        }
        let is_dir = self.0.keys().any(|file| file.starts_with(path));
        Ok(is_dir.then_some(FileContent::Directory))
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix("/repo").unwrap_or(path).display().to_string()
    }
}

/// Returns a node as `templates.py` writes what DVC resolved.
fn plain(node: &Node) -> Json {
    match &*node.kind {
        Kind::Scalar(Scalar::Null) => Json::Null,
        Kind::Scalar(Scalar::Bool(value)) => json!(value),
        Kind::Scalar(Scalar::Int(value)) => json!(i64::try_from(*value).unwrap()),
        Kind::Scalar(Scalar::Float(text)) => json!({ "float": text }),
        Kind::Scalar(Scalar::Text(text)) => json!(text),
        Kind::Scalar(other) => json!(display(other)),
        Kind::Sequence(items) => items.iter().map(plain).collect(),
        Kind::Mapping(entries) => {
            let members: Vec<Json> =
                entries.iter().map(|entry| json!([plain(&entry.key), plain(&entry.value)])).collect();
            json!({ "dict": members })
        }
    }
}

fn answer(files: &Files) -> Json {
    let text = &files.0[Path::new("/repo/dvc.yaml")];
    let root = parse(text).unwrap().unwrap();
    let resolver =
        Resolver { files, folder: Path::new("/repo"), shown: "dvc.yaml", style: OptionStyle::default() };
    let error = |error: &super::TemplateError| json!({ "error": error.message });
    match resolver.stages(&root) {
        Err(failed) => error(&failed),
        Ok(stages) => {
            let stage = |stage: &super::ResolvedStage| match &stage.definition {
                Ok(definition) => json!([stage.name, plain(definition)]),
                Err(failed) => json!([stage.name, error(failed)]),
            };
            json!({ "stages": stages.iter().map(stage).collect::<Vec<_>>() })
        }
    }
}

/// Returns an error without what differs on purpose: the name of the Python class, the drawing under an expression
/// that cannot be parsed, a source that DVC has lost, and errors of Python itself.
fn without_wording(answer: &mut Json) {
    match answer {
        Json::Object(object) if object.len() == 1 && object.contains_key("error") => {
            let text = object["error"].as_str().unwrap();
            let text = text.split_once("Error: ").map_or(text, |(_, rest)| rest);
            let first = text.lines().next().unwrap_or_default().trim_end().to_owned();
            let is_drawing = text.contains("${");
            let whole = if is_drawing {
                first
            } else if let Some((start, _)) = text.split_once(" as it already exists in ") {
                start.to_owned()
            } else if text.contains("object is not iterable")
                || text.contains("expected list/dictionary, got")
            {
                "not iterable".to_owned()
            } else {
                text.to_owned()
            };
            object.insert("error".to_owned(), json!(whole));
        }
        Json::Object(object) => object.values_mut().for_each(without_wording),
        Json::Array(items) => items.iter_mut().for_each(without_wording),
        _ => {}
    }
}

#[test]
fn templates_are_worked_out_as_in_dvc() {
    let cases: Vec<Json> =
        serde_json::from_str(include_str!("../../../tests/fixtures/templates.json")).unwrap();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let files = case["files"].as_object().unwrap().iter();
        let files = files
            .map(|(path, text)| (Path::new("/repo").join(path), text.as_str().unwrap().to_owned()))
            .collect();
        let mut found = answer(&Files(files));
        let mut expected = case["expected"].clone();
        without_wording(&mut found);
        without_wording(&mut expected);
        if found == expected {
            continue;
        }
        let stages = |answer: &Json| answer["stages"].as_array().cloned().unwrap_or_default();
        let (left, right) = (stages(&found), stages(&expected));
        if left.len() == right.len() && !left.is_empty() {
            for (left, right) in left.iter().zip(&right).filter(|(left, right)| left != right) {
                wrong.push(format!("{number}:   found {left}\n{number}: expected {right}"));
            }
        } else {
            wrong.push(format!("{number}:   found {found}\n{number}: expected {expected}"));
        }
    }
    assert!(cases.len() >= 100);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn group_that_stands_for_too_much_is_refused() {
    let axis: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let axis = axis.join(", ");
    let matrix = format!("stages:\n  m:\n    matrix:\n      a: [{axis}]\n      b: [{axis}]\n    cmd: x\n");
    let long = format!(
        "vars:\n- a: {}\nstages:\n  m:\n    foreach: [{axis}]\n    do:\n      cmd: {}\n",
        "x".repeat(1000),
        "${a}".repeat(1000)
    );
    let cases = [
        (matrix, "failed to parse 'stages.m.matrix' in 'dvc.yaml': it makes more than 100000 stages"),
        (long, "failed to parse 'stages.m' in 'dvc.yaml': its stages have more than 64 MiB of text"),
    ];
    for (text, expected) in cases {
        let files = Files(BTreeMap::from([(PathBuf::from("/repo/dvc.yaml"), text)]));
        let answer = answer(&files);
        assert_eq!(answer["stages"], json!([["m", { "error": expected }]]));
    }
}
