//! What `gc` deletes from remotes.

use std::time::Duration;

use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::objects::{key_of, md5_of, put_directory, put_object, track};

use super::{BUCKET, assert_directories_are_whole, is_stored, stage, store};

#[test]
fn key_that_is_not_exactly_the_name_of_an_object_survives() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let oid = md5_of(b"unused");
    let (first, rest) = (&oid[..2], &oid[2..]);
    let mut hostile: Vec<String> = [
        "ab/cdef",
        "zz/notahash",
        "README",
        "ab/",
        "runs/ab/cd/ef",
        "files/md5/ab/cdef",
        "files/md5/zz/notahash",
        "files/md5/.JFn5gOVADzTHBXMN0WEbiA.tmp",
        "files/other/ab/cdef",
        "files/md5/",
    ]
    .map(|key| format!("store/{key}"))
    .to_vec();
    for folder in ["store/files/md5/", "store/"] {
        hostile.push(format!("{folder}{}/{rest}", first.to_uppercase()));
        hostile.push(format!("{folder}{first}/{}", rest.to_uppercase()));
        hostile.push(format!("{folder}{first}/{rest}.dir.unpacked"));
        hostile.push(format!("{folder}{first}/{rest}/x"));
        hostile.push(format!("{folder}{first}/{rest}0"));
        hostile.push(format!("{folder}{first}/{}", &rest[1..]));
        hostile.push(format!("{folder}{first}/.dir"));
        hostile.push(format!("{folder}{first}{rest}"));
        hostile.push(format!("{folder}sub/{first}/{rest}"));
    }
    // Keys outside of the prefix of the remote, and below a prefix that starts with the same letters.
    hostile.push(format!("{first}/{rest}"));
    hostile.push(format!("store2/files/md5/{first}/{rest}"));
    for key in &hostile {
        server.put(BUCKET, key, "not ours");
    }
    let unused = [format!("store/files/md5/{first}/{rest}"), format!("store/{first}/{rest}.dir")];
    for key in &unused {
        server.put(BUCKET, key, "[]");
    }
    // The same names in the cache.
    for name in ["ab/cdef", "zz/notahash", "files/md5/ab/cdef", "files/md5/zz/notahash", "runs/ab/cd/ef"] {
        repo.write(format!(".dvc/cache/{name}"), "not ours");
    }
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    let keys = server.keys(BUCKET);
    for key in &hostile {
        assert!(keys.contains(key), "{key} is gone");
    }
    for key in &unused {
        assert!(!keys.contains(key), "{key} is still there");
    }
    assert!(is_stored(&server, "used"));
    for name in ["ab/cdef", "zz/notahash", "files/md5/ab/cdef", "files/md5/zz/notahash", "runs/ab/cd/ef"] {
        assert!(repo.exists(format!(".dvc/cache/{name}")), "{name} is gone");
    }
}

#[test]
fn nothing_is_deleted_when_a_listing_breaks_off() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    for index in 0..2500 {
        put_object(&server, format!("unused {index}").as_bytes());
    }
    let n_keys = server.keys(BUCKET).len();
    server.inject(Fault::on(Operation::ListObjectsV2, FaultAction::error(403, "AccessDenied")).after(2));
    repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["AccessDenied"]);
    server.heal();
    assert_eq!(server.count(Operation::DeleteObjects), 0);
    assert_eq!(server.keys(BUCKET).len(), n_keys);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 2500 objects from remote."]);
    assert_eq!(server.count(Operation::DeleteObjects), 3);
    assert_eq!(server.keys(BUCKET).len(), 1);
}

#[test]
fn object_that_cannot_be_deleted_is_named_and_the_others_go() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    for content in ["one", "two", "three"] {
        store(&repo, "file", content);
    }
    let held = key_of(&md5_of(b"one"));
    server.retain(BUCKET, &held);
    let member = put_object(&server, b"member");
    let directory = put_directory(&server, &[(&member, "a")]);
    server.retain(BUCKET, &key_of(&directory));
    let output = repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&[
        &format!("failed to remove '{BUCKET}/{held}'"),
        "the object is retained",
        "2 objects could not be removed",
    ]);
    assert!(output.stdout.contains("Removed 1 objects from remote."), "{output}");
    assert!(is_stored(&server, "one") && !is_stored(&server, "two") && is_stored(&server, "three"));
    // The files of a directory that could not be deleted stay.
    assert!(is_stored(&server, "member"));
    assert_directories_are_whole(&server);
}

#[test]
fn each_remote_keeps_what_belongs_to_it() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    for (name, folder) in [("second", "second"), ("again", "second"), ("third", "third")] {
        repo.haul(["remote", "add", name, &format!("s3://{BUCKET}/{folder}")]).success();
        repo.haul(["remote", "modify", name, "endpointurl", &server.endpoint()]).success();
    }
    for (path, remote) in [("a", None), ("b", Some("second")), ("c", Some("again"))] {
        repo.write(path, path);
        repo.haul(["add", path]).success();
        if let Some(remote) = remote {
            let text = repo.read(format!("{path}.dvc"));
            repo.write(format!("{path}.dvc"), format!("{text}  remote: {remote}\n"));
        }
    }
    repo.haul(["push"]).success();
    let key = |folder: &str, content: &str| {
        let oid = md5_of(content.as_bytes());
        format!("{folder}/files/md5/{}/{}", &oid[..2], &oid[2..])
    };
    for folder in ["store", "second", "third"] {
        server.put(BUCKET, &key(folder, "unused"), "unused");
    }
    // A remote that was removed from the configuration: where its objects are is not known.
    track(&repo, "d", &md5_of(b"d"));
    let text = repo.read("d.dvc");
    repo.write("d.dvc", format!("{text}  remote: former\n"));
    server.put(BUCKET, &key("second", "d"), "d");
    repo.haul(["gc", "-w", "-c", "-f", "-r", "third"]).success();
    assert!(!server.keys(BUCKET).contains(&key("third", "unused")));
    assert!(
        server.keys(BUCKET).contains(&key("second", "unused")),
        "only the remote that was named is looked at"
    );
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    let mut expected = vec![key("store", "a"), key("second", "b"), key("second", "c"), key("second", "d")];
    expected.sort();
    let mut keys = server.keys(BUCKET);
    keys.sort();
    assert_eq!(keys, expected);
}

#[test]
fn legacy_objects_have_a_place_of_their_own() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    let (used, unused) = (md5_of(b"used"), md5_of(b"unused"));
    for oid in [&used, &unused] {
        let bytes = if *oid == used { "used" } else { "unused" };
        for folder in ["", "files/md5/"] {
            server.put(BUCKET, &format!("store/{folder}{}/{}", &oid[..2], &oid[2..]), bytes);
            repo.write(format!(".dvc/cache/{folder}{}/{}", &oid[..2], &oid[2..]), bytes);
        }
    }
    repo.write("file.dvc", format!("outs:\n- md5: {used}\n  path: file\n"));
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&[
        "Removed 2 objects from repo cache.",
        "Removed 1 objects from legacy cache.",
        "Removed 2 objects from remote.",
        "Removed 1 objects from remote.",
    ]);
    assert_eq!(server.keys(BUCKET), [format!("store/{}/{}", &used[..2], &used[2..])]);
    assert_eq!(repo.cache_objects(), [format!("{}/{}", &used[..2], &used[2..])]);
}

#[test]
fn objects_are_deleted_one_by_one_where_a_policy_does_not_let_them_go_in_bulk() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    for content in ["one", "two", "three"] {
        store(&repo, "file", content);
    }
    server.inject(Fault::on(Operation::DeleteObjects, FaultAction::error(403, "AccessDenied")));
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 2 objects from remote."]);
    assert_eq!(server.count(Operation::DeleteObject), 2);
    assert!(is_stored(&server, "three") && !is_stored(&server, "one") && !is_stored(&server, "two"));
    // If nothing may be deleted at all, one deletion is tried, and not one for each object.
    for content in ["four", "five", "six"] {
        store(&repo, "file", content);
    }
    server.inject(Fault::on(Operation::DeleteObject, FaultAction::error(403, "AccessDenied")));
    server.take_requests();
    repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&["3 objects could not be removed"]);
    assert_eq!(server.count(Operation::DeleteObject), 1);
}

#[test]
fn object_that_an_out_bound_to_another_remote_uses_is_told_before_it_goes() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "add", "second", &format!("s3://{BUCKET}/second")]).success();
    repo.haul(["remote", "modify", "second", "endpointurl", &server.endpoint()]).success();
    store(&repo, "file", "content");
    put_object(&server, b"unused");
    repo.write("file.dvc", format!("{}  remote: second\n", repo.read("file.dvc")));
    repo.haul(["gc", "-w", "-c", "-f", "-r", "origin", "--dry"]).success().stderr_has(&[
        "Unused in remote `origin`",
        "2 of 2 objects",
        "1 of them are used by outs that are bound to other remotes",
    ]);
}

#[test]
fn temporary_files_in_a_directory_go_when_they_are_old() {
    let (_server, environment) = stage();
    let repo = environment.repository("repo");
    let remote = environment.root().join("remote");
    repo.haul(["remote", "add", "-d", "origin", &remote.display().to_string()]).success();
    store(&repo, "file", "used");
    let old = remote.join("files/md5/ab/.JFn5gOVADzTHBXMN0WEbiA.tmp");
    // Another clone may be writing this one.
    let young = old.with_file_name(".JFn5gOVADzTHBXMN0WEbiB.tmp");
    let foreign = old.with_file_name(".mine.tmp");
    fs_err::create_dir_all(old.parent().expect("it has a parent")).expect("a directory can be made");
    for path in [&old, &young, &foreign] {
        fs_err::write(path, "cut").expect("a file can be written");
    }
    let two_days_ago = std::time::SystemTime::now() - Duration::from_hours(48);
    for path in [&old, &foreign] {
        fs_err::File::open(path)
            .and_then(|file| file.file().set_modified(two_days_ago))
            .expect("times can be set");
    }
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 1 objects from remote."]);
    assert!(!old.exists());
    assert!(young.exists() && foreign.exists());
    repo.haul(["status", "-c"]).success();
}
