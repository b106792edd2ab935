//! The shared config and credentials files of the AWS tools, and the profile that is active.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>; where that is unclear, botocore's
//! interpretation.

pub(crate) mod ini;
mod path;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use haul_config::{Env, Located, Origin};

use crate::error::{InvalidValue, ProfileNotFound};
use crate::{CredentialRequest, Error, Result, shell_words};
use ini::{Ini, Value};

pub(crate) use path::expand;

/// Both files, read once, and the active profile.
#[derive(Debug, Clone)]
pub(crate) struct AwsFiles {
    config_file: AwsFile,
    credentials_file: AwsFile,
    /// Profiles of the config file alone.
    config_profiles: BTreeMap<String, Profile>,
    /// Profiles of the credentials file alone: every section, by its bare name.
    credentials_profiles: BTreeMap<String, Profile>,
    /// Both merged; a key of the credentials file wins.
    profiles: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Profile>,
    services: BTreeMap<String, Profile>,
    active: Located<String>,
    /// Whether the remote names the profile; the chain then skips the environment's keys.
    is_explicit: bool,
}

/// A file of the AWS tools.
#[derive(Debug, Clone)]
pub(crate) struct AwsFile {
    pub(crate) path: PathBuf,
    pub(crate) exists: bool,
}

/// The keys of a profile, or of another section.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    entries: BTreeMap<String, Located<Value>>,
}

impl AwsFiles {
    /// Reads both files and finds the active profile.
    pub(crate) fn load(request: &CredentialRequest, env: &Env) -> Result<Self> {
        let (config_file, config) = read(locate(
            env,
            "AWS_CONFIG_FILE",
            request.config_path.as_ref().map(|path| path.value.as_path()),
            "~/.aws/config",
        ))?;
        let (credentials_file, credentials) = read(locate(
            env,
            "AWS_SHARED_CREDENTIALS_FILE",
            request.credential_path.as_ref().map(|path| path.value.as_path()),
            "~/.aws/credentials",
        ))?;

        let [mut config_profiles, mut sso_sessions, mut services] = [(); 3].map(|()| BTreeMap::new());
        for section in config.sections {
            let profile = Profile::new(&config_file.path, &section);
            // A section that starts with one of these words and is not two words is never looked up.
            let map = match section.name.as_str() {
                name if name.starts_with("profile") => &mut config_profiles,
                name if name.starts_with("sso-session") => &mut sso_sessions,
                name if name.starts_with("services") => &mut services,
                "default" => {
                    config_profiles.insert(section.name, profile);
                    continue;
                }
                _ => continue,
            };
            if let Ok(Ok([_, name])) = shell_words::split(&section.name).map(<[String; 2]>::try_from) {
                map.insert(name, profile);
            }
        }
        let credentials_profiles: BTreeMap<String, Profile> = credentials
            .sections
            .into_iter()
            .map(|section| (section.name.clone(), Profile::new(&credentials_file.path, &section)))
            .collect();
        let mut profiles = config_profiles.clone();
        for (name, profile) in &credentials_profiles {
            profiles.entry(name.clone()).or_default().entries.extend(profile.entries.clone());
        }

        let active = active_profile(request, env);
        if active.origin != Origin::Default && !profiles.contains_key(&active.value) {
            return Err(Error::ProfileNotFound(Box::new(ProfileNotFound {
                nearest: nearest(&active.value, profiles.keys()),
                available: profiles.into_keys().collect(),
                profile: active.value,
                origin: active.origin,
                config_file: config_file.path,
                credentials_file: credentials_file.path,
            })));
        }
        Ok(Self {
            config_file,
            credentials_file,
            config_profiles,
            credentials_profiles,
            profiles,
            sso_sessions,
            services,
            active,
            is_explicit: request.profile.is_some(),
        })
    }

    /// Returns the name of the active profile and where it was set.
    pub(crate) fn active(&self) -> &Located<String> {
        &self.active
    }

    /// Returns whether the remote itself names the profile.
    pub(crate) fn is_explicit(&self) -> bool {
        self.is_explicit
    }

    /// Returns a profile, merged from both files.
    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// Returns a profile as the config file alone has it.
    pub(crate) fn config_profile(&self, name: &str) -> Option<&Profile> {
        self.config_profiles.get(name)
    }

    /// Returns a profile as the credentials file alone has it.
    pub(crate) fn credentials_profile(&self, name: &str) -> Option<&Profile> {
        self.credentials_profiles.get(name)
    }

    /// Returns an `sso-session` section.
    pub(crate) fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.sso_sessions.get(name)
    }

    /// Returns a `services` section.
    pub(crate) fn services(&self, name: &str) -> Option<&Profile> {
        self.services.get(name)
    }

    /// Returns the AWS config file.
    pub(crate) fn config_file(&self) -> &AwsFile {
        &self.config_file
    }

    /// Returns the AWS credentials file.
    pub(crate) fn credentials_file(&self) -> &AwsFile {
        &self.credentials_file
    }

    /// Returns the profile whose name is most similar to `name`.
    pub(crate) fn nearest_profile(&self, name: &str) -> Option<String> {
        nearest(name, self.profiles.keys())
    }
}

impl Profile {
    fn new(path: &Path, section: &ini::Section) -> Self {
        let located = |(key, entry): (&String, &ini::Entry)| {
            let origin =
                Origin::AwsFile { path: path.to_owned(), section: section.name.clone(), line: entry.line };
            (key.clone(), Located::new(entry.value.clone(), origin))
        };
        Self { entries: section.entries.iter().map(located).collect() }
    }

    /// Returns whether the profile has no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether the key is present, even with an empty value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Returns the text of a key, which may be empty.
    ///
    /// # Errors
    /// If the value is an indented block.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Located<&str>>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Text(text) => Ok(Some(Located::new(text, entry.origin.clone()))),
            Value::Block(_) => Err(InvalidValue {
                key: key.to_owned(),
                value: "an indented block".to_owned(),
                origin: entry.origin.clone(),
                expected: "a single value on the same line".to_owned(),
            }
            .into()),
        }
    }

    /// Returns the text of a key, or `None` if it is empty.
    pub(crate) fn non_empty(&self, key: &str) -> Result<Option<Located<&str>>> {
        Ok(self.text(key)?.filter(|text| !text.value.is_empty()))
    }

    /// Returns the keys of an indented block; none for an empty value.
    ///
    /// # Errors
    /// If the value is a single text.
    pub(crate) fn block(&self, key: &str) -> Result<Option<Located<&BTreeMap<String, String>>>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Block(block) => Ok(Some(Located::new(block, entry.origin.clone()))),
            Value::Text(text) if text.is_empty() => Ok(None),
            Value::Text(text) => Err(InvalidValue {
                key: key.to_owned(),
                value: text.clone(),
                origin: entry.origin.clone(),
                expected: "nothing on this line and an indented block of `key = value` lines below"
                    .to_owned(),
            }
            .into()),
        }
    }

    /// Returns all keys whose value is text, in order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, Located<&str>)> {
        self.entries.iter().filter_map(|(key, entry)| match &entry.value {
            Value::Text(text) => Some((key.as_str(), Located::new(text.as_str(), entry.origin.clone()))),
            Value::Block(_) => None,
        })
    }
}

/// Returns the path of a file: the variable's, else the remote's option's, else the default.
///
/// The variable wins over the option, as in DVC, which sets the variable from the option only if it is not set. A
/// variable with an empty value means: no file.
fn locate(env: &Env, variable: &str, option: Option<&Path>, default: &str) -> PathBuf {
    if env.is_set(variable) {
        let value = env.var_os(variable).unwrap_or_default();
        return if value.is_empty() { PathBuf::new() } else { expand(Path::new(value), env) };
    }
    match option {
        Some(path) => expand(path, env),
        None => expand(Path::new(default), env),
    }
}

/// Reads a file; a missing file and the path of a directory count as an empty file.
///
/// Deviation: botocore treats a file that it may not read as an empty one; haul reports an error, because
/// "no credentials" would hide the cause.
fn read(path: PathBuf) -> Result<(AwsFile, Ini)> {
    if path.as_os_str().is_empty() || !path.is_file() {
        return Ok((AwsFile { path, exists: false }, Ini::default()));
    }
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(Error::Parse { path, line: None, message: "the file is not UTF-8".to_owned() });
        }
        Err(source) => return Err(Error::Read { path, source: Arc::new(source) }),
    };
    match ini::parse(&text) {
        Ok(ini) => Ok((AwsFile { path, exists: true }, ini)),
        Err(malformed) => Err(Error::Parse { path, line: Some(malformed.line), message: malformed.message }),
    }
}

/// Returns the name of the active profile.
///
/// `AWS_DEFAULT_PROFILE` wins over `AWS_PROFILE`: botocore's order.
///
/// Deviation: if `AWS_PROFILE` is set to an empty value, botocore looks for a profile without a name; haul treats the
/// variable as unset.
fn active_profile(request: &CredentialRequest, env: &Env) -> Located<String> {
    if let Some(profile) = &request.profile {
        return profile.clone();
    }
    for name in ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"] {
        if let Some(value) = env.var(name) {
            return Located::new(value.to_owned(), Origin::Env { name: name.to_owned() });
        }
    }
    Located::default_value("default".to_owned())
}

fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    names
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests;
