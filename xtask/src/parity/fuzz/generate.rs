//! Random sequences of commands, in the language of the scenarios.
//!
//! What is made is a plain text, so that what was found is kept as it is printed. A rough idea of what is tracked keeps most
//! commands sensible; commands that fail are as good, as long as both tools fail alike.

use super::random::Random;

const FILES: &[&str] =
    &["a.txt", "b.csv", "d/x", "d/y", "d/sub/x", "d/sub/deep/z", "e/one", "e/two", "raw/ä.bin", "top"];
const DIRS: &[&str] = &["d", "d/sub", "e", "raw"];
const TEXTS: &[&str] =
    &["1", "one\\n", "two\\n", "", "three\\r\\n", "same\\n", "{\"k\": 1}\\n", "\\x00\\xff"];
const REVISIONS: &[&str] = &["HEAD", "HEAD~1", "main", "second", "v1"];

/// What the sequence so far has led to, roughly.
struct World {
    random: Random,
    lines: Vec<String>,
    /// What was added or imported, as its path.
    tracked: Vec<String>,
    n_tags: usize,
    has_other: bool,
}

/// Returns the preparations and the sequence: those are never left out when a failure is made smaller.
pub(super) fn sequence(seed: u64) -> (Vec<String>, Vec<String>) {
    let mut random = Random::new(seed);
    let has_other = random.chance(40);
    let before = preparations(&mut random, has_other);
    let n_commands = 8 + random.below(13);
    let mut world = World { random, lines: Vec::new(), tracked: Vec::new(), n_tags: 0, has_other };
    for _ in 0..2 + world.random.below(4) {
        world.write();
    }
    let mut n_run = 0;
    while n_run < n_commands {
        n_run += usize::from(world.something());
    }
    (before, world.lines)
}

/// Where each tool leaves files that say nothing: what is left of a test whether links work, and an empty `config.local`.
const EXCEPT: &[&str] = &["except *.tmp", "except */.dvc/config.local"];

/// Runs few commands of the tool: those of DVC are slow.
fn preparations(random: &mut Random, has_other: bool) -> Vec<String> {
    let mut lines: Vec<String> = EXCEPT.iter().map(|&line| line.to_owned()).collect();
    let mut line = |text: &str| lines.push(text.to_owned());
    line("repo");
    line("sh git checkout -q -b main");
    let link = random.pick(&["", "", "", "hardlink", "symlink", "copy"]);
    let link = if link.is_empty() { String::new() } else { format!("[cache]\\n    type = {link}\\n") };
    let stage = if random.chance(10) { "    autostage = true\\n" } else { "" };
    line(&format!(
        "write .dvc/config {link}[core]\\n    remote = one\\n{stage}['remote \"one\"']\\n    url = ../../one\\n['remote \"two\"']\\n    url = ../../two\\n"
    ));
    if random.chance(20) {
        line("remote");
    }
    if has_other {
        line("sh mkdir -p ../src/in && echo s > ../src/s && echo t > ../src/in/t && echo u > ../src/in/u");
        let push =
            if random.chance(40) { " && {dvc} remote add -q -d three ../three && {dvc} push -q" } else { "" };
        line(&format!(
            "sh mkdir -p ../other/data/in && cd ../other && git init -q -b main && echo f > f && echo 1 > data/one && echo 2 > data/in/two && echo g > g && {{dvc}} init -q && {{dvc}} add -q f data{push} && git add -A && git commit -qm one && git tag v1"
        ));
    }
    if random.chance(25) {
        line(
            "write dvc.yaml stages:\\n  make:\\n    cmd: cp a.txt made\\n    deps: [a.txt]\\n    outs: [made]\\n  list:\\n    cmd: mkdir -p listed && cp made listed/m\\n    deps: [made]\\n    outs: [listed]\\n    metrics: [{m.json: {cache: false}}]\\n",
        );
        line("write a.txt one\\n");
        line("write m.json {}\\n");
    }
    line("sh git add -A && git commit -qm start");
    lines
}

impl World {
    fn line(&mut self, text: String) {
        self.lines.push(text);
    }

    fn write(&mut self) {
        let (file, text) = (self.random.pick(FILES), self.random.pick(TEXTS));
        self.line(format!("write {file} {text}"));
    }

    fn path(&mut self) -> String {
        if self.random.chance(50) { self.random.pick(FILES) } else { self.random.pick(DIRS) }.to_owned()
    }

    /// Returns something that is tracked, most of the time.
    fn out(&mut self) -> String {
        if self.tracked.is_empty() || self.random.chance(10) {
            return self.path();
        }
        let at = self.random.below(self.tracked.len());
        self.tracked[at].clone()
    }

    fn metafile(&mut self) -> String {
        let out = self.out();
        if self.random.chance(5) { "dvc.yaml".to_owned() } else { format!("{out}.dvc") }
    }

    /// Returns no, one or two targets.
    fn targets(&mut self) -> String {
        let n = [0, 0, 0, 1, 1, 1, 2][self.random.below(7)];
        let mut text = String::new();
        for _ in 0..n {
            let target = match self.random.below(10) {
                0..4 => self.out(),
                4..7 => self.metafile(),
                7 => {
                    let out = self.out();
                    format!("{out}/{}", self.random.pick(&["x", "sub", "one", "sub/deep/z"]))
                }
                8 => self.random.pick(&["make", "dvc.yaml:list", "made"]).to_owned(),
                _ => self.path(),
            };
            text.push(' ');
            text.push_str(&target);
        }
        text
    }

    fn revision(&mut self) -> &'static str {
        self.random.pick(REVISIONS)
    }

    /// Adds a step, and tells whether it is a command of the tool.
    fn something(&mut self) -> bool {
        match self.random.below(100) {
            0..13 => self.workspace(),
            13..23 => self.git(),
            23..38 => return self.add(),
            38..58 => return self.transfer(),
            58..68 => return self.look(),
            68..80 if self.has_other => return self.other_repository(),
            _ => return self.change(),
        }
        false
    }

    fn workspace(&mut self) {
        let (path, other) = (self.path(), self.path());
        match self.random.below(10) {
            0..5 => self.write(),
            5 => self.line(format!("sh rm -rf {path}")),
            6 => self.line(format!("sh chmod a+x {path} 2> /dev/null || true")),
            7 => self.line(format!("sh mv -f {path} {other} 2> /dev/null || true")),
            8 => self.line("sh rm -rf .dvc/cache".to_owned()),
            _ => self.line(format!("sh rm -f {path} && mkdir -p {path} && echo n > {path}/new || true")),
        }
    }

    fn git(&mut self) {
        match self.random.below(6) {
            0..3 => self.line("sh git add -A && git commit -qm step || true".to_owned()),
            3 => self.line(
                "sh git add -A && git commit -qm step; git checkout -q second || git checkout -qb second"
                    .to_owned(),
            ),
            4 => self.line("sh git add -A && git commit -qm step; git checkout -q main".to_owned()),
            _ => {
                self.n_tags += 1;
                let tag = self.n_tags;
                self.line(format!("sh git tag v{tag} || true"));
            }
        }
    }

    fn add(&mut self) -> bool {
        let path = self.path();
        let line = match self.random.below(12) {
            0 => format!("dvc? add --no-commit {path}"),
            1 => format!("dvc? add -f {path}"),
            2 => "dvc? add --glob 'e/*'".to_string(),
            3 if self.has_other => {
                format!("dvc? add ../src/s -o copied{}", self.random.flags(30, &["--to-remote"]))
            }
            4 => format!("dvc? add {path} --to-remote -r {}", self.random.pick(&["one", "two"])),
            5 => format!("dvc? add {path} {}", self.path()),
            6 => format!("dvc? add -q {path}"),
            _ => format!("dvc? add {path}"),
        };
        self.tracked.push(if line.contains("copied") { "copied".to_owned() } else { path });
        self.line(line);
        true
    }

    fn transfer(&mut self) -> bool {
        let verb = self.random.pick(&["push", "push", "pull", "pull", "fetch", "checkout", "status -c"]);
        let mut line = format!("dvc? {verb}");
        let targets = self.targets();
        if verb != "checkout" {
            line += &self.random.flags(20, &["-r two"]);
            line += &self.random.flags(8, &["-a", "-T"]);
            line += &self.random.flags(8, &["-d"]);
        }
        match verb {
            "pull" => line += &self.random.flags(12, &["-f", "--allow-missing"]),
            "checkout" => {
                line +=
                    &self.random.flags(15, &["-f", "--relink", "--allow-missing", "--summary", "-R", "-d"]);
            }
            "status -c" => line = line.replacen("dvc?", "dvc?#", 1) + " --json",
            _ => line += &self.random.flags(8, &["-A", "-R"]),
        }
        self.line(line + &targets);
        true
    }

    fn look(&mut self) -> bool {
        let targets = self.targets();
        let (one, two, path) = (self.revision(), self.revision(), self.path());
        let line = match self.random.below(10) {
            0..3 => format!("dvc?# status --json{targets}"),
            3 | 4 => format!(
                "dvc?# data status --json{}",
                self.random.flags(30, &["--granular", "--unchanged", "--untracked-files", "--with-dirs"])
            ),
            5 => format!("dvc?# diff --json{} {one}", self.random.flags(20, &["--hide-missing"])),
            6 => format!("dvc?# diff --json {one} {two}"),
            7 => format!(
                "dvc?# list . --json{}",
                self.random.flags(30, &["-R", "--dvc-only", "--size", "--show-hash"])
            ),
            8 => format!("dvc?# list . --json -R --rev {one}"),
            _ => format!("dvc?# du . {path}"),
        };
        self.line(line);
        true
    }

    fn other_repository(&mut self) -> bool {
        let path = self.random.pick(&["f", "data", "data/in", "data/one", "g", "nope"]);
        let out = self.random.pick(&["i1", "i2", "e/i3"]);
        let line = match self.random.below(9) {
            0 | 1 => {
                self.tracked.push(out.to_owned());
                let flags = self.random.flags(12, &["--no-exec", "--no-download", "--rev v1", "-f"]);
                format!("dvc? import ../other {path} -o {out}{flags}")
            }
            2 => {
                self.tracked.push(out.to_owned());
                let source = self.random.pick(&["../src/s", "../src/in", "../src/nope"]);
                let flags = self.random.flags(12, &["--no-exec", "--no-download", "--to-remote", "-f"]);
                format!("dvc? import-url {source} {out}{flags}")
            }
            3 => format!("dvc? get ../other {path} -o {out}{}", self.random.flags(20, &["-f", "--rev v1"])),
            4 => format!("dvc? update {out}.dvc{}", self.random.flags(12, &["--rev v1", "--no-download"])),
            5 => {
                self.line(
                    "sh cd ../other && echo more >> f && echo 3 > data/three && rm -f data/one".to_owned(),
                );
                self.line("dvc? --cd ../other add -q f data".to_owned());
                self.line("sh cd ../other && git add -A && git commit -qm next || true".to_owned());
                "dvc? --cd ../other push -q".to_owned()
            }
            6 => {
                self.line("sh echo more >> ../src/s && echo new > ../src/in/new".to_owned());
                format!("dvc?# status --json {out}.dvc")
            }
            7 => "dvc?# list ../other --json -R".to_owned(),
            _ => format!("dvc? get-url ../src/in {out}{}", self.random.flags(20, &["-f"])),
        };
        self.line(line);
        true
    }

    fn change(&mut self) -> bool {
        let (out, metafile, path) = (self.out(), self.metafile(), self.path());
        let line = match self.random.below(24) {
            0..4 => format!("dvc? commit{}{}", self.random.flags(75, &["-f"]), self.targets()),
            4 | 5 => format!("dvc? remove {metafile}{}", self.random.flags(40, &["--outs"])),
            6..8 => {
                let to = self.random.pick(&["moved", "e", "d/moved", "new/place"]);
                if let Some(tracked) = self.tracked.iter_mut().find(|tracked| **tracked == out) {
                    to.clone_into(tracked);
                }
                format!("dvc? move {out} {to}")
            }
            8 => format!("dvc? unprotect {out}"),
            9..13 => {
                let which = self.random.pick(&[
                    "-w",
                    "-a",
                    "-T",
                    "-A",
                    "-w -n 2",
                    "--not-in-remote -w",
                    "-w --rev HEAD",
                ]);
                let cloud = self.random.flags(25, &["-c"]) + &self.random.flags(8, &["-r two", "--dry"]);
                format!("dvc? gc {which}{cloud} -f")
            }
            13 => format!("dvc? freeze {metafile}"),
            14 => format!("dvc? unfreeze {metafile}"),
            15 => "dvc? repro -q".to_owned(),
            16 => format!("dvc? config cache.type {}", self.random.pick(&["copy", "hardlink", "symlink"])),
            17 => format!("dvc?# check-ignore {path}"),
            18 => format!("dvc? remote default {}", self.random.pick(&["two", "one"])),
            19 => "dvc? remote list".to_owned(),
            20 => {
                let rule = self.random.pick(&["*.csv", "/d/sub", "x", "e/"]);
                self.line(format!("sh echo '{rule}' >> .dvcignore"));
                "dvc?# data status --json".to_owned()
            }
            21 => format!("dvc? checkout -f {out}"),
            22 => "dvc? --cd e status -q".to_string(),
            _ => format!(
                "dvc? {}",
                self.random.pick(&[
                    "push --run-cache",
                    "fetch --run-cache",
                    "pull --run-cache",
                    "cache migrate",
                    "destroy -f"
                ])
            ),
        };
        self.line(line);
        true
    }
}
