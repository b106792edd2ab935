//! Metafiles before and after a change, compared with the output of DVC 3.67.1 (`fixtures/make.py`).

use haul_repo::metafile::dvc_file::{DvcFile, DvcLock, OutState};
use haul_storage::Layout;
use haul_storage::hash::md5;

fn new_state() -> OutState {
    let oid = haul_storage::Oid::file(md5(b"new content\n"));
    OutState { size_bytes: Some(12), ..OutState::new(oid, Layout::Current) }
}

/// The intended output of haul where DVC loses the user's text or adds the new member elsewhere.
fn deviation(name: &str) -> Option<&'static str> {
    Some(match name {
        "legacy_comment.dvc" => {
            "outs:\n- md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n  size: 12\n  path: f # last\n  hash: md5\n\n# tail\n"
        }
        "blank_lines.dvc" => {
            "\n\nouts:\n\n- md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n\n  size: 12\n\n  path: f\n  hash: md5\n\n"
        }
        "annotations.dvc" => {
            "desc: top text\nouts:\n- md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n  size: 12\n  hash: md5\n  path: f\n  desc: what it \
             is\n  labels: [a, b]\n  type: x\n  meta: {k: [1, 2], z: null}\nmeta:\n  anything: [x,  y]\n"
        }
        "wdir.dvc" => {
            "wdir: .\nouts:\n- md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n  size: 12\n  hash: md5\n  path: f\n"
        }
        _ => return None,
    })
}

#[test]
fn changed_file_keeps_the_text_of_the_user() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("fixtures/edits.json")).unwrap();
    assert!(cases.len() > 10);
    let folder = tempfile::tempdir().unwrap();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, case["before"].as_str().unwrap()).unwrap();
        let mut file = DvcFile::read(&path).unwrap();
        assert!(!file.is_changed());
        file.set_state(0, &new_state()).unwrap();
        assert!(file.write().unwrap());
        let expected = deviation(name).unwrap_or(case["after"].as_str().unwrap());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), expected, "{name}");
        let mut again = DvcFile::read(&path).unwrap();
        again.set_state(0, &new_state()).unwrap();
        assert!(!again.is_changed() && !again.write().unwrap(), "{name}");
    }
}

#[test]
fn new_file_has_the_bytes_of_dvc() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.dvc");
    let mut file = DvcFile::new(&path, "#d");
    let oid = "94b36b89774b08cb3c3ecaa2861c291f.dir".parse().unwrap();
    file.set_state(0, &OutState { oid, size_bytes: Some(17), n_files: Some(6), ..new_state() }).unwrap();
    assert!(file.write().unwrap());
    assert_eq!(
        fs_err::read_to_string(&path).unwrap(),
        "outs:\n- md5: 94b36b89774b08cb3c3ecaa2861c291f.dir\n  size: 17\n  nfiles: 6\n  hash: md5\n  path: '#d'\n"
    );
    let mut file = DvcFile::new(&folder.path().join("x.dvc"), "f.txt");
    let oid = "bbe02f946d5455d74616fc9777557c22".parse().unwrap();
    file.set_state(0, &OutState { oid, size_bytes: Some(5), is_exec: true, ..new_state() }).unwrap();
    assert_eq!(
        file.text(),
        "outs:\n- md5: bbe02f946d5455d74616fc9777557c22\n  size: 5\n  isexec: true\n  hash: md5\n  path: f.txt\n"
    );
}

#[test]
fn checksum_of_an_import_is_renewed() {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("fixtures/imports.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.txt.dvc");
    fs_err::write(&path, fixture["before"].as_str().unwrap()).unwrap();
    let mut file = DvcFile::read(&path).unwrap();
    let oid = "78370653e35413d0d6513c9046fa4cec".parse().unwrap();
    file.set_state(0, &OutState { oid, size_bytes: Some(16), ..new_state() }).unwrap();
    assert_eq!(file.text(), fixture["after"].as_str().unwrap());
}

#[test]
fn versions_of_old_content_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.dvc");
    fs_err::write(
        &path,
        "outs:\n- md5: bbe02f946d5455d74616fc9777557c22\n  size: 5\n  cloud:\n    r:\n      etag: abc\n      version_id: x\n  hash: \
         md5\n  path: f\n",
    )
    .unwrap();
    let mut file = DvcFile::read(&path).unwrap();
    file.set_state(0, &new_state()).unwrap();
    assert_eq!(
        file.text(),
        "outs:\n- md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n  size: 12\n  hash: md5\n  path: f\n"
    );
}

#[test]
fn lock_entry_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dvc.lock");
    let before = include_str!("fixtures/pipeline/dvc.lock");
    fs_err::write(&path, before).unwrap();
    let mut lock = DvcLock::read(&path).unwrap();
    lock.set_state("b", "o.bin", &OutState { is_exec: true, ..new_state() }).unwrap();
    assert!(lock.write().unwrap());
    let old =
        "    - path: o.bin\n      hash: md5\n      md5: fe13119fb084fe8bbf5fe3ab7cc89b3b\n      size: 2\n";
    let new =
        "    - path: o.bin\n      hash: md5\n      md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n      size: 12\n";
    assert!(before.contains(old));
    assert_eq!(fs_err::read_to_string(&path).unwrap(), before.replace(old, new));
    for (stage, out) in [("nope", "o.bin"), ("b", "nope")] {
        let message = lock.set_state(stage, out, &new_state()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("the out '{out}' of the stage '{stage}' does not exist")),
            "{message}"
        );
    }
}

#[test]
fn file_that_shares_text_between_outs_is_not_edited() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.dvc");
    fs_err::write(
        &path,
        "outs:\n- &a {md5: bbe02f946d5455d74616fc9777557c22, path: f}\n- <<: *a\n  path: g\n",
    )
    .unwrap();
    let mut file = DvcFile::read(&path).unwrap();
    let error = file.set_state(1, &OutState { layout: Layout::Legacy, ..new_state() });
    // The second out now has its own hash.
    assert!(error.is_ok());
    assert!(
        file.text().contains("- <<: *a\n  path: g\n  md5: f8a6701de14ec3fcfd9f2fe595e9c9ed\n  size: 12\n"),
        "{}",
        file.text()
    );
    assert!(file.set_state(2, &new_state()).unwrap_err().to_string().contains("out number 3 does not exist"));
}
