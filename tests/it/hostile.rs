//! Hostile remotes: nothing is written outside the repository, nothing damaged gets into the cache, no signature is sent
//! to other servers, and commands end within the timeouts.

use std::time::Duration;

use haul_tests::objects::{directory_bytes, key_of, md5_of, put_directory, put_object, track};
use haul_tests::raw::{RawReply, RawRequest, RawServer};
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served};

/// The timeouts of these remotes are two seconds; a handful of attempts fit well into this.
const IN_TIME: Duration = Duration::from_mins(1);

fn impatient_repository<'a>(environment: &'a TestEnvironment, endpoint: &str) -> Folder<'a> {
    let repo = environment.repository_at("repo", endpoint);
    repo.haul(["remote", "modify", "origin", "read_timeout", "2"]).success();
    repo.haul(["remote", "modify", "origin", "connect_timeout", "2"]).success();
    repo
}

/// A directory manifest with these entries is refused for this reason, and nothing is written.
fn manifest_is_refused(relpaths: &[&str], reason: &str) {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"planted");
    let entries: Vec<_> = relpaths.iter().map(|path| (oid.as_str(), *path)).collect();
    let directory = put_directory(&server, &entries);
    track(&repo, "data", &directory);
    let outside = environment.folder("outside");
    outside.write("marker", "untouched");
    let git_before = repo.tree(".git");
    repo.haul(["pull"]).failure().stderr_has(&["the directory object names the path", reason]);
    let planted = |folder: &Folder<'_>| {
        folder.tree("").entries.keys().any(|path| path.ends_with("planted") || path.ends_with("hooks"))
    };
    assert!(!planted(&outside) && !planted(&repo) && !planted(&environment.folder("home")));
    assert!(!std::path::Path::new("/tmp/haul-planted").exists());
    repo.tree(".git").assert_equals(&git_before);
    assert!(!repo.exists("data") || repo.tree("data").n_files() == 0);
}

#[test]
fn manifest_that_climbs_out_of_the_output_is_refused() {
    manifest_is_refused(&["../planted"], "leaves the directory");
    manifest_is_refused(&["sub/../../../outside/planted"], "leaves the directory");
}

#[test]
fn manifest_with_an_absolute_path_is_refused() {
    manifest_is_refused(&["/tmp/haul-planted"], "is absolute");
}

#[test]
fn manifest_that_reaches_into_git_or_dvc_is_refused() {
    manifest_is_refused(&[".git/hooks/planted"], "is inside a `.git` directory");
    manifest_is_refused(&["sub/.git/hooks/planted"], "is inside a `.git` directory");
    manifest_is_refused(&[".dvc/planted"], "is inside a `.dvc` directory");
}

#[test]
fn manifest_with_malformed_paths_is_refused() {
    manifest_is_refused(&[""], "is empty");
    manifest_is_refused(&["a//planted"], "has an empty component");
    manifest_is_refused(&["./planted"], "has the component `.`");
    manifest_is_refused(&["nul\0planted"], "contains a NUL character");
}

#[test]
fn manifest_that_names_a_path_twice_or_as_file_and_directory_is_refused() {
    manifest_is_refused(&["twice", "twice"], "occurs twice");
    manifest_is_refused(&["both", "both/planted"], "is both a file and a directory");
}

#[test]
fn manifest_with_names_and_paths_that_no_file_system_takes_is_refused() {
    manifest_is_refused(&[&format!("{}/planted", "n".repeat(256))], "has a component of more than 255 bytes");
    manifest_is_refused(&[&format!("{}planted", "d/".repeat(2045))], "is longer than any path can be");
}

/// Memory is bounded by the size of a manifest: many directories in one path cost no more than the path.
#[cfg(target_os = "linux")]
#[test]
fn manifest_with_deep_paths_costs_no_more_memory_than_its_size() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"planted");
    let deepest = |n_bytes: usize| format!("{}x", "a/".repeat(n_bytes / 2));
    let wide: Vec<String> = (0..500).map(|number| format!("{number:03}/{}", deepest(4090))).collect();
    for paths in [vec![deepest(40_000)], wide] {
        let entries: Vec<_> = paths.iter().map(|path| (oid.as_str(), path.as_str())).collect();
        track(&repo, "data", &put_directory(&server, &entries));
        // 128 MiB of data segment, for a manifest of 2 MiB at most.
        let limited = "ulimit -d 131072; exec \"$0\" pull";
        let haul = std::path::Path::new(env!("CARGO_BIN_EXE_haul-under-test"));
        let shell = std::path::Path::new("/bin/sh");
        let output = repo.start_program(shell, ["-c", limited, &haul.display().to_string()]).wait(IN_TIME);
        output.code(1).stderr_has(&["data"]);
        assert!(!repo.exists("data") || repo.tree("data").entries.is_empty(), "folders are left behind");
        repo.remove("data.dvc");
    }
}

#[test]
fn manifest_with_an_md5_that_is_none_is_refused() {
    for md5 in ["", "zz", "../../../../etc/passwd", "d41d8cd98f00b204e9800998ecf8427e00"] {
        let (server, environment) = served();
        let repo = environment.repository_at("repo", &server.endpoint());
        let directory = put_directory(&server, &[(md5, "file")]);
        track(&repo, "data", &directory);
        repo.haul(["pull"]).failure().stderr_has(&[&format!("the hash `{md5}`"), "is not 32 hex digits"]);
        assert!(!repo.exists("data/file"));
    }
}

#[test]
fn manifest_that_is_not_what_its_name_says_is_refused() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"content");
    let honest = directory_bytes(&[(&oid, "file")]);
    let directory = format!("{}.dir", md5_of(honest.as_bytes()));
    server.put("bucket", &key_of(&directory), directory_bytes(&[(&oid, "another file")]));
    track(&repo, "data", &directory);
    repo.haul(["pull"]).failure().stderr_has(&[&key_of(&directory)["store/".len()..], "is damaged"]);
    assert_eq!(repo.cache_objects(), [""; 0]);
    assert!(!repo.exists("data/another file"));
}

/// Makes a repository whose cache has the content that a hostile metafile tries to write: `#!/bin/sh`.
fn with_payload(environment: &TestEnvironment) -> Folder<'_> {
    let repo = environment.repository("repo");
    repo.write("payload", PAYLOAD);
    repo.haul(["add", "payload"]).success();
    repo.write(".git/hooks/there", "");
    repo
}

const PAYLOAD: &str = "#!/bin/sh\n";

/// No command writes, moves or deletes a file in `.git` or `.dvc` if `metafile` names it as an out, and each names this
/// reason.
fn out_is_refused(metafile: &str, text: &str, out: &str) {
    // For `.git` and `.dvc`, the message is DVC's; in other spellings, which mean the same on some disks, it is haul's.
    let is_own = out.contains(".git") || out.contains(".dvc");
    let reason = if is_own { "is ignored by" } else { "where nothing is tracked" };
    let environment = environment();
    let repo = with_payload(&environment);
    repo.write(metafile, text);
    repo.write(".dvc/config.local", "");
    let private = |folder: &str| {
        let mut tree = repo.tree(folder);
        // The memo and the cache are not targets of the metafile.
        tree.entries.retain(|path, _| !path.starts_with("tmp") && !path.starts_with("cache"));
        tree
    };
    let (git, dvc) = (private(".git"), private(".dvc"));
    for command in [
        &["checkout"][..],
        &["checkout", metafile],
        &["checkout", "--force"],
        &["status"],
        &["pull"],
        &["fetch"],
        &["commit", "--force"],
        &["move", out, "elsewhere"],
        &["remove", "--outs", metafile],
        &["gc", "--workspace", "--force"],
    ] {
        repo.haul(command).failure().stderr_has(&[reason, metafile]);
        private(".git").assert_equals(&git);
        private(".dvc").assert_equals(&dvc);
        assert!(!repo.exists("elsewhere") && repo.exists(metafile));
    }
    assert!(!repo.cache_objects().is_empty());
}

fn out_text(out: &str) -> String {
    format!(
        "- md5: {}\n  size: {}\n  hash: md5\n  isexec: true\n  path: {out}\n",
        md5_of(PAYLOAD.as_bytes()),
        PAYLOAD.len()
    )
}

#[test]
fn out_in_git_or_dvc_is_refused_by_every_command() {
    for out in [
        ".git/hooks/post-checkout",
        ".GIT/hooks/post-checkout",
        "sub/../.git/hooks/there",
        "sub/.git/config",
        "sub/.Git",
        ".dvc/config.local",
        ".dvc/tmp/x",
        "sub/.DVC/config",
    ] {
        out_is_refused("evil.dvc", &format!("outs:\n{}", out_text(out)), out);
    }
    let from_below = format!("wdir: ..\nouts:\n{}", out_text(".git/hooks/post-checkout"));
    out_is_refused("sub/evil.dvc", &from_below, ".git/hooks/post-checkout");
}

#[test]
fn out_of_a_pipeline_in_git_is_refused_by_every_command() {
    let environment = environment();
    let repo = with_payload(&environment);
    for (definition, recorded) in
        [(".git/hooks/post-checkout", ".git/hooks/post-checkout"), ("${where}", ".git/hooks/x")]
    {
        repo.write("params.yaml", "where: .git/hooks/x\n");
        repo.write("dvc.yaml", format!("stages:\n  a:\n    cmd: x\n    outs:\n    - {definition}\n"));
        let outs = out_text(recorded).replace('\n', "\n    ");
        repo.write(
            "dvc.lock",
            format!("schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    {}\n", outs.trim_end()),
        );
        let git = repo.tree(".git");
        for command in [&["checkout"][..], &["checkout", "a"], &["status"], &["gc", "--workspace", "--force"]]
        {
            repo.haul(command).failure().stderr_has(&["is ignored by :.git"]);
            repo.tree(".git").assert_equals(&git);
        }
    }
}

#[test]
fn out_in_git_is_refused_even_if_dvcignore_brings_git_back() {
    let environment = environment();
    let repo = with_payload(&environment);
    repo.write(".dvcignore", "!.git\n!.git/\n!.dvc/\n");
    for out in [".git/hooks/post-checkout", ".dvc/config.local"] {
        repo.write("evil.dvc", format!("outs:\n{}", out_text(out)));
        repo.haul(["checkout"]).failure().stderr_has(&["evil.dvc", "line 2"]);
        assert!(!repo.exists(out));
    }
}

#[test]
fn link_into_git_is_not_written_through() {
    let environment = environment();
    let repo = with_payload(&environment);
    fs_err::os::unix::fs::symlink(".git/hooks", repo.join("link")).unwrap();
    repo.write("evil.dvc", format!("outs:\n{}", out_text("link/post-checkout")));
    repo.haul(["checkout"]).failure().stderr_has(&["link", ".git"]);
    repo.haul(["checkout", "--force"]).failure().stderr_has(&["link", ".git"]);
    assert!(!repo.exists(".git/hooks/post-checkout"));
}

#[test]
fn out_that_is_a_metafile_is_refused() {
    let environment = environment();
    let repo = with_payload(&environment);
    for out in ["dvc.yaml", "sub/other.dvc"] {
        repo.write("evil.dvc", format!("outs:\n{}", out_text(out)));
        repo.haul(["checkout"]).failure().code(255).stderr_has(&[out, "cannot be an output"]);
        assert!(!repo.exists(out));
    }
}

#[test]
fn data_is_not_moved_into_git_or_dvc() {
    let environment = environment();
    let repo = with_payload(&environment);
    for to in [".git/hooks", ".git/hooks/post-checkout", ".GIT", ".dvc/config.local"] {
        repo.haul(["move", "payload", to]).failure().stderr_has(&[&repo.join(to).display().to_string()]);
        assert!(repo.exists("payload") && repo.exists("payload.dvc"), "{to}");
        assert!(!repo.exists(".git/hooks/payload") && !repo.exists(".git/hooks/post-checkout"));
        assert!(!repo.exists(".dvc/config.local"));
    }
}

#[test]
fn link_out_of_the_output_is_not_written_through() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let outside = environment.folder("outside");
    let oid = put_object(&server, b"planted");
    let directory = put_directory(&server, &[(&oid, "sub/file")]);
    track(&repo, "data", &directory);
    fs_err::create_dir(repo.join("data")).unwrap();
    fs_err::os::unix::fs::symlink(outside.path(), repo.join("data/sub")).unwrap();
    // Whether it refuses or replaces the link by a directory: nothing is written outside.
    repo.haul(["pull", "--force"]);
    assert_eq!(outside.tree("").entries.len(), 0);
    let arrived = repo.cache_objects().iter().any(|object| object.ends_with(&oid[2..]));
    assert!(arrived, "the object itself is harmless, and without it nothing was tried");
}

/// A pull fails in time for this reason, with nothing in the cache, if each request for which `picks` is true is answered
/// with `reply`.
fn reply_is_survived(
    reason: &[&str],
    picks: impl Fn(&RawRequest) -> bool + Send + Sync + 'static,
    reply: impl Fn(&RawRequest) -> RawReply + Send + Sync + 'static,
) {
    let (server, environment) = served();
    let oid = put_object(&server, b"the right content");
    let front = RawServer::in_front_of(&server, move |request| picks(request).then(|| reply(request)));
    let repo = impatient_repository(&environment, &front.endpoint());
    track(&repo, "file", &oid);
    repo.haul(["pull"]).failure().within(IN_TIME).stderr_has(reason);
    assert_eq!(repo.cache_objects(), [""; 0]);
    assert!(!repo.exists("file"));
}

fn is_get(request: &RawRequest) -> bool {
    request.method == "GET" && request.query.is_empty()
}

#[test]
fn body_shorter_than_its_length_says_is_an_error() {
    reply_is_survived(&["broke", "end of file before message length reached"], is_get, |_| {
        RawReply::with_length(200, &[], 17, "the right")
    });
}

#[test]
fn body_without_end_is_given_up() {
    let endless = |_: &RawRequest| RawReply::endless(200, &[], "the right content", vec![b'x'; 65536]);
    reply_is_survived(&["(file)", "is damaged"], is_get, endless);
}

#[test]
fn body_with_a_boastful_length_is_given_up() {
    let boastful = |_: &RawRequest| RawReply::with_length(200, &[], 1 << 50, "the right content");
    // Whether the disk cannot hold it or the body ends early depends on the file system.
    reply_is_survived(&["failed to transfer", "(file)", "failed to download"], is_get, boastful);
}

#[test]
fn body_that_stalls_is_given_up() {
    reply_is_survived(&["file", "`read_timeout`", "2 s"], is_get, |_| {
        RawReply::stalled(200, &[], 17, "the right")
    });
}

#[test]
fn reply_that_never_comes_is_given_up() {
    reply_is_survived(&["`read_timeout`", "2 s"], |_| true, |_| RawReply::silence());
}

#[test]
fn reply_that_is_not_http_is_an_error() {
    let ssh = |_: &RawRequest| RawReply::bytes(&b"SSH-2.0-OpenSSH_9.6\r\n"[..]);
    reply_is_survived(&["HTTP"], |_| true, ssh);
}

#[test]
fn redirect_to_another_host_is_not_followed_with_keys() {
    let stranger = RawServer::new(|_| RawReply::new(200, &[], "the right content"));
    let location = format!("http://localhost:{}/bucket/anything", stranger.port());
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        reply_is_survived(
            &[&format!("HTTP {status}"), "which is not followed with your credentials"],
            |_| true,
            move |_| RawReply::redirect(status, &location),
        );
    }
    let signed: Vec<_> = stranger.requests().into_iter().filter(RawRequest::is_signed).collect();
    assert!(signed.is_empty(), "the stranger got a signature: {signed:?}");
}

/// A push fails in time and for this reason if each listing is answered with `reply`.
fn listing_is_refused(reason: &str, reply: impl Fn(&RawRequest) -> RawReply + Send + Sync + 'static) {
    let (server, environment) = served();
    let front = RawServer::in_front_of(&server, move |request| request.is_listing().then(|| reply(request)));
    let repo = impatient_repository(&environment, &front.endpoint());
    for index in 0..20 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).failure().within(IN_TIME).stderr_has(&[reason]);
    // There are twenty files and a directory: a listing that does not advance is not continued for ever.
    let n_listings = front.requests().iter().filter(|request| request.is_listing()).count();
    assert!(n_listings < 400, "{n_listings} listings");
}

#[test]
fn listing_that_does_not_advance_is_given_up() {
    listing_is_refused("does not move on", |_| {
        RawReply::listing(&[("store/files/md5/00/00", 1)], Some("again"))
    });
}

#[test]
fn listing_that_is_empty_and_truncated_is_given_up() {
    listing_is_refused("does not move on", |_| RawReply::listing(&[], Some("again")));
}

#[test]
fn listing_with_an_entity_bomb_is_refused() {
    listing_is_refused("has a document type", |_| RawReply::entity_bomb());
}

const XML: [(&str, &str); 1] = [("content-type", "application/xml")];

#[test]
fn listing_whose_body_never_ends_is_refused() {
    listing_is_refused("longer", |_| RawReply::endless(200, &XML, "<ListBucketResult>", vec![b' '; 65536]));
}

#[test]
fn listing_that_is_cut_off_is_not_taken_for_whole() {
    const CUT: &str = "<ListBucketResult><IsTruncated>false</IsTrunc";
    listing_is_refused("is not XML", |_| RawReply::new(200, &XML, CUT));
}

#[test]
fn listing_nested_without_end_is_refused() {
    listing_is_refused("deeper than", |_| RawReply::new(200, &XML, "<a>".repeat(500_000)));
}

#[test]
fn listing_that_invents_objects_of_other_sizes_does_not_stop_a_push() {
    let (server, environment) = served();
    let oid = md5_of(b"content");
    let key = key_of(&oid);
    let front = RawServer::in_front_of(&server, move |request| {
        request.is_listing().then(|| RawReply::listing(&[(&key, 999_999)], None))
    });
    let repo = impatient_repository(&environment, &front.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    assert_eq!(server.bytes("bucket", &key_of(&oid)).unwrap(), "content");
}
