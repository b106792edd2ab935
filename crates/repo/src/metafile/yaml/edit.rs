//! Changing members of a mapping in the text itself.
//!
//! Only the bytes that must change do: comments, order, quotes and style of everything else stay. A new
//! member goes behind the last one of its mapping.
//!
//! Deviation: ruamel.yaml, which DVC uses, writes the whole file anew. It drops quotes that are not needed,
//! indents by two, and puts a new member behind the comments that follow its mapping.

use std::ops::Range;

use super::emit::{Value, write_key, write_scalar};
use super::node::{Entry, Node, Scalar};
use super::scalar::Place;

/// A member to set, or to take out.
pub(crate) type Field = (&'static str, Option<Value>);

/// Returns `text` with the members of `mapping` set or taken out; values must be scalars.
///
/// # Errors
///
/// Says why this mapping cannot be edited in place.
pub(crate) fn edit_mapping(text: &str, mapping: &Node, fields: &[Field]) -> Result<String, &'static str> {
    if !mapping.is_mapping() {
        return Err("it is not a mapping");
    }
    if mapping.is_decorated && mapping.entries().is_empty() {
        return Err("it is an alias");
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let own: Vec<&Entry> = mapping.entries().iter().filter(|entry| !entry.is_merged).collect();
    let mut added = Vec::new();
    let mut removed = Vec::new();
    for (key, value) in fields {
        let position = own.iter().position(|entry| entry.key.as_str() == Some(key));
        match (position, value) {
            (Some(position), Some(value)) => {
                let entry = own[position];
                if same(&entry.value, value) {
                    continue;
                }
                if entry.value.is_decorated {
                    return Err("a value is an alias, or has an anchor or a tag");
                }
                edits.push(replace(text, mapping, entry, value)?);
            }
            (Some(position), None) => removed.push(position),
            (None, Some(value)) => added.push((*key, value)),
            (None, None) if mapping.get(key).is_some() => return Err("a member comes from another mapping"),
            (None, None) => {}
        }
    }
    if !added.is_empty() {
        let last = (0..own.len()).rev().find(|position| !removed.contains(position));
        // When all members go, the place of the last one is as good as any.
        edits.push(append(text, mapping, last.or(own.len().checked_sub(1)).map(|last| own[last]), &added)?);
    }
    for position in removed {
        edits.push((removal(text, mapping, &own, position), String::new()));
    }
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

fn same(node: &Node, value: &Value) -> bool {
    match (node.as_scalar(), value) {
        (Some(Scalar::Bool(old)), Value::Bool(new)) => old == new,
        (Some(Scalar::Int(old)), Value::Int(new)) => old == new,
        (Some(Scalar::Text(old)), Value::Text(new)) => old == new,
        _ => false,
    }
}

fn replace(
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
    // The line break behind a block scalar belongs to it.
    if text[span.clone()].ends_with('\n') {
        written.push('\n');
    }
    Ok((span, written))
}

fn append(
    text: &str,
    mapping: &Node,
    last: Option<&Entry>,
    added: &[(&'static str, &Value)],
) -> Result<(Range<usize>, String), &'static str> {
    let mut written = String::new();
    if mapping.is_flow {
        for (position, (key, value)) in added.iter().enumerate() {
            if position > 0 || last.is_some() {
                written.push_str(", ");
            }
            let place = Place { column: 0, indent: 0, is_flow: true, is_key: true };
            written.push_str(&write_key(key, 0, 0, true));
            written.push_str(": ");
            written.push_str(&write_scalar(value, place).ok_or("the new value is not a scalar")?);
        }
        let position = last.map_or(mapping.span.start + 1, |last| last.value.span.end);
        return Ok((position..position, written));
    }
    let last = last.ok_or("it is empty")?;
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let indent = mapping.column - 1;
    let end = last.value.span.end.max(last.key.span.end);
    let ends_line = text[..end].ends_with('\n');
    let position =
        if ends_line { end } else { end + text[end..].find(['\r', '\n']).unwrap_or(text.len() - end) };
    for (key, value) in added {
        let key = write_key(key, indent, indent + 2, false);
        let place = Place {
            column: indent + key.chars().count() + 2,
            indent: indent + 2,
            is_flow: false,
            is_key: false,
        };
        let value = write_scalar(value, place).ok_or("the new value is not a scalar")?;
        let line = format!("{}{key}: {}", " ".repeat(indent), value.replace('\n', line_break));
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

/// Returns what to cut out to be rid of a member.
fn removal(text: &str, mapping: &Node, own: &[&Entry], position: usize) -> Range<usize> {
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
    match next {
        // `- key: value`: the next member moves up to the dash.
        Some(next) if shares_line => entry.key.span.start..next,
        _ if shares_line => entry.key.span.start..end,
        _ if text[..end].ends_with('\n') => line..end,
        _ => line..end + text[end..].find('\n').map_or(text.len() - end, |offset| offset + 1),
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
        check("m: {a: 1, b: 2}\n", &[("a", None)], "m: {b: 2}\n");
        check("m: {a: 1, b: 2}\n", &[("b", None)], "m: {a: 1}\n");
        check("a: 1\nb:\n- x\n- y\nc: 3\n", &[("b", None), int("d", 4)], "a: 1\nc: 3\nd: 4\n");
    }

    #[test]
    fn mapping_that_shares_its_text_is_not_edited() {
        let text = "x: &v 1\nm: {a: *v}\n";
        let root = parse(text).unwrap().unwrap();
        assert!(edit_mapping(text, root.get("m").unwrap(), &[int("a", 2)]).is_err());
    }
}
