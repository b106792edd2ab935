//! What cannot be tracked is said at once, and nothing hangs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::environment;

const AT_ONCE: Duration = Duration::from_secs(20);

#[test]
fn fifo_in_a_directory_is_refused_by_name() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("data/file", "content");
    let path = repo.join("data/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    repo.haul(["add", "data"]).failure().within(AT_ONCE).stderr_has(&["data/pipe"]);
    assert!(!repo.exists("data.dvc"));
    // The file of the user is untouched.
    assert_eq!(repo.read("data/file"), "content");
}

#[test]
fn socket_in_a_directory_is_refused_by_name() {
    let environment = environment();
    let repo = environment.repository("r");
    repo.write("d/file", "content");
    let _socket = std::os::unix::net::UnixListener::bind(repo.join("d/s")).unwrap();
    repo.haul(["add", "d"]).failure().within(AT_ONCE).stderr_has(&["d/s"]);
}

#[test]
fn dangling_link_in_a_directory_is_refused_by_name() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("data/file", "content");
    fs_err::os::unix::fs::symlink("nowhere", repo.join("data/link")).unwrap();
    repo.haul(["add", "data"]).failure().within(AT_ONCE).stderr_has(&["data/link"]);
}

#[test]
fn name_that_is_not_unicode_is_refused() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("data/file", "content");
    repo.write(Path::new("data").join(OsStr::from_bytes(b"bad\xffname")), "x");
    repo.haul(["add", "data"]).failure().within(AT_ONCE).stderr_has(&["data/bad"]);
}

#[test]
fn file_that_cannot_be_found_is_refused_by_name() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.haul(["add", "no such file"]).failure().stderr_has(&["no such file"]);
}
