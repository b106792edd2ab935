//! Reads, checks and writes the files of `fixtures/dialect.json`, which real DVC read, checked and wrote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use haul_config::{AddRemote, ConfigPaths, ConfigStack, Env, Level};
use serde_json::Value;

fn fixtures(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("fixtures/dialect.json")).unwrap();
    let found = all[name].as_array().unwrap().clone();
    assert!(found.len() > 60, "{name}: only {}", found.len());
    found
}

/// Reads one file as the only one there is.
fn load(folder: &Path, text: &str) -> Result<ConfigStack, haul_config::Error> {
    fs_err::write(folder.join("config"), text).unwrap();
    let none = folder.join("none");
    let variables = [
        ("DVC_GLOBAL_CONFIG_DIR", folder),
        ("DVC_SYSTEM_CONFIG_DIR", &none),
        ("HOME", Path::new("/home/me")),
    ];
    let env = Env::new(folder, variables);
    ConfigStack::load(&ConfigPaths::new(&env, None), &env)
}

/// Takes the quoted line out of an error of DVC: haul does not show it, as it may hold a secret.
fn without_the_line(error: &str) -> String {
    let parts = error.split_once("Invalid line (").zip(error.split_once(") (matched as neither"));
    parts.map_or_else(
        || error.to_owned(),
        |((before, _), (_, after))| format!("{before}Invalid line ('****') (matched as neither{after}"),
    )
}

#[test]
fn files_are_read_as_dvc_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    for case in fixtures("parsed") {
        let text = case["text"].as_str().unwrap();
        let found = load(&folder, text).and_then(|stack| stack.list(Some(Level::Global)));
        let found = match found {
            Ok(options) => {
                let folder = folder.to_str().unwrap();
                let shown = options.iter().map(|option| {
                    let value = option.value.value.to_string();
                    // The fixtures stand in `/repo/.dvc`.
                    let value = match Path::new(folder).parent().and_then(Path::to_str) {
                        Some(parent) => value.replace(folder, "/repo/.dvc").replace(parent, "/repo"),
                        None => value,
                    };
                    serde_json::json!([option.key, value])
                });
                Ok(shown.collect::<Vec<_>>())
            }
            Err(error) => Err(error.to_string()),
        };
        let expected = match case["error"].as_str() {
            Some(error) => Err(without_the_line(error)),
            None => Ok(case["options"].as_array().unwrap().clone()),
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn mistakes_are_found_in_the_order_and_words_of_dvc() {
    let folder = tempfile::tempdir().unwrap();
    for case in fixtures("validated") {
        let text = case["text"].as_str().unwrap();
        let result = load(folder.path(), text).and_then(|stack| stack.config());
        let found = result.as_ref().err().map(ToString::to_string);
        assert_eq!(found.as_deref(), case["error"].as_str(), "{text:?}");
        if let Err(error) = result {
            assert!(!error.places().is_empty(), "{text:?} names no place");
        }
    }
}

#[test]
fn values_are_written_as_dvc_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    for case in fixtures("written") {
        let value = case["value"].as_str().unwrap();
        let mut stack = load(folder.path(), "").unwrap();
        stack.add_remote(Level::Global, "a", "s3://bkt", AddRemote::default()).unwrap();
        stack.modify_remote(Level::Global, "a", "profile", value).unwrap();
        let written = fs_err::read_to_string(folder.path().join("config")).unwrap();
        assert_eq!(written, case["text"].as_str().unwrap(), "{value:?}");
    }
}
