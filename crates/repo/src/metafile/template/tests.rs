//! Compares templates with DVC's resolver: `fixtures/templates.json` has DVC's results for random files (`templates.py`).

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

/// Returns a node in the format in which `templates.py` writes DVC's results.
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

/// Removes the parts of an error that differ on purpose: the name of the Python class, the drawing under an expression
/// that cannot be parsed, a source that DVC does not know any more, and errors of Python itself.
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
fn templates_that_stand_for_too_much_are_refused() {
    let numbers = |count: usize| {
        let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        numbers.join(", ")
    };
    let matrix =
        format!("stages:\n  m:\n    matrix:\n      a: [{0}]\n      b: [{0}]\n    cmd: x\n", numbers(1000));
    let long = "x".repeat(1000);
    let foreach = format!(
        "vars:\n- a: {long}\nstages:\n  m:\n    foreach: [{}]\n    do:\n      cmd: {}\n",
        numbers(1000),
        "${a}".repeat(1000)
    );
    let plain =
        format!("vars:\n- a: {}\nstages:\n  m:\n    cmd: {}\n", "x".repeat(70_000), "${a}".repeat(1000));
    let axis = format!(
        "stages:\n  m:\n    matrix:\n      a: [{}]\n      b: [{}]\n    cmd: x\n",
        "x".repeat(10_000),
        numbers(10_000)
    );
    let too_much = "the templates of the file make more than 64 MiB";
    let cases = [
        (matrix, "'stages.m.matrix'", "it makes more than 100000 stages"),
        (axis, "'stages.m.matrix'", too_much),
        (plain, "'stages.m.cmd'", too_much),
        // After the limit is reached, the following stages fail as well.
        (foreach, "stage 'm@999'", too_much),
    ];
    for (text, place, problem) in cases {
        let files = Files(BTreeMap::from([(PathBuf::from("/repo/dvc.yaml"), text)]));
        let answer = answer(&files).to_string();
        let expected = format!("failed to parse {place} in 'dvc.yaml': {problem}");
        assert!(answer.contains(&expected), "no `{expected}` in {}", &answer[..answer.len().min(1000)]);
    }
}

#[test]
fn file_of_parameters_that_is_nested_too_deep_is_no_literal() {
    let text = "stages: {m: {cmd: '${a}'}}\nvars: [p.py]\n".to_owned();
    let python = format!("a = {}\nb = 1\n", "[".repeat(1_000_000));
    let files = Files(BTreeMap::from([
        (PathBuf::from("/repo/dvc.yaml"), text),
        (PathBuf::from("/repo/p.py"), python),
    ]));
    assert!(answer(&files).to_string().contains("Could not find 'a'"), "{}", answer(&files));
}
