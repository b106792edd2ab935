//! The recorded state of an import from another repository in a `.dvc` file.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvc-files#dependency-entries>.

use super::dvc_file::{DvcFile, OutState};
use super::import::state_fields;
use super::yaml::{Kind, Node, Value, display};
use crate::{ConfigOverrides, Result};

/// A path in another repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepoDependency {
    /// The path, relative to the root of the repository.
    pub path: String,
    /// The repository: a URL, or a path.
    pub url: String,
    /// The requested revision; `None` means the default branch.
    pub rev: Option<String>,
    /// The imported commit; `None` if the repository was never read.
    pub rev_lock: Option<String>,
    /// A config file, or a remote by name or by its options.
    pub config: RepoConfig,
}

/// Settings that override the configuration of the other repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RepoConfig {
    /// No settings.
    #[default]
    Own,
    /// A config file (`config: PATH`).
    File(String),
    /// The default remote (`remote: NAME`).
    Remote(String),
    /// Options of the default remote (`remote: {…}`).
    Options(Vec<(String, String)>),
    /// The default remote with options (`config: {core: …, remote: …}`).
    RemoteWithOptions(String, Vec<(String, String)>),
}

impl RepoDependency {
    /// Reads an entry of `deps` that has a `repo`.
    pub(crate) fn read(node: &Node) -> Option<Self> {
        let repo = node.get("repo")?;
        let text =
            |node: &Node, key: &str| node.get(key)?.as_scalar().map(display).filter(|text| !text.is_empty());
        Some(Self {
            path: text(node, "path").unwrap_or_default(),
            url: text(repo, "url").unwrap_or_default(),
            rev: text(repo, "rev"),
            rev_lock: text(repo, "rev_lock"),
            config: RepoConfig::read(repo),
        })
    }

    /// Returns the settings that override the configuration of the other repository.
    pub(crate) fn overrides(&self) -> ConfigOverrides {
        let none = ConfigOverrides::default();
        match &self.config {
            RepoConfig::Own => none,
            RepoConfig::File(file) => ConfigOverrides { file: Some(file.into()), ..none },
            RepoConfig::Remote(name) => ConfigOverrides { remote: Some(name.clone()), ..none },
            RepoConfig::Options(options) => ConfigOverrides { remote_options: options.clone(), ..none },
            RepoConfig::RemoteWithOptions(name, options) => {
                ConfigOverrides { remote: Some(name.clone()), remote_options: options.clone(), ..none }
            }
        }
    }

    /// Returns the entry of a new file, in DVC's order.
    pub(crate) fn value(&self) -> Value {
        let text = |text: &String| Value::Text(text.clone());
        let mut repo = vec![("url".to_owned(), text(&self.url))];
        repo.extend(self.rev.as_ref().map(|rev| ("rev".to_owned(), text(rev))));
        repo.extend(self.rev_lock.as_ref().map(|rev| ("rev_lock".to_owned(), text(rev))));
        repo.extend(self.config.member());
        Value::Mapping(vec![("path".to_owned(), text(&self.path)), ("repo".to_owned(), Value::Mapping(repo))])
    }
}

impl RepoConfig {
    fn read(repo: &Node) -> Self {
        let options = |node: &Node| -> Vec<(String, String)> {
            let option = |entry: &super::yaml::Entry| {
                let value = match &*entry.value.kind {
                    Kind::Scalar(super::yaml::Scalar::Bool(value)) => value.to_string(),
                    _ => display(entry.value.as_scalar()?),
                };
                Some((display(entry.key.as_scalar()?), value))
            };
            node.entries().iter().filter_map(option).collect()
        };
        match (repo.get("config"), repo.get("remote")) {
            (Some(config), _) => {
                if let Some(file) = config.as_str() {
                    return Self::File(file.to_owned());
                }
                let name = config.get("core").and_then(|core| core.get("remote")).and_then(Node::as_str);
                let Some(name) = name else { return Self::Own };
                let remote = config.get("remote").and_then(|remotes| remotes.get(name));
                Self::RemoteWithOptions(name.to_owned(), remote.map(options).unwrap_or_default())
            }
            (None, Some(remote)) => match remote.as_str() {
                Some(name) => Self::Remote(name.to_owned()),
                None => Self::Options(options(remote)),
            },
            (None, None) => Self::Own,
        }
    }

    fn member(&self) -> Option<(String, Value)> {
        let mapping = |options: &[(String, String)]| {
            Value::Mapping(
                options.iter().map(|(name, value)| (name.clone(), Value::Text(value.clone()))).collect(),
            )
        };
        let named = |key: &str, value: Value| (key.to_owned(), value);
        Some(match self {
            Self::Own => return None,
            Self::File(file) => named("config", Value::Text(file.clone())),
            Self::Remote(name) => named("remote", Value::Text(name.clone())),
            Self::Options(options) => named("remote", mapping(options)),
            Self::RemoteWithOptions(name, options) => {
                let core = Value::Mapping(vec![named("remote", Value::Text(name.clone()))]);
                let remotes = Value::Mapping(vec![(name.clone(), mapping(options))]);
                named("config", Value::Mapping(vec![named("core", core), named("remote", remotes)]))
            }
        })
    }
}

impl DvcFile {
    /// Records the imported commit of another repository and the out; without a state, the state of the out is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`](crate::Error::Metafile) if its YAML cannot be edited (an alias).
    pub(crate) fn set_repo_import(
        &mut self,
        dependency: &RepoDependency,
        state: Option<&OutState>,
    ) -> Result<()> {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let repo = |root: &Node| root.get("deps")?.items().first()?.get("repo").cloned();
        self.edit(
            "the repository",
            repo,
            &[("rev", text(&dependency.rev)), ("rev_lock", text(&dependency.rev_lock))],
        )?;
        self.edit(
            "the out",
            |root: &Node| root.get("outs").and_then(|outs| outs.items().first()).cloned(),
            &state_fields(state),
        )?;
        self.set_checksum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metafile::yaml::{parse, write_document};

    #[test]
    fn dependency_is_written_as_it_was_read() {
        for repo in [
            "",
            "    rev: v1\n    rev_lock: 425e9dc995c9221d96181ac4df544891cae59261\n",
            "    rev_lock: 425e9dc995c9221d96181ac4df544891cae59261\n    config: ../c\n",
            "    remote: st\n",
            "    remote:\n      url: s3://b/p\n",
            "    config:\n      core:\n        remote: st\n      remote:\n        st:\n          verify: 'true'\n",
        ] {
            let text = format!("deps:\n- path: data/x\n  repo:\n    url: /r\n{repo}");
            let root = parse(&text).unwrap().unwrap();
            let dependency = RepoDependency::read(&root.get("deps").unwrap().items()[0]).unwrap();
            let written = write_document(&[("deps".to_owned(), Value::Sequence(vec![dependency.value()]))]);
            assert_eq!(written, text);
        }
    }
}
