//! Roles, from the STS of real servers.

use haul_tests::TestEnvironment;

use super::{Case, Ground, on_every_server};

/// Returns a key pair that may assume a role; on MinIO the owner of the server may not.
fn base(ground: &Ground<'_>) -> (String, String, String) {
    let announcement = &ground.server.announcement;
    let limited =
        (&announcement.limited_access_key, &announcement.limited_secret_key, &announcement.limited_bucket);
    match limited {
        (Some(id), Some(secret), Some(bucket)) => (id.clone(), secret.clone(), bucket.clone()),
        _ => (announcement.access_key.clone(), announcement.secret_key.clone(), ground.bucket.clone()),
    }
}

/// Makes a world whose STS is the server, without the keys of the server's owner.
fn world(ground: &Ground<'_>) -> TestEnvironment {
    let mut world = crate::environment();
    let announcement = &ground.server.announcement;
    world.set("AWS_ENDPOINT_URL", &announcement.endpoint);
    world.set("AWS_DEFAULT_REGION", &announcement.region);
    // Retries would only take time: a server without STS replies with an error, in some cases with 503.
    world.set("AWS_MAX_ATTEMPTS", "1");
    if let Some(bundle) = &announcement.ca_bundle {
        world.set("AWS_CA_BUNDLE", bundle);
    }
    world
}

/// Pushes and pulls with only the environment and the AWS files of `world`.
fn push_and_pull(world: &TestEnvironment, bucket: &str, prefix: &str) {
    let repo = world.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", &format!("s3://{bucket}/{prefix}")]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push", "-vv"]).success();
    repo.remove("file");
    repo.remove(".dvc/cache");
    repo.haul(["pull", "-vv"]).success();
    assert_eq!(repo.read("file"), "content");
}

fn role(ground: &Ground<'_>, world: &mut TestEnvironment) -> String {
    let (id, secret, bucket) = base(ground);
    world.guard_secret(&secret);
    let aws = world.folder("aws");
    aws.write("credentials", format!("[base]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    let keys =
        "role_arn = arn:aws:iam::123456789012:role/reader\nrole_session_name = me\nduration_seconds = 900\n";
    aws.write("config", format!("[profile role]\n{keys}source_profile = base\n"));
    world.set("AWS_PROFILE", "role");
    bucket
}

#[test]
fn role_is_assumed_on_every_server_that_has_them() {
    let case = Case::where_there_is("role_arn", "only the role's keys are in use", |_| "sts");
    on_every_server(case, |ground| {
        let mut world = world(ground);
        let bucket = role(ground, &mut world);
        push_and_pull(&world, &bucket, &ground.prefix);
    });
}

#[test]
fn caller_is_known_to_every_server_that_tells() {
    let case = Case::where_there_is("identity of a role", "GetCallerIdentity", |_| "sts-identity");
    on_every_server(case, |ground| {
        let mut world = world(ground);
        let bucket = role(ground, &mut world);
        let repo = world.repository("repo");
        repo.haul(["remote", "add", "-d", "origin", &format!("s3://{bucket}/{}", ground.prefix)]).success();
        let output = repo.haul(["remote", "check", "--write"]).success();
        output.stdout_has(&[
            "identity     arn:aws:sts::123456789012:assumed-role/reader/me",
            "writing      allowed",
        ]);
    });
}

#[test]
fn web_identity_is_changed_for_a_role_on_every_server_that_does_it() {
    let case = Case::where_there_is(
        "web identity, unsigned token",
        "only the role's keys are in use",
        |_| "sts-web-identity",
    );
    on_every_server(case, |ground| {
        let mut world = world(ground);
        let token = world.folder("pod").join("token");
        // The token is not signed: a server that accepts it accepts every token.
        fs_err::write(&token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.").expect("a token can be written");
        world.set("AWS_WEB_IDENTITY_TOKEN_FILE", &token);
        world.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader");
        push_and_pull(&world, &ground.bucket, &ground.prefix);
    });
}
