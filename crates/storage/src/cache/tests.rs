use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::hash::md5;
use crate::progress::NoObserver;
use crate::{ErrorKind, OidKind};

struct Fixture {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), CacheOptions::default());
        Self { folder, cache }
    }

    fn put(&self, bytes: &[u8]) -> Oid {
        self.cache.store_bytes(Layout::Current, OidKind::File, bytes).unwrap()
    }

    fn path(&self, oid: &Oid) -> PathBuf {
        self.cache.object_path(Layout::Current, oid)
    }

    fn check(&self, oid: &Oid) -> Option<u64> {
        self.cache.check(Layout::Current, oid).unwrap()
    }

    fn mode(&self, oid: &Oid) -> u32 {
        fs_err::metadata(self.path(oid)).unwrap().permissions().mode() & 0o7777
    }

    fn chmod(&self, oid: &Oid, mode: u32) {
        fs_err::set_permissions(self.path(oid), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn damage(&self, oid: &Oid, mode: u32) {
        self.chmod(oid, 0o644);
        fs_err::write(self.path(oid), "garbage").unwrap();
        self.chmod(oid, mode);
    }

    fn source(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    }

    fn store(&self, paths: &[PathBuf], mode: StoreMode) -> Vec<crate::Result<StoredFile>> {
        self.cache.store_files(paths, mode, &NoObserver, &CancellationToken::new())
    }
}

#[test]
fn object_of_mode_0444_is_trusted() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    assert_eq!(fixture.mode(&oid), 0o444);
    assert_eq!(fixture.check(&oid), Some(5));
    fixture.damage(&oid, 0o444);
    assert_eq!(fixture.check(&oid), Some(7), "as DVC: the mode says that it was checked");
    assert!(!fixture.cache.verify(Layout::Current, &oid).unwrap());
}

#[test]
fn right_object_of_other_mode_is_made_0444() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    fixture.chmod(&oid, 0o644);
    assert_eq!(fixture.check(&oid), Some(5));
    assert_eq!(fixture.mode(&oid), 0o444);
}

#[test]
fn wrong_object_of_other_mode_is_deleted() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    fixture.damage(&oid, 0o664);
    assert_eq!(fixture.check(&oid), None);
    assert!(!fixture.path(&oid).exists());
}

#[test]
fn emptied_object_is_deleted_whatever_its_mode() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    fixture.chmod(&oid, 0o644);
    fs_err::write(fixture.path(&oid), "").unwrap();
    fixture.chmod(&oid, 0o444);
    assert_eq!(fixture.check(&oid), None);
    let nothing = fixture.put(b"");
    assert_eq!(fixture.check(&nothing), Some(0));
}

#[test]
fn symbolic_link_is_no_object_and_what_it_leads_to_stays() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    let elsewhere = fixture.folder.path().join("elsewhere");
    fs_err::rename(fixture.path(&oid), &elsewhere).unwrap();
    fs_err::os::unix::fs::symlink(&elsewhere, fixture.path(&oid)).unwrap();
    assert_eq!(fixture.check(&oid), None);
    assert!(fs_err::symlink_metadata(fixture.path(&oid)).is_err());
    assert_eq!(fs_err::read(elsewhere).unwrap(), b"bytes");
}

#[test]
fn read_verifies_and_bounds() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    assert_eq!(fixture.cache.read(Layout::Current, &oid, 5).unwrap().unwrap(), "bytes");
    assert_eq!(fixture.cache.read(Layout::Current, &oid, 4).unwrap_err().kind(), ErrorKind::Corrupt);
    fixture.damage(&oid, 0o444);
    assert_eq!(fixture.cache.read(Layout::Current, &oid, 100).unwrap(), None);
    assert!(!fixture.path(&oid).exists());
}

#[test]
fn legacy_object_may_be_named_by_its_text() {
    let fixture = Fixture::new();
    let oid = Oid::file(md5(b"a\nb\n"));
    let path = fixture.cache.object_path(Layout::Legacy, &oid);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, "a\r\nb\r\n").unwrap();
    assert_eq!(fixture.cache.check(Layout::Legacy, &oid).unwrap(), Some(6));
    assert_eq!(fixture.cache.read(Layout::Legacy, &oid, 99).unwrap().unwrap(), "a\r\nb\r\n");
    assert_eq!(fixture.check(&oid), None);
}

#[test]
fn check_many_answers_in_order() {
    let fixture = Fixture::new();
    let mut wanted = Vec::new();
    for index in 0..1000_u32 {
        let bytes = index.to_le_bytes();
        let oid = if index % 3 == 0 { Oid::file(md5(&bytes)) } else { fixture.put(&bytes) };
        wanted.push((Layout::Current, oid));
    }
    let answers = fixture.cache.check_many(&wanted, &CancellationToken::new());
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), (index % 3 != 0).then_some(4), "{index}");
    }
}

#[test]
fn store_files_copies_what_it_hashed() {
    let fixture = Fixture::new();
    let sizes = [0, 10, 4096, 300_000, 3 << 20];
    let paths: Vec<PathBuf> =
        sizes.iter().map(|size| fixture.source(&size.to_string(), &vec![7; *size])).collect();
    let stored = fixture.store(&paths, StoreMode::Copy);
    for (file, path) in stored.into_iter().zip(&paths) {
        let file = file.unwrap();
        let bytes = fs_err::read(path).unwrap();
        assert_eq!(*file.oid.digest(), md5(&bytes));
        assert!(!file.existed);
        assert_eq!(fs_err::read(fixture.path(&file.oid)).unwrap(), bytes);
        assert_eq!(fixture.mode(&file.oid), 0o444);
    }
    assert!(fixture.store(&paths, StoreMode::Copy).into_iter().all(|file| file.unwrap().existed));
    assert_eq!(fixture.cache.objects(Layout::Current).unwrap().len(), sizes.len());
    let root = fixture.cache.root().join("files/md5");
    assert!(
        fs_err::read_dir(root).unwrap().all(|entry| entry.unwrap().path().is_dir()),
        "no temporary file stays"
    );
}

#[test]
fn store_files_with_equal_bytes_stores_one_object() {
    let fixture = Fixture::new();
    let paths: Vec<PathBuf> = (0..200).map(|index| fixture.source(&index.to_string(), b"same")).collect();
    assert!(fixture.store(&paths, StoreMode::Copy).into_iter().all(|file| file.is_ok()));
    assert_eq!(fixture.cache.objects(Layout::Current).unwrap().len(), 1);
}

#[test]
fn store_files_by_hard_link_shares_the_inode() {
    let fixture = Fixture::new();
    let paths = [
        fixture.source("a", b"bytes"),
        fixture.source("big", &vec![1; 400_000]),
        fixture.source("empty", b""),
    ];
    let stored: Vec<_> = fixture.store(&paths, StoreMode::Hardlink).into_iter().map(Result::unwrap).collect();
    let inode = |path: &Path| fs_err::metadata(path).unwrap().ino();
    assert_eq!(inode(&paths[0]), inode(&fixture.path(&stored[0].oid)));
    assert_eq!(inode(&paths[1]), inode(&fixture.path(&stored[1].oid)));
    assert_ne!(inode(&paths[2]), inode(&fixture.path(&stored[2].oid)), "an empty file is not linked");
    assert_eq!(fixture.mode(&stored[0].oid), 0o444);
}

#[test]
fn store_files_through_a_symbolic_link_stores_the_content() {
    for mode in [StoreMode::Hardlink, StoreMode::Move, StoreMode::Copy] {
        for bytes in [b"bytes".to_vec(), vec![1; 400_000]] {
            let fixture = Fixture::new();
            let file = fixture.source("file", &bytes);
            let link = fixture.folder.path().join("link");
            fs_err::os::unix::fs::symlink("file", &link).unwrap();
            let stored = fixture.store(std::slice::from_ref(&link), mode).remove(0).unwrap();
            let object = fs_err::symlink_metadata(fixture.path(&stored.oid)).unwrap();
            assert!(object.is_file(), "{mode:?}");
            assert_eq!(fixture.check(&stored.oid), Some(bytes.len() as u64));
            let file = fs_err::metadata(file).unwrap();
            assert_ne!(file.ino(), object.ino(), "{mode:?}: the file is not the cache's");
            assert_ne!(file.permissions().mode() & 0o200, 0, "{mode:?}: the file may still be written");
            assert_eq!(fs_err::symlink_metadata(&link).is_err(), mode == StoreMode::Move);
        }
    }
}

#[test]
fn store_files_by_move_takes_the_source_away() {
    let fixture = Fixture::new();
    fixture.put(b"there");
    let paths = [
        fixture.source("a", b"bytes"),
        fixture.source("b", b"there"),
        fixture.source("c", &vec![1; 400_000]),
    ];
    for (file, path) in fixture.store(&paths, StoreMode::Move).into_iter().zip(&paths) {
        assert!(fixture.check(&file.unwrap().oid).is_some());
        assert!(!path.exists());
    }
}

#[test]
fn stale_temporary_files_go_and_young_ones_stay() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    let temporary = fixture.path(&oid).with_file_name(".JFn5gOVADzTHBXMN0WEbiA.tmp");
    let in_root = fixture.cache.root().join("files/md5/.JFn5gOVADzTHBXMN0WEbiB.tmp");
    let foreign = fixture.path(&oid).with_file_name(".mine.tmp");
    for path in [&temporary, &in_root, &foreign] {
        fs_err::write(path, "").unwrap();
    }
    let now = fs_err::metadata(&foreign).unwrap().modified().unwrap();
    let day = Duration::from_hours(24);
    assert_eq!(fixture.cache.remove_stale_temporary_files(day, now).unwrap(), 0);
    assert_eq!(fixture.cache.remove_stale_temporary_files(day, now + day * 2).unwrap(), 2);
    assert!(foreign.exists() && fixture.path(&oid).exists());
    assert!(!temporary.exists() && !in_root.exists());
}

#[test]
fn sweep_works_once_a_day() {
    let fixture = Fixture::new();
    let oid = fixture.put(b"bytes");
    let temporary = fixture.path(&oid).with_file_name(".JFn5gOVADzTHBXMN0WEbiA.tmp");
    let stamp = fixture.folder.path().join("state/swept");
    fs_err::write(&temporary, "").unwrap();
    let now = fs_err::metadata(&temporary).unwrap().modified().unwrap();
    let hours = |n| now + Duration::from_hours(n);
    assert_eq!(fixture.cache.sweep(&stamp, hours(23)).unwrap(), 0);
    assert_eq!(fixture.cache.sweep(&stamp, hours(46)).unwrap(), 0, "less than a day after the last time");
    assert_eq!(fixture.cache.sweep(&stamp, hours(48)).unwrap(), 1);
    assert!(!temporary.exists());
}
