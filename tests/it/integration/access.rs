//! Access rights: keys, ACLs and grants, read back from the server.

use http::Method;

use super::matrix::{file_key, push_and_pull};
use super::{Case, Ground, on_every_server};

const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

/// Returns the permissions that the file's ACL gives to all users.
fn permissions_of_all_users(ground: &Ground<'_>) -> Vec<String> {
    let target = format!("/{}/{}?acl=", ground.bucket, file_key(ground));
    let reply = ground.server.client().send(&Method::GET, &target, &[], "").expect("the server answers");
    let acl = reply.ok("the ACL").unwrap_or_else(|error| panic!("{error:#}")).text();
    let grants = acl.split("<Grant>").skip(1).filter(|grant| grant.contains(EVERYBODY));
    let between = |grant: &str| Some(grant.split("<Permission>").nth(1)?.split('<').next()?.to_owned());
    grants.filter_map(between).collect()
}

#[test]
fn wrong_secret_is_refused_by_every_server_that_checks() {
    let case = Case::where_there_is("secret_access_key, a wrong one", "refused", |_| "signatures");
    on_every_server(case, |ground| {
        let repo = ground.repository(&[
            ("secret_access_key", "notthesecret"),
            ("access_key_id", &ground.server.announcement.access_key),
        ]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).failure().stderr_has(&["secret_access_key"]);
    });
}

#[test]
fn keys_of_the_remote_are_taken_by_every_server() {
    let case = Case::everywhere("access_key_id, secret_access_key", "same bytes, with wrong ones around");
    on_every_server(case, |ground| {
        ground.environment.set("AWS_ACCESS_KEY_ID", "nobody");
        ground.environment.set("AWS_SECRET_ACCESS_KEY", "nothing");
        let announcement = ground.server.announcement.clone();
        push_and_pull(
            ground,
            &[("access_key_id", &announcement.access_key), ("secret_access_key", &announcement.secret_key)],
        );
    });
}

#[test]
fn acl_is_read_back_from_every_server_that_has_it() {
    on_every_server(Case::where_there_is("acl = public-read", "GetObjectAcl", |_| "acl"), |ground| {
        push_and_pull(ground, &[("acl", "public-read")]);
        assert_eq!(permissions_of_all_users(ground), ["READ"]);
    });
}

fn grant_is_read_back(case: Case, option: &str, permission: &str) {
    on_every_server(case, |ground| {
        let repo = ground.repository(&[(option, &format!("uri={EVERYBODY}"))]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        if permission == "READ" || permission == "FULL_CONTROL" {
            // The other grants remove the owner's own right to read, as on AWS.
            repo.remove("file");
            repo.remove(".dvc/cache");
            repo.haul(["pull"]).success();
        }
        assert_eq!(permissions_of_all_users(ground), [permission]);
    });
}

#[test]
fn grant_read_is_read_back_from_every_server_that_has_it() {
    grant_is_read_back(Case::where_there_is("grant_read", "GetObjectAcl", |_| "acl"), "grant_read", "READ");
}

#[test]
fn grant_read_acp_is_read_back_from_every_server_that_has_it() {
    let case = Case::where_there_is("grant_read_acp", "GetObjectAcl", |_| "acl");
    grant_is_read_back(case, "grant_read_acp", "READ_ACP");
}

#[test]
fn grant_write_acp_is_read_back_from_every_server_that_has_it() {
    let case = Case::where_there_is("grant_write_acp", "GetObjectAcl", |_| "acl");
    grant_is_read_back(case, "grant_write_acp", "WRITE_ACP");
}

#[test]
fn grant_full_control_is_read_back_from_every_server_that_has_it() {
    let case = Case::where_there_is("grant_full_control", "GetObjectAcl", |_| "acl");
    grant_is_read_back(case, "grant_full_control", "FULL_CONTROL");
}

#[test]
fn public_bucket_is_read_without_keys_and_a_private_one_is_not() {
    let case = Case::where_there_is(
        "allow_anonymous_login",
        "a public bucket can be read, and not written; a private one not even read",
        |_| "public-buckets",
    );
    on_every_server(case, |ground| {
        let bucket = format!("public-{}", ground.prefix.to_lowercase());
        let client = ground.server.client();
        client.make_bucket(&bucket).expect("a bucket can be made");
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": {{"AWS": ["*"]}}, "Action": ["s3:ListBucket"],
                  "Resource": ["arn:aws:s3:::{bucket}"]}},
                {{"Effect": "Allow", "Principal": {{"AWS": ["*"]}}, "Action": ["s3:GetObject"],
                  "Resource": ["arn:aws:s3:::{bucket}/*"]}}]}}"#
        );
        client.set_policy(&bucket, policy).expect("the server takes a policy");
        let (public, private) =
            (format!("s3://{bucket}/{}", ground.prefix), format!("s3://{}/{}", ground.bucket, ground.prefix));
        let repo = ground.repository(&[]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        for url in [&private, &public] {
            repo.haul(["remote", "modify", "origin", "url", url]).success();
            repo.haul(["push"]).success();
        }
        repo.haul(["remote", "modify", "origin", "allow_anonymous_login", "true"]).success();
        repo.remove("file");
        repo.remove(".dvc/cache");
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("file"), "content");
        repo.write("other", "other content");
        repo.haul(["add", "other"]).success();
        repo.haul(["push"]).failure().stderr_has(&["HTTP 403"]);
        repo.haul(["remote", "modify", "origin", "url", &private]).success();
        repo.remove(".dvc/cache");
        repo.haul(["fetch", "file"]).failure().stderr_has(&["HTTP 403"]);
    });
}

#[test]
fn limited_user_can_do_everything_that_needs_no_more() {
    let case = Case::where_there_is("least privilege", "nothing is refused", |_| "limited-user");
    on_every_server(case, |ground| {
        let announcement = &ground.server.announcement;
        let key = announcement.limited_access_key.clone().expect("the server has a limited user");
        let secret = announcement.limited_secret_key.clone().expect("the server has a limited user");
        let bucket = announcement.limited_bucket.clone().expect("the server has a bucket for it");
        let repo = ground.repository(&[("url", &format!("s3://{bucket}/{}", ground.prefix))]);
        repo.haul(["remote", "modify", "--local", "origin", "access_key_id", &key]).success();
        repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", &secret]).success();
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        repo.remove("file");
        repo.remove(".dvc/cache");
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("file"), "content");
    });
}
