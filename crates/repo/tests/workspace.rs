//! Scanning the workspace and checking out an out, without metafiles.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use haul_config::LinkType;
use haul_repo::IgnoreRules;
use haul_repo::metafile::dir_manifest::DirEntry;
use haul_repo::workspace::checkout::{Applied, OutPlan, Target, Wanted, apply, plan};
use haul_repo::workspace::link::{Linker, Staging};
use haul_repo::workspace::scan::{Found, Scanner};
use haul_repo::workspace::state::Memo;
use haul_storage::hash::{Flavour, md5};
use haul_storage::progress::NoObserver;
use haul_storage::{Cache, CacheOptions, CancellationToken, Layout, OidKind};

struct World {
    _folder: tempfile::TempDir,
    root: PathBuf,
    cache: Cache,
    memo: Memo,
    ignore: IgnoreRules,
    cancel: CancellationToken,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("repo");
        fs_err::create_dir_all(root.join(".dvc/tmp/haul")).unwrap();
        Self {
            cache: Cache::new(root.join(".dvc/cache"), CacheOptions::default()),
            memo: Memo::new(root.join(".dvc/tmp/haul")),
            ignore: IgnoreRules::new(&root),
            cancel: CancellationToken::new(),
            root,
            _folder: folder,
        }
    }

    fn write(&self, path: &str, bytes: &str) {
        let path = self.root.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.root.join(path)).unwrap()
    }

    fn scanner(&self) -> Scanner<'_> {
        Scanner::new(&self.ignore, &self.memo, &self.cancel)
    }

    fn scan(&self, path: &str) -> haul_repo::Result<Found> {
        self.scanner().scan(&self.root.join(path), Flavour::Md5, &NoObserver)
    }

    fn object(&self, bytes: &str) -> [u8; 16] {
        *self.cache.store_bytes(Layout::Current, OidKind::File, bytes.as_bytes()).unwrap().digest()
    }

    /// Entries whose content is in the cache.
    fn entries(&self, files: &[(&str, &str)]) -> Vec<DirEntry> {
        let mut entries: Vec<DirEntry> = files
            .iter()
            .map(|(path, bytes)| DirEntry { path: (*path).into(), digest: self.object(bytes) })
            .collect();
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        entries
    }

    fn plan(&self, out: &str, wanted: Wanted<'_>, relink: Option<&[LinkType]>) -> haul_repo::Result<OutPlan> {
        let path = self.root.join(out);
        let target = Target { path: &path, within: None, wanted, layout: Layout::Current };
        let linker = relink.map(|types| self.linker(types));
        plan(&self.scanner(), &self.cache, &target, linker.as_ref(), &NoObserver, &self.cancel)
    }

    fn linker(&self, types: &[LinkType]) -> Linker {
        Linker::new(types.to_vec(), Staging::open(self.memo.dir()).unwrap())
    }

    fn apply(&self, plan: OutPlan, types: &[LinkType]) -> haul_repo::Result<Applied> {
        let linker = self.linker(types);
        apply(plan, &self.root, &linker, &self.cache, &self.memo, &NoObserver, &self.cancel)
    }

    fn checkout(&self, out: &str, wanted: Wanted<'_>) -> Applied {
        let applied = self.apply(self.plan(out, wanted, None).unwrap(), &[LinkType::Copy]).unwrap();
        assert!(applied.failures.is_empty(), "{:?}", applied.failures);
        applied
    }
}

fn paths(found: &Found) -> Vec<&str> {
    found.files().iter().map(|file| &*file.path).collect()
}

#[test]
fn scan_of_directory_sees_what_dvc_sees() {
    let world = World::new();
    for path in ["d/b", "d/sub/deep/x", "d/.hidden", "d/é", "d/sub.x", "d/B", "target/file"] {
        world.write(path, path);
    }
    world.write("d/.git/HEAD", "no");
    world.write("d/nested/.dvc/config", "");
    world.write("d/nested/data", "no");
    fs_err::create_dir_all(world.root.join("d/empty/below")).unwrap();
    symlink(world.root.join("target/file"), world.root.join("d/link")).unwrap();
    symlink(world.root.join("target"), world.root.join("d/folder-link")).unwrap();
    let found = world.scan("d").unwrap();
    assert_eq!(paths(&found), [".hidden", "B", "b", "link", "sub.x", "sub/deep/x", "é"]);
    assert_eq!(found.files()[3].digest, Some(md5(b"target/file")));
    assert!(found.files()[3].is_symlink);
    let Found::Dir(dir) = found else { panic!("not a directory") };
    let folders: Vec<&str> = dir.folders.iter().map(|folder| &**folder).collect();
    assert_eq!(folders, ["empty", "empty/below", "sub", "sub/deep"]);
}

#[test]
fn scan_lists_everything_that_cannot_be_tracked() {
    let world = World::new();
    world.write("d/fine", "");
    world.write("d/sub/fine", "");
    let fifo = world.root.join("d/sub/fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.root.join("d/socket")).unwrap();
    world.write("d/ignores/.dvcignore", "");
    fs_err::write(world.root.join("d").join(std::ffi::OsStr::from_bytes(b"bad\xff")), "").unwrap();
    let text = world.scan("d").unwrap_err().to_string();
    for part in ["fifo", "socket", "not valid UTF-8", ".dvcignore file should not be in collected dir path"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(world.scan("d/sub/fifo").unwrap_err().to_string().contains("named pipe"));
}

#[test]
fn scan_of_dangling_links_names_each() {
    let world = World::new();
    world.write("d/fine", "");
    symlink("nowhere", world.root.join("d/one")).unwrap();
    symlink("two", world.root.join("d/two")).unwrap();
    let text = world.scan("d").unwrap_err().to_string();
    assert!(text.contains("d/one") && text.contains("d/two"), "{text}");
    assert!(matches!(world.scan("d/one").unwrap(), Found::Dangling));
    assert!(matches!(world.scan("nothing").unwrap(), Found::Nothing));
}

#[test]
fn scan_after_a_change_with_old_times_sees_it() {
    let world = World::new();
    world.write("d/file", "old");
    let path = world.root.join("d/file");
    let times = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
    };
    let set_times = || {
        rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty()).unwrap();
    };
    set_times();
    for bytes in ["old", "new", "abc"] {
        world.write("d/file", bytes);
        set_times();
        let found = world.scan("d").unwrap();
        assert_eq!(found.files()[0].digest, Some(md5(bytes.as_bytes())));
        world.memo.save();
    }
}

#[test]
fn checkout_makes_the_directory_what_it_should_be() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("sub/b", "2"), ("sub/deep/c", "3"), ("empty", "")]);
    let applied = world.checkout("d", Wanted::Dir(&wanted));
    assert_eq!((applied.n_added, applied.n_modified, applied.n_deleted), (4, 0, 0));
    assert_eq!(world.read("d/sub/deep/c"), "3");
    assert!(world.plan("d", Wanted::Dir(&wanted), None).unwrap().is_empty());

    let next = world.entries(&[("a", "changed"), ("sub", "now a file"), ("new/x", "1")]);
    let applied = world.checkout("d", Wanted::Dir(&next));
    // Two files and a directory of `sub`, the directory itself, and `empty`.
    assert_eq!((applied.n_added, applied.n_modified, applied.n_deleted), (2, 1, 5));
    assert_eq!(world.read("d/sub"), "now a file");
    assert_eq!(paths(&world.scan("d").unwrap()), ["a", "new/x", "sub"]);

    let digest = world.object("file");
    world.checkout("d", Wanted::File { digest, size_bytes: None, is_exec: true });
    assert_eq!(world.read("d"), "file");
    assert_eq!(fs_err::metadata(world.root.join("d")).unwrap().mode() & 0o100, 0o100);
    world.checkout("d", Wanted::Dir(&wanted));
    assert_eq!(world.read("d/sub/b"), "2");
    assert!(!world.root.join(".dvc/tmp/haul/staging").exists());
}

#[test]
fn checkout_names_what_would_be_lost_and_touches_nothing() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("b", "2")]);
    world.write("d/a", "unsaved");
    world.write("d/b", "1");
    world.write("d/extra", "unsaved too");
    let plan = world.plan("d", Wanted::Dir(&wanted), None).unwrap();
    let unsaved = plan.unsaved(&world.cache, &world.cancel).unwrap();
    assert_eq!(unsaved, [world.root.join("d/extra"), world.root.join("d/a")]);
    assert_eq!(world.read("d/a"), "unsaved");
}

#[test]
fn checkout_of_missing_objects_makes_the_others_and_keeps_the_old() {
    let world = World::new();
    let mut wanted = world.entries(&[("a", "1"), ("b", "2")]);
    wanted.push(DirEntry { path: "c".into(), digest: md5(b"gone") });
    wanted.push(DirEntry { path: "d".into(), digest: md5(b"gone too") });
    world.write("d/c", "old");
    let plan = world.plan("d", Wanted::Dir(&wanted), None).unwrap();
    assert_eq!(plan.missing.iter().map(|(path, _)| &**path).collect::<Vec<_>>(), ["c", "d"]);
    let applied = world.apply(plan, &[LinkType::Copy]).unwrap();
    assert_eq!((applied.n_added, applied.files), (2, None));
    assert_eq!((world.read("d/a"), world.read("d/c")), ("1".into(), "old".into()));
}

#[test]
fn checkout_leaves_a_file_alone_that_changed_after_the_look() {
    let world = World::new();
    let wanted = world.entries(&[("a", "new"), ("b", "new")]);
    world.object("old");
    world.write("d/a", "old");
    world.write("d/gone", "old");
    let plan = world.plan("d", Wanted::Dir(&wanted), None).unwrap();
    world.write("d/a", "edited meanwhile");
    world.write("d/b", "made meanwhile");
    world.write("d/gone", "edited meanwhile");
    let applied = world.apply(plan, &[LinkType::Copy]).unwrap();
    assert_eq!(applied.failures.len(), 3);
    for path in ["d/a", "d/gone"] {
        assert_eq!(world.read(path), "edited meanwhile");
    }
    assert_eq!(world.read("d/b"), "made meanwhile");
}

#[test]
fn checkout_writes_through_no_symbolic_link() {
    let world = World::new();
    let outside = world.root.parent().unwrap().join("outside");
    fs_err::create_dir_all(&outside).unwrap();
    let wanted = world.entries(&[("fine", "1"), ("sub/evil", "2"), ("sub/deep/evil", "3")]);

    // Inside the out.
    fs_err::create_dir_all(world.root.join("d")).unwrap();
    symlink(&outside, world.root.join("d/sub")).unwrap();
    let applied =
        world.apply(world.plan("d", Wanted::Dir(&wanted), None).unwrap(), &[LinkType::Copy]).unwrap();
    assert_eq!(applied.failures.len(), 1);
    assert_eq!(applied.n_added, 1);
    // The out itself.
    symlink(&outside, world.root.join("e")).unwrap();
    assert!(world.plan("e", Wanted::Dir(&wanted), None).is_err());
    // Above the out.
    symlink(&outside, world.root.join("above")).unwrap();
    let plan = world.plan("above/d", Wanted::Dir(&wanted), None).unwrap();
    assert!(world.apply(plan, &[LinkType::Copy]).is_err());
    assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn checkout_replaces_links_to_nothing() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1")]);
    fs_err::create_dir_all(world.root.join("d")).unwrap();
    symlink("nowhere", world.root.join("d/a")).unwrap();
    symlink("nowhere", world.root.join("d/extra")).unwrap();
    world.checkout("d", Wanted::Dir(&wanted));
    assert_eq!(world.read("d/a"), "1");
    assert!(fs_err::symlink_metadata(world.root.join("d/extra")).is_err());
    symlink("nowhere", world.root.join("f")).unwrap();
    world.checkout("f", Wanted::File { digest: world.object("x"), size_bytes: None, is_exec: false });
    assert_eq!(world.read("f"), "x");
}

#[test]
fn relink_changes_the_kind_of_link_and_nothing_else() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("b", "1"), ("c", "3"), ("empty", "")]);
    world.checkout("d", Wanted::Dir(&wanted));
    for types in [[LinkType::Hardlink], [LinkType::Symlink], [LinkType::Copy], [LinkType::Hardlink]] {
        let plan = world.plan("d", Wanted::Dir(&wanted), Some(&types)).unwrap();
        assert!(!plan.changes());
        let applied = world.apply(plan, &types).unwrap();
        assert!(applied.failures.is_empty(), "{:?}", applied.failures);
        assert!(applied.n_relinked >= 3, "{}", applied.n_relinked);
        let n_links = fs_err::metadata(world.root.join("d/a")).unwrap().nlink();
        let is_symlink = fs_err::symlink_metadata(world.root.join("d/a")).unwrap().is_symlink();
        assert_eq!(n_links > 1, types[0] == LinkType::Hardlink, "{types:?}");
        assert_eq!(is_symlink, types[0] == LinkType::Symlink);
        assert_eq!(world.read("d/b"), "1");
        assert!(world.plan("d", Wanted::Dir(&wanted), Some(&types)).unwrap().is_empty(), "{types:?}");
    }
    // Two links to one object: replacing the first must not make the second look changed.
    let next = world.entries(&[("a", "x"), ("b", "x"), ("c", "3")]);
    world.checkout("d", Wanted::Dir(&next));
    assert_eq!(world.read("d/b"), "x");
}

/// A copy counted as linked as long as any of the types allows a plain file: `reflink,hardlink` on a file system without
/// reflinks never linked anything again, and with `hardlink,copy` no file system did.
#[test]
fn relink_uses_the_first_type_that_works() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("empty", "")]);
    let (a, b) = (world.root.join(".dvc/a"), world.root.join(".dvc/b"));
    fs_err::write(&a, "1").unwrap();
    let has_reflinks = reflink_copy::reflink(&a, &b).is_ok();
    for (types, is_hardlink) in [
        (&[LinkType::Reflink, LinkType::Hardlink, LinkType::Copy][..], !has_reflinks),
        (&[LinkType::Hardlink, LinkType::Copy], true),
        (&[LinkType::Reflink, LinkType::Copy, LinkType::Hardlink], false),
        (&[LinkType::Copy, LinkType::Hardlink], false),
    ] {
        world.checkout("d", Wanted::Dir(&wanted));
        let plan = world.plan("d", Wanted::Dir(&wanted), Some(types)).unwrap();
        world.apply(plan, types).unwrap();
        let n_links = fs_err::metadata(world.root.join("d/a")).unwrap().nlink();
        assert_eq!(n_links == 2, is_hardlink, "{types:?}");
        assert!(world.plan("d", Wanted::Dir(&wanted), Some(types)).unwrap().is_empty(), "{types:?}");
        fs_err::remove_dir_all(world.root.join("d")).unwrap();
    }
}

#[test]
fn checkout_of_a_part_leaves_the_rest_alone() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("sub/b", "2"), ("subway", "3")]);
    world.write("d/mine", "unsaved");
    world.write("d/sub/mine", "unsaved");
    let path = world.root.join("d");
    let part: Vec<DirEntry> = wanted[1..2].to_vec();
    let target =
        Target { path: &path, within: Some("sub"), wanted: Wanted::Dir(&part), layout: Layout::Current };
    let plan = plan(&world.scanner(), &world.cache, &target, None, &NoObserver, &world.cancel).unwrap();
    let unsaved = plan.unsaved(&world.cache, &world.cancel).unwrap();
    assert_eq!(unsaved, [world.root.join("d/sub/mine")]);
    world.apply(plan, &[LinkType::Copy]).unwrap();
    assert_eq!(paths(&world.scan("d").unwrap()), ["mine", "sub/b"]);
}

#[test]
fn stale_temporary_file_beside_a_workspace_file_is_no_data_and_goes() {
    let world = World::new();
    let wanted = world.entries(&[("a", "1"), ("sub/b", "2")]);
    world.checkout("d", Wanted::Dir(&wanted));
    let stale = "d/sub/.haul-0123456789abcdef0123456789abcdef.tmp";
    world.write(stale, "half");
    assert_eq!(paths(&world.scan("d").unwrap()), ["a", "sub/b"]);
    let plan = world.plan("d", Wanted::Dir(&wanted), None).unwrap();
    assert!(!plan.changes());
    world.apply(plan, &[LinkType::Copy]).unwrap();
    assert!(!world.root.join(stale).exists());
}

#[test]
fn interrupted_work_says_so() {
    let world = World::new();
    world.write("d/a", "1");
    world.cancel.cancel();
    assert!(world.scan("d").unwrap_err().is_interrupted());
    assert!(Path::new(&world.root).exists());
}
