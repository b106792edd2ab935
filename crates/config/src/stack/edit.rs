//! Changes to the file of one level.
//!
//! `Deviation:` DVC writes a whole new file from what it read: comments are lost, and a name or value it can't write
//! leaves an empty file. Here every other line stays, and the file is replaced only when all is well. DVC also leaves
//! an empty `config.local` behind `remote remove` and `remote rename`; here no file is made for nothing.

use super::layer::Layer;
use super::lock::EditLock;
use super::refusal::{Setting, refused};
use super::resolve::{holds_path, may_hold_path, relative_to_file};
use super::tree::Table;
use super::{AddRemote, ConfigStack, Edited, Notice, not_found, write};
use crate::error::stands_at;
use crate::ini::{Document, Unquotable, Value};
use crate::remote::{dereference, new_values, rules};
use crate::schema::values::boolean;
use crate::schema::{self, validate};
use crate::{Env, Error, KeyPath, Level, Place, Result, SectionName, keys};

impl ConfigStack {
    /// Sets an option (`config NAME VALUE`); creates its section if need be.
    pub fn set(&mut self, level: Level, key: &KeyPath, value: &str) -> Result<Edited> {
        let _lock = self.lock(level, true)?;
        let in_file = self.for_file(level, key, value)?;
        let document = self.changed(level, |document| put(document, key, &in_file))?;
        let mut edited = self.commit(vec![(level, document)], Some(Setting { key, value }))?;
        if key.to_string() == "cache.type" {
            edited.notices.push(Notice::CacheTypeChanged);
        }
        Ok(edited)
    }

    /// Removes an option (`config -u NAME`); a missing one is an error.
    pub fn unset(&mut self, level: Level, key: &KeyPath) -> Result<Edited> {
        let _lock = self.lock(level, false)?;
        self.refresh(level)?;
        let layer = self.layer(level)?;
        let path = [key.section.path(), vec![key.option.as_str()]].concat();
        if layer.table.leaf(&path).is_none() {
            return Err(not_found(&layer.table, key));
        }
        let document = self.changed(level, |document| remove(document, key))?;
        self.commit(vec![(level, document)], None)
    }

    /// Adds a remote. A relative path in `url` is relative to the working directory.
    ///
    /// Whether the name is taken is decided by this level alone, as DVC does.
    pub fn add_remote(&mut self, level: Level, name: &str, url: &str, how: AddRemote) -> Result<Edited> {
        let _lock = self.lock(level, true)?;
        let name = name.to_lowercase();
        let key = KeyPath::remote(&name, "url");
        let in_file = self.for_file(level, &key, url)?;
        if let Some(found) = self.layer(level)?.table.table(&["remote", &name])
            && !how.force
        {
            let origin = found.origin.clone().unwrap_or(crate::Origin::Default);
            return Err(Error::RemoteExists { name, origin });
        }
        let document = self.changed(level, |document| {
            document.keep_only(&key.section, "url");
            put(document, &key, &in_file)?;
            if how.default {
                put(document, &default_key(), &name)?;
            }
            Ok(())
        })?;
        self.commit(vec![(level, document)], Some(Setting { key: &key, value: url }))
    }

    /// Sets an option of a remote.
    ///
    /// The remote must be defined in this or a lower level; for the level of the repository, in any.
    pub fn modify_remote(&mut self, level: Level, name: &str, option: &str, value: &str) -> Result<Edited> {
        let _lock = self.lock(level, true)?;
        let key = KeyPath::remote(name, option);
        let in_file = self.for_file(level, &key, value)?;
        self.check_known(&self.visible(level), name)?;
        let document = self.changed(level, |document| put(document, &key, &in_file))?;
        let result = self.commit(vec![(level, document)], Some(Setting { key: &key, value }));
        result.map_err(|error| self.point_above(error, level, &key))
    }

    /// Removes an option of a remote; a missing option is fine.
    ///
    /// The remote must be defined in this or a lower level.
    ///
    /// `Deviation:` DVC adds an empty section when an option is unset at a level that has none of the remote.
    pub fn unset_remote_option(&mut self, level: Level, name: &str, option: &str) -> Result<Edited> {
        let _lock = self.lock(level, false)?;
        let key = KeyPath::remote(name, option);
        self.refresh(level)?;
        self.check_known(&self.merged(Some(level)), name)?;
        let document = self.changed(level, |document| remove(document, &key))?;
        self.commit(vec![(level, document)], None)
    }

    /// Makes a remote the default one.
    ///
    /// The remote is looked for as in [`ConfigStack::modify_remote`].
    pub fn set_default_remote(&mut self, level: Level, name: &str) -> Result<Edited> {
        let _lock = self.lock(level, true)?;
        let name = name.to_lowercase();
        self.refresh(level)?;
        let merged = self.visible(level);
        if !schema::names(&merged).contains(&name.as_str()) {
            let nearest = keys::nearest(&name, schema::names(&merged)).map(str::to_owned);
            return Err(Error::DefaultNotInList { name, nearest });
        }
        let document = self.changed(level, |document| put(document, &default_key(), &name))?;
        self.commit(vec![(level, document)], None)
    }

    /// Removes `core.remote` of the level, if set.
    pub fn unset_default_remote(&mut self, level: Level) -> Result<Edited> {
        let _lock = self.lock(level, false)?;
        self.refresh(level)?;
        let document = self.changed(level, |document| remove(document, &default_key()))?;
        self.commit(vec![(level, document)], None)
    }

    /// Reads the file of a level again, and rewrites a path of the command line for it.
    fn for_file(&mut self, level: Level, key: &KeyPath, value: &str) -> Result<String> {
        self.refresh(level)?;
        let path = [key.section.path(), vec![key.option.as_str()]].concat();
        if let ["remote", _, "url"] = path[..] {
            new_values::check_scheme(value)?;
        }
        let is_path =
            holds_path(&path) || (may_hold_path(&path) && boolean(&Value::Text(value.into())).is_none());
        if !is_path {
            return Ok(value.to_owned());
        }
        let folder = self.layer(level)?.path.parent().unwrap_or(std::path::Path::new("")).to_owned();
        Ok(relative_to_file(&folder, value, &self.env))
    }

    /// Waits until no other process edits the file of a level; `is_new` tells that it may be made.
    fn lock(&self, level: Level, is_new: bool) -> Result<EditLock> {
        Ok(EditLock::acquire(&[&self.layer(level)?.path], is_new))
    }

    /// Reads the file of a level again: it may have changed since.
    pub(super) fn refresh(&mut self, level: Level) -> Result<()> {
        let path = self.layer(level)?.path.clone();
        self.replace(Layer::load(level, &path, &self.env)?);
        Ok(())
    }

    pub(super) fn replace(&mut self, new: Layer) {
        if let Some(layer) = self.layers.iter_mut().find(|layer| layer.level == new.level) {
            *layer = new;
        }
    }

    /// Merges the levels in which a command that edits this one looks for remotes.
    ///
    /// Those up to it, but all if it is the repository's: DVC edits that one if no level is named, and then looks
    /// everywhere.
    fn visible(&self, level: Level) -> Table {
        self.merged((level != Level::Repo).then_some(level))
    }

    fn check_known(&self, table: &Table, name: &str) -> Result<()> {
        let name = name.to_lowercase();
        match table.table(&["remote", &name]) {
            Some(_) => Ok(()),
            None => Err(self.unknown(table, &name)),
        }
    }

    /// Says that a remote is not in these levels, and in which it may be.
    pub(super) fn unknown(&self, table: &Table, name: &str) -> Error {
        let path = ["remote", name];
        let elsewhere = self.layers.iter().rev().find_map(|layer| layer.table.table(&path)?.origin.clone());
        let nearest = keys::nearest(name, schema::names(table)).map(str::to_owned);
        Error::RemoteUnknown { name: name.to_owned(), nearest, elsewhere }
    }

    /// Points to the level above that has the URL which an edited remote lacks.
    fn point_above(&self, error: Error, level: Level, key: &KeyPath) -> Error {
        let path = [key.section.path(), vec!["url"]].concat();
        let mut above = self.layers.iter().filter(|layer| layer.level > level);
        match (error, above.find_map(|layer| layer.table.leaf(&path))) {
            (Error::Schema { message, path, places, .. }, Some(url)) if path == key.section.path() => {
                Error::Schema { message, path, places, hint: Some(stands_at(&url.origin)) }
            }
            (error, _) => error,
        }
    }

    /// Returns the document of a level after a change.
    pub(super) fn changed(
        &self,
        level: Level,
        change: impl FnOnce(&mut Document) -> Result<()>,
    ) -> Result<Document> {
        let layer = self.layer(level)?;
        let mut document = layer.document.clone();
        change(&mut document)?;
        document.finish();
        // What is written is what is read next, and not only what was meant.
        document.reread().map_err(|error| Error::NotReadable {
            path: layer.path.clone(),
            line: error.line,
            message: error.message,
        })
    }

    /// Checks what would come out and, if all is well, writes it, in this order; a level may come twice.
    ///
    /// With `set`, what is wrong with the remote *because of* that option is an error, and what it only lacks is a
    /// notice; mistakes elsewhere are left to the command that uses the remote.
    pub(super) fn commit(
        &mut self,
        changes: Vec<(Level, Document)>,
        set: Option<Setting<'_>>,
    ) -> Result<Edited> {
        let mut candidate = self.clone();
        let mut highest = Level::System;
        for (level, document) in &changes {
            let path = self.layer(*level)?.path.clone();
            candidate.replace(Layer::new(*level, &path, document.clone(), &self.env)?);
            highest = highest.max(*level);
        }
        let checked = validate::validate(&candidate.merged(Some(highest)));
        let mut edited = Edited::default();
        if let Some(setting) = set {
            let checked = checked.and_then(|_| notices(&candidate.merged(None), setting.key, &self.env));
            edited.notices = checked.map_err(|error| {
                refused(error, highest, setting, &self.merged(None), &candidate.merged(None))
            })?;
            edited.notices.extend(new_values::misread_path(setting.key, setting.value));
            edited.notices.extend(self.secret_notice(changes.first().map(|(level, _)| *level), setting.key));
        } else {
            checked?;
        }
        for (level, document) in changes {
            let layer = self.layer(level)?;
            let (path, text) = (layer.path.clone(), document.to_string());
            let is_private = Layer::new(level, &path, document.clone(), &self.env)?.is_private();
            let is_unchanged = text == layer.document.to_string() || (!layer.exists && text == "\n");
            if !is_unchanged {
                write::replace(&path, &text, is_private).map_err(|source| Error::Io {
                    action: "write",
                    path: path.clone(),
                    source,
                })?;
                self.replace(Layer::new(level, &path, document, &self.env)?);
                edited.files.push(path);
            }
        }
        Ok(edited)
    }

    /// Says in which file a secret stands now.
    fn secret_notice(&self, level: Option<Level>, key: &KeyPath) -> Option<Notice> {
        let level = level.filter(|_| keys::is_secret(key))?;
        let commands = (level == Level::Repo).then(|| match &key.section {
            SectionName::Remote(name) => vec![
                format!("haul remote modify --unset {name} {}", key.option),
                format!("haul remote modify --local {name} {} <value>", key.option),
            ],
            _ => vec![format!("haul config --unset {key}"), format!("haul config --local {key} <value>")],
        });
        let path = self.paths.path(level)?.to_owned();
        Some(Notice::SecretWritten { key: key.clone(), path, commands })
    }
}

/// Checks the remote of an option that was set.
fn notices(merged: &Table, key: &KeyPath, env: &Env) -> Result<Vec<Notice>> {
    let SectionName::Remote(name) = &key.section else { return Ok(Vec::new()) };
    // A reference to a remote that does not exist yet is left to the command that uses it.
    let Ok(table) = dereference(merged, name) else { return Ok(Vec::new()) };
    let full_key = key.to_string();
    let mut notices = Vec::new();
    let options = rules::Options { name, table: &table, setting: Some(&key.option) };
    for error in rules::read(&options).errors {
        let concerns_it = |places: &[Place]| places.iter().any(|place| place.key == full_key);
        match error {
            Error::Invalid { ref places, .. } if concerns_it(places) => return Err(error),
            Error::Incomplete { message, places, hint } if concerns_it(&places) => {
                notices.push(Notice::Incomplete { message, places, hint });
            }
            _ => {}
        }
    }
    notices.extend(new_values::check(&options, env)?);
    Ok(notices)
}

pub(super) fn default_key() -> KeyPath {
    KeyPath::new(SectionName::Plain("core".to_owned()), "remote")
}

pub(super) fn put(document: &mut Document, key: &KeyPath, value: &str) -> Result<()> {
    document
        .set(&key.section, &key.option, &Value::Text(value.to_owned()))
        .map_err(|Unquotable| unquotable(&key.to_string()))
}

#[expect(clippy::unnecessary_wraps, reason = "has the shape of a change")]
pub(super) fn remove(document: &mut Document, key: &KeyPath) -> Result<()> {
    document.unset(&key.section, &key.option);
    Ok(())
}

pub(super) fn unquotable(key: &str) -> Error {
    Error::Unquotable { key: key.to_owned() }
}
