//! Sections and options as DVC sees them: lower-cased, remotes by name, levels merged.

use crate::ini::Value;
use crate::{Located, Origin};

/// An ordered map of options and sections; the keys are in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Where its header stands.
    pub(crate) origin: Option<Origin>,
    entries: Vec<(String, Node)>,
}

/// What a key of a table names.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// An option.
    Leaf(Leaf),
    /// A section, or a named part of one.
    Table(Table),
}

/// The value of an option.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The value as written.
    pub(crate) raw: Value,
    /// The value with paths made absolute.
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Leaf {
    pub(crate) fn located(&self) -> Located<Value> {
        Located::new(self.value.clone(), self.origin.clone())
    }
}

impl Table {
    /// Makes an empty table.
    pub(crate) fn new(origin: Option<Origin>) -> Self {
        Self { origin, entries: Vec::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(found, _)| found == key).map(|(_, node)| node)
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(found, _)| found == key).map(|(_, node)| node)
    }

    /// Returns the table at a path of keys.
    pub(crate) fn table(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |table, key| match table.get(key) {
            Some(Node::Table(inner)) => Some(inner),
            Some(Node::Leaf(_)) | None => None,
        })
    }

    /// Returns the option at a path of keys.
    pub(crate) fn leaf(&self, path: &[&str]) -> Option<&Leaf> {
        let (key, tables) = path.split_last()?;
        match self.table(tables)?.get(key) {
            Some(Node::Leaf(leaf)) => Some(leaf),
            Some(Node::Table(_)) | None => None,
        }
    }

    /// Sets a key; one that is there keeps its place.
    pub(crate) fn insert(&mut self, key: &str, node: Node) {
        match self.get_mut(key) {
            Some(found) => *found = node,
            None => self.entries.push((key.to_owned(), node)),
        }
    }

    /// Takes a key out, if it is there.
    pub(crate) fn remove(&mut self, key: &str) {
        self.entries.retain(|(found, _)| found != key);
    }

    /// Makes sure that a key names a table, and returns that.
    pub(crate) fn table_mut(&mut self, key: &str) -> &mut Self {
        let index = self.entries.iter().position(|(found, _)| found == key).unwrap_or_else(|| {
            self.entries.push((key.to_owned(), Node::Table(Self::default())));
            self.entries.len() - 1
        });
        let node = &mut self.entries[index].1;
        if let Node::Leaf(_) = node {
            *node = Node::Table(Self::default());
        }
        match node {
            Node::Table(table) => table,
            Node::Leaf(_) => unreachable!("a leaf was replaced by a table"),
        }
    }

    /// Changes every option whose path `wanted` accepts.
    pub(crate) fn change_leaves(
        &mut self,
        path: &mut Vec<String>,
        change: &mut dyn FnMut(&[String], &mut Leaf),
    ) {
        for (key, node) in &mut self.entries {
            path.push(key.clone());
            match node {
                Node::Leaf(leaf) => change(path, leaf),
                Node::Table(table) => table.change_leaves(path, change),
            }
            path.pop();
        }
    }

    /// Puts another table over this one, key by key.
    pub(crate) fn merge(&mut self, over: &Self) {
        for (key, node) in &over.entries {
            match (self.get_mut(key), node) {
                (Some(Node::Table(under)), Node::Table(table)) => {
                    under.origin = under.origin.take().or_else(|| table.origin.clone());
                    under.merge(table);
                }
                _ => self.insert(key, node.clone()),
            }
        }
    }

    /// Lists all options in order, each with the names of its sections and its own name. A name may hold a dot.
    pub(crate) fn flatten(&self) -> Vec<(Vec<&str>, &Leaf)> {
        let mut found = Vec::new();
        for (key, node) in &self.entries {
            match node {
                Node::Leaf(leaf) => found.push((vec![key.as_str()], leaf)),
                Node::Table(table) => {
                    let below = |(inner, leaf)| ([vec![key.as_str()], inner].concat(), leaf);
                    found.extend(table.flatten().into_iter().map(below));
                }
            }
        }
        found
    }
}
