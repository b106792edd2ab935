//! Properties of the reader and the editor that must hold for any text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use haul_config::ini::Document;
use haul_config::{AddRemote, ConfigPaths, ConfigStack, Env, Error, KeyPath, Level};
use proptest::prelude::*;

/// Texts made of what matters in the dialect.
fn lines() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("'''".to_owned()),
        Just("\"\"\"".to_owned()),
        Just(" = ".to_owned()),
        Just(",".to_owned()),
        Just("#".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("%(a)s".to_owned()),
        Just("[core]\n".to_owned()),
        Just("['remote \"a\"']\n".to_owned()),
        Just("\turl = s3://bkt # x\n".to_owned()),
        "[a-cé\\s\u{feff}]{1,3}",
    ];
    proptest::collection::vec(token, 0..30).prop_map(|tokens| tokens.concat())
}

fn stack(folder: &std::path::Path, text: &str) -> Result<ConfigStack, Error> {
    fs_err::write(folder.join("config"), text).unwrap();
    let none = folder.join("none");
    let env = Env::new(folder, [("DVC_GLOBAL_CONFIG_DIR", folder), ("DVC_SYSTEM_CONFIG_DIR", &none)]);
    ConfigStack::load(&ConfigPaths::new(&env, None), &env)
}

/// A file that comes with a clone must not cost more than reading it.
#[test]
fn hostile_lines_are_read_in_linear_time() {
    let started = std::time::Instant::now();
    let n_repeats = 100_000;
    for pattern in ["'x\" ,", "\"", "a  ", "   ", "a\",\"", "#,"] {
        let text = format!("k = {},", pattern.repeat(n_repeats));
        if let Ok(document) = Document::parse(&text) {
            assert_eq!(document.to_string(), text);
        }
    }
    for line in ["[".repeat(n_repeats), format!("{}{}x", "[".repeat(n_repeats), "a]".repeat(n_repeats))] {
        assert!(Document::parse(&line).is_err());
    }
    // A second is plenty; with a square in it, this took minutes.
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic_and_written_back_as_it_was(text in prop_oneof![lines(), any::<String>()]) {
        if let Ok(document) = Document::parse(&text) {
            prop_assert_eq!(document.to_string(), text);
        }
    }

    #[test]
    fn any_value_is_read_back_as_it_was_written_or_refused(value in prop_oneof![lines(), any::<String>()]) {
        let folder = tempfile::tempdir().unwrap();
        let mut stack = stack(folder.path(), "['remote \"a\"']\n    url = s3://bkt\n").unwrap();
        let key = KeyPath::remote("a", "profile");
        match stack.modify_remote(Level::Global, "a", "profile", &value) {
            Ok(_) => {
                let found = stack.get(&key, None).unwrap().unwrap().value.to_string();
                prop_assert_eq!(found, value);
            }
            Err(Error::Unquotable { .. } | Error::Interpolation { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn any_text_is_checked_without_panic(text in lines(), option in "[a-z_]{0,12}", value in any::<String>()) {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{text}\n['remote \"b\"']\n{option} = {value}\nurl = {value}");
        let Ok(stack) = stack(folder.path(), &text) else { return Ok(()) };
        match stack.config() {
            Ok(config) => {
                for name in config.remote_names() {
                    if let Err(error) = config.remote(Some(name)) {
                        prop_assert!(!error.to_string().is_empty() && error.hint().is_some(), "{:?}", error);
                    }
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn an_edit_and_its_reverse_leave_every_other_option_alone(text in lines()) {
        let folder = tempfile::tempdir().unwrap();
        let Ok(mut stack) = stack(folder.path(), &text) else { return Ok(()) };
        let options = |stack: &ConfigStack| -> Vec<(String, String)> {
            let listed = stack.list(None).unwrap();
            listed.into_iter().map(|option| (option.key, option.value.value.to_string())).collect()
        };
        let before = options(&stack);
        if stack.add_remote(Level::Global, "new one", "s3://bucket", AddRemote::default()).is_ok() {
            let added = options(&stack);
            prop_assert_eq!(added.len(), before.len() + 1);
            stack.remove_remote(Level::Global, "new one").unwrap();
            prop_assert_eq!(options(&stack), before);
        }
    }
}
