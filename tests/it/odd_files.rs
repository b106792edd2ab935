//! Files that cannot be tracked are an error at once, and no command hangs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use haul_tests::objects::md5_of;

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
    // The user's file is unchanged.
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

/// Adds through a symbolic link with cache type `hardlink`; returns the cache's objects.
fn add_through_a_link(target: &str, link: &str) {
    let environment = environment();
    let outside = environment.folder("outside");
    outside.write("file", "the content");
    let repo = environment.repository("repo");
    repo.haul(["config", "cache.type", "hardlink"]).success();
    repo.write("d/plain", "plain");
    let leads_to = if link.starts_with('/') { outside.join("file") } else { Path::new(link).to_owned() };
    repo.write("inside", "the content");
    fs_err::os::unix::fs::symlink(leads_to, repo.join("d/link")).expect("a link can be made");
    repo.haul(["add", target]).success();

    repo.assert_cache_is_sound();
    let objects = repo.cache_objects();
    assert!(
        objects.iter().any(|path| path.replace('/', "").ends_with(&md5_of(b"the content"))),
        "{objects:?}"
    );
    for object in &objects {
        let metadata = fs_err::symlink_metadata(repo.join(".dvc/cache").join(object)).expect("it is there");
        assert!(metadata.is_file(), "{object} is not a file of the cache");
    }
    // Writing to the link's target does not write to the object.
    for file in [outside.join("file"), repo.join("inside")] {
        let metadata = fs_err::metadata(&file).expect("it is there");
        assert_ne!(metadata.permissions().mode() & 0o200, 0, "{} was made read-only", file.display());
        fs_err::write(&file, "edited").expect("it can be written");
    }
    repo.assert_cache_is_sound();
    assert_eq!(repo.read("d/link"), "the content");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.remove("d/link");
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("d/link"), "the content");
}

#[test]
fn link_that_is_added_with_hard_links_is_stored_as_its_content() {
    for target in ["d", "d/link"] {
        add_through_a_link(target, "/outside");
        add_through_a_link(target, "../inside");
    }
}

#[test]
fn error_about_a_fifo_says_what_to_do() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("data/file", "content");
    repo.haul(["add", "data"]).success();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        repo.join("data/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    for command in ["add", "checkout", "status"] {
        let output = repo.haul([command, "data"]).failure().within(AT_ONCE);
        output.stderr_has(&["data/pipe", "hint", "pipe", ".dvcignore"]);
    }
    // No success is reported before the error.
    let status = repo.haul(["status"]).failure().stderr_has(&["data/pipe"]);
    assert_eq!(status.stdout, "");
    let json = repo.haul(["status", "--json"]).failure().stderr_has(&["data/pipe"]);
    assert_ne!(json.stdout.lines().next(), Some("{}"));
    repo.write(".dvcignore", "pipe\n");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
}

#[test]
fn name_with_a_line_break_is_refused_before_anything_is_stored() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("n\nl", "content");
    repo.haul(["add", "n\nl"]).failure().stderr_has(&["line break"]);
    assert_eq!(repo.cache_objects(), [""; 0]);
    assert!(!repo.exists(".gitignore") && !repo.exists("n\nl.dvc"));
}

#[test]
fn add_that_cannot_stage_ends_with_the_command_to_type() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.haul(["config", "core.autostage", "true"]).success();
    repo.write("f", "content");
    repo.write(".git/index.lock", "");
    // As in DVC, all files are written by then.
    repo.haul(["add", "f"]).failure().code(255).stderr_has(&["index.lock", "`git add .gitignore f.dvc`"]);
    assert!(repo.exists("f.dvc") && repo.read(".gitignore") == "/f\n");
    repo.haul(["move", "f", "g"]).failure().code(255).stderr_has(&["`git add .gitignore f.dvc g.dvc`"]);
    assert!(repo.exists("g.dvc") && !repo.exists("f.dvc"));
    repo.remove(".git/index.lock");
    repo.haul(["add", "g"]).success();
    let index = fs_err::read(repo.join(".git/index")).unwrap();
    for name in [&b".gitignore\0"[..], b"g.dvc\0"] {
        assert!(
            index.windows(name.len()).any(|bytes| bytes == name),
            "{} is not staged",
            name.escape_ascii()
        );
    }
}

#[test]
fn metafile_with_a_conflict_is_named_as_one() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("d.dvc", "outs:\n<<<<<<< HEAD\n- md5: a\n=======\n- md5: b\n>>>>>>> other\n  path: d\n");
    for (command, code) in [("status", 1), ("checkout", 255)] {
        repo.haul([command]).code(code).stderr_has(&[
            "'./d.dvc' is invalid (possible merge conflicts).",
            "line 2",
            "git checkout --theirs d.dvc",
        ]);
    }
}

#[test]
fn data_status_does_not_call_gone_what_it_could_not_look_at() {
    let environment = crate::environment();
    let repo = environment.repository("repo");
    repo.write("d/a", "one");
    repo.haul(["add", "d"]).success();
    repo.write("d/.dvcignore", "*.log\n");
    let output = repo.haul(["data", "status", "--granular"]).failure().says(&[".dvcignore"]);
    assert!(!output.stdout.contains("deleted"), "{output}");
}

#[test]
fn failed_add_does_not_make_the_next_checkout_ask() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("f", "one");
    repo.write("d/x", "one");
    repo.haul(["add", "f", "d"]).success();
    let before = repo.read("d.dvc");
    repo.write("d/x", "two");
    repo.haul(["add", "d"]).success();
    // It fails, and nothing that was not recorded before is stored.
    std::os::unix::fs::symlink("nothing", repo.join("d/dangling")).expect("a link can be made");
    repo.haul(["add", "f", "d"]).failure().says(&["dangling"]);
    repo.remove("d/dangling");
    repo.write("d.dvc", before);
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("d/x"), "one");
}
