//! Changes to a document that leave every other line alone.

use super::grammar;
use super::lines::{content, is_space, split};
use super::quote::{quote_name, quote_value};
use super::{Document, Item, Kind, Outline, ParseError, Value};
use crate::SectionName;

/// DVC's indentation, for sections that have none of their own yet.
const INDENT: &str = "    ";

/// A name or value that can't be written.
#[derive(Debug)]
pub(crate) struct Unquotable;

impl Document {
    /// Returns the sections of that name, by number; the last one is the one that counts.
    ///
    /// There can be several: names are compared in lower case, and remotes may be nested in a section `[remote]`.
    pub(crate) fn sections(outline: &Outline, name: &SectionName) -> Vec<usize> {
        let mut found = Vec::new();
        for &section in &outline[0].sections {
            let header = SectionName::from_header(&outline[section].name);
            if header == *name {
                found.push(section);
            }
            if let (SectionName::Plain(plain), [kind, inner]) = (&header, name.path().as_slice())
                && plain == kind
            {
                let nested = outline[section].sections.iter().copied();
                found.extend(nested.filter(|&nested| outline[nested].name.to_lowercase() == *inner));
            }
        }
        found
    }

    /// Returns the entries of that name in a section; the last one is the one that counts.
    pub(crate) fn entries(&self, outline: &Outline, section: usize, key: &str) -> Vec<usize> {
        let entries = outline[section].entries.iter().copied();
        entries.filter(|&item| self.key(item).to_lowercase() == key).collect()
    }

    /// Sets an option; adds it, and its section, if need be.
    pub(crate) fn set(&mut self, section: &SectionName, key: &str, value: &Value) -> Result<(), Unquotable> {
        let outline = self.outline();
        let Some(&number) = Self::sections(&outline, section).last() else {
            let header = self.add_section(section)?;
            return self.insert_entry(header + 1, INDENT, key, value);
        };
        if let Some(&item) = self.entries(&outline, number, key).last() {
            return self.replace_value(item, value);
        }
        let fallback = outline.iter().flat_map(|section| &section.entries).next().copied();
        let last = outline[number].entries.last().copied();
        let indent = last.or(fallback).map_or(INDENT, |item| indent_of(&self.items[item].text)).to_owned();
        let position = last.or(outline[number].header).map_or(0, |item| item + 1);
        self.insert_entry(position, &indent, key, value)
    }

    /// Removes an option, and a plain section that holds nothing any more; tells whether the option was there.
    pub(crate) fn unset(&mut self, section: &SectionName, key: &str) -> bool {
        let outline = self.outline();
        let Some(&number) = Self::sections(&outline, section).last() else { return false };
        let entries = self.entries(&outline, number, key);
        for &item in entries.iter().rev() {
            self.items.remove(item);
        }
        if let (SectionName::Plain(_), Some(header)) = (section, outline[number].header)
            && !entries.is_empty()
            && self.section_end(header) == header + 1
        {
            self.remove_block(header);
        }
        !entries.is_empty()
    }

    /// Removes all options of a section but one.
    pub(crate) fn keep_only(&mut self, section: &SectionName, key: &str) {
        let outline = self.outline();
        let Some(&number) = Self::sections(&outline, section).last() else { return };
        for &item in outline[number].entries.iter().rev() {
            if self.key(item).to_lowercase() != key {
                self.items.remove(item);
            }
        }
    }

    /// Removes a section with all it holds; tells whether it was there.
    pub(crate) fn remove_section(&mut self, name: &SectionName) -> bool {
        let mut removed = false;
        while let Some(header) = self.last_header(name) {
            self.remove_block(header);
            removed = true;
        }
        removed
    }

    /// Gives a section another name and, as DVC does, moves it behind the others of its kind.
    pub(crate) fn rename_section(&mut self, old: &SectionName, new: &SectionName) -> Result<(), Unquotable> {
        let Some(header) = self.last_header(old) else { return Ok(()) };
        let quoted = quote_name(&new.header()).ok_or(Unquotable)?;
        let text = &self.items[header].text;
        let line = split(text).first().map_or("", |line| content(line));
        let end = grammar::header(line).map_or(line.len(), |header| header.end);
        self.items[header].text = format!("[{quoted}]{}", &text[end..]);
        self.items[header].kind = Kind::Header { depth: 1, name: new.header() };
        let is_last = self
            .outline()
            .iter()
            .filter_map(|section| section.header)
            .filter(|&item| rank(&self.name_of(item)) == rank(new))
            .max()
            .is_none_or(|last| last == header);
        if !is_last {
            let block = self.remove_block(header);
            self.insert_block(new, block);
        }
        Ok(())
    }

    /// Adds a copy of a section under another name, behind the others of its kind.
    pub(crate) fn copy_section(&mut self, old: &SectionName, new: &SectionName) -> Result<(), Unquotable> {
        let mut copy = self.clone();
        copy.rename_section(old, new)?;
        let Some(header) = copy.last_header(new) else { return Ok(()) };
        let block = copy.remove_block(header);
        self.insert_block(new, block);
        Ok(())
    }

    /// Makes an emptied file what DVC makes of it: one line end.
    pub(crate) fn finish(&mut self) {
        if self.items.is_empty() {
            self.items.push(Item { text: "\n".to_owned(), kind: Kind::Trivia });
        }
    }

    /// Returns the document as it will be read.
    ///
    /// # Errors
    ///
    /// An edit has put a section and an option of one name side by side, which ConfigObj refuses.
    pub(crate) fn reread(&self) -> Result<Self, ParseError> {
        Self::parse(&self.to_string())
    }

    fn last_header(&self, name: &SectionName) -> Option<usize> {
        let outline = self.outline();
        Self::sections(&outline, name).last().and_then(|&section| outline[section].header)
    }

    fn replace_value(&mut self, item: usize, new: &Value) -> Result<(), Unquotable> {
        let Item { text, kind: Kind::Entry { value, span, .. } } = &mut self.items[item] else {
            return Ok(());
        };
        if value == new {
            return Ok(());
        }
        let mut quoted = quote_value(new).ok_or(Unquotable)?;
        let length = quoted.len();
        if span.start == span.end {
            // `k =` and `k =# comment` have no room for a value yet.
            if text[..span.start].ends_with(" =") {
                quoted.insert(0, ' ');
            }
            if text[span.end..].starts_with('#') {
                quoted.push(' ');
            }
        }
        let start = span.start + usize::from(quoted.starts_with(' ') && quoted.len() > length);
        text.replace_range(span.clone(), &quoted);
        *span = start..start + length;
        *value = new.clone();
        Ok(())
    }

    fn insert_entry(
        &mut self,
        position: usize,
        indent: &str,
        key: &str,
        value: &Value,
    ) -> Result<(), Unquotable> {
        let start = format!("{indent}{} = ", quote_name(key).ok_or(Unquotable)?);
        let quoted = quote_value(value).ok_or(Unquotable)?;
        let span = start.len()..start.len() + quoted.len();
        let text = format!("{start}{quoted}{}", self.line_end());
        let kind = Kind::Entry { key: key.to_owned(), value: value.clone(), span };
        self.insert(position, vec![Item { text, kind }]);
        Ok(())
    }

    /// Adds an empty section and returns the item of its header.
    fn add_section(&mut self, name: &SectionName) -> Result<usize, Unquotable> {
        let quoted = quote_name(&name.header()).ok_or(Unquotable)?;
        let text = format!("[{quoted}]{}", self.line_end());
        let header = Item { text, kind: Kind::Header { depth: 1, name: name.header() } };
        Ok(self.insert_block(name, vec![header]))
    }

    /// Inserts a section where DVC would write it; returns the item of its header.
    ///
    /// Plain sections come first, then remotes, machines, databases; a new one is the last of its kind.
    fn insert_block(&mut self, name: &SectionName, mut block: Vec<Item>) -> usize {
        let outline = self.outline();
        let headers: Vec<usize> =
            outline[0].sections.iter().filter_map(|&section| outline[section].header).collect();
        let before = headers.iter().rev().find(|&&header| rank(&self.name_of(header)) <= rank(name));
        let position = match (before, headers.first()) {
            (Some(&before), _) => {
                if before > 0 && self.is_blank(before - 1) {
                    block.insert(0, Item { text: self.line_end().to_owned(), kind: Kind::Trivia });
                }
                self.section_end(before)
            }
            (None, Some(&first)) => self.attached_comments(first),
            // A file without sections may still be one blank line, as DVC leaves it.
            (None, None) if self.items.iter().all(|item| item.text.trim().is_empty()) => {
                self.items.clear();
                0
            }
            (None, None) => self.items.len(),
        };
        let offset = block.iter().position(|item| matches!(item.kind, Kind::Header { .. })).unwrap_or(0);
        self.insert(position, block);
        position + offset
    }

    /// Takes a section out, with the comments right above its header.
    fn remove_block(&mut self, header: usize) -> Vec<Item> {
        let end = self.section_end(header);
        let comments = self.attached_comments(header);
        // A comment at the very start is about the file.
        let start = if comments == 0 { header } else { comments };
        let block: Vec<Item> = self.items.drain(start..end).collect();
        // Of two blank lines that are neighbours now, one goes.
        let at_end = start == self.items.len();
        if start > 0 && self.is_blank(start - 1) && (at_end || self.is_blank(start)) {
            self.items.remove(start - 1);
        }
        block
    }

    /// Returns where a section ends: behind its last entry and the indented comments that follow.
    fn section_end(&self, header: usize) -> usize {
        let Kind::Header { depth, .. } = self.items[header].kind else { return header };
        let next = self.items[header + 1..]
            .iter()
            .position(|item| matches!(item.kind, Kind::Header { depth: other, .. } if other <= depth))
            .map_or(self.items.len(), |offset| header + 1 + offset);
        let last = (header..next).rev().find(|&item| !matches!(self.items[item].kind, Kind::Trivia));
        let end = last.map_or(header + 1, |item| item + 1);
        let comments = self.items[end..next].iter().take_while(|item| {
            item.text.starts_with(is_space) && item.text.trim_start_matches(is_space).starts_with('#')
        });
        end + comments.count()
    }

    /// Returns where the comments right above a header start; the header itself if there are none.
    fn attached_comments(&self, header: usize) -> usize {
        let above = self.items[..header].iter().rev();
        let comments =
            above.take_while(|item| matches!(item.kind, Kind::Trivia) && item.text.starts_with('#'));
        header - comments.count()
    }

    fn is_blank(&self, item: usize) -> bool {
        self.items.get(item).is_some_and(|item| item.text.trim_matches(is_space).is_empty())
    }

    fn name_of(&self, header: usize) -> SectionName {
        match &self.items[header].kind {
            Kind::Header { name, .. } => SectionName::from_header(name),
            Kind::Entry { .. } | Kind::Trivia => SectionName::Plain(String::new()),
        }
    }

    /// Inserts items; the item before them gets the line end it may lack.
    fn insert(&mut self, position: usize, items: Vec<Item>) {
        let line_end = self.line_end().to_owned();
        if let Some(before) = position.checked_sub(1).and_then(|before| self.items.get_mut(before))
            && !before.text.ends_with(['\n', '\r'])
        {
            before.text.push_str(&line_end);
        }
        self.items.splice(position..position, items);
    }

    /// Returns the line end the file uses.
    fn line_end(&self) -> &'static str {
        let ends_with = |end| self.items.first().is_some_and(|item| item.text.ends_with(end));
        if ends_with("\r\n") { "\r\n" } else { "\n" }
    }
}

/// The order in which DVC writes the kinds of sections.
fn rank(name: &SectionName) -> u8 {
    match name {
        SectionName::Plain(_) => 0,
        SectionName::Remote(_) => 1,
        SectionName::Machine(_) => 2,
        SectionName::Db(_) => 3,
    }
}

fn indent_of(text: &str) -> &str {
    let rest = text.trim_start_matches(is_space);
    &text[..text.len() - rest.len()]
}
