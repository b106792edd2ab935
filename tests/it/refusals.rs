//! Refusals of servers and proxies: one error that names the cause, and what to type.

use std::io::{Read as _, Write as _};

use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::raw::{RawReply, RawRequest, RawServer};
use haul_tests::{FailedCommand, Folder, TestEnvironment};

use crate::{environment, served, with_file};

/// Makes a world with keys that any server accepts.
fn with_keys() -> TestEnvironment {
    let mut environment = environment();
    environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    environment.set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENG");
    environment.set("AWS_DEFAULT_REGION", "us-east-1");
    environment
}

fn xml(code: &str, message: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

/// Fails unless each command ends with one error and one hint that contain the texts.
#[track_caller]
fn each_says(repo: &Folder<'_>, commands: &[&[&str]], texts: &[&str]) {
    for line in commands {
        says(repo.haul(*line).failure(), texts);
    }
}

#[track_caller]
fn says(failed: FailedCommand, texts: &[&str]) {
    let output = failed.says(texts);
    assert!(output.stderr.matches("\nhint: ").count() <= 1, "one thing to do\n{output}");
}

/// Fails unless all commands that reach the remote of a repository with one file print the texts.
#[track_caller]
fn all_say(repo: &Folder<'_>, texts: &[&str]) {
    each_says(repo, &[&["push"], &["status", "-c"], &["remote", "check"]], texts);
    let aside = repo.join("aside");
    fs_err::rename(repo.join(".dvc/cache"), &aside).expect("it can be moved");
    says(repo.haul(["pull"]).failure(), texts);
    if repo.exists(".dvc/cache") {
        repo.remove(".dvc/cache");
    }
    fs_err::rename(aside, repo.join(".dvc/cache")).expect("it can be moved");
}

#[test]
fn plain_http_to_a_server_that_speaks_tls_is_told_with_the_endpoint() {
    for (body, kind) in [
        ("Client sent an HTTP request to an HTTPS server.\n", "text/plain"),
        (
            "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
            "text/html",
        ),
    ] {
        let environment = with_keys();
        let server = RawServer::new(move |_| RawReply::new(400, &[("content-type", kind)], body));
        let repo = with_file(&environment, &server.endpoint());
        let endpoint = server.endpoint().replace("http:", "https:");
        let hint =
            format!("the server speaks TLS at this port: `haul remote modify origin endpointurl {endpoint}`");
        all_say(&repo, &["HTTPS", &hint]);
    }
    // A TLS alert, which has no message.
    let environment = with_keys();
    let server = RawServer::new(|_| RawReply::bytes(b"\x15\x03\x03\x00\x02\x02\x46".to_vec()));
    let repo = with_file(&environment, &server.endpoint());
    all_say(&repo, &["if it speaks TLS at this port: `haul remote modify origin endpointurl https://"]);
}

#[test]
fn tls_to_a_server_that_speaks_plain_http_is_told_with_the_endpoint() {
    // The reply of a web server to bytes that are not a request.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a port");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let reply = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop((&stream).read(&mut [0; 512]));
            drop((&stream).write_all(reply));
        }
    });
    let environment = with_keys();
    let repo = with_file(&environment, &format!("https://{address}"));
    all_say(&repo, &[&format!("`haul remote modify origin endpointurl http://{address}`"), "TLS"]);
}

#[test]
fn reply_without_xml_is_shown_by_its_first_words() {
    for (status, body, words) in [
        (
            403,
            "<html><head><title>Request blocked by WAF</title></head></html>",
            "does not answer as an S3 server does: it is a page of HTML with the title `Request blocked by WAF` (HTTP 403)",
        ),
        (400, "tenant is suspended, call 555\n", "tenant is suspended, call 555 (HTTP 400)"),
    ] {
        let environment = with_keys();
        let server = RawServer::new(move |_| RawReply::new(status, &[], body));
        let repo = with_file(&environment, &server.endpoint());
        each_says(&repo, &[&["push"], &["remote", "check"]], &[words]);
    }
}

#[test]
fn proxy_that_wants_a_password_is_told_as_one() {
    for (scheme, endpoint) in [("http", "http://127.0.0.2:9"), ("https", "https://127.0.0.2:9")] {
        let mut environment = with_keys();
        environment.unset("NO_PROXY");
        let proxy = RawServer::new(|_| {
            RawReply::new(407, &[("proxy-authenticate", "Basic realm=\"proxy\"")], "Authentication required")
        });
        environment.set(format!("{scheme}_proxy"), proxy.endpoint());
        let repo = with_file(&environment, endpoint);
        let hint = format!("set `{scheme}_proxy` to http://USER:PASSWORD@HOST:PORT");
        all_say(&repo, &["407", "the proxy wants a user name and a password", &hint]);
    }
}

#[test]
fn body_that_is_too_large_names_the_options_that_make_it_smaller() {
    let (server, environment) = served();
    let proxy = RawServer::in_front_of(&server, |request| {
        let is_body = request.method == "PUT" || request.method == "POST";
        is_body.then(|| {
            RawReply::new(
                413,
                &[("content-type", "text/html")],
                "<html><title>413 Request Entity Too Large</title>",
            )
        })
    });
    let repo = with_file(&environment, &proxy.endpoint());
    let texts = [
        "413 Request Entity Too Large (HTTP 413)",
        "s3.multipart_threshold",
        "s3.multipart_chunksize",
        "client_max_body_size",
    ];
    each_says(&repo, &[&["push"], &["remote", "check", "--write"]], &texts);
}

#[test]
fn refused_key_is_named_with_its_source_and_the_remedy_of_that_source() {
    let id = "AKIAIOSFODNN7EXAMPLE";
    for (code, status, words) in [
        ("InvalidAccessKeyId", 403, "does not know the key `AKIA****MPLE` of "),
        ("SignatureDoesNotMatch", 403, "the secret is not the one of the key `AKIA****MPLE` of "),
        ("ExpiredToken", 400, "the key `AKIA****MPLE` of "),
        ("InvalidToken", 400, "the session token is not the one of the key `AKIA****MPLE` of "),
        ("AccessDenied", 403, "the key `AKIA****MPLE` of "),
    ] {
        let refusing = move |_: &RawRequest| {
            RawReply::new(status, &[("content-type", "application/xml")], xml(code, "no"))
        };
        // From the environment: the options of the remote are not to blame.
        let mut environment = with_keys();
        environment.set("AWS_ACCESS_KEY_ID", id);
        let server = RawServer::new(refusing);
        let repo = with_file(&environment, &server.endpoint());
        let failed = repo.haul(["push"]).failure().says(&[code, words, "AWS_ACCESS_KEY_ID"]);
        assert!(!failed.stderr.contains("remote modify"), "{failed}");
        // From the remote, which wins over the environment.
        repo.haul(["remote", "modify", "--local", "origin", "access_key_id", id]).success();
        repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", "wJalrXUtnFEMIK7MDENG"])
            .success();
        let failed = repo.haul(["push"]).failure().says(&[words, "`access_key_id` (", ".dvc/config.local:2"]);
        assert!(!failed.stderr.contains("AWS_ACCESS_KEY_ID"), "{failed}");
        let is_about_rights = code == "AccessDenied";
        let remedy = "`haul remote modify --local origin secret_access_key SECRET`";
        assert_eq!(failed.stderr.contains(remedy), !is_about_rights, "{failed}");
        assert_eq!(failed.stderr.contains("needs the right s3:"), is_about_rights, "{failed}");
        // From the file of AWS.
        repo.remove(".dvc/config.local");
        environment.unset("AWS_ACCESS_KEY_ID");
        environment.unset("AWS_SECRET_ACCESS_KEY");
        let keys =
            format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = wJalrXUtnFEMIK7MDENG\n");
        environment.folder("aws").write("credentials", keys);
        let repo = environment.folder("repo");
        let failed = repo.haul(["push"]).failure().says(&[words, "`aws_access_key_id` (", "credentials:2"]);
        assert!(!failed.stderr.contains("remote modify"), "{failed}");
    }
}

#[test]
fn refused_anonymous_request_names_the_option_and_how_to_take_it_out() {
    for (status, code) in [(403, "AccessDenied"), (403, ""), (401, ""), (403, "InvalidAccessKeyId")] {
        let environment = with_keys();
        let server = RawServer::new(move |_| {
            RawReply::new(status, &[], if code.is_empty() { String::new() } else { xml(code, "no") })
        });
        let repo = with_file(&environment, &server.endpoint());
        repo.haul(["remote", "modify", "--local", "origin", "allow_anonymous_login", "true"]).success();
        let unset = "`haul remote modify --local --unset origin allow_anonymous_login`";
        all_say(&repo, &["requests go out unsigned", ".dvc/config.local:2", unset]);
        // What the hint says has them signed.
        repo.haul(["remote", "modify", "--local", "--unset", "origin", "allow_anonymous_login"]).success();
        repo.haul(["push"]).failure().stderr_has(&["ERROR: "]);
        let last = server.requests().pop().expect("something was sent");
        assert!(last.header("authorization").is_some(), "it is signed now");
    }
}

#[test]
fn refusal_with_a_code_of_its_own_speaks_of_no_rights() {
    for (code, words) in [
        ("RequestTimeTooSkewed", "set this machine's clock"),
        ("AllAccessDisabled", "is closed to all"),
        ("AccountProblem", "the AWS account of the key"),
        ("TenantSuspended", "`TenantSuspended` is a reason of the server's own"),
    ] {
        let environment = with_keys();
        let server = RawServer::new(move |_| RawReply::new(403, &[], xml(code, "no")));
        let repo = with_file(&environment, &server.endpoint());
        let failed = repo.haul(["push"]).failure().says(&[code, words]);
        assert!(!failed.stderr.contains("needs the right"), "{failed}");
    }
    let environment = with_keys();
    let server = RawServer::new(|_| {
        RawReply::new(403, &[], xml("AccessDenied", "not authorized with an explicit deny in a policy"))
    });
    let repo = with_file(&environment, &server.endpoint());
    let failed = repo.haul(["push"]).failure().says(&["a policy denies it to the key"]);
    assert!(!failed.stderr.contains("needs the right"), "{failed}");
}

#[test]
fn bucket_under_a_url_of_the_web_is_told_with_the_commands_that_make_it_an_s3_remote() {
    let (server, environment) = served();
    let repo = environment.folder("repo");
    repo.haul(["init", "--no-scm", "-q"]).success();
    repo.write("file", "content");
    repo.haul(["add", "-q", "file"]).success();
    repo.haul(["remote", "add", "-d", "origin", &format!("{}/bucket/store", server.endpoint())]).success();
    let url = "`haul remote modify origin url s3://bucket/store`";
    let endpoint = format!("`haul remote modify origin endpointurl {}`", server.endpoint());
    repo.haul(["push"]).failure().says(&["this is an S3 server", url, &endpoint]);
    // The commands help.
    repo.haul(["remote", "modify", "origin", "url", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
}

#[test]
fn refused_acl_or_grantee_names_the_option() {
    for (option, value, status, code, message) in [
        ("acl", "public-read", 400, "AccessControlListNotSupported", "The bucket does not allow ACLs"),
        ("acl", "publik", 400, "InvalidArgument", ""),
        ("grant_read", "id=nobody", 400, "InvalidArgument", "Invalid id"),
        ("grant_full_control", "emailAddress=a@b", 400, "UnresolvableGrantByEmailAddress", "not found"),
        (
            "acl",
            "public-read",
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        ),
    ] {
        let (server, environment) = served();
        let body = xml(code, message);
        let proxy = RawServer::in_front_of(&server, move |request| {
            (request.method == "PUT")
                .then(|| RawReply::new(status, &[("content-type", "application/xml")], &body))
        });
        let repo = with_file(&environment, &proxy.endpoint());
        repo.haul(["remote", "modify", "origin", option, value]).success();
        let set = format!("the server takes no object with `{option} = {value}`");
        let unset = format!("`haul remote modify --unset origin {option}`");
        each_says(&repo, &[&["push"], &["remote", "check", "--write"]], &[code, &set, &unset]);
        // Without the option, the same refusal has another message.
        repo.haul(["remote", "modify", "--unset", "origin", option]).success();
        let output = repo.haul(["push"]).failure().stderr_has(&[code]);
        assert!(!output.stderr.contains("takes no object with"), "{output}");
    }
}

#[test]
fn archived_object_is_told_with_the_command_that_restores_it() {
    let (server, environment) = served();
    let proxy = RawServer::in_front_of(&server, |request| {
        let is_object = request.method == "GET" && request.path.contains("/files/md5/");
        let body = xml("InvalidObjectState", "The operation is not valid for the object's storage class");
        is_object.then(|| RawReply::new(403, &[("content-type", "application/xml")], body))
    });
    let repo = with_file(&environment, &proxy.endpoint());
    repo.haul(["push"]).success();
    repo.remove(".dvc/cache");
    let texts = [
        "InvalidObjectState",
        "the object is archived",
        "aws s3api restore-object --bucket bucket --key store/files/md5/",
    ];
    each_says(&repo, &[&["pull"], &["fetch"], &["remote", "check"]], &texts);
}

#[test]
fn endpoint_that_holds_the_bucket_is_told_by_a_server_that_takes_the_bucket_for_a_key() {
    let environment = with_keys();
    let server = RawServer::new(|request| {
        let body = xml("NoSuchKey", "The specified key does not exist.");
        let body = if request.method == "HEAD" { String::new() } else { body };
        RawReply::new(404, &[("content-type", "application/xml")], body)
    });
    let repo = environment.repository_at("repo", &server.endpoint());
    // Enough objects for a listing.
    for number in 0..9 {
        repo.write(format!("data/{number}"), format!("{number}"));
    }
    repo.haul(["add", "data"]).success();
    let hint = "leave the bucket out of the endpoint: `haul remote modify origin endpointurl";
    each_says(&repo, &[&["push"], &["status", "-c"], &["remote", "check"]], &["NoSuchKey", hint]);
}

#[test]
fn endpoint_that_names_the_bucket_is_refused_before_anything_is_sent() {
    let (server, environment) = served();
    let endpoint = format!("{}/bucket", server.endpoint());
    let repo = with_file(&environment, &endpoint);
    let hint = format!("`haul remote modify origin endpointurl {}`", server.endpoint());
    all_say(&repo, &["names the bucket `bucket` already", &hint]);
    assert!(server.requests().is_empty(), "something was sent");
    repo.haul(["remote", "modify", "origin", "endpointurl", "https://bucket.s3.eu-west-1.amazonaws.com"])
        .success();
    let hint = "`haul remote modify origin endpointurl https://s3.eu-west-1.amazonaws.com`";
    all_say(&repo, &["names the bucket `bucket` already", hint]);
}

#[test]
fn key_with_a_line_break_at_its_end_is_named_with_its_source() {
    const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
    let variables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    let names = ["access key id", "secret access key", "session token"];
    for (at, name) in names.iter().enumerate() {
        for end in ["\n", "\r\n"] {
            let mut environment = environment();
            environment.guard_secret(SECRET);
            for (other, variable) in variables.iter().enumerate() {
                let value = ["AKIDEXAMPLE", SECRET, "a-session-token-of-somebody"][other];
                environment.set(*variable, format!("{value}{}", if other == at { end } else { "" }));
            }
            let server = RawServer::new(|_| RawReply::new(500, &[], ""));
            let repo = with_file(&environment, &server.endpoint());
            let problem = format!("the {name} ends with a line break");
            let hint = format!("store the {name} again without it");
            all_say(&repo, &[&problem, "AWS_ACCESS_KEY_ID", &hint]);
            assert!(server.requests().is_empty(), "something was signed with it");
        }
    }
    // The key comes from `config.local`, where it has to be written in three quotes, and from a program.
    let mut environment = environment();
    environment.guard_secret(SECRET);
    let server = RawServer::new(|_| RawReply::new(500, &[], ""));
    let repo = with_file(&environment, &server.endpoint());
    repo.write(
        ".dvc/config.local",
        format!("['remote \"origin\"']\n    access_key_id = AKIDEXAMPLE\n    secret_access_key = '''{SECRET}\n'''\n"),
    );
    all_say(&repo, &["the secret access key ends with a line break", ".dvc/config.local:2"]);
    repo.remove(".dvc/config.local");
    let json =
        format!("{{\"Version\": 1, \"AccessKeyId\": \"AKIDEXAMPLE\", \"SecretAccessKey\": \"{SECRET}\\n\"}}");
    let printed = environment.root().join("printed.json");
    fs_err::write(&printed, json).expect("it can be written");
    environment
        .folder("aws")
        .write("config", format!("[default]\ncredential_process = /bin/cat {}\n", printed.display()));
    all_say(&repo, &["the secret access key ends with a line break", "credential_process"]);
}

#[test]
fn damaged_object_of_the_cache_is_not_blamed_on_the_remote() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["push"]).success();
    let object = repo.join(".dvc/cache").join(&repo.cache_objects()[0]);
    let permissions = fs_err::metadata(&object).expect("it is there").permissions();
    fs_err::remove_file(&object).expect("it can be removed");
    fs_err::write(&object, "short").expect("it can be written");
    fs_err::set_permissions(&object, permissions).expect("the mode can be set");
    let output = repo.haul(["status", "-c"]).success();
    let output =
        output.stderr_has(&["the copy in the cache is damaged", &object.display().to_string(), "haul fetch"]);
    assert!(!output.stderr.contains("the next push replaces it"), "{output}");
    output.stdout_has(&["deleted:"]);
    let output = repo.haul(["push"]);
    assert!(!output.stderr.contains("on the remote"), "{output}");
    // The command of the message solves the problem.
    fs_err::remove_file(&object).expect("it can be removed");
    repo.haul(["fetch"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    // In the other case, it is the remote's.
    let key = server.keys("bucket").into_iter().find(|key| key.contains("files/md5")).expect("it was pushed");
    server.put("bucket", &key, "damaged");
    let output = repo.haul(["status", "-c"]).success();
    output.stderr_has(&["on remote `origin` is damaged", "the next push replaces it"]);
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn page_of_a_web_server_is_no_object_though_it_has_an_entity_tag() {
    let headers = [("ETag", "\"abc\""), ("Content-Type", "text/html")];
    let server =
        RawServer::new(move |_: &RawRequest| RawReply::new(200, &headers, "<html><title>Login</title>"));
    let environment = with_keys();
    let folder = environment.folder("here");
    let endpoint = format!("endpointurl={}", server.endpoint());
    folder
        .haul(["get-url", "s3://bucket/k", "out", "--fs-config", &endpoint])
        .failure()
        .says(&["it is a page of HTML"]);
    assert!(!folder.exists("out"));
}

#[test]
fn server_that_is_down_is_named_though_the_first_call_was_for_a_list_of_files() {
    let environment = with_keys();
    let repo = environment.repository_at("repo", "http://127.0.0.1:9");
    repo.write("d/a", "one");
    repo.write("e", "two");
    repo.haul(["add", "d", "e"]).success();
    repo.remove(".dvc/cache");
    repo.remove("d");
    repo.remove("e");
    repo.haul(["pull"]).failure().says(&["http://127.0.0.1:9"]);
}

#[test]
fn objects_that_are_refused_for_one_reason_are_not_all_named() {
    let more =
        "failed to transfer 4 more objects for the same reason (InvalidObjectState; --json lists them all)";
    for flags in [&["fetch"][..], &["fetch", "--json"]] {
        let (server, environment) = served();
        let repo = environment.repository_at("repo", &server.endpoint());
        for name in 0..7 {
            repo.write(format!("data/{name}"), format!("{name}"));
        }
        repo.haul(["add", "data"]).success();
        repo.haul(["push"]).success();
        repo.remove(".dvc/cache");
        repo.remove("data");
        let archived = FaultAction::error(403, "InvalidObjectState");
        // The list of files can be read.
        server.inject(Fault::on(Operation::GetObject, archived).times(usize::MAX).after(1));
        let output = repo.haul(flags).failure().says(&["InvalidObjectState"]);
        if flags.len() == 1 {
            assert_eq!(output.stderr.matches("failed to transfer '").count(), 3, "{output}");
            assert!(output.stderr.contains(more) && output.stderr.contains("hint: "), "{output}");
        } else {
            let document: serde_json::Value =
                serde_json::from_str(&output.stdout).expect("it is one document");
            assert_eq!(document["remotes"][0]["failed"].as_array().map(Vec::len), Some(7), "{document}");
        }
    }
}
