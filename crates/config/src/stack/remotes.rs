//! Edits of a remote that concern several levels.

use super::edit::{default_key, put, remove, unquotable};
use super::layer::Layer;
use super::lock::EditLock;
use super::{ConfigStack, Edited};
use crate::ini::Unquotable;
use crate::{Error, Level, Result, SectionName};

impl ConfigStack {
    /// Removes a remote of the level, and `core.remote` at this and the higher levels where it names the remote.
    ///
    /// `Deviation:` if a higher level has options of the remote, it stays: DVC removes it, and no command works any
    /// more because those options lack a URL.
    pub fn remove_remote(&mut self, level: Level, name: &str) -> Result<Edited> {
        let name = name.to_lowercase();
        let _lock = self.lock_from(level)?;
        self.refresh_from(level)?;
        let layer = self.layer(level)?;
        if layer.table.table(&["remote", &name]).is_none() {
            return Err(self.unknown(&self.layer(level)?.table, &name));
        }
        if let Some(above) = self.completed_by(level, &name).first() {
            let origin = above.table.table(&["remote", &name]).and_then(|table| table.origin.clone());
            return Err(Error::InUseAbove { name, origin: origin.unwrap_or(crate::Origin::Default) });
        }
        let section = SectionName::Remote(name.clone());
        let mut changes = Vec::new();
        // The remote goes last: a default that names no remote would be an error of every command.
        for at in self.levels_from(level).into_iter().rev() {
            let is_default = self.names_default(at, &name)?;
            if at == level || is_default {
                let document = self.changed(at, |document| {
                    if at == level {
                        document.remove_section(&section);
                    }
                    if is_default {
                        remove(document, &default_key())?;
                    }
                    Ok(())
                })?;
                changes.push((at, document));
            }
        }
        self.commit(changes, None)
    }

    /// Renames a remote of the level, and `core.remote` at this and the higher levels where it names the remote.
    ///
    /// The new name is written as typed and, like every name, compared in lower case. Where higher levels follow, the
    /// remote has both names until they have; an edit that was killed there is taken up again.
    ///
    /// `Deviation:` DVC refuses a taken name only if it is typed in lower case. Options that a higher level adds to the
    /// remote keep the old name in DVC, and no command works any more because they lack a URL; here they follow.
    pub fn rename_remote(&mut self, level: Level, old: &str, new: &str) -> Result<Edited> {
        let old = old.to_lowercase();
        let _lock = self.lock_from(level)?;
        self.refresh_from(level)?;
        let is_begun = self.is_rename_begun(level, &old, &new.to_lowercase());
        if let (Some(taken), false) = (self.merged(None).table(&["remote", &new.to_lowercase()]), is_begun) {
            let origin = taken.origin.clone().unwrap_or(crate::Origin::Default);
            return Err(Error::RenameTargetExists { name: new.to_owned(), origin });
        }
        if self.layer(level)?.table.table(&["remote", &old]).is_none() {
            return Err(self.unknown(&self.layer(level)?.table, &old));
        }
        let following: Vec<Level> = self.completed_by(level, &old).iter().map(|layer| layer.level).collect();
        let (from, to) = (SectionName::Remote(old.clone()), SectionName::Remote(new.to_owned()));
        let cannot_write = |Unquotable| unquotable(&to.to_string());
        let mut above = Vec::new();
        let mut renamed = None;
        for at in self.levels_from(level) {
            let is_default = self.names_default(at, &old)?;
            let is_renamed = at == level || following.contains(&at);
            if is_renamed || is_default {
                let document = self.changed(at, |document| {
                    if at == level && is_begun {
                        document.remove_section(&from);
                    } else if is_renamed {
                        document.rename_section(&from, &to).map_err(cannot_write)?;
                    }
                    if is_default {
                        put(document, &default_key(), new)?;
                    }
                    Ok(())
                })?;
                if at == level { renamed = Some((at, document)) } else { above.push((at, document)) }
            }
        }
        let mut changes = Vec::new();
        if !above.is_empty() && !is_begun {
            let both =
                self.changed(level, |document| document.copy_section(&from, &to).map_err(cannot_write))?;
            changes.push((level, both));
        }
        changes.extend(above);
        changes.extend(renamed);
        self.commit(changes, None)
    }

    /// Tells whether a rename was killed half way: the level has the same remote under both names, and no higher level
    /// has both.
    fn is_rename_begun(&self, level: Level, old: &str, new: &str) -> bool {
        let options = |name: &str| {
            let options = self.layer(level).ok()?.table.table(&["remote", name])?.flatten();
            Some(options.into_iter().map(|(key, leaf)| (key, leaf.raw.clone())).collect::<Vec<_>>())
        };
        let has = |layer: &Layer, name: &str| layer.table.table(&["remote", name]).is_some();
        let is_mixed = |layer: &Layer| layer.level > level && has(layer, old) && has(layer, new);
        let is_below = |layer: &Layer| layer.level < level && has(layer, new);
        let is_other = self.layers.iter().any(|layer| is_mixed(layer) || is_below(layer));
        old != new && !is_other && options(old).is_some_and(|old| Some(old) == options(new))
    }

    /// Returns the levels above that add options to a remote which this level alone gives its URL.
    fn completed_by(&self, level: Level, name: &str) -> Vec<&Layer> {
        let has_url = |layer: &Layer| layer.table.leaf(&["remote", name, "url"]).is_some();
        if self.layers.iter().any(|layer| layer.level < level && has_url(layer)) {
            return Vec::new();
        }
        let above = self.layers.iter().filter(|layer| layer.level > level);
        above
            .take_while(|layer| !has_url(layer))
            .filter(|layer| layer.table.table(&["remote", name]).is_some())
            .collect()
    }

    /// Waits until no other process edits the files of a level or of those above it.
    fn lock_from(&self, level: Level) -> Result<EditLock> {
        self.layer(level)?;
        let layers = self.layers.iter().filter(|layer| layer.level >= level);
        Ok(EditLock::acquire(&layers.map(|layer| &*layer.path).collect::<Vec<_>>(), false))
    }

    fn refresh_from(&mut self, level: Level) -> Result<()> {
        self.layer(level)?;
        self.levels_from(level).into_iter().try_for_each(|level| self.refresh(level))
    }

    fn levels_from(&self, level: Level) -> Vec<Level> {
        self.layers.iter().map(|layer| layer.level).filter(|&found| found >= level).collect()
    }

    fn names_default(&self, level: Level, name: &str) -> Result<bool> {
        let default = self.layer(level)?.table.leaf(&["core", "remote"]);
        Ok(default.is_some_and(|leaf| leaf.value.to_string().to_lowercase() == name))
    }
}
