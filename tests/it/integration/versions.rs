//! Cloud-versioned remotes on the servers that keep versions.

use haul_tests::Folder;

use super::encryption::{CUSTOMER_KEY, customer_key_feature};
use super::{Case, Ground, Server, on_every_server};

fn keeps_versions(_server: &Server) -> &'static str {
    "versions"
}

/// The features that a server needs in addition to versions.
fn with_versions(server: &Server, feature: &'static str) -> &'static str {
    if server.can("versions") { feature } else { "versions" }
}

const BOTH_COMMITS: &str = "pull of both commits; listing shows the paths";

/// Makes a bucket that keeps versions, and a repository whose remote is cloud-versioned and in it.
fn repository<'a>(ground: &'a Ground<'_>, options: &[(&str, &str)]) -> (Folder<'a>, String) {
    let bucket = format!("versions-{}", ground.prefix.to_lowercase());
    let client = ground.server.client();
    client.make_bucket(&bucket).expect("a bucket can be made");
    client.enable_versioning(&bucket).expect("versioning can be turned on");
    let repo = ground.repository(&[("url", &format!("s3://{bucket}/ws")), ("version_aware", "true")]);
    for (option, value) in options {
        repo.haul(["remote", "modify", "origin", option, value]).success();
    }
    (repo, bucket)
}

/// Pushes, changes, pushes again, and pulls both commits in clones.
fn push_twice_and_pull(ground: &Ground<'_>, options: &[(&str, &str)]) {
    let (repo, bucket) = repository(ground, options);
    repo.write("data/a b.txt", "one");
    repo.write("data/größe/plus+per%cent", "same");
    repo.write("data/hash#what?", "odd");
    repo.write("empty", "");
    repo.haul(["add", "data", "empty"]).success();
    repo.haul(["push"]).success().stdout_has(&["4 files pushed"]);
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    let old = ground.environment.folder("old");
    old.clone_metadata_of(&repo);
    repo.write("data/a b.txt", "two, and longer");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    let mut keys = ground.server.client().keys(&bucket, "ws").unwrap_or_else(|error| panic!("{error:#}"));
    keys.sort();
    assert_eq!(keys, ["ws/data/a b.txt", "ws/data/größe/plus+per%cent", "ws/data/hash#what?", "ws/empty"]);
    old.haul(["pull"]).success();
    assert_eq!(old.read("data/a b.txt"), "one");
    let new = ground.environment.folder("new");
    new.clone_metadata_of(&repo);
    new.haul(["pull"]).success();
    new.tree("data").assert_equals(&repo.tree("data"));
    // There are many files, so that versions are listed.
    for index in 0..30 {
        repo.write(format!("many/{index:02}"), format!("{index}"));
    }
    repo.haul(["add", "many"]).success();
    repo.haul(["push", "many"]).success().stdout_has(&["30 files pushed"]);
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn versions_are_pushed_and_pulled_on_every_server_that_keeps_them() {
    on_every_server(Case::where_there_is("version_aware", BOTH_COMMITS, keeps_versions), |ground| {
        push_twice_and_pull(ground, &[]);
    });
}

#[test]
fn versions_work_with_the_first_listing_call() {
    let case = Case::where_there_is("version_aware, listobjects", BOTH_COMMITS, keeps_versions);
    on_every_server(case, |ground| {
        push_twice_and_pull(ground, &[("listobjects", "true")]);
    });
}

#[test]
fn versions_of_files_in_parts_are_recorded() {
    let case =
        Case::where_there_is("version_aware, in parts", "pull of the recorded version", keeps_versions);
    on_every_server(case, |ground| {
        let config = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        ground.environment.folder("aws").write("config", config);
        let (repo, _bucket) = repository(ground, &[]);
        let bytes: Vec<u8> = (0..(16_u32 << 20)).map(|index| (index % 251) as u8).collect();
        repo.write("big.bin", &bytes);
        repo.haul(["add", "big.bin"]).success();
        repo.haul(["push"]).success();
        repo.haul(["push"]).success().stdout_has(&["up to date"]);
        let clone = ground.environment.folder("clone");
        clone.clone_metadata_of(&repo);
        clone.haul(["pull"]).success();
        assert_eq!(fs_err::read(clone.join("big.bin")).expect("it was pulled"), bytes);
    });
}

#[test]
fn versions_work_with_customer_keys() {
    let feature = |server: &Server| with_versions(server, customer_key_feature(server));
    let proof = "pull of both commits; GET without the key is refused";
    on_every_server(Case::where_there_is("version_aware, sse_customer_key", proof, feature), |ground| {
        push_twice_and_pull(ground, &[("sse_customer_key", CUSTOMER_KEY)]);
        let bucket = format!("versions-{}", ground.prefix.to_lowercase());
        let reply = ground.server.client().get(&bucket, "ws/empty", &[]).expect("the server answers");
        assert!(reply.status.is_client_error(), "readable without the key: {}", reply.status);
    });
}

#[test]
fn versions_work_with_kms_keys() {
    let feature = |server: &Server| with_versions(server, "sse-kms");
    on_every_server(Case::where_there_is("version_aware, sse_kms_key_id", BOTH_COMMITS, feature), |ground| {
        let key = ground.server.announcement.kms_key_id.clone().expect("the server has a KMS key");
        push_twice_and_pull(ground, &[("sse", "aws:kms"), ("sse_kms_key_id", &key)]);
    });
}

#[test]
fn versions_work_with_access_lists() {
    let feature = |server: &Server| with_versions(server, "acl");
    on_every_server(Case::where_there_is("version_aware, acl", "GetObjectAcl", feature), |ground| {
        let (repo, bucket) = repository(ground, &[("acl", "public-read")]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        let target = format!("/{bucket}/ws/file?acl=");
        let reply = ground.server.client().send(&http::Method::GET, &target, &[], "");
        let acl = reply.and_then(|reply| reply.ok("the ACL")).expect("the ACL can be read").text();
        assert!(acl.contains("AllUsers") && acl.contains("<Permission>READ</Permission>"), "{acl}");
    });
}

#[test]
fn bucket_without_versions_is_refused_by_every_server() {
    let case = Case::everywhere("version_aware, bucket without versions", "refused; nothing is written");
    on_every_server(case, |ground| {
        let repo = ground.repository(&[("version_aware", "true")]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).code(1).stderr_has(&["put-bucket-versioning"]);
        assert_eq!(ground.keys(), [""; 0]);
    });
}

#[test]
fn garbage_of_versions_is_collected_on_every_server_that_keeps_them() {
    let case = Case::where_there_is("version_aware, gc", "ListObjectVersions", keeps_versions);
    on_every_server(case, |ground| {
        let (repo, bucket) = repository(ground, &[]);
        for content in ["one", "two", "three"] {
            repo.write("file", content);
            repo.haul(["add", "file"]).success();
            repo.haul(["push"]).success();
            repo.commit();
        }
        let client = ground.server.client();
        let n_versions = || {
            let listing = client.send(&http::Method::GET, &format!("/{bucket}?versions="), &[], "");
            let listing = listing.and_then(|reply| reply.ok("the versions")).expect("versions can be listed");
            listing.text().matches("<VersionId>").count()
        };
        assert_eq!(n_versions(), 3);
        repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 2 versions"]);
        assert_eq!(n_versions(), 1);
        let clone = ground.environment.folder("clone");
        clone.clone_metadata_of(&repo);
        clone.haul(["pull"]).success();
        assert_eq!(clone.read("file"), "three");
    });
}
