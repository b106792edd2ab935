//! Settings and buckets that are wrong or missing: they must not stop commands that do not use them, and must stop those
//! that do.

use haul_tests::client::note_read_back;

use super::matrix::{file_key, push_and_pull};
use super::{Case, on_every_server};

#[test]
fn missing_bucket_is_an_error_of_every_command_on_every_server() {
    let case = Case::where_there_is(
        "a bucket that is missing",
        "NoSuchBucket, from each command",
        |_| "missing-buckets",
    );
    on_every_server(case, |ground| {
        let bucket = format!("nobodys-{}", ground.prefix.to_lowercase());
        let repo = ground.repository(&[("url", &format!("s3://{bucket}/store"))]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        for line in [&["status", "-c"][..], &["push", "--dry-run"], &["push"], &["gc", "-w", "-c", "-f"]] {
            repo.haul(line).failure().stderr_has(&["NoSuchBucket", &bucket]);
        }
        repo.remove(".dvc/cache");
        repo.remove("file");
        for line in [&["fetch", "--dry-run"][..], &["fetch"], &["pull"]] {
            repo.haul(line).failure().stderr_has(&["NoSuchBucket", &bucket]);
        }
        note_read_back("NoSuchBucket");
    });
}

#[test]
fn settings_for_endpoints_of_aws_disturb_no_server() {
    let case =
        Case::everywhere("use_dualstack_endpoint, use_fips_endpoint", "same bytes; listing shows the keys");
    on_every_server(case, |ground| {
        ground.environment.set("AWS_USE_DUALSTACK_ENDPOINT", "true");
        ground.environment.set("AWS_USE_FIPS_ENDPOINT", "true");
        let block = "[default]\ns3 =\n  use_dualstack_endpoint = true\n";
        ground.environment.folder("aws").write("config", block);
        push_and_pull(ground, &[]);
        assert!(ground.keys().contains(&file_key(ground)));
    });
}

#[test]
fn bucket_with_dots_stays_in_the_path_where_a_certificate_does_not_cover_it() {
    let case = Case::everywhere(
        "addressing_style = virtual, bucket with dots",
        "same bytes; listing shows the keys",
    );
    on_every_server(case.over_tls(), |ground| {
        let client = ground.server.client();
        ground.bucket = format!("with.dots.{}", ground.prefix.to_lowercase());
        client.make_bucket(&ground.bucket).expect("a bucket can be made");
        ground.environment.folder("aws").write("config", "[default]\ns3 =\n  addressing_style = virtual\n");
        push_and_pull(ground, &[]);
        assert!(ground.keys().contains(&file_key(ground)));
    });
}

#[test]
fn empty_session_token_is_no_token_on_every_server() {
    let case = Case::everywhere("aws_session_token, an empty one", "same bytes; listing shows the keys");
    on_every_server(case, |ground| {
        let announcement = ground.server.announcement.clone();
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            ground.environment.unset(name);
        }
        let keys = format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token =\n",
            announcement.access_key, announcement.secret_key
        );
        ground.environment.folder("aws").write("credentials", keys);
        push_and_pull(ground, &[]);
        assert!(ground.keys().contains(&file_key(ground)));
    });
}

#[test]
fn options_of_uploads_that_are_wrong_do_not_stop_who_reads() {
    let case = Case::everywhere("sse, grant_read, wrong ones", "bytes of a pull; a push is refused");
    on_every_server(case, |ground| {
        push_and_pull(ground, &[]);
        let clone = ground.environment.folder("clone");
        for option in ["sse = AES", "sse_kms_key_id = key", "grant_read = somebody"] {
            clone.write(".dvc/config.local", format!("['remote \"origin\"']\n    {option}\n"));
            clone.remove("file");
            clone.remove(".dvc/cache");
            clone.haul(["pull"]).success().stderr_has(&["nothing can be sent"]);
            assert_eq!(clone.read("file"), "content");
            clone.haul(["push"]).code(251);
        }
    });
}
