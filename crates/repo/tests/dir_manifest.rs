//! The directory manifest: DVC's bytes, and hostile manifests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use haul_repo::DirManifest;
use haul_repo::metafile::dir_manifest::{DirEntry, ManifestError};
use proptest::prelude::*;

/// The manifest of DVC 3.67.1 for a directory with odd names (`tests/fixtures/make.py`).
const DVC_BYTES: &[u8] = include_bytes!("fixtures/odd_names.dir");

fn entry(path: &str) -> DirEntry {
    DirEntry { path: path.into(), digest: [0xd4; 16] }
}

fn manifest_of(paths: &[&str]) -> Result<DirManifest, ManifestError> {
    let entries: Vec<_> = paths
        .iter()
        .map(|path| serde_json::json!({"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": path}))
        .collect();
    DirManifest::parse(serde_json::to_string(&entries).unwrap().as_bytes())
}

#[test]
fn manifest_written_by_dvc_round_trips_to_the_byte() {
    let manifest = DirManifest::parse(DVC_BYTES).unwrap();
    assert!(manifest.entries().len() > 10);
    assert_eq!(String::from_utf8(manifest.to_bytes()), String::from_utf8(DVC_BYTES.to_vec()));
    let mut reversed = manifest.clone().into_entries();
    reversed.reverse();
    assert_eq!(DirManifest::new(reversed).unwrap(), manifest);
}

#[test]
fn manifest_of_empty_directory_is_an_empty_list() {
    assert_eq!(DirManifest::default().to_bytes(), b"[]");
    assert_eq!(DirManifest::parse(b" [ ] ").unwrap(), DirManifest::default());
}

#[test]
fn manifest_path_that_leaves_the_directory_is_refused() {
    for (path, expected) in [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("../x", "leaves the directory"),
        ("a/../../x", "leaves the directory"),
        ("a/..", "leaves the directory"),
        ("./x", "has the component `.`"),
        ("a/./x", "has the component `.`"),
        ("a//x", "has an empty component"),
        ("a/", "has an empty component"),
        ("a\0b", "contains a NUL character"),
        (".git/hooks/post-checkout", "is inside a `.git` directory"),
        ("sub/.GIT/config", "is inside a `.git` directory"),
        (".git", "is inside a `.git` directory"),
        (".dvc/config", "is inside a `.dvc` directory"),
        ("a/.Dvc/config.local", "is inside a `.dvc` directory"),
    ] {
        match manifest_of(&["ok", path]) {
            Err(ManifestError::Path { reason, .. }) => assert_eq!(reason, expected, "{path:?}"),
            other => panic!("{path:?}: {other:?}"),
        }
    }
}

#[test]
fn manifest_path_that_only_looks_dangerous_is_kept() {
    let paths = ["..a", "...", ".gitignore", ".github/x", "a/..b/c", "back\\slash", "x.dvc", "~"];
    assert_eq!(manifest_of(&paths).unwrap().entries().len(), paths.len());
}

#[test]
fn manifest_path_that_no_file_system_takes_is_refused() {
    let name = |n_bytes: usize| "n".repeat(n_bytes);
    let path = |n_bytes: usize| format!("{}{}", "d/".repeat((n_bytes - 1) / 2), &"xy"[..2 - n_bytes % 2]);
    assert_eq!((path(4095).len(), path(4096).len()), (4095, 4096));
    for (path, expected) in [
        (name(256), Some("has a component of more than 255 bytes")),
        (format!("a/{}/b", name(256)), Some("has a component of more than 255 bytes")),
        ("\u{e9}".repeat(128), Some("has a component of more than 255 bytes")),
        (path(4096), Some("is longer than any path can be")),
        (format!("{}x", "a/".repeat(20_000)), Some("is longer than any path can be")),
        (name(255), None),
        (path(4095), None),
    ] {
        match (manifest_of(&["ok", &path]), expected) {
            (Ok(_), None) => {}
            (Err(ManifestError::Path { reason, path }), Some(expected)) => {
                assert_eq!(reason, expected);
                assert!(path.len() < 400, "the message must not be as long as the path");
            }
            (other, _) => panic!("{} bytes: {other:?}", path.len()),
        }
    }
}

#[test]
fn manifest_contradiction_is_refused() {
    for (paths, expected) in [
        (vec!["a", "b", "a"], "occurs twice"),
        (vec!["a/b", "a"], "is both a file and a directory"),
        (vec!["a", "a-b", "a.c/x", "a/b/c"], "is both a file and a directory"),
        (vec!["x/a", "x/a/b/c/d", "x/a!"], "is both a file and a directory"),
    ] {
        match manifest_of(&paths) {
            Err(ManifestError::Path { reason, .. }) => assert_eq!(reason, expected, "{paths:?}"),
            other => panic!("{paths:?}: {other:?}"),
        }
    }
    assert!(manifest_of(&["a-b", "a/b", "a.c", "ab/a", "ab/b"]).is_ok());
}

#[test]
fn manifest_that_is_no_list_of_files_is_refused() {
    for text in [
        "",
        "{}",
        "null",
        "\"x\"",
        "[1]",
        "[{}]",
        "[{\"md5\": \"d41d8cd98f00b204e9800998ecf8427e\"}]",
        "[{\"relpath\": \"a\"}]",
        "[{\"md5\": 5, \"relpath\": \"a\"}]",
        "[] x",
        "[",
    ] {
        assert!(matches!(DirManifest::parse(text.as_bytes()), Err(ManifestError::Malformed(_))), "{text}");
    }
    let deep = format!("[{{\"md5\": {}", "[".repeat(1_000_000));
    assert!(matches!(DirManifest::parse(deep.as_bytes()), Err(ManifestError::Malformed(_))));
}

#[test]
fn manifest_hash_that_is_no_md5_is_refused() {
    for hash in [
        "",
        "../../../../etc/passwd",
        "d41d8cd98f00b204e9800998ecf8427",
        "d41d8cd98f00b204e9800998ecf8427e.dir",
    ] {
        let text = format!("[{{\"md5\": \"{hash}\", \"relpath\": \"a\"}}]");
        match DirManifest::parse(text.as_bytes()) {
            Err(ManifestError::Hash { path, .. }) => assert_eq!(path, "a"),
            other => panic!("{hash}: {other:?}"),
        }
    }
}

#[test]
fn manifest_members_besides_hash_and_path_are_ignored() {
    let text = br#"[{"size": 3, "md5": "d41d8cd98f00b204e9800998ecf8427e", "isexec": true, "relpath": "a", "x": {"y": [1]}}]"#;
    let manifest = DirManifest::parse(text).unwrap();
    assert_eq!(manifest.to_bytes(), br#"[{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "a"}]"#);
}

#[test]
fn manifest_below_finds_a_file_or_everything_in_a_folder() {
    let manifest = manifest_of(&["a", "b-", "b.d/x", "b/1", "b/c/2", "b0", "é/x"]).unwrap();
    let below = |path: &str| -> Vec<&str> { manifest.below(path).iter().map(|entry| &*entry.path).collect() };
    assert_eq!(below("a"), ["a"]);
    assert_eq!(below("b"), ["b/1", "b/c/2"]);
    assert_eq!(below("b/c"), ["b/c/2"]);
    assert_eq!(below("é"), ["é/x"]);
    assert_eq!(below("nope"), [""; 0]);
    assert!(manifest.get("b/c/2").is_some() && manifest.get("b/c").is_none());
}

#[test]
fn manifest_replaced_swaps_a_folder_for_new_files() {
    let manifest = manifest_of(&["a", "b/1", "b/c/2", "b0"]).unwrap();
    let paths = |manifest: &DirManifest| -> Vec<String> {
        manifest.entries().iter().map(|entry| entry.path.to_string()).collect()
    };
    assert_eq!(paths(&manifest.replaced("b", vec![entry("b/9")]).unwrap()), ["a", "b/9", "b0"]);
    assert_eq!(paths(&manifest.replaced("b/c", vec![]).unwrap()), ["a", "b/1", "b0"]);
    assert!(manifest.replaced("a/x", vec![entry("a/x")]).is_err());
}

/// Forged manifests: the right structure with arbitrary values, or fragments in any order.
fn forged() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        "[ab./\\\\]{0,8}",
        Just(String::from("../x")),
        Just(String::from("a/.git/config")),
        Just(String::from(".DVC/config")),
        Just(String::from("/etc/passwd")),
        any::<String>(),
    ];
    let md5 = prop_oneof!["[0-9a-f]{32}", "[0-9A-Fg-]{0,40}"];
    let entry =
        (md5, path).prop_map(|(md5, path)| serde_json::json!({"md5": md5, "relpath": path}).to_string());
    let shaped =
        proptest::collection::vec(entry, 0..5).prop_map(|entries| format!("[{}]", entries.join(", ")));
    let piece = prop_oneof![
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just(":"),
        Just("\"md5\""),
        Just("\"relpath\""),
        Just("\"d41d8cd98f00b204e9800998ecf8427e\""),
        Just("null"),
        Just("1e999"),
        Just("\"\\ud800\""),
        Just("\"a\""),
    ];
    let pieces = proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => shaped, 2 => pieces, 1 => any::<String>()]
}

proptest! {
    #[test]
    fn manifest_bytes_read_back_as_what_was_meant(paths in proptest::collection::btree_set("[^/\0]{1,6}", 0..20)) {
        let entries: Vec<_> = paths
            .iter()
            .filter(|path| !matches!(path.as_str(), "." | ".."))
            .map(|path| entry(path))
            .collect();
        let manifest = DirManifest::new(entries).unwrap();
        let bytes = manifest.to_bytes();
        prop_assert!(bytes.is_ascii());
        prop_assert_eq!(DirManifest::parse(&bytes).unwrap(), manifest);
    }

    #[test]
    fn forged_manifest_is_refused_or_stays_inside(text in forged()) {
        let Ok(manifest) = DirManifest::parse(text.as_bytes()) else { return Ok(()) };
        let mut seen = std::collections::BTreeSet::new();
        for entry in manifest.entries() {
            prop_assert!(seen.insert(entry.path.clone()), "{} stands there twice", entry.path);
            for component in entry.path.split('/') {
                let is_private = component.eq_ignore_ascii_case(".git") || component.eq_ignore_ascii_case(".dvc");
                prop_assert!(!matches!(component, "" | "." | "..") && !is_private, "{}", entry.path);
                prop_assert!(!component.contains('\0'));
            }
        }
        prop_assert_eq!(DirManifest::parse(&manifest.to_bytes()).unwrap(), manifest);
    }
}
