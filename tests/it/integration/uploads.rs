//! Every kind of upload through a proxy that flips bits, with real servers, over TLS if they support it.

use haul_tests::Folder;
use haul_tests::fault_proxy::{Act, FaultProxy, Meddling};
use http::Method;

use super::encryption::{CUSTOMER_KEY, customer_key_feature, kms_key};
use super::{Case, Ground, Server, on_every_server};
use crate::uploads::{IN_PARTS, over_a_bad_line, over_a_hopeless_line};

const PROOF: &str = "bits turned over in bodies and replies; same bytes came back";

fn proxy_of(ground: &Ground<'_>) -> FaultProxy {
    FaultProxy::in_front_of(&ground.server.announcement).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Makes a repository whose remote is behind the proxy.
fn behind<'a>(ground: &'a Ground<'_>, proxy: &FaultProxy, options: &[(&str, &str)]) -> Folder<'a> {
    ground.environment.folder("aws").write("config", IN_PARTS);
    let endpoint = proxy.endpoint();
    let bundle = proxy.ca_bundle().map(|path| path.display().to_string());
    let mut all = vec![("endpointurl", endpoint.as_str())];
    all.extend(bundle.as_deref().map(|bundle| ("ssl_verify", bundle)));
    all.extend(options);
    ground.repository(&all)
}

fn through_a_bad_line(ground: &Ground<'_>, options: &[(&str, &str)]) {
    let proxy = proxy_of(ground);
    let repo = behind(ground, &proxy, options);
    over_a_bad_line(&proxy, &repo);
    over_a_hopeless_line(&proxy, &repo);
}

/// If the entity tag is not an MD5, the server must check Content-MD5.
fn with_md5(server: &Server, feature: &'static str) -> &'static str {
    if server.can("content-md5") { feature } else { "content-md5" }
}

#[test]
fn plain_uploads_survive_turned_bits_on_every_server() {
    on_every_server(Case::everywhere("uploads over a bad line", PROOF), |ground| {
        through_a_bad_line(ground, &[]);
    });
}

#[test]
fn uploads_with_sse_s3_survive_turned_bits_on_every_server() {
    let case = Case::everywhere("uploads over a bad line, sse = AES256", PROOF);
    on_every_server(case, |ground| through_a_bad_line(ground, &[("sse", "AES256")]));
}

#[test]
fn uploads_with_sse_kms_survive_turned_bits_on_every_server() {
    let case = Case::where_there_is("uploads over a bad line, sse = aws:kms", PROOF, |server| {
        with_md5(server, "sse-kms")
    });
    on_every_server(case, |ground| {
        let key = kms_key(ground);
        through_a_bad_line(ground, &[("sse", "aws:kms"), ("sse_kms_key_id", &key)]);
    });
}

#[test]
fn uploads_with_a_customer_key_survive_turned_bits_on_every_server() {
    let case = Case::where_there_is("uploads over a bad line, sse_customer_key", PROOF, |server| {
        with_md5(server, customer_key_feature(server))
    });
    on_every_server(case, |ground| {
        through_a_bad_line(ground, &[("sse_customer_key", CUSTOMER_KEY)]);
        let client = ground.server.client();
        for key in ground.keys() {
            let get = client.send(&Method::GET, &format!("/{}/{key}", ground.bucket), &[], "");
            let status = get.expect("the server answers").status;
            assert!(status.is_client_error(), "{key} is readable without its key: {status}");
        }
    });
}

#[test]
fn uploads_to_a_bucket_that_encrypts_by_default_survive_turned_bits() {
    let case =
        Case::where_there_is("uploads over a bad line, default encryption", PROOF, |_| "default-encryption");
    on_every_server(case, |ground| {
        let bucket = format!("encrypted-{}", ground.prefix.to_lowercase());
        let client = ground.server.client();
        client.make_bucket(&bucket).expect("a bucket can be made");
        client.encrypt_by_default(&bucket, &kms_key(ground)).expect("encryption can be turned on");
        through_a_bad_line(ground, &[("url", &format!("s3://{bucket}/ws"))]);
    });
}

#[test]
fn uploads_of_versions_survive_turned_bits_on_every_server() {
    let case = Case::where_there_is("uploads over a bad line, version_aware", PROOF, |_| "versions");
    on_every_server(case, |ground| {
        let bucket = format!("versions-{}", ground.prefix.to_lowercase());
        let client = ground.server.client();
        client.make_bucket(&bucket).expect("a bucket can be made");
        client.enable_versioning(&bucket).expect("versioning can be turned on");
        through_a_bad_line(ground, &[("url", &format!("s3://{bucket}/ws")), ("version_aware", "true")]);
    });
}

#[test]
fn lost_replies_of_a_push_are_made_good_on_every_server() {
    let case = Case::everywhere("push with each reply lost once", "read back by push --verify");
    on_every_server(case, |ground| {
        let proxy = proxy_of(ground);
        let repo = behind(ground, &proxy, &[]);
        repo.write("small", "content");
        repo.write("big", haul_tests::dataset::Random(3).bytes(crate::uploads::BIG_BYTES));
        repo.haul(["add", "small", "big"]).success();
        let lost = || Act::LoseReply;
        for meddling in [
            Meddling::on("PUT", lost()).without_query("uploadId"),
            Meddling::on("POST", lost()).query("uploads"),
            Meddling::on("PUT", lost()).query("partNumber=2"),
            Meddling::on("POST", lost()).query("uploadId"),
        ] {
            proxy.inject(meddling.times(1));
        }
        repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
        assert_eq!(proxy.n_struck(), 4);
        proxy.heal();
        repo.haul(["push", "--verify"]).success().stdout_has(&["Everything is up to date."]);
    });
}

/// Starts an upload in parts that is never completed; returns its path and query.
fn leave_upload(ground: &Ground<'_>, key: &str) -> String {
    let client = ground.server.client();
    let path = format!("/{}/{key}", ground.bucket);
    let reply = client.send(&Method::POST, &format!("{path}?uploads="), &[], "").expect("the server answers");
    let text = reply.ok("CreateMultipartUpload").expect("an upload can be started").text();
    let id = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
    let id = id.unwrap_or_else(|| panic!("no id: {text}")).0;
    let part = client.send(&Method::PUT, &format!("{path}?partNumber=1&uploadId={id}"), &[], "a part");
    part.expect("the server answers").ok("UploadPart").expect("a part can be sent");
    format!("{path}?uploadId={id}")
}

#[test]
fn unfinished_uploads_are_found_and_given_up_on_every_server() {
    // moto reports that each upload was started in 2010.
    let case =
        Case::where_there_is("gc --older-than", "parts of uploads, before and after", |_| "upload-dates");
    on_every_server(case, |ground| {
        let repo = ground.repository(&[]);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        let uploads = ["one", "two", "three"].map(|text| {
            let oid = haul_tests::objects::md5_of(text.as_bytes());
            leave_upload(ground, &ground.key(&oid))
        });
        // An upload of another program.
        let foreign = leave_upload(ground, &format!("{}/README", ground.prefix));
        let has_parts = |upload: &String| {
            let reply = ground.server.client().send(&Method::GET, upload, &[], "");
            reply.expect("the server answers").status.is_success()
        };
        assert!(uploads.iter().all(has_parts) && has_parts(&foreign), "they are not there before");
        repo.haul(["gc", "-w", "-c", "-f", "--older-than", "1h"]).success();
        assert!(uploads.iter().all(has_parts), "young ones are given up");
        repo.haul(["gc", "-w", "-c", "-f", "--older-than", "0m"])
            .success()
            .stdout_has(&["Gave up 3 unfinished uploads to remote 'origin'."]);
        assert!(!uploads.iter().any(has_parts), "parts are left");
        assert!(has_parts(&foreign), "an upload of another program is given up");
        haul_tests::client::note_read_back("parts of uploads");
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    });
}
