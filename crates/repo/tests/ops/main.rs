//! The operations on whole repositories, with a directory as the remote.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod add;
mod again;
mod checkout;
mod local;
mod power;
mod transfer;

use std::path::PathBuf;

use haul_config::Env;
use haul_repo::init::{InitOptions, init};
use haul_repo::metafile::dir_manifest::{DirEntry, DirManifest};
use haul_repo::ops::{
    self, AddOptions, AddReport, CheckoutOptions, CheckoutReport, EntryState, StatusOptions,
};
use haul_repo::{Repo, SelectOptions};
use haul_storage::progress::NoObserver;
use haul_storage::{Oid, OidKind};

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.init("one");
        world
    }

    /// Makes a repository whose default remote is the directory that all repositories share.
    fn init(&self, name: &str) {
        let root = self.path(name);
        fs_err::create_dir_all(&root).unwrap();
        gix::init(&root).unwrap();
        init(&root, InitOptions::default(), &self.env(name)).unwrap();
        let config = "[core]\n    remote = shared\n['remote \"shared\"']\n    url = ../../remote\n['remote \"other\"']\n    \
                      url = ../../other\n";
        fs_err::write(root.join(".dvc/config"), config).unwrap();
    }

    /// Makes another repository with the same metafiles, as `git clone` does.
    fn clone_to(&self, name: &str) {
        self.init(name);
        for entry in fs_err::read_dir(self.path("one")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "dvc") {
                fs_err::copy(&path, self.path(name).join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    fn env(&self, below: &str) -> Env {
        Env::new(self.path(below), [("HOME", self.folder.path().join("home").as_os_str())])
    }

    fn repo(&self) -> Repo {
        Repo::discover(&self.env("one")).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path("one").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path("one").join(path)).unwrap()
    }

    fn exists(&self, path: &str) -> bool {
        fs_err::symlink_metadata(self.path("one").join(path)).is_ok()
    }

    /// Puts an object into the cache, as `add` does.
    fn object(&self, kind: OidKind, bytes: &[u8]) -> Oid {
        let cache =
            haul_storage::Cache::new(self.path("one/.dvc/cache"), haul_storage::CacheOptions::default());
        cache.store_bytes(haul_storage::Layout::Current, kind, bytes).unwrap()
    }

    fn object_path(&self, oid: &Oid) -> PathBuf {
        self.path("one/.dvc/cache").join(haul_storage::Layout::Current.object_path(oid))
    }

    /// Tracks a file of this content, which is in the cache and not in the workspace.
    fn track_file(&self, path: &str, text: &str, extra: &str) -> Oid {
        let oid = self.object(OidKind::File, text.as_bytes());
        self.metafile(path, &oid, extra);
        oid
    }

    /// Tracks a directory of these files, which is in the cache and not in the workspace.
    fn track_dir(&self, path: &str, files: &[(&str, &str)]) -> Oid {
        let entries = files
            .iter()
            .map(|(path, text)| DirEntry {
                path: (*path).into(),
                digest: *self.object(OidKind::File, text.as_bytes()).digest(),
            })
            .collect();
        let manifest = DirManifest::new(entries).unwrap();
        let oid = self.object(OidKind::Dir, &manifest.to_bytes());
        self.metafile(path, &oid, "");
        oid
    }

    fn metafile(&self, path: &str, oid: &Oid, extra: &str) {
        let name = path.rsplit('/').next().unwrap();
        self.write(
            &format!("{path}.dvc"),
            &format!("outs:\n- md5: {oid}\n  hash: md5\n  path: {name}\n{extra}"),
        );
    }

    fn add(&self, targets: &[&str]) -> AddReport {
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        self.add_with(&AddOptions { targets, ..AddOptions::default() }).unwrap()
    }

    fn add_with(&self, options: &AddOptions) -> haul_repo::Result<AddReport> {
        ops::add(&self.repo(), options, &NoObserver)
    }

    fn checkout(&self) -> CheckoutReport {
        self.checkout_with(&CheckoutOptions::default()).unwrap()
    }

    fn checkout_with(&self, options: &CheckoutOptions) -> haul_repo::Result<CheckoutReport> {
        ops::checkout(&self.repo(), options, &NoObserver)
    }

    fn status(&self) -> Vec<(String, String, EntryState)> {
        let report = ops::status(&self.repo(), &StatusOptions::default(), &NoObserver).unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        let outs = |stage: ops::StageStatus| {
            let address = stage.address;
            stage.changed_outs.into_iter().map(move |out| (address.clone(), out.path, out.state))
        };
        report.stages.into_iter().flat_map(outs).collect()
    }
}

fn select(targets: &[&str]) -> SelectOptions {
    SelectOptions {
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
        ..SelectOptions::default()
    }
}

fn displays(changes: &[ops::OutChange]) -> Vec<&str> {
    changes.iter().map(|change| change.display.as_str()).collect()
}

fn entry(address: &str, path: &str, state: EntryState) -> (String, String, EntryState) {
    (address.to_owned(), path.to_owned(), state)
}
