//! Changes members of a mapping in the text itself.
//!
//! Only the bytes of the changed members change: comments, order, quotes and style of everything else stay. A new member
//! is added after the last one of its mapping.
//!
//! Deviation: haul changes only the affected members of a metafile. ruamel.yaml, which DVC uses, writes the whole file
//! again: it drops unneeded quotes, indents by two, and adds a new member after the comments that follow its mapping.

use std::ops::Range;

use super::emit::{Value, write_behind_key, write_flow, write_item, write_member, write_scalar};
use super::node::{Entry, Kind, Node, Scalar};
use super::scalar::Place;

/// A member to set, or to remove.
pub(crate) type Field = (&'static str, Option<Value>);

/// Replacements: the range of bytes, and the new text.
type Edits = Vec<(Range<usize>, String)>;

/// The member that identifies an item of a sequence, for the sequence `files`.
const ITEM_NAME: &str = "relpath";

/// Returns `text` with the members of `mapping` set or removed.
///
/// A mapping in a mapping, and a sequence of named items, are changed member by member and item by item.
///
/// # Errors
///
/// If this mapping cannot be edited in place; the error is the reason.
pub(crate) fn edit_mapping(text: &str, mapping: &Node, fields: &[Field]) -> Result<String, &'static str> {
    let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    let mut edits = Edits::new();
    change_mapping(text, mapping, &fields, &mut edits)?;
    apply(text, edits)
}

/// Returns `text` without a member of `mapping`.
///
/// # Errors
///
/// If this mapping cannot be edited in place; the error is the reason.
pub(crate) fn remove_member(text: &str, mapping: &Node, key: &str) -> Result<String, &'static str> {
    let mut edits = Edits::new();
    change_mapping(text, mapping, &[(key, None)], &mut edits)?;
    apply(text, edits)
}

/// Returns `text` with a member of `mapping` set to this value: it replaces the one of that name, or is added after all
/// others.
///
/// # Errors
///
/// If this mapping cannot be edited in place; the error is the reason.
pub(crate) fn put_member(
    text: &str,
    mapping: &Node,
    key: &str,
    value: &Value,
) -> Result<String, &'static str> {
    let edit = match mapping.entries().iter().find(|entry| entry.key.as_str() == Some(key)) {
        Some(entry) if entry.is_merged || entry.value.is_decorated => return Err("it is an alias"),
        Some(entry) => replace(text, mapping, entry, value)?,
        None => append(text, mapping, mapping.entries().last(), &[(key, value)])?,
    };
    apply(text, vec![edit])
}

fn apply(text: &str, mut edits: Edits) -> Result<String, &'static str> {
    // The sort is stable: texts that are inserted at one position keep their order.
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    if edits.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
        return Err("its members overlap");
    }
    let mut edited = text.to_owned();
    for (range, replacement) in edits.into_iter().rev() {
        edited.replace_range(range, &replacement);
    }
    Ok(edited)
}

/// Returns whether a node has this value, with the members of mappings in any order.
pub(crate) fn holds(node: &Node, value: &Value) -> bool {
    match (&*node.kind, value) {
        (Kind::Scalar(Scalar::Bool(old)), Value::Bool(new)) => old == new,
        (Kind::Scalar(Scalar::Null), Value::Null) => true,
        (Kind::Scalar(Scalar::Int(old)), Value::Int(new)) => old == new,
        (Kind::Scalar(Scalar::Float(old)), Value::Float(new))
        | (Kind::Scalar(Scalar::Text(old)), Value::Text(new)) => old == new,
        (Kind::Sequence(old), Value::Sequence(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| holds(old, new))
        }
        (Kind::Mapping(old), Value::Mapping(new)) => {
            old.len() == new.len()
                && new.iter().all(|(key, new)| node.get(key).is_some_and(|old| holds(old, new)))
        }
        _ => false,
    }
}

fn change_mapping(
    text: &str,
    mapping: &Node,
    fields: &[(&str, Option<&Value>)],
    edits: &mut Edits,
) -> Result<(), &'static str> {
    if !mapping.is_mapping() {
        return Err("it is not a mapping");
    }
    if mapping.is_decorated && mapping.entries().is_empty() {
        return Err("it is an alias");
    }
    let own: Vec<&Entry> = mapping.entries().iter().filter(|entry| !entry.is_merged).collect();
    let mut added = Vec::new();
    let mut removed = Vec::new();
    for (key, value) in fields {
        let position = own.iter().position(|entry| entry.key.as_str() == Some(key));
        match (position, value) {
            (Some(position), Some(value)) => change_value(text, mapping, own[position], value, edits)?,
            (Some(position), None) => removed.push(position),
            (None, Some(value)) => added.push((*key, *value)),
            (None, None) if mapping.get(key).is_some() => return Err("a member comes from another mapping"),
            (None, None) => {}
        }
    }
    if !added.is_empty() {
        let last = (0..own.len()).rev().find(|position| !removed.contains(position));
        // If all members are removed, the new ones are added at the position of the last.
        edits.push(append(text, mapping, last.or(own.len().checked_sub(1)).map(|last| own[last]), &added)?);
    }
    removed.sort_unstable();
    let mut end = 0;
    for position in &removed {
        // After a dash, the next member that stays moves up to the dash; the members in between are removed with the first.
        let n_run = removed.iter().skip_while(|other| *other < position).zip(*position..);
        let n_run = n_run.take_while(|(other, next)| *other == next).count();
        let range = removal(text, mapping, &own, *position, position + n_run);
        if range.start >= end {
            end = range.end;
            edits.push((range, String::new()));
        }
    }
    Ok(())
}

fn change_value(
    text: &str,
    mapping: &Node,
    entry: &Entry,
    value: &Value,
    edits: &mut Edits,
) -> Result<(), &'static str> {
    if holds(&entry.value, value) {
        return Ok(());
    }
    if entry.value.is_decorated {
        return Err("a value is an alias, or has an anchor or a tag");
    }
    match (&*entry.value.kind, value) {
        (Kind::Mapping(_), Value::Mapping(new))
            if new.iter().any(|(key, _)| entry.value.get(key).is_some()) =>
        {
            return change_members(text, &entry.value, new, edits);
        }
        (Kind::Sequence(_), Value::Sequence(new)) if change_items(text, &entry.value, new, edits)? => {
            return Ok(());
        }
        (Kind::Scalar(_), Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
            edits.push(replace_scalar(text, mapping, entry, value)?);
            return Ok(());
        }
        _ => {}
    }
    edits.push(replace(text, mapping, entry, value)?);
    Ok(())
}

/// Sets the members of a mapping to those of `new`, and removes all others.
fn change_members(
    text: &str,
    mapping: &Node,
    new: &[(String, Value)],
    edits: &mut Edits,
) -> Result<(), &'static str> {
    let kept: Vec<_> = new.iter().map(|(key, value)| (key.as_str(), Some(value))).collect();
    let old = mapping.entries().iter().filter_map(|entry| entry.key.as_str());
    let gone = old.filter(|key| new.iter().all(|(other, _)| other != key)).map(|key| (key, None));
    let fields: Vec<_> = gone.chain(kept).collect();
    change_mapping(text, mapping, &fields, edits)
}

/// Sets the items of a block sequence to those of `new`; `false` if their names do not identify them, or their order
/// differs.
fn change_items(text: &str, sequence: &Node, new: &[Value], edits: &mut Edits) -> Result<bool, &'static str> {
    let old = sequence.items();
    let old_names: Option<Vec<&str>> = old.iter().map(|item| item.get(ITEM_NAME)?.as_str()).collect();
    let new_names: Option<Vec<&str>> = new.iter().map(item_name).collect();
    let line_start = |item: &Node| text[..item.span.start].rfind('\n').map_or(0, |end| end + 1);
    let is_block_item =
        |item: &Node| !item.is_decorated && text[line_start(item)..item.span.start].trim() == "-";
    let (Some(old_names), Some(new_names)) = (old_names, new_names) else { return Ok(false) };
    if sequence.is_flow || old.is_empty() || new.is_empty() || !old.iter().all(is_block_item) {
        return Ok(false);
    }
    let positions: Vec<Option<usize>> =
        new_names.iter().map(|name| old_names.iter().position(|old| old == name)).collect();
    if !positions.iter().flatten().is_sorted_by(|one, next| one < next) {
        return Ok(false);
    }
    let line_break = line_break(text);
    let indent = sequence.column - 1;
    let end = line_end(text, sequence.span.end);
    let starts: Vec<usize> = old.iter().map(line_start).chain([end]).collect();
    for position in (0..old.len()).filter(|position| !positions.contains(&Some(*position))) {
        edits.push((starts[position]..starts[position + 1], String::new()));
    }
    for (at, (item, position)) in new.iter().zip(&positions).enumerate() {
        match (position, item) {
            (Some(position), Value::Mapping(members)) => {
                change_members(text, &old[*position], members, edits)?;
            }
            (Some(_), _) => return Ok(false),
            (None, _) => {
                let next = positions[at..].iter().flatten().next();
                let place = next.map_or(end, |next| starts[*next]);
                let written = format!("{}{}", " ".repeat(indent), write_item(item, indent));
                let written = written.replace('\n', line_break);
                let is_unended = place == text.len() && !text.ends_with('\n');
                let written = if is_unended {
                    format!("{line_break}{written}")
                } else {
                    format!("{written}{line_break}")
                };
                edits.push((place..place, written));
            }
        }
    }
    Ok(true)
}

fn item_name(item: &Value) -> Option<&str> {
    let Value::Mapping(members) = item else { return None };
    members.iter().find_map(|(key, value)| match value {
        Value::Text(name) if key == ITEM_NAME => Some(name.as_str()),
        _ => None,
    })
}

fn replace_scalar(
    text: &str,
    mapping: &Node,
    entry: &Entry,
    value: &Value,
) -> Result<(Range<usize>, String), &'static str> {
    let span = entry.value.span.clone();
    let column = column(text, span.start);
    let place =
        Place { column, indent: mapping.column + 1, is_flow: mapping.is_flow, is_key: mapping.is_flow };
    let mut written = write_scalar(value, place).ok_or("the new value is not a scalar")?;
    if text[..span.start].ends_with(':') {
        written.insert(0, ' ');
    }
    // The line break after a block scalar belongs to it.
    if text[span.clone()].ends_with('\n') {
        written.push('\n');
    }
    Ok((span, written))
}

/// Replaces a value by one of another kind.
fn replace(
    text: &str,
    mapping: &Node,
    entry: &Entry,
    value: &Value,
) -> Result<(Range<usize>, String), &'static str> {
    let span = entry.value.span.clone();
    if mapping.is_flow {
        return Ok((span, write_flow(value)));
    }
    let colon = text[entry.key.span.end..].find(':').ok_or("a key has no colon")?;
    let start = entry.key.span.end + colon + 1;
    let mut written = write_behind_key(value, mapping.column - 1, column(text, start));
    written = written.replace('\n', line_break(text));
    if text[span.clone()].ends_with('\n') {
        written.push_str(line_break(text));
    }
    Ok((start..span.end.max(start), written))
}

fn append(
    text: &str,
    mapping: &Node,
    last: Option<&Entry>,
    added: &[(&str, &Value)],
) -> Result<(Range<usize>, String), &'static str> {
    let mut written = String::new();
    if mapping.is_flow {
        for (position, (key, value)) in added.iter().enumerate() {
            if position > 0 || last.is_some() {
                written.push_str(", ");
            }
            written.push_str(&write_flow(&Value::Text((*key).to_owned())));
            written.push_str(": ");
            written.push_str(&write_flow(value));
        }
        let position = last.map_or(mapping.span.start + 1, |last| last.value.span.end);
        return Ok((position..position, written));
    }
    let last = last.ok_or("it is empty")?;
    let line_break = line_break(text);
    let indent = mapping.column - 1;
    let end = last.value.span.end.max(last.key.span.end);
    let ends_line = text[..end].ends_with('\n');
    let position =
        if ends_line { end } else { end + text[end..].find(['\r', '\n']).unwrap_or(text.len() - end) };
    for (key, value) in added {
        let member = write_member(key, value, indent).replace('\n', line_break);
        let line = format!("{}{member}", " ".repeat(indent));
        if ends_line {
            written.push_str(&line);
            written.push_str(line_break);
        } else {
            written.push_str(line_break);
            written.push_str(&line);
        }
    }
    if position == text.len() && !ends_line {
        written.push_str(line_break);
    }
    Ok((position..position, written))
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Returns the position after the line that contains `position`, or that ends just before it.
fn line_end(text: &str, position: usize) -> usize {
    if text[..position].ends_with('\n') {
        return position;
    }
    position + text[position..].find('\n').map_or(text.len() - position, |offset| offset + 1)
}

/// Returns the range to delete to remove a member; `kept` is the next member that stays.
fn removal(text: &str, mapping: &Node, own: &[&Entry], position: usize, kept: usize) -> Range<usize> {
    let entry = own[position];
    let end = entry.value.span.end.max(entry.key.span.end);
    let next = own.get(position + 1).map(|next| next.key.span.start);
    if mapping.is_flow {
        return match (next, position.checked_sub(1)) {
            (Some(next), _) => entry.key.span.start..next,
            (None, Some(previous)) => own[previous].value.span.end..end,
            (None, None) => entry.key.span.start..end,
        };
    }
    let line = text[..entry.key.span.start].rfind('\n').map_or(0, |end| end + 1);
    let shares_line = !text[line..entry.key.span.start].trim().is_empty();
    match own.get(kept) {
        // `- key: value`: the next member moves up to the dash.
        Some(kept) if shares_line => entry.key.span.start..kept.key.span.start,
        _ if shares_line => entry.key.span.start..end,
        _ => line..line_end(text, end),
    }
}

fn column(text: &str, position: usize) -> usize {
    let line = text[..position].rfind('\n').map_or(0, |end| end + 1);
    text[line..position].chars().count()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn check(text: &str, fields: &[Field], expected: &str) {
        let root = parse(text).unwrap().unwrap();
        let mapping = root.get("m").map_or(root.clone(), |member| match member.items().first() {
            Some(item) => item.clone(),
            None => member.clone(),
        });
        assert_eq!(edit_mapping(text, &mapping, fields).as_deref(), Ok(expected), "{text:?}");
    }

    fn int(key: &'static str, value: i128) -> Field {
        (key, Some(Value::Int(value)))
    }

    #[test]
    fn value_is_replaced_and_its_surroundings_stay() {
        check(
            "# a\nb:  1   # c\n\nd: 'x' # e\n",
            &[int("b", 2), ("d", Some("y".into()))],
            "# a\nb:  2   # c\n\nd: y # e\n",
        );
        check("a: |\n  t\nb: 1\n", &[int("a", 2)], "a: 2\nb: 1\n");
        check("a:\nb: 1\n", &[int("a", 2)], "a: 2\nb: 1\n");
        check("m: {a: 1, b: x}\n", &[("b", Some("y, z".into()))], "m: {a: 1, b: 'y, z'}\n");
        check("\"a\": 1\n", &[int("a", 1)], "\"a\": 1\n");
    }

    #[test]
    fn member_is_added_behind_the_last_one() {
        check("a: 1 # x\n# end\n", &[int("b", 2), int("c", 3)], "a: 1 # x\nb: 2\nc: 3\n# end\n");
        check(
            "m:\n-   a: 1\n    b: [1,\n      2]\nz: 1",
            &[int("c", 3)],
            "m:\n-   a: 1\n    b: [1,\n      2]\n    c: 3\nz: 1",
        );
        check("a: 1", &[int("b", 2)], "a: 1\nb: 2\n");
        check("a: 1\r\n", &[int("b", 2)], "a: 1\r\nb: 2\r\n");
        check("a: |\n  t\n", &[int("b", 2)], "a: |\n  t\nb: 2\n");
        check("m: {}\n", &[int("b", 2)], "m: {b: 2}\n");
        check("m: {a: 1 }\n", &[int("b", 2)], "m: {a: 1, b: 2 }\n");
    }

    #[test]
    fn member_is_taken_out_with_its_line() {
        check("a: 1\nb: 2 # x\nc: 3\n", &[("b", None)], "a: 1\nc: 3\n");
        check("m:\n- a: 1\n  b: 2\n", &[("a", None)], "m:\n- b: 2\n");
        check("m:\n- a: 1\n  b: 2\n", &[("b", None)], "m:\n- a: 1\n");
        check(
            "m:\n- a: 1\n  # x\n  b: 2\n  c: 3\n  d: 4\n",
            &[("b", None), ("a", None), ("d", None), int("e", 5)],
            "m:\n- c: 3\n  e: 5\n",
        );
        check("m: {a: 1, b: 2}\n", &[("a", None)], "m: {b: 2}\n");
        check("m: {a: 1, b: 2}\n", &[("b", None)], "m: {a: 1}\n");
        check("a: 1\nb:\n- x\n- y\nc: 3\n", &[("b", None), int("d", 4)], "a: 1\nc: 3\nd: 4\n");
    }

    fn files(items: &[(&str, i128)]) -> Field {
        let item = |(name, size): &(&str, i128)| {
            Value::Mapping(vec![("relpath".into(), (*name).into()), ("size".into(), Value::Int(*size))])
        };
        ("files", Some(Value::Sequence(items.iter().map(item).collect())))
    }

    fn cloud(version_id: &str) -> Field {
        let version = Value::Mapping(vec![("version_id".into(), version_id.into())]);
        ("cloud", Some(Value::Mapping(vec![("v".into(), version)])))
    }

    #[test]
    fn nested_value_is_added_and_replaced() {
        check(
            "m:\n- a: 1\n",
            &[cloud("x"), files(&[("p", 1)])],
            "m:\n- a: 1\n  cloud:\n    v:\n      version_id: x\n  files:\n  - relpath: p\n    size: 1\n",
        );
        check("m: {a: 1}\n", &[cloud("x")], "m: {a: 1, cloud: {v: {version_id: x}}}\n");
        check("files: []\nb: 1\n", &[files(&[("p", 1)])], "files:\n- relpath: p\n  size: 1\nb: 1\n");
        check("files:\n- relpath: p\n  size: 1\nb: 1\n", &[files(&[])], "files: []\nb: 1\n");
    }

    #[test]
    fn nested_mapping_is_changed_where_it_differs() {
        check(
            "a: 1\ncloud: # c\n  v:\n    etag: e # e\n    version_id: 'x' # i\nb: 2\n",
            &[cloud("y")],
            "a: 1\ncloud: # c\n  v:\n    version_id: y # i\nb: 2\n",
        );
        check("cloud:\n  w:\n    version_id: x\n", &[cloud("y")], "cloud:\n  v:\n    version_id: y\n");
    }

    #[test]
    fn named_items_are_changed_one_by_one() {
        let text = "files: # f\n- relpath: b # b\n  size: 1\n- size: 2 # d\n  relpath: d\nend: 1\n";
        check(
            text,
            &[files(&[("a", 7), ("b", 1), ("c", 8), ("d", 3), ("e", 9)])],
            "files: # f\n- relpath: a\n  size: 7\n- relpath: b # b\n  size: 1\n- relpath: c\n  size: 8\n\
             - size: 3 # d\n  relpath: d\n- relpath: e\n  size: 9\nend: 1\n",
        );
        check(text, &[files(&[("d", 2)])], "files: # f\n- size: 2 # d\n  relpath: d\nend: 1\n");
        check(text, &[files(&[("c", 1)])], "files: # f\n- relpath: c\n  size: 1\nend: 1\n");
        check(
            "m:\n- files:\n  - relpath: a\n    size: 1",
            &[files(&[("a", 1), ("b", 2)])],
            "m:\n- files:\n  - relpath: a\n    size: 1\n  - relpath: b\n    size: 2",
        );
    }

    #[test]
    fn mapping_that_shares_its_text_is_not_edited() {
        let text = "x: &v 1\nm: {a: *v}\n";
        let root = parse(text).unwrap().unwrap();
        assert!(edit_mapping(text, root.get("m").unwrap(), &[int("a", 2)]).is_err());
    }
}
