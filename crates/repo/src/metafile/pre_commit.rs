//! DVC's entry in the configuration of the pre-commit tool.
//!
//! Source: <https://pre-commit.com/#pre-commit-configyaml---repos>.

use super::yaml::{Node, Value, edit_mapping, holds, parse, write_document, write_item};

/// Returns the text of a `.pre-commit-config.yaml` with DVC's hooks added; `None` if it already has them.
///
/// Comments, order and style of the existing text stay.
///
/// # Errors
///
/// If the text cannot be edited; the error is the reason.
pub(crate) fn with_dvc_hooks(text: &str, dvc_version: &str) -> Result<Option<String>, String> {
    let entry = entry(dvc_version);
    let repos = || Value::Sequence(vec![entry.clone()]);
    let root = parse(text).map_err(|error| error.message)?.filter(|root| !root.is_falsy());
    let Some(root) = root else {
        return Ok(Some(format!("{text}{}", write_document(&[("repos".to_owned(), repos())]))));
    };
    let found = root.get("repos").map(Node::items).unwrap_or_default();
    if found.iter().any(|item| holds(item, &entry)) {
        return Ok(None);
    }
    let (Some(sequence), Some(last)) = (root.get("repos"), found.last()) else {
        return edit_mapping(text, &root, &[("repos", Some(repos()))]).map(Some).map_err(str::to_owned);
    };
    if sequence.is_flow {
        return Err("`repos` is written in brackets".to_owned());
    }
    let indent = sequence.column - 1;
    let item = format!("{}{}\n", " ".repeat(indent), write_item(&entry, indent));
    let end = last.span.end;
    let at = end + text[end..].find('\n').map_or(text.len() - end, |offset| offset + 1);
    let at = if text[..end].ends_with('\n') { end } else { at };
    let before = &text[..at];
    let line_break = if before.ends_with('\n') { "" } else { "\n" };
    Ok(Some(format!("{before}{line_break}{item}{}", &text[at..])))
}

/// Returns the entry that DVC writes: DVC's hooks in the version `dvc_version`.
fn entry(dvc_version: &str) -> Value {
    let mapping = |members: Vec<(&str, Value)>| {
        Value::Mapping(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let hook = |stage: &str| {
        vec![
            ("id", Value::Text(format!("dvc-{stage}"))),
            ("additional_dependencies", Value::Sequence(vec![".[all]".into()])),
            ("language_version", "python3".into()),
            ("stages", Value::Sequence(vec![stage.into()])),
        ]
    };
    let mut checkout = hook("post-checkout");
    checkout.push(("always_run", Value::Bool(true)));
    let hooks = [hook("pre-commit"), hook("pre-push"), checkout].map(mapping);
    mapping(vec![
        ("repo", "https://github.com/treeverse/dvc".into()),
        ("rev", dvc_version.into()),
        ("hooks", Value::Sequence(hooks.into())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = "- repo: https://github.com/treeverse/dvc\n  rev: 3.67.1\n  hooks:\n  - id: dvc-pre-commit\n    \
                        additional_dependencies:\n    - .[all]\n    language_version: python3\n    stages:\n    - \
                        pre-commit\n  - id: dvc-pre-push\n    additional_dependencies:\n    - .[all]\n    \
                        language_version: python3\n    stages:\n    - pre-push\n  - id: dvc-post-checkout\n    \
                        additional_dependencies:\n    - .[all]\n    language_version: python3\n    stages:\n    - \
                        post-checkout\n    always_run: true\n";

    fn edited(text: &str) -> String {
        with_dvc_hooks(text, "3.67.1").unwrap().unwrap()
    }

    #[test]
    fn new_file_is_that_of_dvc_and_is_written_once() {
        let text = edited("");
        assert_eq!(text, format!("repos:\n{ITEM}"));
        assert_eq!(with_dvc_hooks(&text, "3.67.1"), Ok(None));
    }

    #[test]
    fn comments_and_indents_of_an_existing_file_stay() {
        let text = "# top\nrepos:   # c\n  - repo: https://x/y\n    rev: \"1\" # pinned\n# end\n";
        let indented = format!("  {}\n", ITEM.trim_end().replace('\n', "\n  "));
        assert_eq!(edited(text), text.replace("# end\n", &format!("{indented}# end\n")));
        assert_eq!(edited("a: 1\n"), format!("a: 1\nrepos:\n{ITEM}"));
        assert_eq!(edited("repos: []\n"), format!("repos:\n{ITEM}"));
        assert_eq!(edited("repos:\n- repo: local"), format!("repos:\n- repo: local\n{ITEM}"));
    }
}
