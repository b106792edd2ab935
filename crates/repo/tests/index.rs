//! Stages, outs and targets of a whole repository.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use haul_config::Env;
use haul_repo::init::{InitOptions, init};
use haul_repo::{Index, Repo, SelectOptions, Selection};
use haul_storage::Layout;

const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        gix::init(folder.path()).unwrap();
        let world = Self { folder };
        init(world.folder.path(), InitOptions::default(), &world.env("")).unwrap();
        world
    }

    fn env(&self, below: &str) -> Env {
        let home = self.folder.path().join("home");
        Env::new(self.folder.path().join(below), [("HOME", home.as_os_str())])
    }

    fn repo(&self) -> Repo {
        self.repo_in("")
    }

    fn repo_in(&self, below: &str) -> Repo {
        Repo::discover(&self.env(below)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn track(&self, path: &str, suffix: &str) {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        self.write(
            &format!("{path}.dvc"),
            &format!("outs:\n- md5: {MD5}{suffix}\n  size: 3\n  hash: md5\n  path: {name}\n"),
        );
    }

    fn pipeline(&self) {
        self.write("dvc.yaml", include_str!("fixtures/pipeline/dvc.yaml"));
        self.write("dvc.lock", include_str!("fixtures/pipeline/dvc.lock"));
    }

    fn select(&self, repo: &Repo, options: &SelectOptions) -> Result<Vec<String>, String> {
        let selection = Selection::resolve(repo, options).map_err(|error| error.to_string())?;
        let shown = |selected: &haul_repo::Selected| {
            let path = &selection.index.outs[selected.out].path;
            let path = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
            match &selected.within {
                Some(within) => format!("{path} > {within}"),
                None => path,
            }
        };
        Ok(selection.outs.iter().map(shown).collect())
    }

    fn targets(&self, targets: &[&str]) -> Result<Vec<String>, String> {
        self.select(&self.repo(), &options(targets))
    }
}

fn options(targets: &[&str]) -> SelectOptions {
    SelectOptions {
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        ..SelectOptions::default()
    }
}

#[test]
fn index_holds_every_out_but_ignored_ones() {
    let world = World::new();
    world.track("a.txt", "");
    world.track("sub/d", ".dir");
    world.track("skipped/b", "");
    world.track("hidden/c", "");
    world.track("sub/d/inner", "");
    world.write(".dvcignore", "/skipped\n");
    world.write(".gitignore", "/hidden\n");
    world.write("legacy.dvc", &format!("outs:\n- md5: {}\n  path: legacy\n", MD5.to_uppercase()));
    world.write("empty.dvc", "");
    let repo = world.repo();
    let index = Index::collect(&repo).unwrap();
    let paths: Vec<String> = index
        .outs
        .iter()
        .map(|out| out.path.strip_prefix(world.folder.path()).unwrap().display().to_string())
        .collect();
    assert_eq!(paths, ["a.txt", "legacy", "sub/d"]);
    assert_eq!(index.stages.len(), 4);
    assert_eq!(index.outs[0].oid.unwrap().to_string(), MD5);
    assert_eq!((index.outs[0].layout, index.outs[1].layout), (Layout::Current, Layout::Legacy));
    assert_eq!(index.outs[1].oid.unwrap().to_string(), MD5);
    assert!(index.outs[2].oid.unwrap().is_dir());
    assert_eq!(index.stage_of(&index.outs[2]).metafile, world.folder.path().join("sub/d.dvc"));
}

#[test]
fn pipeline_outs_join_definition_and_lock() {
    let world = World::new();
    world.pipeline();
    let index = Index::collect(&world.repo()).unwrap();
    let names: Vec<&str> = index.stages.iter().map(|stage| stage.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["a", "b", "each@p", "each@q"]);
    let outs: Vec<&str> = index.outs.iter().map(|out| out.def_path.as_str()).collect();
    assert_eq!(outs, ["out", "y.txt", "n.txt", "m.json", "o.bin", "each_p", "each_q"]);
    let out = |path: &str| index.outs.iter().find(|out| out.def_path == path).unwrap();
    assert!(out("out").oid.unwrap().is_dir() && out("out").n_files == Some(1));
    assert!(!out("y.txt").use_cache && !out("m.json").use_cache && out("out").use_cache);
    assert!(!out("n.txt").can_push && out("n.txt").persist && out("n.txt").remote.as_deref() == Some("r"));
    assert!(out("o.bin").is_exec && out("o.bin").path == world.folder.path().join("w/o.bin"));
    assert_eq!(out("each_q").oid.unwrap().to_string(), "c3be117041a113540deb0ff532b19543");
    assert!(index.stages.iter().all(|stage| stage.has_command && !stage.command_changed));
    assert!(index.stages[1].always_changed);
    assert_eq!(index.stages[0].deps[0].oid.unwrap().to_string(), "ba8d2b9408ed255ee92a112fe7ba59be");
}

#[test]
fn import_is_known_as_one_and_tells_when_it_was_edited() {
    let world = World::new();
    let fixture: serde_json::Value = serde_json::from_str(include_str!("fixtures/imports.json")).unwrap();
    for case in &fixture["cases"].as_array().unwrap()[..3] {
        world.write(case["name"].as_str().unwrap(), case["text"].as_str().unwrap());
    }
    let edited = fixture["before"].as_str().unwrap().replace("u.txt\n", "v.txt\n");
    world.write("v.txt.dvc", &edited);
    let index = Index::collect(&world.repo()).unwrap();
    let stages: Vec<(bool, bool, bool)> = index
        .stages
        .iter()
        .map(|stage| (stage.is_import, stage.is_repo_import, stage.checksum_changed))
        .collect();
    assert_eq!(
        stages,
        [(true, true, false), (true, false, false), (true, false, false), (true, false, true)]
    );
    assert!(index.stages.iter().all(|stage| stage.is_frozen && !stage.has_command));
    assert_eq!(index.stages[0].deps[0].path, None);
}

#[test]
fn pipeline_without_lock_has_outs_without_hash() {
    let world = World::new();
    world.write("params.yaml", "p: {q: data}\n");
    world.write("dvc.yaml", "stages:\n  a:\n    cmd: x\n    outs: [o, '${p.q}/out']\n");
    let index = Index::collect(&world.repo()).unwrap();
    let outs: Vec<&str> = index.outs.iter().map(|out| out.def_path.as_str()).collect();
    assert_eq!(outs, ["o", "data/out"]);
    assert!(index.outs.iter().all(|out| out.oid.is_none()));
}

/// Regression: a template got the flags of the out before it.
#[test]
fn template_has_the_flags_of_its_own_definition() {
    let world = World::new();
    world.write("params.yaml", "m: model\nd: out\nwork: sub\n");
    world.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: train ${m}\n    wdir: ${work}\n    outs:\n    - ${m}\n    - ${d}/p: {push: false, remote: '${m}-r'}\n    \
         metrics:\n    - metrics.json: {cache: false}\n  g:\n    foreach: [x, y]\n    do:\n      cmd: c ${item}\n      outs:\n      \
         - o/${item}\n      - o/m-${item}.json: {cache: false}\n",
    );
    let hash = "d751713988987e9331980363e24189ce";
    let recorded = |path: &str| format!("    - path: {path}\n      hash: md5\n      md5: {hash}\n");
    world.write(
        "dvc.lock",
        &format!(
            "schema: '2.0'\nstages:\n  a:\n    cmd: train model\n    outs:\n{}{}  g@gone:\n    cmd: c gone\n    outs:\n{}",
            recorded("metrics.json"),
            recorded("model"),
            recorded("o/gone")
        ),
    );
    let index = Index::collect(&world.repo()).unwrap();
    let outs: Vec<(&str, bool, bool, bool)> = index
        .outs
        .iter()
        .map(|out| (out.def_path.as_str(), out.oid.is_some(), out.use_cache, out.can_push))
        .collect();
    assert_eq!(
        outs,
        [
            ("model", true, true, true),
            ("out/p", false, true, false),
            ("metrics.json", true, false, true),
            ("o/x", false, true, true),
            ("o/m-x.json", false, false, true),
            ("o/y", false, true, true),
            ("o/m-y.json", false, false, true),
        ]
    );
    assert_eq!(index.outs[0].path, world.folder.path().join("sub/model"));
    assert_eq!(index.outs[1].remote.as_deref(), Some("model-r"));
    assert!(index.stages.iter().all(|stage| !stage.command_changed));
    world.write("params.yaml", "m: other\nd: out\nwork: sub\n");
    let index = Index::collect(&world.repo()).unwrap();
    assert!(index.stages[0].command_changed && index.outs[0].oid.is_none());
}

#[test]
fn stage_whose_templates_cannot_be_worked_out_stops_those_who_ask_for_it() {
    let world = World::new();
    world.track("f", "");
    world.write(
        "dvc.yaml",
        "stages:\n  good:\n    cmd: x\n    outs: [o]\n  bad:\n    cmd: x\n    outs: ['${p}']\n  group:\n    foreach: ${items}\n    do: \
         {cmd: x}\n",
    );
    let message = "failed to parse 'stages.bad.outs' in 'dvc.yaml': Could not find 'p'";
    assert_eq!(Index::collect(&world.repo()).unwrap_err().to_string(), message);
    assert_eq!(world.targets(&[]).unwrap_err(), message);
    for targets in [["f.dvc"], ["f"], ["good"], ["dvc.yaml:good"], ["o"]] {
        assert_eq!(world.targets(&targets).unwrap().len(), 1, "{targets:?}");
    }
    for targets in [["bad"], ["dvc.yaml"], ["nope"]] {
        assert_eq!(world.targets(&targets).unwrap_err(), message, "{targets:?}");
    }
    let message = "failed to parse 'stages.group.foreach' in 'dvc.yaml': Could not find 'items'";
    for targets in [["group"], ["group@a"]] {
        assert_eq!(world.targets(&targets).unwrap_err(), message, "{targets:?}");
    }
}

#[test]
fn target_selects_file_stage_group_path_and_part() {
    let world = World::new();
    world.pipeline();
    world.track("data/d", ".dir");
    world.track("f", "");
    let everything = world.targets(&[]).unwrap();
    assert_eq!(everything.len(), 9);
    for (targets, expected) in [
        (vec!["f.dvc"], vec!["f"]),
        (vec!["f"], vec!["f"]),
        (vec!["data/d"], vec!["data/d"]),
        (vec!["data/d/x/y"], vec!["data/d > x/y"]),
        (vec!["./data/../data/d/"], vec!["data/d"]),
        (vec!["data/d/x", "data/d"], vec!["data/d"]),
        (vec!["data/d/x", "data/d/y", "f"], vec!["data/d > x", "data/d > y", "f"]),
        (vec!["b"], vec!["w/o.bin"]),
        (vec!["dvc.yaml:b"], vec!["w/o.bin"]),
        (vec![":b"], vec!["w/o.bin"]),
        (vec!["each"], vec!["each_p", "each_q"]),
        (vec!["each@q"], vec!["each_q"]),
        (vec!["y.txt"], vec!["y.txt"]),
        (vec!["dvc.yaml"], vec!["out", "y.txt", "n.txt", "m.json", "w/o.bin", "each_p", "each_q"]),
    ] {
        assert_eq!(world.targets(&targets).unwrap(), expected, "{targets:?}");
    }
}

#[test]
fn target_options_recurse_glob_and_go_upstream() {
    let world = World::new();
    world.pipeline();
    world.track("data/d", ".dir");
    world.track("data/deep/e", "");
    world.track("f", "");
    let repo = world.repo();
    let recursive = SelectOptions { recursive: true, ..options(&["data"]) };
    assert_eq!(world.select(&repo, &recursive).unwrap(), ["data/d", "data/deep/e"]);
    let glob = SelectOptions { glob: true, ..options(&["data/**/*.dvc"]) };
    assert_eq!(world.select(&repo, &glob).unwrap(), ["data/d", "data/deep/e"]);
    let upstream = SelectOptions { with_deps: true, ..options(&["b"]) };
    assert_eq!(world.select(&repo, &upstream).unwrap(), ["out", "y.txt", "n.txt", "m.json", "w/o.bin"]);
    let below = world.repo_in("data");
    assert_eq!(world.select(&below, &options(&["d", "../f.dvc"])).unwrap(), ["data/d", "f"]);
}

#[test]
fn target_that_names_nothing_is_reported_in_the_words_of_dvc() {
    let world = World::new();
    world.track("f", "");
    let root = world.folder.path().display().to_string();
    for (target, expected) in [
        (
            "nope",
            "'nope' does not exist as an output or a stage name in 'dvc.yaml': 'dvc.yaml' does not exist"
                .to_owned(),
        ),
        ("nope.dvc", format!("'{root}/nope.dvc' does not exist")),
        ("sub/dvc.yaml:x", format!("'{root}/sub/dvc.yaml' does not exist")),
        ("dvc.lock", "Did you mean: `dvc.yaml`?".to_owned()),
    ] {
        assert_eq!(world.targets(&[target]).unwrap_err(), expected);
    }
    world.pipeline();
    for (target, expected) in [
        (
            "nope",
            "'nope' does not exist as an output or a stage name in 'dvc.yaml': Stage 'nope' not found inside 'dvc.yaml' file",
        ),
        ("dvc.yaml:nope", "Stage 'nope' not found inside 'dvc.yaml' file"),
    ] {
        assert_eq!(world.targets(&[target]).unwrap_err(), expected);
    }
    world.write(".dvcignore", "f.dvc\n");
    let message = world.targets(&["f.dvc"]).unwrap_err();
    assert!(
        message.starts_with(&format!("'{root}/f.dvc' is dvc-ignored; `.dvcignore:1:f.dvc`")),
        "{message}"
    );
}

#[test]
fn broken_file_elsewhere_does_not_disturb_a_target() {
    let world = World::new();
    world.track("f", "");
    world.write("sub/bad.dvc", "outs:\n- md5: abc\n  size: x\n  path: f\n");
    assert_eq!(world.targets(&["f.dvc"]).unwrap(), ["f"]);
    let expected =
        "'./sub/bad.dvc' validation failed.\n\nexpected int, in outs -> 0 -> size, line 2, column 3";
    assert_eq!(world.targets(&[]).unwrap_err(), expected);
    let from_below = world.repo_in("sub");
    assert!(
        world.select(&from_below, &options(&[])).unwrap_err().starts_with("'./bad.dvc' validation failed.")
    );
    world.write("sub/bad.dvc", "outs:\n- md5: abc\n  path: f\n");
    let message = world.targets(&[]).unwrap_err();
    assert!(message.contains("`abc` is not an object name") && message.contains("line 2"), "{message}");
}

#[test]
fn outs_that_overlap_are_refused_in_the_words_of_dvc() {
    let world = World::new();
    world.track("d", ".dir");
    world.write("x.dvc", "outs:\n- path: d\n");
    let message = Index::collect(&world.repo()).unwrap_err().to_string();
    assert_eq!(
        message,
        "output 'd' is specified in:\n\t- d.dvc\n\t- x.dvc\nUse `dvc remove` with any of the above targets to stop \
         tracking the overlapping output."
    );
    world.write("x.dvc", "outs:\n- path: d/e\n");
    let message = Index::collect(&world.repo()).unwrap_err().to_string();
    assert_eq!(
        message,
        "The output paths:\n'd'('d.dvc')\n'd/e'('x.dvc')\noverlap and are thus in the same tracked directory.\nTo keep \
         reproducibility, outputs should be in separate tracked directories or tracked individually."
    );
    assert_eq!(Index::collect_unchecked(&world.repo()).unwrap().outs.len(), 2);
    world.write("x.dvc", "outs:\n- path: ../x\n- path: /etc/y\n- path: s3://b/k\n");
    let index = Index::collect(&world.repo()).unwrap();
    assert_eq!(index.outs.iter().filter(|out| out.is_external).count(), 3);
}

#[test]
fn directory_with_versioned_files_has_the_hash_of_its_list() {
    let world = World::new();
    world.write(
        "d.dvc",
        &format!(
            "outs:\n- hash: md5\n  path: d\n  files:\n  - relpath: a\n    md5: {MD5}\n    size: 2\n    cloud:\n      r:\n        \
             etag: eee\n        version_id: v\n  - relpath: s/b\n    md5: {MD5}\n    size: 3\n"
        ),
    );
    let index = Index::collect(&world.repo()).unwrap();
    let out = &index.outs[0];
    let list =
        format!("[{{\"md5\": \"{MD5}\", \"relpath\": \"a\"}}, {{\"md5\": \"{MD5}\", \"relpath\": \"s/b\"}}]");
    assert_eq!(out.oid.unwrap().digest(), &haul_storage::hash::md5(list.as_bytes()));
    assert_eq!((out.size_bytes, out.n_files), (Some(5), Some(2)));
    let version = out.files.as_ref().unwrap()[0].version.as_ref().unwrap();
    assert_eq!((version.remote.as_deref(), version.version_id.as_deref()), (Some("r"), Some("v")));
}
