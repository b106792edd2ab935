//! The checks DVC makes on the merged configuration, in its order and its words.

use super::url::UrlParts;
use super::values::problem;
use crate::error::level_flag;
use crate::ini::Value;
use crate::keys::{self, Key, Kind, Section};
use crate::stack::tree::{Node, Table};
use crate::{Error, Origin, Place, Result, mask_urls};

/// What DVC puts behind the message if a value, rather than a key, is wrong.
const FOR_VALUE: &str = " for dictionary value";

/// What stands before the command that sets another value, where there is one.
pub(crate) const CHANGE: &str = "; set another with ";

/// Checks all sections; the first mistake is the result. Returns what deserves a warning.
pub(crate) fn validate(root: &Table) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for (name, node) in root.iter() {
        let Some(section) = keys::section(name) else {
            return Err(unknown_section(name, node));
        };
        let Node::Table(table) = node else {
            return Err(not_a_table(&[name], node));
        };
        match section.name {
            "feature" => feature(section, table, &mut warnings)?,
            "hydra" => {
                exclusive(table)?;
                check_keys(&[name], table, section.keys.iter())?;
            }
            "remote" => each(name, table, remote)?,
            _ if section.is_named => {
                each(name, table, |path, table| check_keys(path, table, section.keys.iter()))?;
            }
            _ => check_keys(&[name], table, section.keys.iter())?,
        }
    }
    Ok(warnings)
}

fn each(kind: &str, table: &Table, check: impl Fn(&[&str], &Table) -> Result<()>) -> Result<()> {
    table.iter().try_for_each(|(name, node)| match node {
        Node::Table(inner) => check(&[kind, name], inner),
        Node::Leaf(_) => Err(not_a_table(&[kind, name], node)),
    })
}

/// Checks a remote against the options its URL allows.
pub(crate) fn remote(path: &[&str], table: &Table) -> Result<()> {
    let name = path.last().copied().unwrap_or_default();
    // A URL that no file gives a name is not changed by a command; DVC's schema then has nothing to point at.
    let is_named = !path.is_empty();
    let error = |message: String, origin: Origin, hint: String| {
        mistake(message + if is_named { FOR_VALUE } else { "" }, path, origin, Some(hint))
    };
    let header = || table.origin.clone().unwrap_or(Origin::Default);
    let Some(url) = table.leaf(&["url"]) else {
        let flag = level_flag(&header());
        let hint = format!("set it with `haul remote modify{flag} {name} url <url>`");
        return Err(error("expected 'url'".to_owned(), header(), hint));
    };
    let change = if is_named {
        let flag = level_flag(&url.origin);
        format!("change it with `haul remote modify{flag} {name} url <url>`")
    } else {
        "see `dvc` for other kinds of storage".to_owned()
    };
    let Some(text) = url.value.as_text() else {
        return Err(mistake(
            format!("expected str{FOR_VALUE}"),
            &[path, &["url"]].concat(),
            url.origin.clone(),
            Some(format!("a comma makes a list: put quotes around the URL, or {change}")),
        ));
    };
    let Some(parts) = UrlParts::parse(text) else {
        return Err(error("not a valid value".to_owned(), url.origin.clone(), change));
    };
    match parts.kind() {
        // A reference: any options of the remote it refers to.
        "remote" => Ok(()),
        kind => {
            if let Some(keys) = keys::remote_keys(kind) {
                return check_keys(path, table, keys);
            }
            let known = keys::REMOTE_SCHEMES.iter().map(|(scheme, _)| *scheme);
            let hint = match keys::nearest(kind, known.filter(|scheme| !scheme.is_empty())) {
                Some(nearest) => format!("did you mean `{nearest}://`? {change}"),
                None => change,
            };
            Err(error(format!("Unsupported URL type {kind}://"), url.origin.clone(), hint))
        }
    }
}

fn check_keys<'a>(path: &[&str], table: &Table, keys: impl Iterator<Item = &'a Key> + Clone) -> Result<()> {
    for (name, node) in table.iter() {
        let here = [path, &[name]].concat();
        let Some(key) = keys.clone().find(|key| key.name == name) else {
            let known: Vec<&str> = keys.map(|key| key.name).collect();
            return Err(unknown_key(&here, node, &known));
        };
        let Node::Leaf(leaf) = node else {
            return Err(not_a_value(&here, node, key.kind));
        };
        if let Some(message) = problem(key.kind, &leaf.value) {
            let hint = plainly(&here, key, &leaf.value, &leaf.origin);
            return Err(mistake(message + FOR_VALUE, &here, leaf.origin.clone(), Some(hint)));
        }
    }
    Ok(())
}

/// Says without the words of the schema what is wrong with a value, and what to type.
fn plainly(path: &[&str], key: &Key, value: &Value, origin: &Origin) -> String {
    let shown = if keys::is_harmless(path) { mask_urls(&value.to_string()) } else { "****".to_owned() };
    let fault = format!("`{}` is `{shown}`, but can only be: {}", key.name, key.kind);
    let flag = level_flag(origin);
    match path {
        _ if matches!(key.kind, Kind::Unsettable(_)) || *origin == Origin::CommandLine => fault,
        ["remote", remote, option] => {
            format!("{fault}{CHANGE}`haul remote modify{flag} {remote} {option} VALUE`")
        }
        // The options of a URL that no file gives a name.
        [_] => fault,
        _ => format!("{fault}{CHANGE}`haul config{flag} {} VALUE`", path.join(".")),
    }
}

/// Only its known options are checked; the others are dropped with a warning.
fn feature(section: &Section, table: &Table, warnings: &mut Vec<String>) -> Result<()> {
    let is_known = |name: &str| section.keys.iter().any(|key| key.name == name);
    let mut unknown: Vec<&str> = table.iter().map(|(name, _)| name).filter(|name| !is_known(name)).collect();
    let mut known = Table::default();
    table.iter().filter(|(name, _)| is_known(name)).for_each(|(name, node)| known.insert(name, node.clone()));
    check_keys(&["feature"], &known, section.keys.iter())?;
    if !unknown.is_empty() {
        unknown.sort_unstable();
        let names: Vec<String> = unknown.iter().map(|name| format!("'feature.{name}'")).collect();
        let verb = if names.len() == 1 { " is" } else { "s are" };
        warnings.push(format!("{} config option{verb} unsupported", names.join(", ")));
    }
    Ok(())
}

fn exclusive(table: &Table) -> Result<()> {
    match (table.leaf(&["config_dir"]), table.leaf(&["config_module"])) {
        (Some(first), Some(second)) => {
            let (origin, flag) = (&first.origin, level_flag(&first.origin));
            Err(mistake(
                "two or more values in the same group of exclusion 'config_source'".to_owned(),
                &["hydra", "<config_source>"],
                second.origin.clone(),
                Some(format!(
                    "`config_dir` is set at {origin}: remove it with `haul config{flag} --unset hydra.config_dir`"
                )),
            ))
        }
        _ => Ok(()),
    }
}

fn unknown_section(name: &str, node: &Node) -> Error {
    let known = keys::SECTIONS.iter().map(|section| section.name);
    let quoted = ["remote", "machine", "db"].into_iter().find_map(|kind| {
        let inner = name.strip_prefix(kind)?.trim_matches([' ', '"', '.']);
        (!inner.is_empty()).then(|| format!("the section of a {kind} is written ['{kind} \"{inner}\"']"))
    });
    let hint = quoted.or_else(|| Some(format!("did you mean `{}`?", keys::nearest(name, known)?)));
    mistake("extra keys not allowed".to_owned(), &[name], origin(node), hint)
}

fn unknown_key(path: &[&str], node: &Node, known: &[&str]) -> Error {
    let name = path.last().copied().unwrap_or_default();
    let origin = origin(node);
    let flag = level_flag(&origin);
    let remove = match path {
        _ if origin == Origin::CommandLine => "leave it out of the command line".to_owned(),
        ["remote", remote, option] => {
            format!("remove it with `haul remote modify{flag} --unset {remote} {option}`")
        }
        ["db", ..] | [_, _] => format!("remove it with `haul config{flag} --unset {}`", path.join(".")),
        _ => "remove it from the file".to_owned(),
    };
    let hint = match keys::nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`? {remove}"),
        // The options of S3 on a path: the URL is to blame.
        None if path[0] == "remote" && !known.contains(&"region") && is_s3_option(name) => {
            "it is an option of S3, but the URL of the remote is no `s3://bucket/…`".to_owned()
        }
        None => remove,
    };
    mistake("extra keys not allowed".to_owned(), path, origin, Some(hint))
}

fn is_s3_option(name: &str) -> bool {
    keys::remote_keys("s3").is_some_and(|mut keys| keys.any(|key| key.name == name))
}

fn not_a_table(path: &[&str], node: &Node) -> Error {
    let hint = match path {
        [name] => format!("`{name}` is a section: write [{name}]"),
        _ => "write a section of its own for it".to_owned(),
    };
    mistake(format!("expected a dictionary{FOR_VALUE}"), path, origin(node), Some(hint))
}

fn not_a_value(path: &[&str], node: &Node, kind: Kind) -> Error {
    let expected = match kind {
        Kind::Bool | Kind::BoolOrPath => "expected true or false",
        Kind::Integer(..) => "expected int",
        _ => "expected str",
    };
    mistake(
        format!("{expected}{FOR_VALUE}"),
        path,
        origin(node),
        Some("it is an option, not a section".to_owned()),
    )
}

fn origin(node: &Node) -> Origin {
    match node {
        Node::Leaf(leaf) => leaf.origin.clone(),
        Node::Table(table) => table.origin.clone().unwrap_or(Origin::Default),
    }
}

fn mistake(message: String, path: &[&str], origin: Origin, hint: Option<String>) -> Error {
    let places = match origin {
        Origin::Default => Vec::new(),
        // There is no option to name.
        _ if path.is_empty() => Vec::new(),
        origin => vec![Place { key: path.join("."), origin }],
    };
    Error::Schema { message, path: path.iter().map(|&part| part.to_owned()).collect(), places, hint }
}
