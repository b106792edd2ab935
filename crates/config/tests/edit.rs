//! Edits, byte for byte: what DVC 3.67.1 writes where nothing of the user's is at stake, and the user's own bytes else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use haul_config::{AddRemote, ConfigPaths, ConfigStack, Edited, Env, Error, KeyPath, Level, Notice};

/// A repository in a temporary folder, worked in from its folder `sub`.
struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    fn new(repo: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let fixture = Self { root };
        for folder in [".dvc", "sub", "global", "system"] {
            fs_err::create_dir(fixture.path(folder)).unwrap();
        }
        fixture.write(".dvc/config", repo);
        fixture
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs_err::write(self.path(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path(path)).unwrap()
    }

    fn stack(&self) -> ConfigStack {
        let variables = [
            ("HOME", self.path("home")),
            ("DVC_SYSTEM_CONFIG_DIR", self.path("system")),
            ("DVC_GLOBAL_CONFIG_DIR", self.path("global")),
        ];
        let env = Env::new(self.path("sub"), variables);
        let paths = ConfigPaths::new(&env, Some(&self.path(".dvc")));
        ConfigStack::load(&paths, &env).unwrap()
    }

    #[track_caller]
    fn expect(&self, expected: &str) {
        assert_eq!(self.read(".dvc/config"), expected);
    }
}

const TWO: &str = "[core]\n    remote = a\n['remote \"a\"']\n    url = s3://bkt/a\n['remote \"b\"']\n    url = s3://bkt/b\n";

fn add(stack: &mut ConfigStack, name: &str, url: &str) -> Result<Edited, Error> {
    stack.add_remote(Level::Repo, name, url, AddRemote::default())
}

#[test]
fn add_remote_writes_what_dvc_writes() {
    let fixture = Fixture::new("");
    let mut stack = fixture.stack();
    let how = AddRemote { default: true, ..AddRemote::default() };
    stack.add_remote(Level::Repo, "MyRemote", "s3://bkt/path", how).unwrap();
    fixture.expect("[core]\n    remote = myremote\n['remote \"myremote\"']\n    url = s3://bkt/path\n");
    add(&mut stack, "second", "../loc").unwrap();
    stack.set(Level::Repo, &KeyPath::parse("cache.type").unwrap(), "hardlink,copy").unwrap();
    fixture.expect(
        "[core]\n    remote = myremote\n[cache]\n    type = \"hardlink,copy\"\n['remote \"myremote\"']\n    \
         url = s3://bkt/path\n['remote \"second\"']\n    url = ../loc\n",
    );
}

#[test]
fn add_remote_refuses_a_taken_name_unless_forced() {
    let fixture = Fixture::new(TWO);
    let mut stack = fixture.stack();
    stack.modify_remote(Level::Repo, "a", "region", "eu-west-3").unwrap();
    let error = add(&mut stack, "A", "s3://bkt/other").unwrap_err();
    assert_eq!(error.to_string(), "remote 'a' already exists. Use `-f|--force` to overwrite it.");
    let how = AddRemote { force: true, ..AddRemote::default() };
    stack.add_remote(Level::Repo, "a", "s3://bkt/other", how).unwrap();
    fixture.expect(&TWO.replace("s3://bkt/a", "s3://bkt/other"));
}

#[test]
fn modify_touches_one_line_and_keeps_the_rest() {
    let text = "# Our storage.\n\n[core]\n  remote=a   # the fast one\n\n; [Remote \"A\"]  # in Paris\n";
    let text = text.replace("; ", "") + "\turl = 's3://bkt/a'\n\tregion = eu-west-3 # Paris\n\n# The end.\n";
    let fixture = Fixture::new(&text);
    let mut stack = fixture.stack();
    stack.modify_remote(Level::Repo, "a", "REGION", "eu-west-1").unwrap();
    let text = text.replace("eu-west-3", "eu-west-1");
    fixture.expect(&text);
    stack.modify_remote(Level::Repo, "a", "jobs", "8").unwrap();
    let text = text.replace("# Paris\n", "# Paris\n\tjobs = 8\n");
    fixture.expect(&text);
    stack.unset_remote_option(Level::Repo, "a", "jobs").unwrap();
    stack.unset_remote_option(Level::Repo, "a", "jobs").unwrap();
    fixture.expect(&text.replace("\tjobs = 8\n", ""));
    stack.unset_default_remote(Level::Repo).unwrap();
    assert!(!fixture.read(".dvc/config").contains("core"));
    assert!(fixture.read(".dvc/config").starts_with("# Our storage.\n\n[Remote \"A\"]  # in Paris\n"));
}

#[test]
fn an_edit_keeps_crlf_and_the_byte_order_mark() {
    let fixture = Fixture::new("\u{feff}[core]\r\n    autostage = true\r\n");
    let mut stack = fixture.stack();
    add(&mut stack, "a", "s3://bkt/a").unwrap();
    fixture.expect("\u{feff}[core]\r\n    autostage = true\r\n['remote \"a\"']\r\n    url = s3://bkt/a\r\n");
}

#[test]
fn the_last_line_gets_its_end_before_another_follows() {
    let fixture = Fixture::new("[core]\n    autostage = true");
    add(&mut fixture.stack(), "a", "s3://bkt/a").unwrap();
    fixture.expect("[core]\n    autostage = true\n['remote \"a\"']\n    url = s3://bkt/a\n");
}

#[test]
fn an_emptied_file_is_one_line_end_and_can_be_filled_again() {
    let fixture = Fixture::new("[core]\n    remote = a\n['remote \"a\"']\n    url = s3://bkt/a\n");
    let mut stack = fixture.stack();
    stack.remove_remote(Level::Repo, "a").unwrap();
    fixture.expect("\n");
    add(&mut stack, "a", "s3://bkt/a").unwrap();
    fixture.expect("['remote \"a\"']\n    url = s3://bkt/a\n");
}

#[test]
fn remove_cleans_the_default_of_all_levels_above() {
    let fixture = Fixture::new(TWO);
    fixture.write(".dvc/config.local", "[core]\n    remote = a\n    autostage = true\n");
    fixture.write("global/config", "[core]\n    remote = a\n");
    let edited = fixture.stack().remove_remote(Level::Repo, "A").unwrap();
    // The remote goes last: killed before, a default names a remote that is there.
    assert_eq!(edited.files, [fixture.path(".dvc/config.local"), fixture.path(".dvc/config")]);
    fixture.expect("['remote \"b\"']\n    url = s3://bkt/b\n");
    assert_eq!(fixture.read(".dvc/config.local"), "[core]\n    autostage = true\n");
    assert_eq!(fixture.read("global/config"), "[core]\n    remote = a\n");
    let error = fixture.stack().remove_remote(Level::Repo, "bb").unwrap_err();
    assert_eq!(error.to_string(), "remote 'bb' doesn't exist.");
    assert_eq!(error.hint().unwrap(), "did you mean `b`?");
}

#[test]
fn remove_stays_off_a_remote_that_config_local_completes() {
    let fixture = Fixture::new(TWO);
    fixture.write(".dvc/config.local", "['remote \"a\"']\n    region = x\n");
    let error = fixture.stack().remove_remote(Level::Repo, "a").unwrap_err();
    assert_eq!(error.hint().unwrap(), "first type `haul remote remove --local a`");
    fixture.expect(TWO);
    fixture.stack().remove_remote(Level::Local, "a").unwrap();
    assert_eq!(fixture.read(".dvc/config.local"), "\n");
    fixture.stack().remove_remote(Level::Repo, "a").unwrap();
    fixture.expect("['remote \"b\"']\n    url = s3://bkt/b\n");
}

#[test]
fn rename_moves_the_section_to_the_end_and_follows_the_default() {
    let fixture = Fixture::new(TWO);
    fixture.write(".dvc/config.local", "[core]\n    remote = a\n");
    let mut stack = fixture.stack();
    stack.rename_remote(Level::Repo, "a", "NeW").unwrap();
    fixture.expect(
        "[core]\n    remote = NeW\n['remote \"b\"']\n    url = s3://bkt/b\n['remote \"NeW\"']\n    url = s3://bkt/a\n",
    );
    assert_eq!(fixture.read(".dvc/config.local"), "[core]\n    remote = NeW\n");
    assert_eq!(stack.config().unwrap().remote(None).unwrap().name, "new");
    let error = stack.rename_remote(Level::Repo, "b", "new").unwrap_err();
    assert_eq!(error.to_string(), "Rename failed. Remote name 'new' already exists.");
    assert_eq!(
        stack.rename_remote(Level::Repo, "x", "y").unwrap_err().to_string(),
        "remote 'x' doesn't exist."
    );
}

#[test]
fn the_repository_may_name_a_remote_of_config_local_its_default() {
    let fixture = Fixture::new("");
    fixture.write(".dvc/config.local", "['remote \"mine\"']\n    url = s3://bkt/a\n");
    let mut stack = fixture.stack();
    stack.set_default_remote(Level::Repo, "Mine").unwrap();
    fixture.expect("[core]\n    remote = mine\n");
    let error = stack.set_default_remote(Level::Global, "mine").unwrap_err();
    assert_eq!(error.to_string(), "default remote must be present in remote list.");
    let error = stack.unset_remote_option(Level::Repo, "mine", "region").unwrap_err();
    assert_eq!(error.to_string(), "remote 'mine' doesn't exist.");
    // Without a URL at this level, nobody else could read the repository's file.
    let error = stack.modify_remote(Level::Repo, "mine", "region", "x").unwrap_err();
    assert_eq!(error.to_string(), "expected 'url' for dictionary value @ data['remote']['mine']");
    let at = format!("it stands at {}", fixture.path(".dvc/config.local").display());
    assert_eq!(error.hint().unwrap(), format!("{at}:2: add `--local`"));
    let error = stack.remove_remote(Level::Repo, "mine").unwrap_err();
    assert_eq!(error.hint().unwrap(), format!("{at}:1: add `--local`"));
    fixture.expect("[core]\n    remote = mine\n");
}

#[test]
fn config_set_and_unset_follow_dvc() {
    let fixture = Fixture::new("");
    let mut stack = fixture.stack();
    let key = |text| KeyPath::parse(text).unwrap();
    let edited = stack.set(Level::Repo, &key("cache.type"), "copy,symlink").unwrap();
    assert!(matches!(edited.notices.as_slice(), [Notice::CacheTypeChanged]));
    stack.set(Level::Repo, &key("remote.New.URL"), "s3://bkt/c").unwrap();
    stack.set(Level::Repo, &key("db.x.username"), "me").unwrap();
    stack.set(Level::Repo, &key("core.autostage"), "True").unwrap();
    fixture.expect(
        "[cache]\n    type = \"copy,symlink\"\n[core]\n    autostage = True\n['remote \"new\"']\n    url = s3://bkt/c\n\
         ['db \"x\"']\n    username = me\n",
    );
    for (text, message) in [
        ("core.remote", "option 'remote' doesn't exist in section 'core'"),
        ("foo.x", "section 'foo' doesn't exist"),
        ("remote.b.url", "remote 'b' doesn't exist"),
    ] {
        assert_eq!(stack.unset(Level::Repo, &key(text)).unwrap_err().to_string(), message);
    }
    stack.unset(Level::Repo, &key("cache.type")).unwrap();
    stack.unset(Level::Repo, &key("db.x.username")).unwrap();
    fixture.expect("[core]\n    autostage = True\n['remote \"new\"']\n    url = s3://bkt/c\n['db \"x\"']\n");
    let error = stack.set(Level::Repo, &key("core.autostage"), "yes").unwrap_err();
    assert_eq!(error.to_string(), "expected true or false for dictionary value @ data['core']['autostage']");
}

#[test]
fn rename_takes_the_options_of_config_local_along() {
    let fixture = Fixture::new(TWO);
    fixture.write(".dvc/config.local", "['remote \"a\"']\n    # mine\n    region = x\n");
    let mut stack = fixture.stack();
    stack.rename_remote(Level::Repo, "a", "new").unwrap();
    assert_eq!(fixture.read(".dvc/config.local"), "['remote \"new\"']\n    # mine\n    region = x\n");
    assert!(stack.config().unwrap().remote(None).is_ok());
    // A remote of its own stays what it is.
    fixture.write(".dvc/config.local", "['remote \"b\"']\n    url = s3://bkt/mine\n");
    stack.rename_remote(Level::Repo, "b", "other").unwrap();
    assert_eq!(fixture.read(".dvc/config.local"), "['remote \"b\"']\n    url = s3://bkt/mine\n");
}

#[test]
fn paths_of_the_command_line_are_rewritten_for_the_file() {
    let fixture = Fixture::new("");
    let mut stack = fixture.stack();
    for (url, written) in
        [("../loc", "../loc"), ("", "../sub"), ("~/x", "~/x"), ("x y", "../sub/x y"), ("/abs", "/abs")]
    {
        let how = AddRemote { force: true, ..AddRemote::default() };
        stack.add_remote(Level::Repo, "a", url, how).unwrap();
        fixture.expect(&format!("['remote \"a\"']\n    url = {written}\n"));
    }
    stack.set(Level::Repo, &KeyPath::parse("cache.dir").unwrap(), "c").unwrap();
    let found = stack.get(&KeyPath::parse("cache.dir").unwrap(), None).unwrap().unwrap();
    assert_eq!(Path::new(&found.value.to_string()), fixture.path("sub/c"));
}

#[test]
fn certificates_are_written_as_paths_of_the_file_and_switches_as_they_are() {
    let fixture = Fixture::new("['remote \"a\"']\n    url = s3://bkt\n");
    let mut stack = fixture.stack();
    for (value, written) in [
        ("ca.pem", "../sub/ca.pem"),
        ("../ca.pem", "../ca.pem"),
        ("/etc/ca.pem", "/etc/ca.pem"),
        ("~/ca.pem", "~/ca.pem"),
        ("FALSE", "FALSE"),
        ("true", "true"),
    ] {
        stack.set(Level::Repo, &KeyPath::parse("remote.a.ssl_verify").unwrap(), value).unwrap();
        fixture.expect(&format!("['remote \"a\"']\n    url = s3://bkt\n    ssl_verify = {written}\n"));
    }
}

#[test]
fn what_can_not_be_written_changes_nothing() {
    let fixture = Fixture::new(TWO);
    let mut stack = fixture.stack();
    assert!(matches!(add(&mut stack, "it's", "s3://bkt"), Err(Error::Unquotable { .. })));
    assert!(matches!(
        stack.modify_remote(Level::Repo, "a", "profile", "a\rb"),
        Err(Error::Unquotable { .. })
    ));
    let error = stack.modify_remote(Level::Repo, "a", "regin", "x").unwrap_err();
    assert_eq!(error.to_string(), "extra keys not allowed @ data['remote']['a']['regin']");
    assert_eq!(error.hint().unwrap(), "nothing was written; did you mean `haul remote modify a region x`?");
    assert!(error.places().is_empty(), "it stands nowhere");
    let error = stack.modify_remote(Level::Repo, "a", "profile", "%(nope)s").unwrap_err();
    assert_eq!(error.to_string(), "missing option \"nope\" in interpolation.");
    fixture.expect(TWO);
    // DVC crashes on these and leaves an empty file.
    stack.modify_remote(Level::Repo, "a", "profile", "Zoë").unwrap();
    fixture.expect(&TWO.replace("bkt/a\n", "bkt/a\n    profile = Zoë\n"));
}

#[test]
fn an_edit_sees_what_others_wrote_meanwhile() {
    let fixture = Fixture::new(TWO);
    let mut stack = fixture.stack();
    fixture.write(".dvc/config", &format!("# new\n{TWO}"));
    stack.modify_remote(Level::Repo, "b", "jobs", "2").unwrap();
    fixture.expect(&format!("# new\n{TWO}    jobs = 2\n"));
}

#[test]
fn a_secret_is_written_and_its_file_is_told_whatever_the_level() {
    let fixture = Fixture::new(TWO);
    let mut stack = fixture.stack();
    stack.modify_remote(Level::Repo, "a", "access_key_id", "AKIA").unwrap();
    let edited = stack.modify_remote(Level::Repo, "a", "secret_access_key", "s3cr3t").unwrap();
    let [Notice::SecretWritten { commands, path, .. }] = edited.notices.as_slice() else {
        panic!("{:?}", edited.notices)
    };
    assert_eq!(path, &fixture.path(".dvc/config"));
    assert_eq!(
        commands.as_deref().unwrap(),
        &[
            "haul remote modify --unset a secret_access_key",
            "haul remote modify --local a secret_access_key <value>"
        ]
    );
    let edited = stack.modify_remote(Level::Local, "a", "secret_access_key", "s3cr3t").unwrap();
    let [Notice::SecretWritten { commands: None, path, .. }] = edited.notices.as_slice() else {
        panic!("{:?}", edited.notices)
    };
    assert_eq!(path, &fixture.path(".dvc/config.local"));
    let edited = stack.modify_remote(Level::Local, "a", "profile", "p").unwrap();
    assert!(edited.notices.is_empty(), "no secret");
}

#[test]
fn contradictions_are_refused_and_incomplete_sets_noticed() {
    let fixture = Fixture::new(TWO);
    let mut stack = fixture.stack();
    let edited = stack.modify_remote(Level::Local, "a", "access_key_id", "AKIA").unwrap();
    let [Notice::Incomplete { message, hint, .. }] = edited.notices.as_slice() else {
        panic!("{:?}", edited.notices)
    };
    assert_eq!(message, "`access_key_id` is set, but `secret_access_key` is not");
    assert!(hint.contains("`haul remote modify --local a secret_access_key <secret>`"), "{hint}");
    stack.modify_remote(Level::Repo, "a", "acl", "private").unwrap();
    let error = stack.modify_remote(Level::Local, "a", "grant_read", "id=1").unwrap_err();
    assert_eq!(error.to_string(), "`acl` and `grant_*` AWS S3 config options are mutually exclusive");
    let places: Vec<String> =
        error.places().iter().map(|place| format!("{} {}", place.key, place.origin)).collect();
    assert_eq!(
        places,
        [format!("remote.a.acl {}:5", fixture.path(".dvc/config").display())],
        "what was not written stands nowhere"
    );
    assert_eq!(error.hint().unwrap(), "nothing was written; first type `haul remote modify --unset a acl`");
    assert!(!fixture.read(".dvc/config.local").contains("grant_read"));
    // What is wrong already does not stand in the way of other edits.
    fixture
        .write(".dvc/config", &TWO.replace("bkt/a\n", "bkt/a\n    acl = private\n    grant_read = id=1\n"));
    stack.modify_remote(Level::Repo, "a", "jobs", "3").unwrap();
    stack.unset_remote_option(Level::Repo, "a", "acl").unwrap();
}

#[cfg(unix)]
#[test]
fn a_region_with_capital_letters_is_doubted_where_aws_is_meant() {
    let doubts = |config: &str, region: &str| {
        let fixture = Fixture::new(config);
        let key = KeyPath::remote("a", "region");
        fixture.stack().set(Level::Repo, &key, region).unwrap().notices
    };
    let notices = doubts("['remote \"a\"']\n    url = s3://bucket\n", "EU-WEST-1");
    let [Notice::Doubtful { message, hint }] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!(message, "`EU-WEST-1` is not a region of AWS");
    assert_eq!(hint, "type `haul remote modify a region eu-west-1`");
    assert!(doubts("['remote \"a\"']\n    url = s3://bucket\n", "eu-west-1").is_empty());
    let other = "['remote \"a\"']\n    url = s3://bucket\n    endpointurl = https://minio.example.org\n";
    assert!(doubts(other, "EU-WEST-1").is_empty(), "another server may have it");
}

#[test]
fn the_mode_and_the_symlink_of_the_file_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new("");
    fs_err::rename(fixture.path(".dvc/config"), fixture.path("elsewhere")).unwrap();
    fs_err::os::unix::fs::symlink("../elsewhere", fixture.path(".dvc/config")).unwrap();
    fs_err::set_permissions(fixture.path("elsewhere"), std::fs::Permissions::from_mode(0o640)).unwrap();
    add(&mut fixture.stack(), "a", "s3://bkt/a").unwrap();
    assert!(fs_err::symlink_metadata(fixture.path(".dvc/config")).unwrap().is_symlink());
    assert_eq!(fs_err::metadata(fixture.path("elsewhere")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fixture.read("elsewhere"), "['remote \"a\"']\n    url = s3://bkt/a\n");
    let left: Vec<_> =
        fs_err::read_dir(fixture.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn outside_a_repository_only_two_levels_can_be_edited() {
    let fixture = Fixture::new("");
    let env = Env::new(fixture.path("sub"), [("DVC_GLOBAL_CONFIG_DIR", fixture.path("new/folder"))]);
    let mut stack = ConfigStack::load(&ConfigPaths::new(&env, None), &env).unwrap();
    let error = add(&mut stack, "a", "s3://bkt/a").unwrap_err();
    assert_eq!(error.to_string(), "Not inside a DVC repo");
    let homeless = Env::new(fixture.path("sub"), [("LANG", "C")]);
    let mut nowhere = ConfigStack::load(&ConfigPaths::new(&homeless, None), &homeless).unwrap();
    let error = nowhere.add_remote(Level::Global, "a", "s3://bkt/a", AddRemote::default()).unwrap_err();
    assert_eq!(error.to_string(), "the home directory is unknown");
    stack.add_remote(Level::Global, "a", "s3://bkt/a", AddRemote::default()).unwrap();
    assert_eq!(fixture.read("new/folder/config"), "['remote \"a\"']\n    url = s3://bkt/a\n");
}
