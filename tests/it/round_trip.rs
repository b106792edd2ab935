//! A file is added, pushed, and pulled again.

use haul_tests::dataset::DataSet;
use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Operation, Quirks};
use haul_tests::objects::{directory_bytes, key_of, md5_of, put_object};

use crate::{environment, served};

#[test]
fn round_trip_of_a_data_set_through_s3_gives_the_same_bytes() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet::default().write_to(&repo.join("data"));
    let before = repo.tree("data");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();

    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&before);
    clone.assert_cache_is_sound();
    clone.haul(["status"]).success().stdout_has(&["Data and pipelines are up to date."]);
    clone.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn round_trip_of_a_data_set_through_a_local_folder_gives_the_same_bytes() {
    let environment = environment();
    let store = environment.folder("store");
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", &store.path().display().to_string()]).success();
    DataSet::default().write_to(&repo.join("data"));
    let before = repo.tree("data");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();

    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&before);
}

#[test]
fn push_of_a_file_and_a_directory_stores_dvc_objects() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file.txt", "hello");
    repo.write("folder/a", "one");
    repo.write("folder/b/c", "two");
    repo.haul(["add", "file.txt", "folder"]).success();
    repo.haul(["push"]).success();

    let manifest = directory_bytes(&[(&md5_of(b"one"), "a"), (&md5_of(b"two"), "b/c")]);
    let directory = format!("{}.dir", md5_of(manifest.as_bytes()));
    let mut expected =
        [key_of(&md5_of(b"hello")), key_of(&md5_of(b"one")), key_of(&md5_of(b"two")), key_of(&directory)];
    expected.sort();
    assert_eq!(server.keys("bucket"), expected);
    assert_eq!(server.bytes("bucket", &key_of(&directory)).unwrap(), manifest);
    assert!(repo.read("folder.dvc").contains(&format!("md5: {directory}")));
}

#[test]
fn push_twice_uploads_once() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet { n_small_files: 5, ..DataSet::default() }.write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    server.take_requests();
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    assert_eq!(server.count(Operation::PutObject), 0);
}

#[test]
fn big_file_goes_and_comes_in_parts() {
    let quirks = Quirks { min_part_size_bytes: 1 << 20, ..Quirks::default() };
    let options = EmbeddedOptions { quirks, ..EmbeddedOptions::default() };
    let server = EmbeddedS3::start(options).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    let repo = environment.repository_at("repo", &server.endpoint());
    let set = DataSet { n_small_files: 0, big_file_bytes: (17 << 20) + 3, ..DataSet::default() };
    set.write_to(&repo.join("data"));
    let before = repo.tree("data");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    assert_eq!(server.count(Operation::CreateMultipartUpload), 1);
    assert_eq!(server.count(Operation::UploadPart), 4);
    assert_eq!(server.open_uploads("bucket"), 0);

    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&before);
}

#[test]
fn change_and_push_again_is_seen_by_a_pull_elsewhere() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/keep", "same");
    repo.write("data/change", "before");
    repo.write("data/drop", "gone soon");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();

    repo.remove("data/drop");
    repo.remove("data/change");
    repo.write("data/change", "after");
    repo.write("data/new", "fresh");
    repo.haul(["status"]).success().stdout_has(&["modified", "data"]);
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
    assert_eq!(clone.read("data/change"), "after");
    assert!(!clone.exists("data/drop"));
}

#[test]
fn legacy_output_is_pulled_from_and_pushed_to_its_own_place() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    // DVC 2 wrote no `hash: md5`, stored objects without `files/md5`, and hashed text with LF line ends.
    let oid = md5_of(b"old\n");
    let key = format!("store/{}/{}", &oid[..2], &oid[2..]);
    server.put("bucket", &key, "old\n");
    repo.write("old.txt.dvc", format!("outs:\n- md5: {oid}\n  size: 4\n  path: old.txt\n"));
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("old.txt"), "old\n");
    assert!(server.remove("bucket", &key));
    repo.haul(["push"]).success();
    assert_eq!(server.keys("bucket"), [key]);
}

#[test]
fn pull_of_one_target_leaves_the_others() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("a.txt", "a");
    repo.write("b.txt", "b");
    repo.haul(["add", "a.txt", "b.txt"]).success();
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull", "a.txt"]).success();
    assert_eq!(clone.read("a.txt"), "a");
    assert!(!clone.exists("b.txt"));
}

#[test]
fn short_pages_of_a_listing_are_followed_to_the_end() {
    let quirks = Quirks { page_size: 3, ..Quirks::default() };
    let options = EmbeddedOptions { quirks, ..EmbeddedOptions::default() };
    let server = EmbeddedS3::start(options).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet { n_small_files: 30, ..DataSet::default() }.write_to(&repo.join("data"));
    // Foreign keys in the bucket are skipped.
    for index in 0..20 {
        put_object(&server, format!("stranger {index}").as_bytes());
    }
    server.put("bucket", "store/files/md5/notes.txt", "not an object");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let n_keys = server.keys("bucket").len();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    assert_eq!(server.keys("bucket").len(), n_keys);
}

#[test]
fn second_remote_is_used_where_it_is_named() {
    let options = EmbeddedOptions {
        buckets: vec![BucketOptions::new("bucket"), BucketOptions::new("other")],
        ..EmbeddedOptions::default()
    };
    let server = EmbeddedS3::start(options).unwrap();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "add", "second", "s3://other"]).success();
    repo.haul(["remote", "modify", "second", "endpointurl", &server.endpoint()]).success();
    repo.write("a.txt", "a");
    repo.haul(["add", "a.txt"]).success();
    repo.haul(["push", "-r", "second"]).success();
    assert!(server.keys("bucket").is_empty());
    let oid = md5_of(b"a");
    assert_eq!(server.keys("other"), [format!("files/md5/{}/{}", &oid[..2], &oid[2..])]);
}

#[test]
fn output_whose_size_is_wrong_in_its_dvc_file_is_pulled_by_its_hash() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"seventeen letters");
    repo.write("file.dvc", format!("outs:\n- md5: {oid}\n  size: 1\n  hash: md5\n  path: file\n"));
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("file"), "seventeen letters");
}
