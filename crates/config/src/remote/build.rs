//! From the options of a section to a [`Remote`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::rules::{self, Options, S3Values};
use super::{HttpAuth, HttpRemote, LocalRemote, Remote, RemoteKind, S3Remote, SslVerify};
use crate::ini::Value;
use crate::schema::url::UrlParts;
use crate::schema::validate;
use crate::schema::values::{boolean, link_types};
use crate::schema::{positive, remote_not_found};
use crate::stack::resolve;
use crate::stack::tree::{Leaf, Node, Table};
use crate::{Env, Error, Located, Origin, Place, Result, Secret};

/// How many references are followed before they count as a loop.
const MAX_REFERENCES: usize = 16;

/// Builds a remote, checking what the schema can't see.
pub(crate) fn build(tree: &Table, name: &str, env: &Env) -> Result<Remote> {
    let mut table = dereference(tree, name)?;
    let mut reading = rules::read(&Options { name, table: &table, setting: None });
    let upload_problem = take_first(&mut reading.errors);
    if upload_problem.is_some() {
        // Deviation: DVC refuses every command for `acl` beside a grant and for `sse_kms_key_id` beside
        // `sse_customer_key`; what concerns uploads alone is no reason not to read.
        for option in rules::UPLOAD_ONLY {
            table.remove(option);
        }
        reading = rules::read(&Options { name, table: &table, setting: None });
        if let Some(error) = take_first(&mut reading.errors) {
            return Err(error);
        }
    }
    let options = Options { name, table: &table, setting: None };
    let url = options.text("url").ok_or_else(|| remote_not_found(tree, name))?;
    // What Python does not take for a URL is a path.
    let parts = reading.url.unwrap_or_else(|| UrlParts::of_path(&url.value));
    let kind = match parts.kind() {
        "s3" => RemoteKind::S3(Box::new(s3(&options, reading.s3, env))),
        "" => RemoteKind::Local(local(&options, &parts)),
        "http" | "https" => RemoteKind::Http(Box::new(http(&options, env))),
        scheme => RemoteKind::Unsupported { scheme: scheme.to_owned() },
    };
    let worktree = options.boolean("worktree");
    // A mirror of the workspace needs the versions to find old files.
    let implied = || worktree.clone().filter(|worktree| worktree.value);
    Ok(Remote {
        name: name.to_owned(),
        jobs: options.leaf("jobs").map(positive),
        verify: options.boolean("verify").unwrap_or_else(|| Located::default_value(false)),
        version_aware: options.boolean("version_aware").or_else(implied),
        worktree,
        url,
        kind,
        upload_problem: upload_problem.map(Arc::new),
    })
}

/// Takes the first of the errors: one at a time is shown.
fn take_first(errors: &mut Vec<Error>) -> Option<Error> {
    (!errors.is_empty()).then(|| errors.swap_remove(0))
}

/// Builds a remote of a URL that no file gives a name, with options for it alone.
///
/// A `remote://NAME/path` has the options of that remote under its own, and its name.
pub(crate) fn external(tree: &Table, url: &str, options: &[(String, String)], env: &Env) -> Result<Remote> {
    let base = UrlParts::parse(url).filter(|parts| parts.kind() == "remote");
    let base = base.map(|parts| parts.authority.to_lowercase());
    if let Some(base) = base.as_deref().filter(|base| tree.table(&["remote", base]).is_none()) {
        return Err(remote_not_found(tree, base));
    }
    let mut table = Table::new(Some(Origin::CommandLine));
    let mut set = |name: &str, value: &str| {
        let value = Value::Text(value.to_owned());
        let leaf = Leaf { raw: value.clone(), value, origin: Origin::CommandLine };
        table.insert(&name.to_lowercase(), Node::Leaf(leaf));
    };
    for (name, value) in options {
        set(name, value);
    }
    set("url", url);
    validate::remote(&[], &table)?;
    let mut tree = tree.clone();
    // No name of a remote holds a blank at its end: every name is trimmed when it is read.
    let name = format!("{url} ");
    tree.table_mut("remote").insert(&name, Node::Table(table));
    Ok(Remote { name: base.unwrap_or_else(|| url.to_owned()), ..build(&tree, &name, env)? })
}

/// Returns the options of a remote, with those of the remote that a `remote://other/path` refers to under them.
pub(crate) fn dereference(tree: &Table, name: &str) -> Result<Table> {
    let find = |name: &str| tree.table(&["remote", name]).ok_or_else(|| remote_not_found(tree, name));
    let mut table = find(name)?.clone();
    let mut trail = vec![name.to_owned()];
    let mut suffix = String::new();
    while let Some(url) = table.leaf(&["url"]).cloned() {
        let text = url.value.to_string();
        let Some(parts) = UrlParts::parse(&text).filter(|parts| parts.kind() == "remote") else { break };
        let base_name = parts.authority.to_lowercase();
        let path = parts.rest.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
        suffix = format!("/{path}{suffix}");
        if trail.contains(&base_name) || trail.len() > MAX_REFERENCES {
            return Err(Error::Invalid {
                message: format!("remote '{name}' refers to itself"),
                places: vec![Place { key: format!("remote.{name}.url"), origin: url.origin }],
                hint: format!("set a real location with `haul remote modify {name} url <url>`"),
            });
        }
        let mut base = find(&base_name)?.clone();
        let base_url = base.leaf(&["url"]).cloned();
        base.merge(&table);
        if let Some(base_url) = base_url {
            base.insert("url", Node::Leaf(base_url));
        }
        table = base;
        trail.push(base_name);
    }
    if trail.len() > 1 {
        if let Some(mut url) = table.leaf(&["url"]).cloned() {
            url.value = Value::Text(format!("{}{suffix}", url.value));
            table.insert("url", Node::Leaf(url));
        }
        // Only now is it known which options are allowed.
        validate::remote(&["remote", name], &table)?;
    }
    Ok(table)
}

fn local(options: &Options<'_>, parts: &UrlParts) -> LocalRemote {
    let url = options.text("url").map(|url| url.value).unwrap_or_default();
    let path = if parts.scheme == "file" { parts.rest.clone() } else { url };
    LocalRemote {
        path: PathBuf::from(path),
        types: options.leaf("type").map(|leaf| leaf.located().map(|value| link_types(&value))),
        shared_group: options.leaf("shared").map(|leaf| Located::new(true, leaf.origin.clone())),
    }
}

fn http(options: &Options<'_>, env: &Env) -> HttpRemote {
    let seconds = |option| {
        let leaf = options.leaf(option)?;
        let seconds = leaf.value.to_string().parse::<f64>().ok()?;
        Some(Located::new(Duration::try_from_secs_f64(seconds).ok()?, leaf.origin.clone()))
    };
    HttpRemote {
        auth: options.text("auth").map(|text| {
            text.map(|text| match text.as_str() {
                "basic" => HttpAuth::Basic,
                "digest" => HttpAuth::Digest,
                _ => HttpAuth::Custom,
            })
        }),
        user: options.text("user"),
        password: options.text("password").map(|text| text.map(Secret::new)),
        custom_auth_header: options.text("custom_auth_header"),
        ssl_verify: options.leaf("ssl_verify").map(|leaf| ssl_verify(leaf.located(), env)),
        method: options.text("method"),
        connect_timeout: seconds("connect_timeout"),
        read_timeout: seconds("read_timeout"),
    }
}

fn s3(options: &Options<'_>, values: S3Values, env: &Env) -> S3Remote {
    let path = |option| options.text(option).map(|text| text.map(PathBuf::from));
    let secret = |option| options.text(option).map(|text| text.map(Secret::new));
    S3Remote {
        bucket: values.bucket,
        prefix: values.prefix,
        region: options.text("region"),
        profile: options.text("profile"),
        credentialpath: path("credentialpath"),
        configpath: path("configpath"),
        endpointurl: values.endpointurl,
        access_key_id: options.text("access_key_id"),
        secret_access_key: secret("secret_access_key"),
        session_token: secret("session_token"),
        use_ssl: options.boolean("use_ssl"),
        ssl_verify: options.leaf("ssl_verify").map(|leaf| ssl_verify(leaf.located(), env)),
        allow_anonymous_login: options.boolean("allow_anonymous_login"),
        sse: values.sse,
        sse_kms_key_id: options.text("sse_kms_key_id"),
        sse_customer_algorithm: options.text("sse_customer_algorithm"),
        sse_customer_key: values.sse_customer_key,
        acl: options.text("acl"),
        grant_read: options.text("grant_read"),
        grant_read_acp: options.text("grant_read_acp"),
        grant_write_acp: options.text("grant_write_acp"),
        grant_full_control: options.text("grant_full_control"),
        read_timeout: values.read_timeout,
        connect_timeout: values.connect_timeout,
        listobjects: options.boolean("listobjects"),
    }
}

/// Reads `true`, `false` or a path.
///
/// `Deviation:` a relative path starts in the folder of the file, as all paths do; DVC starts in the working
/// directory, which is tried second. The root of the repository, where people mostly type DVC's commands, is third.
pub(super) fn ssl_verify(value: Located<Value>, env: &Env) -> Located<SslVerify> {
    let origin: Origin = value.origin.clone();
    value.map(|value| match boolean(&value) {
        Some(true) => SslVerify::Enabled,
        Some(false) => SslVerify::Disabled,
        None => {
            let text = value.to_string();
            let folder = origin.file().and_then(Path::parent).unwrap_or(env.current_dir());
            let beside_file = PathBuf::from(resolve::resolve(folder, &text, env));
            let of_dvc = [Some(env.absolute(&text)), folder.parent().map(|root| root.join(&text))];
            let elsewhere = of_dvc.into_iter().flatten().find(|path| !beside_file.exists() && path.exists());
            SslVerify::CaBundle(elsewhere.unwrap_or(beside_file))
        }
    })
}
