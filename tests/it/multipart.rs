//! Multipart uploads of large objects, and the ways in which they end.

use std::time::{Duration, Instant};

use haul_tests::dataset::Random;
use haul_tests::embedded::{
    EmbeddedOptions, EmbeddedS3, Fault, FaultAction, Operation, Permission, Quirks, User,
};
use haul_tests::objects::{key_of, md5_of};
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

const SIZE_BYTES: usize = 12 << 20;

fn stage(quirks: Quirks) -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::start(EmbeddedOptions { quirks, ..EmbeddedOptions::default() })
        .expect("a server can be started");
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    (server, environment)
}

/// Makes a repository with an added file that is uploaded in three parts; returns its key, too.
fn with_big_file<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3) -> (Folder<'a>, String, Vec<u8>) {
    let repo = environment.repository_at("repo", &server.endpoint());
    let content = Random(31).bytes(SIZE_BYTES as u64);
    repo.write("big", &content);
    repo.haul(["add", "big"]).success();
    let key = key_of(&md5_of(&content));
    (repo, key, content)
}

fn with_kms() -> Quirks {
    Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() }
}

#[test]
fn upload_that_is_gone_is_not_taken_for_another_object_of_its_size() {
    for quirks in [Quirks::default(), with_kms(), Quirks { opaque_etags: true, ..Quirks::default() }] {
        let (server, environment) = stage(quirks);
        let (repo, key, content) = with_big_file(&environment, &server);
        let gone = FaultAction::error(404, "NoSuchUpload");
        server.inject(Fault::on(Operation::CompleteMultipartUpload, gone).times(1));
        // The object appears while the parts are sent: earlier, the push would see it as a damaged object.
        server.inject(Fault::on(Operation::UploadPart, FaultAction::Delay(Duration::from_secs(1))).times(1));
        let running = repo.start(["push"]);
        let end = Instant::now() + Duration::from_mins(1);
        while server.count(Operation::UploadPart) < 1 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        server.put("bucket", &key, vec![0; SIZE_BYTES]);
        running.wait(Duration::from_mins(1)).success();
        assert!(server.bytes("bucket", &key).expect("it was pushed") == content);
        assert_eq!(server.count(Operation::CreateMultipartUpload), 2);
    }
}

#[test]
fn completion_whose_reply_is_lost_is_believed_where_the_entity_tag_proves_it() {
    for (quirks, n_uploads) in [(Quirks::default(), 1), (with_kms(), 2)] {
        let (server, environment) = stage(quirks);
        let (repo, key, content) = with_big_file(&environment, &server);
        server.inject(Fault::on(Operation::CompleteMultipartUpload, FaultAction::LoseReply).times(1));
        repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
        assert!(server.bytes("bucket", &key).expect("it was pushed") == content);
        assert_eq!(server.count(Operation::CreateMultipartUpload), n_uploads);
        assert_eq!(server.open_uploads("bucket"), 0);
    }
}

#[test]
fn damaged_object_that_is_trusted_by_its_mode_is_not_completed() {
    use std::os::unix::fs::PermissionsExt as _;
    let (server, environment) = stage(Quirks::default());
    let (repo, _, mut content) = with_big_file(&environment, &server);
    let oid = md5_of(&content);
    let object = repo.join(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]));
    content[SIZE_BYTES - 1] ^= 1;
    let set_mode = |mode| {
        fs_err::set_permissions(&object, std::fs::Permissions::from_mode(mode)).expect("the object is ours");
    };
    set_mode(0o644);
    fs_err::write(&object, &content).expect("the object is ours");
    set_mode(0o444);
    repo.haul(["push"]).code(1).stderr_has(&["is damaged: its bytes do not have the MD5"]);
    assert_eq!(server.keys("bucket"), [""; 0]);
    assert_eq!(server.count(Operation::CompleteMultipartUpload), 0);
    assert_eq!(server.open_uploads("bucket"), 0);
}

/// Starts a push and kills it in the middle of its parts.
fn interrupted_push(server: &EmbeddedS3, repo: &Folder<'_>) {
    server.inject(Fault::on(Operation::UploadPart, FaultAction::Silence).after(1));
    let running = repo.start(["push"]);
    let end = Instant::now() + Duration::from_mins(1);
    while server.count(Operation::UploadPart) < 2 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.kill();
    server.heal();
    assert_eq!(server.open_uploads("bucket"), 1);
}

/// Returns whether the saved state of the upload has a part that arrived.
fn has_noted_a_part(repo: &Folder<'_>) -> bool {
    let Ok(notes) = fs_err::read_dir(repo.join(".dvc/tmp/haul/uploads")) else { return false };
    let note = |entry: std::io::Result<fs_err::DirEntry>| fs_err::read_to_string(entry.ok()?.path()).ok();
    // The kind, the positions of two lines, the content, the id.
    notes.filter_map(note).any(|note| note.lines().count() > 5)
}

#[test]
fn interrupted_upload_goes_on_with_what_arrived_where_tags_are_no_digests() {
    for quirks in [Quirks::default(), with_kms()] {
        let (server, environment) = stage(quirks);
        let (repo, key, content) = with_big_file(&environment, &server);
        server.inject(Fault::on(Operation::UploadPart, FaultAction::Silence).after(1));
        let running = repo.start(["push"]);
        let end = Instant::now() + Duration::from_mins(1);
        while !has_noted_a_part(&repo) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        running.kill();
        server.heal();
        server.take_requests();
        repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
        assert!(server.bytes("bucket", &key).expect("it was pushed") == content);
        let counts = [Operation::CreateMultipartUpload, Operation::UploadPart].map(|it| server.count(it));
        assert_eq!(counts, [0, 2], "one of three parts had arrived");
    }
}

#[test]
fn interrupted_upload_that_may_not_be_listed_is_given_up_or_told_of() {
    let minimum = [Permission::ListBucket, Permission::GetObject, Permission::PutObject];
    for may_abort in [true, false] {
        let (server, mut environment) = stage(Quirks::default());
        let mut rights = minimum.to_vec();
        rights.extend(may_abort.then_some(Permission::AbortMultipartUpload));
        server.add_user(User::new("limited", "limitedsecret").restricted_to(&rights));
        environment.set("AWS_ACCESS_KEY_ID", "limited");
        environment.set("AWS_SECRET_ACCESS_KEY", "limitedsecret");
        let (repo, key, content) = with_big_file(&environment, &server);
        interrupted_push(&server, &repo);
        let output = repo.haul(["push"]).success();
        assert!(server.bytes("bucket", &key).expect("it was pushed") == content);
        assert_eq!(server.open_uploads("bucket"), usize::from(!may_abort));
        let n_told = output.stderr.matches("s3:AbortMultipartUpload").count();
        assert_eq!(n_told, usize::from(!may_abort), "{output}");
        assert!(may_abort || output.stderr.contains("AbortIncompleteMultipartUpload"), "{output}");
    }
}

#[test]
fn interrupted_upload_in_other_parts_is_given_up() {
    let (server, environment) = stage(Quirks::default());
    let (repo, _, _) = with_big_file(&environment, &server);
    interrupted_push(&server, &repo);
    repo.write(
        "../aws/config",
        "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 6MB\n",
    );
    repo.haul(["push"]).success();
    assert_eq!(server.open_uploads("bucket"), 0);
}
