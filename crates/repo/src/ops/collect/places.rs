//! Which remote an out belongs to, by the configuration of its revision.

use std::cell::RefCell;
use std::collections::HashMap;

use gix::ObjectId;
use haul_config::{Config, ConfigPaths, ConfigStack, Remote};

use crate::git::Revision;
use crate::index::CommitReader;
use crate::{Error, Out, Repo, Result};

/// The number of a configuration; 0 is that of the workspace.
pub(in crate::ops) type ConfigNumber = usize;

/// The configurations of the workspace and of revisions.
#[derive(Debug)]
pub(in crate::ops) struct Configs {
    known: Vec<Config>,
    by_content: HashMap<ObjectId, ConfigNumber>,
    stack: Option<ConfigStack>,
    /// What [`is_elsewhere`](Self::is_elsewhere) has found out.
    elsewhere: RefCell<HashMap<(ConfigNumber, Option<String>), bool>>,
}

impl Configs {
    pub(in crate::ops) fn new(repo: &Repo) -> Self {
        Self {
            known: vec![repo.config().clone()],
            by_content: HashMap::new(),
            stack: None,
            elsewhere: RefCell::default(),
        }
    }

    /// Returns the configuration that holds in a revision: its `.dvc/config`, and the other levels as they are now. A
    /// revision without one has that of the workspace.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it cannot be used; what Git says if it cannot be read.
    pub(in crate::ops) fn of_revision(
        &mut self,
        reader: &CommitReader<'_>,
        revision: &Revision,
    ) -> Result<ConfigNumber> {
        let Some((blob, text)) = reader.config_of(revision)? else { return Ok(0) };
        if let Some(number) = self.by_content.get(&blob) {
            return Ok(*number);
        }
        let repo = reader.repo();
        // Most revisions have the configuration of now.
        if fs_err::read(repo.dvc_dir().join("config")).is_ok_and(|now| now == text) {
            self.by_content.insert(blob, 0);
            return Ok(0);
        }
        if self.stack.is_none() {
            let paths = ConfigPaths::new(repo.env(), Some(repo.dvc_dir()));
            self.stack = Some(ConfigStack::load(&paths, repo.env())?);
        }
        let stack = self.stack.as_ref().expect("just loaded");
        let config = stack.with_repo_text(&text).and_then(|stack| stack.config())?;
        self.known.push(config);
        let number = self.known.len() - 1;
        self.by_content.insert(blob, number);
        Ok(number)
    }

    /// Returns the remote that a configuration means by a name, or its default one, and the configuration that defines it.
    ///
    /// Deviation: what a revision does not define is what it is in the workspace. DVC skips such a revision, or its data.
    pub(in crate::ops) fn remote(
        &self,
        number: ConfigNumber,
        name: Option<&str>,
    ) -> Result<(ConfigNumber, Remote)> {
        let own = &self.known[number];
        let is_known = |name: &str| own.remote_names().iter().any(|known| known.eq_ignore_ascii_case(name));
        let name = name.or_else(|| own.core.remote.as_ref().map(|name| name.value.as_str()));
        let number = if name.is_some_and(is_known) { number } else { 0 };
        // A default that the revision names is its own, also where only the workspace defines it.
        let remote = self.known[number].remote(name).map_err(Error::from)?;
        Ok((number, remote))
    }

    /// Tells whether two configurations mean the same by the name of a remote.
    pub(in crate::ops) fn is_same(&self, one: ConfigNumber, other: ConfigNumber, name: &str) -> bool {
        one == other || self.known[one].has_same_remote(&self.known[other], name)
    }

    /// Tells whether a configuration sends an out to another place than the workspace's does.
    pub(in crate::ops) fn is_elsewhere(&self, number: ConfigNumber, out: &Out) -> bool {
        if number == 0 {
            return false;
        }
        let key = (number, out.remote.clone());
        if let Some(known) = self.elsewhere.borrow().get(&key) {
            return *known;
        }
        let resolve = |number| self.remote(number, out.remote.as_deref());
        let is_elsewhere = match (resolve(number), resolve(0)) {
            (Ok((own, remote)), Ok((_, other))) => {
                remote.name != other.name || !self.is_same(own, 0, &remote.name)
            }
            (Err(_), Err(_)) => false,
            _ => true,
        };
        self.elsewhere.borrow_mut().insert(key, is_elsewhere);
        is_elsewhere
    }

    /// Returns a configuration.
    pub(in crate::ops) fn get(&self, number: ConfigNumber) -> &Config {
        &self.known[number]
    }
}
