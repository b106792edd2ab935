//! Remotes, options and their values, revisions.

use clap_complete::engine::CompletionCandidate;
use haul_config::keys::{self, Key, Kind, Use};
use haul_config::{ConfigPaths, ConfigStack, KeyPath, ListedRemote, SectionName, mask_urls};
use haul_repo::Git;
use haul_repo::root::{DVC_DIR, find_root};

use super::{Place, candidate, paths};
use crate::command::remote::known_options;

/// The sections of the configuration that have names.
const REMOTE: &str = "remote.";

fn stack(place: &Place) -> Option<ConfigStack> {
    let dvc_dir = find_root(place.env.current_dir()).ok().map(|root| root.join(DVC_DIR));
    ConfigStack::load(&ConfigPaths::new(&place.env, dvc_dir.as_deref()), &place.env).ok()
}

fn listed(place: &Place) -> Vec<ListedRemote> {
    stack(place).and_then(|stack| stack.remotes(None).ok()).unwrap_or_default()
}

/// Finds the names of remotes, with something before each.
pub(super) fn remotes(place: &Place, typed: &str, prefix: &str) -> Vec<CompletionCandidate> {
    let names = listed(place).into_iter().map(|remote| {
        let url = remote.url.map(|url| mask_urls(&url.value)).unwrap_or_default();
        candidate(format!("{prefix}{}", remote.name), &url)
    });
    starting(typed, names)
}

/// Finds paths, and remotes as the beginning of a URL.
pub(super) fn data_urls(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let mut found = paths::any(place, typed, false);
    let names =
        listed(place).into_iter().map(|remote| candidate(format!("remote://{}/", remote.name), "remote"));
    found.extend(starting(typed, names));
    found
}

/// Finds the options that the remote of the argument `name` can have.
pub(super) fn remote_options(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let name = place.argument("name").unwrap_or_default().to_lowercase();
    starting(typed, options_of(place, &name).into_iter().map(|key| candidate(key.name, key.about)))
}

/// Finds the values of that option.
pub(super) fn remote_value(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let (name, option) = (place.argument("name"), place.argument("option"));
    let (Some(name), Some(option)) = (name, option) else { return Vec::new() };
    let key =
        options_of(place, &name.to_lowercase()).into_iter().find(|key| key.name == option.to_lowercase());
    key.map(|key| values(place, key, typed, "")).unwrap_or_default()
}

/// Finds options of an S3 URL or of a remote, and their values behind `=`.
pub(super) fn url_options(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let remote = place.argument("remote");
    let known = options_of(place, &remote.unwrap_or_default().to_lowercase());
    match typed.split_once('=') {
        Some((option, value)) => {
            let key = known.into_iter().find(|key| key.name == option);
            key.map(|key| values(place, key, value, &format!("{option}="))).unwrap_or_default()
        }
        None => starting(typed, known.into_iter().map(|key| candidate(format!("{}=", key.name), key.about))),
    }
}

/// Finds the options of the configuration.
pub(super) fn keys(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    if typed.starts_with(REMOTE) {
        let of_remote = |remote: ListedRemote| {
            let option = |key: &Key| candidate(format!("{REMOTE}{}.{}", remote.name, key.name), key.about);
            options_of(place, &remote.name).into_iter().map(option).collect::<Vec<_>>()
        };
        return starting(typed, listed(place).into_iter().flat_map(of_remote));
    }
    let sections = keys::SECTIONS.iter().filter(|section| !section.is_named);
    let plain = sections.flat_map(|section| {
        let known = section.keys.iter().filter(|key| is_of_use(key));
        known.map(|key| candidate(format!("{}.{}", section.name, key.name), key.about))
    });
    let remotes = (!listed(place).is_empty()).then(|| candidate(REMOTE, "options of remotes"));
    starting(typed, plain.chain(remotes))
}

/// Finds the values of the option that the argument `name` names.
pub(super) fn key_value(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    let Some(path) = place.argument("name").and_then(|name| KeyPath::parse(&name).ok()) else {
        return Vec::new();
    };
    let key = match &path.section {
        SectionName::Plain(section) if section == "core" && path.option == "remote" => {
            return remotes(place, typed, "");
        }
        SectionName::Plain(section) => {
            let section = keys::section(section);
            section.and_then(|section| section.keys.iter().find(|key| key.name == path.option))
        }
        SectionName::Remote(name) => {
            options_of(place, &name.to_lowercase()).into_iter().find(|key| key.name == path.option)
        }
        SectionName::Machine(_) | SectionName::Db(_) => None,
    };
    key.map(|key| values(place, key, typed, "")).unwrap_or_default()
}

/// Finds the branches and tags.
pub(super) fn revisions(place: &Place, typed: &str) -> Vec<CompletionCandidate> {
    // Of another repository, if that is on this machine.
    let directory = match place.argument("url") {
        Some(url) => place.env.absolute(url),
        None => place.env.current_dir().to_owned(),
    };
    let Ok(Some(git)) = Git::discover(&directory) else { return Vec::new() };
    let names = git.reference_names().unwrap_or_default();
    starting(typed, names.into_iter().chain([String::from("HEAD")]).map(|name| candidate(name, "")))
}

/// Returns the options of a remote, those of S3 if there is no such remote.
fn options_of(place: &Place, name: &str) -> Vec<&'static Key> {
    let is_there = listed(place).iter().any(|remote| remote.name == name);
    let known = stack(place).filter(|_| is_there).and_then(|stack| known_options(&stack, name).ok());
    let known = known.unwrap_or_else(|| keys::remote_keys("s3").into_iter().flatten().collect());
    known.into_iter().filter(|key| is_of_use(key)).collect()
}

fn is_of_use(key: &Key) -> bool {
    !matches!(key.used, Use::Obsolete | Use::DvcOnly)
}

/// Finds values of an option, with something before each.
fn values(place: &Place, key: &Key, typed: &str, prefix: &str) -> Vec<CompletionCandidate> {
    let words: &[&str] = match key.kind {
        Kind::Bool | Kind::BoolOrPath => &["true", "false"],
        Kind::Choice(words) => words,
        Kind::LinkTypes => &["reflink", "hardlink", "symlink", "copy"],
        _ => key.examples,
    };
    // A list: the last one is completed.
    let (before, last) = match typed.rfind(',') {
        Some(comma) if key.kind == Kind::LinkTypes => typed.split_at(comma + 1),
        _ => ("", typed),
    };
    let fitting =
        words.iter().filter(|word| word.starts_with(last) && !before.split(',').any(|used| used == **word));
    let about = |word: &str| if word == key.default { "the default" } else { "" };
    let mut found: Vec<_> =
        fitting.map(|word| candidate(format!("{prefix}{before}{word}"), about(word))).collect();
    if matches!(key.kind, Kind::Path | Kind::BoolOrPath) {
        let paths = paths::any(place, typed, false);
        found.extend(paths.into_iter().map(|path| path.add_prefix(prefix)));
    }
    if found.is_empty() && !key.default.is_empty() && key.default.starts_with(typed) {
        found.push(candidate(format!("{prefix}{}", key.default), "the default"));
    }
    found
}

fn starting(
    typed: &str,
    candidates: impl IntoIterator<Item = CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let is_fitting = |candidate: &CompletionCandidate| {
        candidate.get_value().to_str().is_some_and(|value| value.starts_with(typed))
    };
    candidates.into_iter().filter(is_fitting).collect()
}
