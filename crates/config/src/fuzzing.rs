//! What must hold for any configuration file and any edit of it: the fuzz target `config` (feature `fuzzing`).

use crate::SectionName;
use crate::ini::{Document, Outline, Value, split};

/// Reads a file and edits it.
///
/// The first line is the edit, four words separated by tabs: `set`, `unset`, `remove` or `rename`, a section header such
/// as `core` or `remote "a"`, a key (for `rename` the new header), a value. The rest is the file.
///
/// # Panics
///
/// When a property does not hold: a file that is read is written back byte for byte; an edit changes only its own lines;
/// what was edited reads as meant, and all other options as before.
pub fn config(bytes: &[u8]) {
    let Ok(input) = str::from_utf8(bytes) else { return };
    let (edit, text) = input.split_once('\n').unwrap_or(("", input));
    let Ok(document) = Document::parse(text) else { return };
    assert_eq!(document.to_string(), text, "the file is not written back as it was");
    let outline = document.outline();
    for (section, entries) in outline.iter().enumerate() {
        for &item in &entries.entries {
            // It may refuse; it must not grow.
            drop(document.interpolated(&outline, section, item));
        }
    }
    let words: Vec<&str> = edit.split('\t').collect();
    let [verb, section, key, value] = words[..] else { return };
    let section = SectionName::from_header(section);
    match verb {
        "set" => set(&document, &section, &key.to_lowercase(), value),
        "unset" => unset(&document, &section, &key.to_lowercase()),
        "remove" => remove(&document, &section),
        "rename" => rename(&document, &section, &SectionName::from_header(key)),
        _ => {}
    }
}

/// An option: the headers it stands below, its key, its value.
type Entry = (Vec<String>, String, Value);

fn entries(document: &Document, outline: &Outline) -> Vec<Entry> {
    let path = |mut section: usize| {
        let mut path = Vec::new();
        while outline[section].header.is_some() {
            path.push(outline[section].name.clone());
            section = outline[section].parent();
        }
        path
    };
    let all = (0..outline.len()).flat_map(|section| {
        outline[section].entries.iter().map(move |&item| (section, item)).collect::<Vec<_>>()
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|&(_, item)| item);
    let value = |item| document.value(item).cloned().unwrap_or(Value::Text(String::new()));
    all.into_iter()
        .map(|(section, item)| (path(section), document.key(item).to_owned(), value(item)))
        .collect()
}

/// Reads what an edit has made; `None` where the editor says that it cannot be made.
fn reread(edited: &Document) -> Option<Document> {
    edited.reread().ok()
}

fn lines(document: &Document) -> Vec<String> {
    let text = document.to_string();
    let lines = split(text.trim_start_matches('\u{feff}')).into_iter().filter(|line| !line.trim().is_empty());
    lines.map(|line| line.trim_end_matches(['\r', '\n']).to_owned()).collect()
}

/// Fails unless `fewer` is `more` without some of its lines.
fn assert_only_lines_go(more: &[String], fewer: &[String]) {
    let mut rest = more.iter();
    for line in fewer {
        assert!(rest.any(|other| other == line), "the line {line:?} was changed or moved");
    }
}

fn set(document: &Document, section: &SectionName, key: &str, value: &str) {
    let value = Value::Text(value.to_owned());
    let mut edited = document.clone();
    if edited.set(section, key, &value).is_err() {
        return;
    }
    edited.finish();
    let Some(read) = reread(&edited) else {
        // The section or the option has the name of something of the other kind.
        assert!(is_taken(document, section, key), "the edited file cannot be read");
        return;
    };
    assert_eq!(option(&read, section, key), Some(value.clone()), "the option is not as set");
    let (before, after) = (entries(document, &document.outline()), entries(&read, &read.outline()));
    let is_new = option(document, section, key).is_none();
    assert_eq!(after.len(), before.len() + usize::from(is_new));
    let changed = after.iter().filter(|entry| !before.contains(entry)).count();
    assert!(changed <= 1, "{changed} options were changed");
    if is_new {
        assert_only_lines_go(&lines(&read), &lines(document));
    }
    let mut again = read.clone();
    assert!(again.set(section, key, &value).is_ok());
    assert_eq!(again.to_string(), read.to_string(), "setting it again changes the file");
}

/// Whether a section or an option of the edit has the name of something of the other kind in its place.
fn is_taken(document: &Document, section: &SectionName, key: &str) -> bool {
    let outline = document.outline();
    let names = |section: usize| {
        let of_sections = outline[section].sections.iter().map(|&inner| outline[inner].name.to_lowercase());
        let of_entries = outline[section].entries.iter().map(|&item| document.key(item).to_lowercase());
        (of_sections.collect::<Vec<_>>(), of_entries.collect::<Vec<_>>())
    };
    let header = section.header().to_lowercase();
    if names(0).1.contains(&header) {
        return true;
    }
    Document::sections(&outline, section)
        .last()
        .is_some_and(|&found| names(found).0.iter().any(|name| name == key))
}

fn option(document: &Document, section: &SectionName, key: &str) -> Option<Value> {
    let outline = document.outline();
    let &section = Document::sections(&outline, section).last()?;
    let &item = document.entries(&outline, section, key).last()?;
    document.value(item).cloned()
}

fn unset(document: &Document, section: &SectionName, key: &str) {
    let mut edited = document.clone();
    let was_there = edited.unset(section, key);
    edited.finish();
    assert_eq!(was_there, option(document, section, key).is_some());
    let read = reread(&edited).expect("a file with less in it can be read");
    if !was_there {
        return;
    }
    assert_only_lines_go(&lines(document), &lines(&read));
    let (before, after) = (entries(document, &document.outline()), entries(&read, &read.outline()));
    assert!(after.len() < before.len());
    assert!(after.iter().all(|entry| before.contains(entry)), "another option was changed");
    // Of several sections of one name, those before it stay.
    let gone = before.len() - after.len();
    let outline = document.outline();
    let section = Document::sections(&outline, section).last().copied().unwrap_or_default();
    assert_eq!(gone, document.entries(&outline, section, key).len(), "other options went");
}

fn remove(document: &Document, section: &SectionName) {
    let mut edited = document.clone();
    let was_there = edited.remove_section(section);
    edited.finish();
    let read = reread(&edited).expect("a file with less in it can be read");
    assert!(Document::sections(&read.outline(), section).is_empty(), "the section is still there");
    assert_eq!(was_there, !Document::sections(&document.outline(), section).is_empty());
    assert_only_lines_go(&lines(document), &lines(&read));
    let (before, after) = (entries(document, &document.outline()), entries(&read, &read.outline()));
    assert!(after.iter().all(|entry| before.contains(entry)), "another option was changed");
}

fn rename(document: &Document, old: &SectionName, new: &SectionName) {
    let is_there = |name| !Document::sections(&document.outline(), name).is_empty();
    // As the caller asks for it: from what is there to what is not.
    if !is_there(old) || is_there(new) || is_taken(document, new, "") {
        return;
    }
    let mut edited = document.clone();
    if edited.rename_section(old, new).is_err() {
        return;
    }
    edited.finish();
    let Some(read) = reread(&edited) else { panic!("the edited file cannot be read:\n{edited}") };
    assert!(!Document::sections(&read.outline(), new).is_empty(), "the section has not the new name");
    let values = |document: &Document| {
        let mut all: Vec<_> = entries(document, &document.outline())
            .into_iter()
            .map(|(_, key, value)| (key, value.to_string()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(values(&read), values(document), "options were lost or changed");
}
