//! How an edit that is refused is told: nothing was written, so what was about to be set stands nowhere.

use super::tree::Table;
use crate::error::flag_of;
use crate::schema::url::UrlParts;
use crate::schema::validate;
use crate::{Error, KeyPath, Level, Place, SectionName, keys, mask_urls};

/// An option that is about to be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) key: &'a KeyPath,
    /// The value as it was typed.
    pub(super) value: &'a str,
}

/// Takes out of an error what is true only of the file that was not written, and says that it was not.
///
/// `before` are all levels as they are, `after` as they would have been.
pub(super) fn refused(
    error: Error,
    level: Level,
    setting: Setting<'_>,
    before: &Table,
    after: &Table,
) -> Error {
    let key = setting.key.to_string();
    match error {
        Error::Schema { message, path, places, hint } => {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            let is_set_now = parts == [setting.key.section.path(), vec![&setting.key.option]].concat();
            let stands = before.leaf(&parts).is_some() || before.table(&parts).is_some();
            let hint = match nearest(setting, after) {
                Some(nearest) if is_set_now => {
                    Some(format!("did you mean {}?", command(level, setting, nearest)))
                }
                // There is nothing to remove.
                None if is_set_now => hint
                    .filter(|hint| !hint.contains("remove it"))
                    .map(|hint| hint.split(validate::CHANGE).next().unwrap_or_default().to_owned()),
                // The edit would have made the remote.
                _ if !stands && parts.first() == Some(&"remote") && message.starts_with("expected 'url'") => {
                    let name = parts.get(1).copied().unwrap_or_default();
                    let flag = flag_of(level);
                    Some(format!(
                        "there is no remote `{name}`: add it with `haul remote add{flag} {name} <url>`"
                    ))
                }
                _ => hint,
            };
            let places = if is_set_now || !stands { Vec::new() } else { places };
            let hint = hint.map_or_else(|| NOTHING.to_owned(), |hint| nothing_but(&hint));
            Error::Schema { message, path, places, hint: Some(hint) }
        }
        Error::Invalid { message, places, hint } => {
            let places: Vec<Place> = places.into_iter().filter(|place| place.key != key).collect();
            Error::Invalid { message, places, hint: nothing_but(&hint) }
        }
        error => error,
    }
}

const NOTHING: &str = "nothing was written";

fn nothing_but(hint: &str) -> String {
    format!("{NOTHING}; {hint}")
}

/// Returns the options that the section can have.
fn known(setting: Setting<'_>, after: &Table) -> Vec<&'static str> {
    let name = match &setting.key.section {
        SectionName::Plain(name) => name.as_str(),
        SectionName::Machine(_) => "machine",
        SectionName::Db(_) => "db",
        SectionName::Remote(name) => {
            let url = after.leaf(&["remote", name, "url"]).and_then(|url| url.value.as_text());
            let Some(parts) = url.and_then(UrlParts::parse) else { return Vec::new() };
            let known: Option<Vec<&str>> =
                keys::remote_keys(parts.kind()).map(|keys| keys.map(|key| key.name).collect());
            return known.unwrap_or_default();
        }
    };
    keys::section(name).into_iter().flat_map(|section| section.keys).map(|key| key.name).collect()
}

fn is_unknown(setting: Setting<'_>, after: &Table) -> bool {
    !known(setting, after).contains(&setting.key.option.as_str())
}

/// Returns the option that a misspelt one most likely means.
fn nearest(setting: Setting<'_>, after: &Table) -> Option<&'static str> {
    if !is_unknown(setting, after) {
        return None;
    }
    keys::nearest(&setting.key.option, known(setting, after))
}

/// Returns the command that was most likely meant.
fn command(level: Level, setting: Setting<'_>, option: &str) -> String {
    let key = KeyPath::new(setting.key.section.clone(), option);
    let is_secret = keys::is_secret(&key);
    // Git has what is in the file of the repository; what is on a command line, its history and other users have.
    let flag = if is_secret && level == Level::Repo { " --local" } else { flag_of(level) };
    let value = if is_secret { "-".to_owned() } else { word(&mask_urls(setting.value)) };
    let command = match &key.section {
        SectionName::Remote(name) => format!("`haul remote modify{flag} {name} {option} {value}`"),
        _ => format!("`haul config{flag} {key} {value}`"),
    };
    if is_secret { format!("{command} (`-` reads the value from the standard input)") } else { command }
}

/// Quotes a text so that a shell takes it as one word.
fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,+%@".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
