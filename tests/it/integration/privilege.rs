//! The minimum of rights that each command needs, on servers that enforce them.
//!
//! A bucket's name determines what the limited user may do in it: on MinIO the user has a policy with such names
//! (`catalogue/minio.rs`), on others each bucket gets a policy here. Everything else is denied.

use haul_tests::Folder;
use haul_tests::dataset::Random;
use haul_tests::random_text;

use super::{Case, Ground, on_every_server};

/// A set of rights.
struct Rights {
    /// Their name in the matrix.
    subject: &'static str,
    /// The prefix of the bucket's name.
    prefix: &'static str,
    on_bucket: &'static [&'static str],
    on_objects: &'static [&'static str],
}

const TRANSFER: Rights = Rights {
    subject: "only ListBucket, GetObject, PutObject",
    prefix: "rights-lgp-",
    on_bucket: &["s3:ListBucket"],
    on_objects: &["s3:GetObject", "s3:PutObject"],
};
const COLLECT: Rights = Rights {
    subject: "gc -c with DeleteObject besides",
    prefix: "rights-lgpd-",
    on_bucket: &["s3:ListBucket"],
    on_objects: &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
};
const UNVERSIONED: Rights =
    Rights { subject: "version_aware without versions, with DeleteObject besides", ..COLLECT };
const BLIND: Rights = Rights {
    subject: "without ListBucket",
    prefix: "rights-gp-",
    on_bucket: &[],
    on_objects: &["s3:GetObject", "s3:PutObject"],
};

const VERSIONS: Rights = Rights {
    subject: "version_aware with GetObjectVersion besides",
    prefix: "rights-lgpv-",
    on_bucket: &["s3:ListBucket"],
    on_objects: &["s3:GetObject", "s3:PutObject", "s3:GetObjectVersion"],
};
const COLLECT_VERSIONS: Rights = Rights {
    subject: "version_aware, gc -c with DeleteObject, ListBucketVersions, DeleteObjectVersion besides",
    prefix: "rights-lgpvd-",
    on_bucket: &["s3:ListBucket", "s3:ListBucketVersions"],
    // MinIO and Ceph require `s3:DeleteObject` for the deletion of versions in bulk; AWS does not.
    on_objects: &[
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:GetObjectVersion",
        "s3:DeleteObjectVersion",
    ],
};

impl Rights {
    /// Returns the policy of a bucket that grants them to the limited user.
    fn policy(&self, bucket: &str) -> String {
        let statement = |actions: &[&str], resource: String| {
            serde_json::json!({
                "Effect": "Allow",
                "Principal": { "AWS": ["arn:aws:iam:::user/limited"] },
                "Action": actions,
                "Resource": [resource],
            })
        };
        let mut statements = vec![statement(self.on_objects, format!("arn:aws:s3:::{bucket}/*"))];
        if !self.on_bucket.is_empty() {
            statements.push(statement(self.on_bucket, format!("arn:aws:s3:::{bucket}")));
        }
        serde_json::json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }
}

/// Runs `test` on every server that supports such policies, with a repository whose user has only these rights.
fn on_every_server_with(rights: &Rights, test: impl Fn(&Ground<'_>, &str, &Folder<'_>)) {
    let proof = "all commands under a policy that grants no more";
    on_every_server(Case::where_there_is(rights.subject, proof, |_| "policies"), |ground| {
        let announcement = &ground.server.announcement;
        let key = announcement.limited_access_key.clone().expect("the server has a limited user");
        let secret = announcement.limited_secret_key.clone().expect("the server has a limited user");
        let bucket = format!("{}{}", rights.prefix, random_text(8).to_lowercase());
        ground.server.client().make_bucket(&bucket).expect("a bucket can be made");
        let goes_by_name = ["minio", "seaweedfs"].iter().any(|name| announcement.name.starts_with(name));
        if !goes_by_name {
            ground.server.client().set_policy(&bucket, rights.policy(&bucket)).expect("a policy can be set");
        }
        let config = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        ground.environment.folder("aws").write("config", config);
        let repo = ground.repository(&[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
        repo.haul(["remote", "modify", "--local", "origin", "access_key_id", &key]).success();
        repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", &secret]).success();
        for index in 0..8 {
            repo.write(format!("data/{index}"), index.to_string());
        }
        repo.write("file", "content");
        repo.write("big", Random(5).bytes(7 << 20));
        repo.haul(["add", "data", "file", "big"]).success();
        test(ground, &bucket, &repo);
    });
}

/// Pushes, compares, and pulls into an empty workspace.
fn round_trip(repo: &Folder<'_>) {
    let before = repo.tree("data");
    repo.haul(["push"]).success().stdout_has(&["11 files pushed"]);
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    for path in ["data", "file", "big", ".dvc/cache"] {
        repo.remove(path);
    }
    repo.haul(["fetch", "file"]).success().stdout_has(&["1 file fetched"]);
    repo.haul(["pull"]).success();
    repo.tree("data").assert_equals(&before);
    assert_eq!(repo.read("file"), "content");
}

fn change(repo: &Folder<'_>) {
    repo.remove("file");
    repo.write("file", "new content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
}

fn n_keys(ground: &Ground<'_>, bucket: &str) -> usize {
    ground.server.client().keys(bucket, &ground.prefix).expect("the owner may list").len()
}

#[test]
fn list_get_and_put_are_enough_for_all_transfers() {
    on_every_server_with(&TRANSFER, |ground, bucket, repo| {
        round_trip(repo);
        change(repo);
        // Objects that may not be deleted are reported, and stay.
        repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&["could not be removed", "AccessDenied"]);
        assert_eq!(n_keys(ground, bucket), 12);
    });
}

#[test]
fn the_right_to_delete_is_enough_for_gc_as_well() {
    on_every_server_with(&COLLECT, |ground, bucket, repo| {
        round_trip(repo);
        change(repo);
        repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 1 objects from remote."]);
        assert_eq!(n_keys(ground, bucket), 11);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    });
}

#[test]
fn without_the_right_to_list_objects_are_asked_for_one_by_one() {
    on_every_server_with(&BLIND, |ground, bucket, repo| {
        round_trip(repo);
        change(repo);
        repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["s3:ListBucket"]);
        assert_eq!(n_keys(ground, bucket), 12);
    });
}

/// Makes the remote a cloud-versioned one, in a bucket that keeps versions from now on.
fn keep_versions(ground: &Ground<'_>, bucket: &str, repo: &Folder<'_>) {
    ground.server.client().enable_versioning(bucket).expect("versioning can be turned on");
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
}

#[test]
fn the_right_to_old_versions_is_enough_for_a_versioned_remote() {
    on_every_server_with(&VERSIONS, |ground, bucket, repo| {
        keep_versions(ground, bucket, repo);
        repo.haul(["push"]).success().stdout_has(&["10 files pushed"]);
        repo.haul(["push"]).success().stdout_has(&["up to date"]);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        repo.commit();
        change(repo);
        repo.remove(".dvc/cache");
        for path in ["data", "file", "big"] {
            repo.remove(path);
        }
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("file"), "new content");
        // If versions may not be listed or not be deleted, nothing is deleted.
        // On MinIO, the right to list objects includes the right to list versions.
        let gc = repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["needs the right s3:"]);
        let rights = ["s3:ListBucketVersions", "s3:DeleteObjectVersion"];
        assert!(rights.iter().any(|right| gc.stderr.contains(right)), "{gc}");
        repo.haul(["push"]).success().stdout_has(&["up to date"]);
    });
}

#[test]
fn the_rights_to_list_and_delete_versions_are_enough_for_gc_of_versions() {
    on_every_server_with(&COLLECT_VERSIONS, |ground, bucket, repo| {
        keep_versions(ground, bucket, repo);
        repo.haul(["push"]).success();
        repo.commit();
        change(repo);
        repo.haul(["gc", "-w", "-c", "-f"])
            .success()
            .stdout_has(&["Removed 1 versions from remote 'origin'."]);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    });
}

#[test]
fn bucket_without_versions_is_refused_and_nothing_is_left_there() {
    on_every_server_with(&UNVERSIONED, |ground, bucket, repo| {
        repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
        repo.haul(["push"]).code(1).stderr_has(&["put-bucket-versioning"]);
        assert_eq!(n_keys(ground, bucket), 0);
    });
}
