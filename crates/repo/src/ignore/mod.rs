//! The paths that DVC ignores: by `.dvcignore`, and by default.
//!
//! A `.dvcignore` applies to its directory and below; patterns of deeper directories come later, and the last one that
//! matches decides. Always ignored are `.git`, `.hg/` and `.dvc/`, and directories that are DVC repositories of their
//! own. Everything in an ignored directory is ignored.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

mod pattern;

use pattern::{Pattern, rebase};

use crate::paths::private_folder_in;

/// The name of the files with patterns.
pub const DVCIGNORE: &str = ".dvcignore";

/// The patterns that DVC ignores by default.
const DEFAULTS: [&str; 4] = [".hg/", ".git/", ".git", ".dvc/"];

/// A rule that matches a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreMatch {
    /// The rule in DVC's format: `.dvcignore:1:*.log`.
    pub rule: String,
    /// Whether the rule ignores the path (`false`: a `!` rule includes it again).
    pub is_ignored: bool,
}

/// The ignore rules of a repository. What holds in a directory is found out when it is first needed, from what holds in its
/// parent, and kept: a path costs the same at every depth.
#[derive(Debug)]
pub struct IgnoreRules {
    root: PathBuf,
    folders: Mutex<HashMap<PathBuf, KnownFolder>>,
}

/// What holds in a directory of the repository.
#[derive(Debug, Clone)]
struct KnownFolder {
    rules: Arc<RuleSet>,
    /// The rule that ignores the directory or a parent of it, and so everything in it.
    hidden_by: Option<IgnoreMatch>,
}

impl IgnoreRules {
    /// Makes rules for the repository at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), folders: Mutex::new(HashMap::new()) }
    }

    /// Returns the root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns whether `path` (absolute) is ignored, itself or because a parent is. Paths outside of the repository are not
    /// ignored.
    pub fn is_ignored(&self, path: &Path, is_dir: bool) -> bool {
        self.check(path, is_dir).is_some_and(|found| found.is_ignored)
    }

    /// Returns the rule that ignores a parent of `path`, else the one that decides about `path` itself.
    pub fn check(&self, path: &Path, is_dir: bool) -> Option<IgnoreMatch> {
        let relative = self.relative(path).filter(|relative| !relative.is_empty())?;
        let folder = self.known(path.parent()?);
        folder.hidden_by.clone().or_else(|| self.decide(path, &relative, is_dir, &folder.rules))
    }

    /// Returns what decides about `path`, none of whose parents is ignored.
    fn decide(&self, path: &Path, relative: &str, is_dir: bool, rules: &RuleSet) -> Option<IgnoreMatch> {
        if is_dir && self.is_other_repository(path) {
            let name = relative.rsplit('/').next().unwrap_or(relative);
            return Some(IgnoreMatch { rule: format!("in sub_repo:{name}"), is_ignored: true });
        }
        rules.find(relative, is_dir)
    }

    /// Returns why no data can be tracked at `path` (absolute), in DVC's words if DVC refuses it; `None` if it can, whether
    /// the path exists or not. That a directory is a repository of its own is no reason.
    ///
    /// Deviation: haul refuses to track a path in a `.git` or `.dvc` directory, however its name is spelled, and even if a
    /// `!` rule of `.dvcignore` includes it again.
    pub(crate) fn refusal(&self, path: &Path) -> Option<String> {
        if let Some(rule) = self.hiding_rule(path) {
            return Some(format!("Path '{}' is ignored by {rule}", path.display()));
        }
        let folder = private_folder_in(path.strip_prefix(&self.root).ok()?)?;
        Some(format!("Path '{}' is in a `{folder}` directory, where nothing is tracked", path.display()))
    }

    /// Returns the rule that ignores a path, in DVC's format.
    fn hiding_rule(&self, path: &Path) -> Option<String> {
        let relative = self.relative(path).filter(|relative| !relative.is_empty())?;
        let rules = self.known(path.parent()?).rules;
        let rule = |name: &str, is_dir| {
            rules.find(name, is_dir).filter(|found| found.is_ignored).map(|found| found.rule)
        };
        let above = relative.match_indices('/').find_map(|(end, _)| rule(&relative[..end], true));
        if above.is_some() {
            return above;
        }
        let (as_file, as_dir) = (rule(&relative, false), rule(&relative, true));
        // The file system is asked only if it makes a difference, as there may be very many outs.
        if as_file == as_dir || !path.is_dir() { as_file } else { as_dir }
    }

    /// Returns the rules for the entries of one directory, which is the fast way for a walk.
    pub fn folder(&self, folder: &Path) -> FolderRules {
        let relative = self.relative(folder);
        let prefix = match &relative {
            Some(relative) if !relative.is_empty() => format!("{relative}/"),
            _ => String::new(),
        };
        let scope = if relative.is_none() {
            Scope::Outside
        } else {
            let known = self.known(folder);
            if known.hidden_by.is_some() { Scope::Ignored } else { Scope::Rules(known.rules) }
        };
        FolderRules { inner: Arc::new(Folder { path: folder.to_owned(), prefix, scope }) }
    }

    /// Returns `path` below the root with `/` between names.
    fn relative(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.root).ok()?.to_string_lossy().into_owned();
        Some(if cfg!(windows) { relative.replace('\\', "/") } else { relative })
    }

    fn is_other_repository(&self, folder: &Path) -> bool {
        folder != self.root && is_repository(folder)
    }

    /// Returns what holds in `folder`, which is in the repository.
    fn known(&self, folder: &Path) -> KnownFolder {
        // From the nearest directory that is known down to this one: no recursion, so that no directory is too deep.
        let mut unknown = Vec::new();
        let mut known = None;
        for above in folder.ancestors() {
            known = self.lock().get(above).cloned();
            if known.is_some() {
                break;
            }
            unknown.push(above);
            if above == self.root {
                break;
            }
        }
        let mut known = known
            .unwrap_or_else(|| KnownFolder { rules: Arc::new(RuleSet::default_rules()), hidden_by: None });
        for folder in unknown.into_iter().rev() {
            known = self.enter(folder, known);
            self.lock().insert(folder.to_owned(), known.clone());
        }
        known
    }

    /// Returns what holds in `folder`, with what holds around it.
    fn enter(&self, folder: &Path, around: KnownFolder) -> KnownFolder {
        let relative = self.relative(folder).unwrap_or_default();
        let name = if relative.is_empty() { DVCIGNORE.to_owned() } else { format!("{relative}/{DVCIGNORE}") };
        let rules = match fs_err::read(folder.join(DVCIGNORE)) {
            Ok(text) if !around.rules.find(&name, false).is_some_and(|found| found.is_ignored) => {
                Arc::new(around.rules.with_file(&String::from_utf8_lossy(&text), &name, &relative))
            }
            _ => around.rules,
        };
        let is_root = relative.is_empty();
        let hidden_by = around.hidden_by.or_else(|| {
            let found = if is_root { None } else { self.decide(folder, &relative, true, &rules) };
            found.filter(|found| found.is_ignored)
        });
        KnownFolder { rules, hidden_by }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, KnownFolder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rules for the entries of one directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FolderRules {
    inner: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    prefix: String,
    scope: Scope,
}

#[derive(Debug)]
enum Scope {
    /// Not in the repository: nothing is ignored.
    Outside,
    /// The directory itself is ignored, and so is everything in it.
    Ignored,
    Rules(Arc<RuleSet>),
}

impl FolderRules {
    /// Returns whether the entry `name` of the directory is ignored.
    pub fn is_ignored(&self, name: &OsStr, is_dir: bool) -> bool {
        let rules = match &self.inner.scope {
            Scope::Outside => return false,
            Scope::Ignored => return true,
            Scope::Rules(rules) => rules,
        };
        if is_dir && is_repository(&self.inner.path.join(name)) {
            return true;
        }
        let path = format!("{}{}", self.inner.prefix, name.to_string_lossy());
        rules.find(&path, is_dir).is_some_and(|found| found.is_ignored)
    }
}

/// The rules for the entries of a directory of a commit, whose files are not on the disk. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CommitRules {
    rules: Arc<RuleSet>,
}

impl CommitRules {
    /// Makes the rules above the root of the repository: the default patterns.
    pub(crate) fn new() -> Self {
        Self { rules: Arc::new(RuleSet::default_rules()) }
    }

    /// Returns the rules for the entries of `folder`, which is relative to the root; `text` is its `.dvcignore`.
    pub(crate) fn enter(&self, folder: &str, text: &[u8]) -> Self {
        let name = if folder.is_empty() { DVCIGNORE.to_owned() } else { format!("{folder}/{DVCIGNORE}") };
        if self.is_ignored(&name, false) {
            return self.clone();
        }
        Self { rules: Arc::new(self.rules.with_file(&String::from_utf8_lossy(text), &name, folder)) }
    }

    /// Returns whether `path`, relative to the root, is ignored; its parents must not be.
    pub(crate) fn is_ignored(&self, path: &str, is_dir: bool) -> bool {
        self.rules.find(path, is_dir).is_some_and(|found| found.is_ignored)
    }
}

fn is_repository(folder: &Path) -> bool {
    fs_err::metadata(folder.join(crate::root::DVC_DIR)).is_ok()
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    line: String,
    shown: String,
}

/// The rules that apply in a directory, all relative to the root.
#[derive(Debug)]
struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    fn default_rules() -> Self {
        let rule = |line: &&str| {
            Some(Rule { pattern: Pattern::parse(line)?, line: (*line).to_owned(), shown: format!(":{line}") })
        };
        Self { rules: DEFAULTS.iter().filter_map(rule).collect() }
    }

    /// Adds the lines of the file `name` in `folder`.
    fn with_file(&self, text: &str, name: &str, folder: &str) -> Self {
        let mut rules = self.rules.clone();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let shown = format!("{name}:{}:{line}", number + 1);
            // DVC parses the line itself before it rewrites the line for the root.
            if Pattern::parse(line).is_none() {
                continue;
            }
            let line = if folder.is_empty() { line.to_owned() } else { rebase(line, folder) };
            if let Some(pattern) = Pattern::parse(&line) {
                rules.push(Rule { pattern, line, shown });
            }
        }
        Self { rules }
    }

    /// Returns the rule that decides about `path`, which is relative to the root.
    ///
    /// Consecutive rules of one kind are matched together, and the first of them is reported, as in DVC.
    fn find(&self, path: &str, is_dir: bool) -> Option<IgnoreMatch> {
        let mut end = self.rules.len();
        while end > 0 {
            let last = &self.rules[end - 1];
            let is_same_kind = |rule: &&Rule| {
                last.pattern.is_ignoring
                    && rule.pattern.is_ignoring
                    && rule.line.ends_with('/') == last.line.ends_with('/')
            };
            let n_same = self.rules[..end].iter().rev().take_while(is_same_kind).count().max(1);
            let group = &self.rules[end - n_same..end];
            end -= n_same;
            if last.pattern.is_dir_only && !is_dir {
                continue;
            }
            let as_file = group.iter().find(|rule| rule.pattern.matches(path, false));
            let found =
                as_file.or_else(|| group.iter().find(|rule| is_dir && rule.pattern.matches(path, true)));
            if let Some(rule) = found {
                return Some(IgnoreMatch { rule: rule.shown.clone(), is_ignored: rule.pattern.is_ignoring });
            }
        }
        None
    }
}
