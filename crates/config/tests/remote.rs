//! Remotes as they come out of the merged levels, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use haul_config::{
    ConfigPaths, ConfigStack, Env, Error, KeyPath, Level, LinkType, Remote, RemoteKind, S3Remote,
    ServerSideEncryption, SslVerify,
};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in [".dvc", "system", "global"] {
            fs_err::create_dir(root.path().join(folder)).unwrap();
        }
        for (path, text) in files {
            fs_err::write(root.path().join(path), text).unwrap();
        }
        Self { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn stack(&self) -> ConfigStack {
        self.stack_in(".")
    }

    fn stack_in(&self, current_dir: &str) -> ConfigStack {
        let variables = [
            ("HOME", Path::new("/home/me").to_owned()),
            ("DVC_SYSTEM_CONFIG_DIR", self.path("system")),
            ("DVC_GLOBAL_CONFIG_DIR", self.path("global")),
        ];
        let env = Env::new(self.path(current_dir), variables);
        ConfigStack::load(&ConfigPaths::new(&env, Some(&self.path(".dvc"))), &env).unwrap()
    }

    fn remote(&self, name: &str) -> Result<Remote, Error> {
        self.stack().config()?.remote(Some(name))
    }
}

/// Reads remote `a` with these lines at the level of the repository.
fn with(lines: &str) -> Result<Remote, Error> {
    let lines = lines.replace('\n', "\n    ");
    Fixture::new(&[(".dvc/config", &format!("['remote \"a\"']\n    {lines}\n"))]).remote("a")
}

fn s3(remote: Remote) -> S3Remote {
    match remote.kind {
        RemoteKind::S3(s3) => *s3,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(lines: &str, message: &str, hint: &str) {
    let error = with(&format!("url = s3://bkt\n{lines}")).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.hint().unwrap(), hint);
    assert!(matches!(error, Error::Invalid { .. } | Error::Incomplete { .. }));
    assert!(!error.places().is_empty());
}

#[test]
fn every_option_arrives_typed_and_located() {
    let remote = with(&format!(
        "url = s3://bkt/pre/fix/\nregion = eu-west-3\nprofile = work\ncredentialpath = creds\nconfigpath = ~/conf\n\
         endpointurl = http://localhost:9000\naccess_key_id = AKIA\nsecret_access_key = s3cr3t\nsession_token = t0k3n\n\
         use_ssl = FALSE\nssl_verify = ca.pem\nallow_anonymous_login = false\nsse_customer_algorithm = AES256\n\
         sse_customer_key = {KEY}\nacl = private\nread_timeout = 7\nconnect_timeout = 8\nlistobjects = true\n\
         jobs = 9\nchecksum_jobs = 3\nverify = true\nversion_aware = true"
    ))
    .unwrap();
    assert_eq!(remote.jobs.as_ref().unwrap().value.get(), 9);
    assert!(remote.verify.value && remote.version_aware.as_ref().unwrap().value && remote.worktree.is_none());
    let shown = format!("{remote:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n") && !shown.contains(KEY), "{shown}");
    let s3 = s3(remote);
    assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("bkt", "pre/fix"));
    assert!(s3.region.as_ref().unwrap().origin.to_string().ends_with("/.dvc/config:3"));
    assert!(s3.credentialpath.unwrap().value.ends_with(".dvc/creds"));
    assert_eq!(s3.configpath.unwrap().value, Path::new("/home/me/conf"));
    assert_eq!(s3.endpointurl.unwrap().value.as_str(), "http://localhost:9000/");
    assert_eq!(s3.secret_access_key.unwrap().value.expose(), "s3cr3t");
    assert_eq!(s3.session_token.unwrap().value.expose(), "t0k3n");
    assert_eq!(s3.sse_customer_key.unwrap().value.expose(), b"0123456789abcdef0123456789abcdef");
    assert!(!s3.use_ssl.unwrap().value && s3.listobjects.unwrap().value);
    assert!(
        matches!(s3.ssl_verify.unwrap().value, SslVerify::CaBundle(path) if path.ends_with(".dvc/ca.pem"))
    );
    assert_eq!(s3.read_timeout.unwrap().value, Duration::from_secs(7));
    assert_eq!(s3.connect_timeout.unwrap().value, Duration::from_secs(8));
}

#[test]
fn a_certificate_file_is_looked_for_beside_the_file_and_then_in_the_working_directory() {
    let text = "['remote \"a\"']\n    url = s3://bkt\n    ssl_verify = ca.pem\n";
    let fixture = Fixture::new(&[(".dvc/config", text)]);
    fs_err::create_dir(fixture.path("sub")).unwrap();
    let from_below = || {
        let stack = fixture.stack_in("sub");
        s3(stack.config().unwrap().remote(Some("a")).unwrap()).ssl_verify.unwrap().value
    };
    assert_eq!(from_below(), SslVerify::CaBundle(fixture.path(".dvc/ca.pem")));
    fs_err::write(fixture.path("ca.pem"), "").unwrap();
    assert_eq!(from_below(), SslVerify::CaBundle(fixture.path("ca.pem")), "DVC's users start at the root");
    fs_err::write(fixture.path("sub/ca.pem"), "").unwrap();
    assert_eq!(from_below(), SslVerify::CaBundle(fixture.path("sub/ca.pem")));
    let bundle = |fixture: &Fixture| s3(fixture.remote("a").unwrap()).ssl_verify.unwrap().value;
    assert_eq!(bundle(&fixture), SslVerify::CaBundle(fixture.path("ca.pem")));
    fs_err::write(fixture.path(".dvc/ca.pem"), "").unwrap();
    assert_eq!(bundle(&fixture), SslVerify::CaBundle(fixture.path(".dvc/ca.pem")));
}

/// Whoever reads goes on, with none of the options that only uploads use; whoever uploads is refused.
#[track_caller]
fn refused_for_uploads(lines: &str, message: &str, hint: &str) {
    let remote = with(&format!("url = s3://bkt\n{lines}")).unwrap();
    let error = remote.check_uploads().unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.hint().unwrap(), hint);
    assert_eq!(error.places(), remote.upload_problem().unwrap().places());
    assert!(!error.places().is_empty());
    let s3 = s3(remote);
    let texts = [
        s3.acl,
        s3.grant_read,
        s3.grant_read_acp,
        s3.grant_write_acp,
        s3.grant_full_control,
        s3.sse_kms_key_id,
    ];
    assert!(texts.iter().all(Option::is_none) && s3.sse.is_none());
}

#[test]
fn urls_name_bucket_and_prefix_as_dvc_splits_them() {
    for (url, bucket, prefix) in [
        ("s3://bkt", "bkt", ""),
        ("s3://bkt/", "bkt", ""),
        ("s3://bkt/a//b//", "bkt", "a//b"),
        ("s3://bkt//a", "bkt", "/a"),
        ("s3://bkt/a..b/.../c", "bkt", "a..b/.../c"),
        ("s3://bkt/a?x=1", "bkt", "a"),
        ("'s3://bkt/a#frag'", "bkt", "a#frag"),
        ("s3://bkt/%20 é+x", "bkt", "%20 é+x"),
        ("S3://bkt/x", "bkt", "x"),
        ("s3://user:pw@bkt/x", "bkt", "x"),
        ("s3://my_Old.bucket/x", "my_Old.bucket", "x"),
        ("s3://name-0123456789abcdef-s3alias/x", "name-0123456789abcdef-s3alias", "x"),
    ] {
        let s3 = s3(with(&format!("url = {url}")).unwrap());
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), (bucket, prefix), "{url}");
    }
}

#[test]
fn malformed_urls_are_refused() {
    let hint = "type `haul remote modify a url s3://<bucket>/<path>`";
    for (url, problem) in [
        ("s3:///x", "names no bucket"),
        ("s3:/bkt/x", "names no bucket"),
        ("s3://my bucket/x", "names a bucket with ` ` in it"),
        ("s3://bücket", "names a bucket with `ü` in it"),
        ("s3://a..b", "names a bucket with `..` in it"),
        ("s3://-ab", "names a bucket that starts or ends with `.` or `-`"),
        ("s3://10.0.0.1/x", "names an IP address where a bucket should be"),
    ] {
        let error = with(&format!("url = {url}")).unwrap_err();
        assert_eq!(error.to_string(), format!("`url` {problem}"), "{url}");
        assert_eq!(error.hint().unwrap(), hint);
    }
    for url in ["s3://bkt/a/../b", "s3://bkt/./a", "s3://bkt/..", "s3://bkt/a/.//"] {
        let error = with(&format!("url = {url}")).unwrap_err();
        let problem =
            "`url` has a `.` or `..` between slashes, which S3 takes as it is and HTTP clients resolve";
        assert_eq!(error.to_string(), problem, "{url}");
        assert!(error.hint().unwrap().starts_with(hint), "{url}");
    }
}

#[test]
fn contradictions_are_refused_in_the_words_of_dvc() {
    for grant in ["grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control"] {
        refused_for_uploads(
            &format!("acl = private\n{grant} = id=1"),
            "`acl` and `grant_*` AWS S3 config options are mutually exclusive",
            &format!(
                "remove one: `haul remote modify --unset a acl` or `haul remote modify --unset a {grant}`"
            ),
        );
    }
    refused_for_uploads(
        &format!("sse = aws:kms\nsse_kms_key_id = k\nsse_customer_key = {KEY}"),
        "`sse_kms_key_id` and `sse_customer_key` AWS S3 config options are mutually exclusive",
        "remove one: `haul remote modify --unset a sse_kms_key_id` or `haul remote modify --unset a sse_customer_key`",
    );
    refused_for_uploads(
        &format!("sse = AES256\nsse_customer_key = {KEY}"),
        "`sse` and `sse_customer_key` AWS S3 config options are mutually exclusive",
        "remove one: `haul remote modify --unset a sse` or `haul remote modify --unset a sse_customer_key`",
    );
    refused_for_uploads(
        "sse = AES256\nsse_kms_key_id = k",
        "`sse_kms_key_id` needs `sse = aws:kms`, but `sse` is `AES256`",
        "type `haul remote modify a sse aws:kms` or `haul remote modify --unset a sse_kms_key_id`",
    );
    refused(
        "worktree = true\nversion_aware = false",
        "worktree remotes require version_aware cloud",
        "remove one: `haul remote modify --unset a worktree` or `haul remote modify --unset a version_aware`",
    );
}

#[test]
fn malformed_values_are_refused() {
    refused_for_uploads(
        "sse = aws:kns",
        "`sse` is `aws:kns`, but must be `AES256`, `aws:kms` or `aws:kms:dsse`",
        "type `haul remote modify a sse aws:kms`",
    );
    refused(
        &format!("sse_customer_key = {KEY}\nsse_customer_algorithm = aes"),
        "`sse_customer_algorithm` is `aes`, but S3 knows only `AES256`",
        "type `haul remote modify a sse_customer_algorithm AES256`",
    );
    for key in ["c2hvcnQ=", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "0123456789abcdef0123456789abcdef"]
    {
        refused(
            &format!("sse_customer_key = {key}"),
            "`sse_customer_key` is not 32 bytes in base64",
            "`openssl rand -base64 32` makes one; type `haul remote modify --local a sse_customer_key <key>`",
        );
    }
    for option in ["read_timeout", "connect_timeout"] {
        for value in ["0", "-5"] {
            refused(
                &format!("{option} = {value}"),
                &format!("`{option}` is `{value}`, but must be at least 1 second"),
                &format!("type `haul remote modify a {option} 60`"),
            );
        }
    }
    refused(
        "endpointurl = localhost:9000",
        "`endpointurl` is `localhost:9000`, but must start with `http://` or `https://`",
        "type `haul remote modify a endpointurl https://localhost:9000`",
    );
    refused(
        "endpointurl = https://",
        "`endpointurl` is no valid URL: empty host",
        "type `haul remote modify a endpointurl https://<host>`",
    );
    refused_for_uploads(
        "grant_read = \"id=1,somebody\"",
        "`grant_read` is not a list of `id=…`, `uri=…` or `emailAddress=…`",
        "type `haul remote modify a grant_read id=<canonical user id>`",
    );
    refused_for_uploads(
        "acl = '''private\nx-evil: 1'''",
        "`acl` holds characters that can't be sent in a header",
        "type `haul remote modify a acl <value>`",
    );
}

#[test]
fn incomplete_sets_are_refused_on_use() {
    refused(
        "access_key_id = AKIA",
        "`access_key_id` is set, but `secret_access_key` is not",
        "type `haul remote modify --local a secret_access_key <secret>` or `haul remote modify --unset a access_key_id`",
    );
    refused(
        "secret_access_key = x",
        "`secret_access_key` is set, but `access_key_id` is not",
        "type `haul remote modify a access_key_id <key id>` or `haul remote modify --unset a secret_access_key`",
    );
    refused(
        "sse_customer_algorithm = AES256",
        "`sse_customer_algorithm` is set, but `sse_customer_key` is not",
        "type `haul remote modify --local a sse_customer_key <key>` or \
         `haul remote modify --unset a sse_customer_algorithm`",
    );
    refused_for_uploads(
        "sse_kms_key_id = k",
        "`sse_kms_key_id` is set, but `sse` is not",
        "type `haul remote modify a sse aws:kms` or `haul remote modify --unset a sse_kms_key_id`",
    );
}

#[test]
fn good_sets_are_accepted() {
    for lines in [
        "sse = AES256",
        "sse = aws:kms\nsse_kms_key_id = arn:aws:kms:eu-west-3:1234:key/x",
        "sse = aws:kms:dsse\nsse_kms_key_id = k",
        &format!("sse_customer_key = {KEY}"),
        "grant_read = \"id=1,uri=http://acs.amazonaws.com/groups/global/AllUsers\"\ngrant_full_control = emailAddress=a@b",
        "acl = bucket-owner-full-control",
        "access_key_id = a\nsecret_access_key = b",
        "endpointurl = https://[::1]:9000/base/path",
        "worktree = true",
        "region = \"\"",
    ] {
        let remote = with(&format!("url = s3://bkt\n{lines}"));
        assert!(remote.is_ok(), "{lines}: {remote:?}");
    }
    assert_eq!(
        s3(with("url = s3://bkt\nsse = aws:kms:dsse").unwrap()).sse.unwrap().value,
        ServerSideEncryption::AwsKmsDsse
    );
    assert!(with("url = s3://bkt\nworktree = true").unwrap().version_aware.unwrap().value);
    let short = with("url = s3://b").unwrap_err();
    assert_eq!(short.to_string(), "`url` names bucket `b`, but AWS has none of less than 3 characters");
    assert!(with("url = s3://b\nendpointurl = http://localhost:1").is_ok());
}

#[test]
fn levels_override_option_by_option() {
    let fixture = Fixture::new(&[
        ("system/config", "[core]\nremote = sys\n['remote \"sys\"']\nurl = s3://system\n"),
        ("global/config", "[core]\nchecksum_jobs = 3\n['remote \"store\"']\nregion = global\njobs = 2\n"),
        (".dvc/config", "[core]\nremote = STORE\n['remote \"Store\"']\nurl = s3://bkt\nregion = repo\n"),
        (
            ".dvc/config.local",
            "['remote \"store\"']\naccess_key_id = a\nsecret_access_key = b\nregion = local\n",
        ),
    ]);
    let stack = fixture.stack();
    let config = stack.config().unwrap();
    let remote = config.remote(None).unwrap();
    assert_eq!(remote.name, "store");
    assert_eq!(remote.jobs.as_ref().unwrap().value.get(), 2);
    assert_eq!(config.core.checksum_jobs.as_ref().unwrap().value.get(), 3);
    let region = s3(remote).region.unwrap();
    assert_eq!(region.value, "local");
    assert_eq!(region.origin.to_string(), format!("{}:4", fixture.path(".dvc/config.local").display()));
    assert_eq!(config.remote_names(), ["sys", "store"]);
    let listed: Vec<_> = stack.remotes(None).unwrap();
    assert_eq!(listed.iter().map(|remote| remote.is_default).collect::<Vec<_>>(), [false, true]);
    assert_eq!(config.remote(Some("stor")).unwrap_err().hint().unwrap(), "did you mean `store`?");
    assert_eq!(config.remote(Some("nope")).unwrap_err().to_string(), "remote 'nope' doesn't exist");
}

#[test]
fn list_and_get_answer_as_dvc_does() {
    let fixture = Fixture::new(&[
        ("global/config", "[core]\nautostage = true\n"),
        (
            ".dvc/config",
            "[core]\nautostage = FALSE\n[cache]\ntype = copy, hardlink\n['remote \"a\"']\nurl = ../x\n",
        ),
    ]);
    let stack = fixture.stack();
    let shown = |level| -> Vec<String> {
        let listed = stack.list(level).unwrap();
        listed
            .iter()
            .map(|option| format!("{}={} {}", option.key, option.value.value, option.overridden))
            .collect()
    };
    let url = format!("remote.a.url={} false", fixture.path("x").display());
    let repo = [&url, "core.autostage=FALSE false", "cache.type=['copy', 'hardlink'] false"];
    assert_eq!(shown(Some(Level::Repo)), repo);
    assert_eq!(shown(None), [&["core.autostage=true true"], &repo[..]].concat());
    let key = |text| KeyPath::parse(text).unwrap();
    assert_eq!(stack.get(&key("CORE.Autostage"), None).unwrap().unwrap().value.to_string(), "FALSE");
    assert_eq!(stack.get(&key("core.remote"), None).unwrap(), None);
    for (text, message) in [
        ("core.remote", "option 'remote' doesn't exist in section 'core'"),
        ("foo.x", "section 'foo' doesn't exist"),
        ("remote.b.url", "remote 'b' doesn't exist"),
        ("remote.a.region", "option 'region' doesn't exist in remote 'a'"),
    ] {
        assert_eq!(stack.get(&key(text), Some(Level::Repo)).unwrap_err().to_string(), message);
    }
    for text in ["core", "a.b.c.d", "x.y.z"] {
        assert!(matches!(KeyPath::parse(text), Err(Error::KeyName { .. })), "{text}");
    }
    let config = stack.config().unwrap();
    assert_eq!(config.cache.types.unwrap().value, [LinkType::Copy, LinkType::Hardlink]);
    assert!(!config.core.autostage.value);
}

#[test]
fn references_take_the_options_of_the_other_remote() {
    let base = "['remote \"base\"']\nurl = s3://bkt/base\nregion = eu\njobs = 2\n";
    let fixture = Fixture::new(&[(
        ".dvc/config",
        &format!(
            "{base}['remote \"sub\"']\nurl = remote://base/a/b\nregion = us\n['remote \"deep\"']\nurl = remote://sub/c\n\
             ['remote \"loop\"']\nurl = remote://loop/x\n['remote \"gone\"']\nurl = remote://nowhere/x\n\
             ['remote \"bad\"']\nurl = remote://base/x\nport = 1\n"
        ),
    )]);
    let remote = fixture.remote("deep").unwrap();
    assert_eq!(remote.url.value, "s3://bkt/base/a/b/c");
    assert_eq!(remote.jobs.as_ref().unwrap().value.get(), 2);
    let s3 = s3(remote);
    assert_eq!(s3.prefix, "base/a/b/c");
    assert_eq!(s3.region.unwrap().value, "us");
    assert_eq!(fixture.remote("loop").unwrap_err().to_string(), "remote 'loop' refers to itself");
    assert_eq!(fixture.remote("gone").unwrap_err().to_string(), "remote 'nowhere' doesn't exist");
    assert_eq!(
        fixture.remote("bad").unwrap_err().to_string(),
        "extra keys not allowed @ data['remote']['bad']['port']"
    );
}

#[test]
fn local_and_foreign_remotes_are_told_apart() {
    let RemoteKind::Local(local) = with("url = ../store\ntype = symlink\nshared = group").unwrap().kind
    else {
        panic!()
    };
    assert!(local.path.is_absolute() && local.path.ends_with("store"));
    assert_eq!(local.types.unwrap().value, [LinkType::Symlink]);
    assert!(local.shared_group.unwrap().value);
    assert!(
        matches!(with("url = gs://b/x").unwrap().kind, RemoteKind::Unsupported { scheme } if scheme == "gs")
    );
}

#[test]
fn without_a_default_the_remotes_there_are_get_named() {
    let none = Fixture::new(&[]);
    let error = none.stack().config().unwrap().remote(None).unwrap_err();
    assert_eq!(error.hint(), None);
    assert!(error.to_string().ends_with("haul remote add -d <remote name> <remote url>"), "{error}");
    let some = Fixture::new(&[(".dvc/config", "['remote \"a\"']\nurl = s3://bkt\n")]);
    let error = some.stack().config().unwrap().remote(None).unwrap_err();
    assert!(matches!(&error, Error::NoDefaultRemote { available, .. } if available == &["a"]));
}

#[test]
fn a_file_that_can_not_be_read_is_named_with_its_line() {
    let fixture = Fixture::new(&[(".dvc/config", "[core]\nremote = a\n")]);
    let env = Env::new(fixture.root.path(), [("DVC_GLOBAL_CONFIG_DIR", "global")]);
    let paths = ConfigPaths::new(&env, Some(&fixture.path(".dvc")));
    for (bytes, message, line) in [
        (&b"[core]\n\xff"[..], "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte", 2),
        (
            b"[core]\n\xc3(",
            "'utf-8' codec can't decode byte 0xc3 in position 7: invalid continuation byte",
            2,
        ),
        (b"\xe2\x82", "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data", 1),
        (b"[core]\nx = 1\nx = 2\n", "Duplicate keyword name at line 3.", 3),
        (b"[a]\n[a]\n[a]\n", "Parsing failed with several errors.\nFirst error at line 2.", 2),
        (b"[s]\nk = %(x)s\n", "missing option \"x\" in interpolation.", 2),
    ] {
        fs_err::write(fixture.path(".dvc/config"), bytes).unwrap();
        let error = ConfigStack::load(&paths, &env).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.file().unwrap(), (fixture.path(".dvc/config").as_path(), Some(line)));
    }
}
