//! Cloud-versioned remotes: files under their own paths, versions in the metafiles.

use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Quirks, Versioning};
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

mod access;
mod faults;
mod fetch;
mod gc;
mod metafiles;
mod push;
mod requests;
mod status;
mod update;

/// Starts a server with a bucket that keeps versions, and makes a world with the keys of its user.
pub(crate) fn stage() -> (EmbeddedS3, TestEnvironment) {
    stage_with(Quirks::default())
}

/// Does [`stage`] with a server that has these quirks.
fn stage_with(quirks: Quirks) -> (EmbeddedS3, TestEnvironment) {
    let buckets = vec![BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") }];
    let server = EmbeddedS3::start(EmbeddedOptions { buckets, quirks, ..EmbeddedOptions::default() })
        .expect("a server can be started");
    let mut environment = environment();
    environment.use_keys_of(&server);
    (server, environment)
}

/// Makes a repository whose default remote `origin` is `s3://bucket/store`, cloud-versioned.
fn repository<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3, name: &str) -> Folder<'a> {
    let repo = environment.repository_at(name, &server.endpoint());
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    repo
}

/// Makes a repository with a directory of three files and a file beside it, added.
fn with_data<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = repository(environment, server, "repo");
    repo.write("data/a.txt", "a");
    repo.write("data/sub/b.txt", "b");
    repo.write("data/c.txt", "c");
    repo.write("one.txt", "one");
    repo.haul(["add", "data", "one.txt"]).success();
    repo
}

/// Clones the metafiles of a repository, and pulls.
fn pulled<'a>(environment: &'a TestEnvironment, repo: &Folder<'_>, name: &str) -> Folder<'a> {
    let clone = environment.folder(name);
    clone.clone_metadata_of(repo);
    clone.haul(["pull"]).success();
    clone
}
