//! Options of a remote that contradict each other, are incomplete or malformed: they are found when the configuration is
//! read, reported with both places and the remedy, and never sent.

use haul_tests::embedded::EmbeddedS3;
use haul_tests::objects::{key_of, put_object};
use haul_tests::{Folder, TestEnvironment};

use crate::{served, with_file};

/// 32 bytes in base64.
const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";

fn world() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    with_file(&environment, &server.endpoint());
    (server, environment)
}

/// Each command that reaches the remote refuses with DVC's exit codes, these places, and commands of which each repairs
/// the configuration.
fn is_refused(repo: &Folder<'_>, server: &EmbeddedS3, texts: &[&str]) {
    for (line, code) in [(&["push"][..], 251), (&["status", "-c"], 251), (&["fetch"], 1), (&["pull"], 1)] {
        repo.haul(line).code(code).stderr_has(texts);
    }
    assert!(server.requests().is_empty(), "something was sent");
}

/// Each command that sends objects refuses; each that only reads warns and continues.
fn is_refused_for_uploads(repo: &Folder<'_>, server: &EmbeddedS3, texts: &[&str]) {
    for line in [&["push"][..], &["push", "--dry-run"]] {
        repo.haul(line).code(251).stderr_has(texts);
    }
    assert!(server.requests().is_empty(), "something was sent");
    let oid = put_object(server, b"content");
    if repo.read(".dvc/config.local").contains("sse_customer_key") {
        // The customer key is also used for reading, and this object is not encrypted with one.
        repo.haul(["status", "-c"]).code(1).stderr_has(&["`sse_customer_key` does not open it"]);
        assert!(!server.take_requests().is_empty(), "nothing was asked");
        server.remove("bucket", &key_of(&oid));
        return;
    }
    for line in [&["status", "-c"][..], &["fetch"], &["pull"]] {
        repo.haul(line).success().stderr_has(&["WARNING", "nothing can be sent"]).stderr_has(texts);
    }
    server.remove("bucket", &key_of(&oid));
    server.take_requests();
}

/// Returns the `haul remote modify …` commands between the backquotes of a hint.
fn repairs(stderr: &str) -> Vec<Vec<String>> {
    let hint = stderr.lines().find(|line| line.starts_with("hint:")).unwrap_or_default();
    let quoted = hint.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|command| command.strip_prefix("haul "))
        .map(|command| command.split(' ').map(str::to_owned).collect())
        .collect()
}

#[test]
fn contradictions_are_refused_with_both_places_and_either_repair_works() {
    let kms = [("sse", "aws:kms"), ("sse_kms_key_id", "key")];
    for (first, (second, value)) in [
        (&[("acl", "private")][..], ("grant_read", "id=1")),
        (&[("acl", "private")], ("grant_read_acp", "id=1")),
        (&[("acl", "private")], ("grant_write_acp", "id=1")),
        (&[("acl", "private")], ("grant_full_control", "id=1")),
        (&kms, ("sse_customer_key", CUSTOMER_KEY)),
        (&[("sse", "AES256")], ("sse_customer_key", CUSTOMER_KEY)),
        (&[("sse", "AES256")], ("sse_kms_key_id", "key")),
    ] {
        let (server, environment) = world();
        let repo = environment.folder("repo");
        for (option, value) in first {
            repo.haul(["remote", "modify", "origin", option, value]).success();
        }
        let before = (repo.read(".dvc/config"), repo.exists(".dvc/config.local"));
        let refusal = repo.haul(["remote", "modify", "--local", "origin", second, value]).code(251);
        assert_eq!(
            (repo.read(".dvc/config"), repo.exists(".dvc/config.local")),
            before,
            "something was written"
        );
        let option = if second == "sse_customer_key" {
            first.last().map_or("", |(option, _)| option)
        } else {
            first[0].0
        };
        let line =
            before.0.lines().position(|line| line.trim_start().starts_with(&format!("{option} ="))).unwrap()
                + 1;
        let places = [
            format!("`remote.origin.{option}` is set at {}:{line}", repo.join(".dvc/config").display()),
            format!("`remote.origin.{second}` is set at {}:2", repo.join(".dvc/config.local").display()),
        ];
        let texts: Vec<&str> = places.iter().map(String::as_str).chain(["haul remote modify"]).collect();
        let first_do = match second {
            "sse_kms_key_id" => "origin sse aws:kms".to_owned(),
            _ => format!("--unset origin {option}"),
        };
        let hint = format!("hint: nothing was written; first type `haul remote modify {first_do}`");
        let refusal = refusal.stderr_has(&[&places[0], &hint]);
        assert!(!refusal.stderr.contains("config.local"), "it is said to stand there: {refusal}");

        // If it was written by hand, it is found when it is read.
        repo.write(".dvc/config.local", format!("['remote \"origin\"']\n    {second} = {value}\n"));
        is_refused_for_uploads(&repo, &server, &texts);
        let commands = repairs(&repo.haul(["push"]).failure().stderr_has(&texts).stderr);
        assert_eq!(commands.len(), 2, "{first:?} {second}");
        for command in commands {
            let (config, local) = (repo.read(".dvc/config"), repo.read(".dvc/config.local"));
            repo.haul(command).success();
            // Two encryptions and a key at once need two repairs.
            if first.len() == 1 || !repo.read(".dvc/config.local").contains(second) {
                repo.haul(["push"]).success();
            }
            // The other repair selects another encryption.
            for key in server.keys("bucket") {
                server.remove("bucket", &key);
            }
            repo.write(".dvc/config", config);
            repo.write(".dvc/config.local", local);
        }
    }
}

#[test]
fn malformed_values_are_refused_where_they_are_written_and_where_they_are_read() {
    for (option, value, problem) in [
        ("sse", "AES", "must be `AES256`, `aws:kms` or `aws:kms:dsse`"),
        ("sse_customer_key", "c2hvcnQ=", "is not 32 bytes in base64"),
        ("sse_customer_key", "not base64 at all", "is not 32 bytes in base64"),
        ("read_timeout", "0", "must be at least 1 second"),
        ("connect_timeout", "-3", "must be at least 1 second"),
        ("endpointurl", "localhost:9000", "must start with `http://` or `https://`"),
        ("grant_read", "somebody", "is not a list of"),
        ("url", "s3://under score/x", "names a bucket with ` ` in it"),
        (
            "url",
            "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/myap/pre",
            "names an access point by its ARN",
        ),
        ("url", "s3://bucket/a/../b", "has a `.` or `..` between slashes"),
        ("url", "s3://bucket/./b/", "has a `.` or `..` between slashes"),
        ("region", "eu west", "must be letters, digits and `-` only"),
    ] {
        let (server, environment) = world();
        let repo = environment.folder("repo");
        let before = repo.read(".dvc/config");
        repo.haul(["remote", "modify", "origin", option, value]).code(251).stderr_has(&[option, problem]);
        assert_eq!(repo.read(".dvc/config"), before, "{option} was written");
        repo.write(".dvc/config.local", format!("['remote \"origin\"']\n    {option} = {value}\n"));
        let place =
            format!("`remote.origin.{option}` is set at {}:2", repo.join(".dvc/config.local").display());
        let concerns_uploads = matches!(option, "sse" | "grant_read");
        let check = if concerns_uploads { is_refused_for_uploads } else { is_refused };
        check(&repo, &server, &[problem, &place, "haul remote modify"]);
    }
}

#[test]
fn refused_edits_are_told_as_not_written_with_the_command_that_was_meant() {
    for (line, hint) in [
        (
            &["remote", "modify", "origin", "regoin", "eu"][..],
            "did you mean `haul remote modify origin region eu`?",
        ),
        (
            &["remote", "modify", "--local", "origin", "secret_acess_key", "a secret"],
            "did you mean `haul remote modify --local origin secret_access_key -` (`-` reads the value from the standard input)?",
        ),
        (
            &["config", "remote.origin.profil", "a b"],
            "did you mean `haul remote modify origin profile 'a b'`?",
        ),
        (&["config", "core.autostge", "true"], "did you mean `haul config core.autostage true`?"),
        (&["config", "cores.remote", "x"], "did you mean `core`?"),
        (
            &["remote", "modify", "origin", "jobs", "abc"],
            "`jobs` is `abc`, but can only be: whole number, 1 or more",
        ),
        (
            &["remote", "modify", "origin", "region", "eu west 1"],
            "type `haul remote modify origin region eu-west-1`",
        ),
        (
            &["remote", "modify", "origin", "url", "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/myap"],
            "an access point has an alias that ends with `-s3alias`",
        ),
    ] {
        let (_server, environment) = world();
        let repo = environment.folder("repo");
        let before = repo.read(".dvc/config");
        let output = repo.haul(line).code(251);
        let output = output.stderr_has(&[&format!("hint: nothing was written; {hint}")]);
        assert!(!output.stderr.contains("is set at"), "it stands nowhere: {output}");
        assert_eq!(repo.read(".dvc/config"), before);
        assert!(!repo.exists(".dvc/config.local"));
    }
    let (_server, environment) = world();
    let output = environment.folder("repo").haul(["remote", "modify", "origin", "colour", "red"]).code(251);
    assert!(output.stderr.ends_with("\nhint: nothing was written\n"), "{output}");
}

#[test]
fn values_that_will_hardly_work_are_written_with_a_note() {
    for (option, value, texts) in [
        (
            "acl",
            "publik-read",
            [
                "note: `publik-read` is no canned ACL of AWS",
                "hint: did you mean `haul remote modify origin acl public-read`?",
            ],
        ),
        ("acl", "x", ["note: `x` is no canned ACL of AWS", "hint: there are: private, public-read,"]),
        (
            "session_token",
            "a-token-of-somebody",
            [
                "note: `session_token` belongs to an `access_key_id` and does nothing without one",
                "hint: type `haul remote modify origin access_key_id <key id>`",
            ],
        ),
        (
            "ssl_verify",
            "/nonexistent.pem",
            [
                "note: `ssl_verify` names `/nonexistent.pem`, and there is no such file",
                "`haul remote modify origin ssl_verify <path>`",
            ],
        ),
    ] {
        let (_server, environment) = world();
        let repo = environment.folder("repo");
        repo.haul(["remote", "modify", "origin", option, value]).success().stderr_has(&texts);
        assert!(repo.read(".dvc/config").contains(&format!("{option} = {value}\n")));
        // The warning is printed only once: there is none for options that were set before.
        let output = repo.haul(["remote", "modify", "origin", "jobs", "2"]).success();
        assert!(output.stderr.is_empty(), "{output}");
    }
    for (option, value) in
        [("acl", "bucket-owner-full-control"), ("ssl_verify", "false"), ("region", "eu-west-1")]
    {
        let (_server, environment) = world();
        let output = environment.folder("repo").haul(["remote", "modify", "origin", option, value]).success();
        assert!(output.stderr.is_empty(), "{output}");
    }
}

#[test]
fn values_of_the_wrong_type_are_refused_as_dvc_refuses_them() {
    for (option, value, message) in [
        (
            "listobjects",
            "yes",
            "expected true or false for dictionary value @ data['remote']['origin']['listobjects']",
        ),
        ("use_ssl", "1", "expected true or false"),
        ("allow_anonymous_login", "on", "expected true or false"),
        ("verify", "perhaps", "expected true or false"),
        (
            "read_timeout",
            "1.5",
            "expected int for dictionary value @ data['remote']['origin']['read_timeout']",
        ),
        ("connect_timeout", "soon", "expected int"),
        ("jobs", "0", "value must be at least 1"),
        ("checksum_jobs", "many", "expected int"),
        ("acll", "private", "extra keys not allowed @ data['remote']['origin']['acll']"),
    ] {
        let (server, environment) = world();
        let repo = environment.folder("repo");
        let before = repo.read(".dvc/config");
        repo.haul(["remote", "modify", "origin", option, value]).code(251).stderr_has(&[message]);
        assert_eq!(repo.read(".dvc/config"), before, "{option} was written");
        repo.write(".dvc/config.local", format!("['remote \"origin\"']\n    {option} = {value}\n"));
        for line in [&["push"][..], &["fetch"], &["pull"], &["status", "-c"]] {
            repo.haul(line).code(251).stderr_has(&[message]);
        }
        assert!(server.requests().is_empty(), "something was sent");
    }
}

#[test]
fn incomplete_sets_are_written_with_a_hint_and_refused_on_use() {
    for (option, value, missing, partner) in [
        ("access_key_id", "AKIA", "secret_access_key", "secret"),
        ("secret_access_key", "a-secret-of-somebody", "access_key_id", "AKIA"),
        ("sse_customer_algorithm", "AES256", "sse_customer_key", CUSTOMER_KEY),
        ("sse_kms_key_id", "key", "sse", "aws:kms"),
    ] {
        let (server, environment) = world();
        let repo = environment.folder("repo");
        let message = format!("`{option}` is set, but `{missing}` is not");
        let modify =
            |option: &str, value: &str| repo.haul(["remote", "modify", "--local", "origin", option, value]);
        modify(option, value).success().stderr_has(&[&message, "haul remote modify", missing]);
        let check = if option == "sse_kms_key_id" { is_refused_for_uploads } else { is_refused };
        check(&repo, &server, &[&message, "haul remote modify", missing]);
        let output = modify(missing, partner).success();
        assert!(output.stderr.is_empty(), "the set is complete: {output}");
    }
}

#[test]
fn url_without_slashes_behind_its_scheme_is_refused_and_not_taken_for_a_directory() {
    for (url, meant) in [
        ("s3:bucket", "`s3://bucket`"),
        ("S3:/bucket/x", "`s3://bucket/x`"),
        ("https:host/x", "`https://host/x`"),
    ] {
        let (_server, environment) = world();
        let repo = environment.folder("repo");
        let before = repo.read(".dvc/config");
        for line in [
            &["remote", "add", "zz", url][..],
            &["remote", "modify", "origin", "url", url],
            &["config", "remote.origin.url", url],
        ] {
            repo.haul(line).code(251).stderr_has(&["has no `//` behind", meant, &format!("`./{url}`")]);
        }
        assert_eq!(repo.read(".dvc/config"), before);
        // What the hint says of directories is true.
        repo.haul(["remote", "add", "zz", &format!("./{url}")]).success();
    }
}

#[test]
fn value_that_will_hardly_work_is_written_with_a_note() {
    for (option, value, note, hint) in [
        (
            "credentialpath",
            "/nope",
            "`credentialpath` names `/nope`, and there is no such file",
            "haul remote modify origin credentialpath",
        ),
        ("configpath", "nope", "and there is no such file", "haul remote modify origin configpath"),
        (
            "region",
            "",
            "`region` is empty, which is the same as not set",
            "`haul remote modify --unset origin region`",
        ),
        ("profile", "", "`profile` is empty", "`haul remote modify --unset origin profile`"),
        (
            "url",
            "s3://UPPER/x",
            "bucket `UPPER` has capital letters",
            "`haul remote modify origin url s3://upper/x`",
        ),
        (
            "url",
            "https://s3.example.org/b",
            "plain HTTP is spoken to",
            "`haul remote modify origin url s3://BUCKET/PATH`",
        ),
        ("profile", "nope", "the AWS profile `nope`", "there are: `prod`, `staging`"),
        ("profile", "stagging", "the AWS profile `stagging`", "did you mean the profile `staging`?"),
    ] {
        let (_server, environment) = world();
        environment.folder("aws").write("config", "[profile prod]\n[profile staging]\n");
        let repo = environment.folder("repo");
        if option == "url" {
            repo.haul(["remote", "modify", "--unset", "origin", "endpointurl"]).success();
        }
        let output = repo.haul(["remote", "modify", "origin", option, value]).success();
        output.stderr_has(&["note: ", note, hint]);
        repo.haul(["config", &format!("remote.origin.{option}"), value]).success().stderr_has(&[note]);
        assert!(repo.read(".dvc/config").contains(option));
    }
}

#[test]
fn value_of_the_wrong_type_is_told_in_plain_words_with_the_command_that_sets_another() {
    for (file, section, line, words, command) in [
        (
            "config",
            "['remote \"origin\"']",
            "jobs = abc",
            "`jobs` is `abc`, but can only be: whole number, 1 or more",
            "`haul remote modify origin jobs VALUE`",
        ),
        (
            "config.local",
            "[core]",
            "autostage = maybe",
            "`autostage` is `maybe`, but can only be: `true` or `false`",
            "`haul config --local core.autostage VALUE`",
        ),
    ] {
        let (_server, environment) = world();
        let repo = environment.folder("repo");
        repo.write(
            format!(".dvc/{file}"),
            format!(
                "['remote \"origin\"']\n    url = s3://bucket/x\n{}    {line}\n",
                if section.contains("origin") { String::new() } else { format!("{section}\n") }
            ),
        );
        let failed =
            repo.haul(["status"]).code(251).stderr_has(&["for dictionary value @ data[", words, command]);
        // The command helps.
        let typed = failed
            .stderr
            .split('`')
            .find(|text| text.starts_with("haul "))
            .expect("a command is named")
            .replace("VALUE", if line.starts_with("jobs") { "4" } else { "true" });
        repo.haul(typed.split(' ').skip(1)).success();
        repo.haul(["status"]).success();
    }
}

#[test]
fn flag_behind_the_command_is_told_where_it_goes() {
    let (_server, environment) = world();
    let repo = environment.folder("repo");
    let hint = "hint: `--wait-for-lock` stands before the command: `haul --wait-for-lock pull …`";
    repo.haul(["pull", "--wait-for-lock"])
        .code(254)
        .stderr_has(&["unrecognized arguments: --wait-for-lock", hint]);
    repo.haul(["--wait-for-lock", "status"]).success();
    repo.haul(["status", "--cd", "x"]).code(254).stderr_has(&["`haul --cd <path> status …`"]);
}

#[test]
fn storage_that_is_not_known_is_told_without_empty_names() {
    let (_server, environment) = world();
    let repo = environment.folder("repo");
    let output = repo
        .haul(["import-url", "s4://bucket/x"])
        .code(1)
        .stderr_has(&["Unsupported URL type s4://", "did you mean `s3://`?"]);
    for empty in ["data[]", "``", "modify  url"] {
        assert!(!output.stderr.contains(empty), "{output}");
    }
}
