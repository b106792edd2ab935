//! Random metafiles: they are refused, or read, edited and read again without loss.

use haul_repo::metafile::dvc_file::{DvcFile, DvcLock, OutState};
use haul_storage::hash::md5;
use haul_storage::{Layout, Oid};
use proptest::prelude::*;

/// Lines of metafiles in any order, most of which are invalid together.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("outs:"),
        Just("- path: f"),
        Just("- md5: b1946ac92492d2347c6235b4d2611184"),
        Just("  md5: b1946ac92492d2347c6235b4d2611184"),
        Just("  size: 6  # six"),
        Just("  hash: md5"),
        Just("  path: 'f: g'"),
        Just("  desc: |"),
        Just("    text # no comment"),
        Just("  desc: >-"),
        Just("  meta: {a: [1, *x], b: &x 'c'}"),
        Just("  cloud: &anchor"),
        Just("  <<: *anchor"),
        Just("- {md5: b1946ac92492d2347c6235b4d2611184, path: f}"),
        Just("# comment"),
        Just(""),
        Just("---"),
        Just("..."),
        Just("%YAML 1.2"),
        Just("wdir: ."),
        Just("deps: []"),
        Just("frozen: yes"),
        Just("\t- tab"),
        Just("? complex"),
        Just(": key"),
        Just("\u{feff}outs: []"),
        Just("stages:"),
        Just("  one:"),
        Just("    cmd: echo \"a\\"),
        Just("    outs:"),
        Just("    - path: f"),
        Just("      md5: b1946ac92492d2347c6235b4d2611184"),
    ];
    let sensible = Just(String::from(
        "outs:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: f\n",
    ));
    let any_lines = proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n") + "\n");
    let ends = (sensible, any_lines.clone(), any::<bool>())
        .prop_map(|(sensible, lines, is_first)| if is_first { lines + &sensible } else { sensible + &lines });
    prop_oneof![any_lines, ends, any::<String>()]
}

fn state() -> OutState {
    OutState { size_bytes: Some(12), ..OutState::new(Oid::file(md5(b"new content\n")), Layout::Current) }
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("# ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_dvc_file_is_refused_or_edited_without_loss(text in lines()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.dvc");
        fs_err::write(&path, &text).unwrap();
        let Ok(mut file) = DvcFile::read(&path) else { return Ok(()) };
        prop_assert_eq!(file.text(), &text);
        if file.set_state(0, &state()).is_err() {
            return Ok(());
        }
        file.write().unwrap();
        prop_assert!(file.text().contains("f8a6701de14ec3fcfd9f2fe595e9c9ed"));
        prop_assert_eq!(comments(file.text()), comments(&text));
        // The written file is read back with the intended values, so that nothing is left to change.
        let mut again = DvcFile::read(&path).unwrap();
        again.set_state(0, &state()).unwrap();
        prop_assert!(!again.is_changed(), "{:?} becomes {:?}", file.text(), again.text());
    }

    #[test]
    fn any_lock_file_is_refused_or_edited_without_loss(text in lines()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dvc.lock");
        fs_err::write(&path, &text).unwrap();
        let Ok(mut file) = DvcLock::read(&path) else { return Ok(()) };
        if file.set_state("one", "f", &state()).is_err() {
            return Ok(());
        }
        file.write().unwrap();
        let mut again = DvcLock::read(&path).unwrap();
        again.set_state("one", "f", &state()).unwrap();
        prop_assert_eq!(file.text(), again.text());
    }
}
