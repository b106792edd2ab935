//! `.dvcignore`, compared with the answers of DVC 3.67.1.

use std::path::Path;

use haul_repo::IgnoreRules;
use serde_json::Value;

#[test]
fn ignore_rules_answer_as_dvc_does() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/ignores.json")).unwrap();
    let mut wrong = Vec::new();
    let mut n_ignored = 0;
    for case in &cases {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in case["files"].as_object().unwrap() {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text.as_str().unwrap()).unwrap();
        }
        for answer in case["answers"].as_array().unwrap() {
            let path = folder.path().join(answer[0].as_str().unwrap());
            let (is_dir, is_ignored) = (answer[1].as_bool().unwrap(), answer[2].as_bool().unwrap());
            let rules = IgnoreRules::new(folder.path());
            let found: Vec<String> = rules.check(&path, is_dir).into_iter().map(|found| found.rule).collect();
            n_ignored += usize::from(is_ignored);
            let in_folder =
                rules.folder(path.parent().unwrap()).is_ignored(path.file_name().unwrap(), is_dir);
            let expected: Vec<&str> =
                answer[3].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
            if rules.is_ignored(&path, is_dir) != is_ignored || in_folder != is_ignored || found != expected {
                wrong.push(format!("{answer} of {}: {found:?}, in folder {in_folder}", case["files"]));
            }
        }
    }
    assert!(n_ignored > 200, "{n_ignored}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ignore_rules_hide_a_repository_inside() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(folder.path().join(".dvc")).unwrap();
    fs_err::create_dir_all(folder.path().join("a/inner/.dvc")).unwrap();
    let rules = IgnoreRules::new(folder.path());
    assert!(rules.is_ignored(&folder.path().join("a/inner"), true));
    assert!(rules.is_ignored(&folder.path().join("a/inner/x/y"), false));
    assert_eq!(rules.check(&folder.path().join("a/inner"), true).unwrap().rule, "in sub_repo:inner");
    assert!(rules.folder(&folder.path().join("a")).is_ignored("inner".as_ref(), true));
    assert!(rules.folder(&folder.path().join("a/inner")).is_ignored("x".as_ref(), false));
    assert!(!rules.is_ignored(&folder.path().join("a"), true));
    assert!(!rules.is_ignored(folder.path(), true));
    assert!(!rules.is_ignored(Path::new("/elsewhere/.git"), true));
}

/// Each directory took the rules of all directories above it: a manifest with one path of a few hundred names kept `status`
/// busy for minutes.
#[test]
fn ignore_rules_cost_the_same_at_every_depth() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(".dvcignore"), "*.log\n**/a/**/b/**/c/**/e\n").unwrap();
    let rules = IgnoreRules::new(folder.path());
    let mut path = folder.path().to_owned();
    for _ in 0..700 {
        path.push("d");
        assert!(!rules.folder(&path).is_ignored("a.txt".as_ref(), false));
        assert!(rules.folder(&path).is_ignored("a.log".as_ref(), false));
        assert!(!rules.is_ignored(&path, true));
    }
}
