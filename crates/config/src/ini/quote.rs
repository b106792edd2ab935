//! How a value or a name is written.

use super::{Document, Kind, Value};

/// Writes a value so that it is read back as it was; `None` if no quotes can do that.
///
/// Writes what DVC writes wherever that is read back right.
///
/// `Deviation:` DVC does not check: `a\rb` comes back as something else, and so does a value that ends in a
/// no-break space. Where other quotes help they are used, else the value is refused.
pub(crate) fn quote_value(value: &Value) -> Option<String> {
    let candidates = match value {
        Value::Text(text) => {
            let preferred = quote(text, true);
            let others = ["\"", "'", "'''", "\"\"\""].map(|mark| format!("{mark}{text}{mark}"));
            preferred.into_iter().chain(others).collect()
        }
        Value::List(items) => {
            let quoted = items.iter().map(|item| quote(item, false)).collect::<Option<Vec<_>>>()?;
            match quoted.as_slice() {
                [] => vec![",".to_owned()],
                [one] => vec![format!("{one},")],
                several => vec![several.join(", ")],
            }
        }
    };
    candidates.into_iter().find(|candidate| {
        let line = format!("k = {candidate}\n");
        let read = Document::parse(&line);
        read.is_ok_and(|document| {
            matches!(document.items.as_slice(), [item]
                if matches!(&item.kind, Kind::Entry { value: found, .. } if found == value))
        })
    })
}

/// Writes the name of an option or, without its brackets, of a section; `None` if no quotes can hold it.
///
/// A name that DVC can't quote is refused even if it could be read: DVC would empty the file at its next edit.
pub(crate) fn quote_name(name: &str) -> Option<String> {
    let preferred = quote(name, false)?;
    let candidates = [preferred, format!("\"{name}\""), format!("'{name}'")];
    candidates.into_iter().find(|candidate| {
        let text = format!("[{candidate}]\n{candidate} = v\n");
        let read = Document::parse(&text);
        read.is_ok_and(|document| {
            matches!(document.items.as_slice(), [header, entry]
                if matches!(&header.kind, Kind::Header { depth: 1, name: found } if found == name)
                && matches!(&entry.kind, Kind::Entry { key, .. } if key == name))
        })
    })
}

/// Quotes as ConfigObj's `_quote` does, right or wrong.
fn quote(text: &str, may_span_lines: bool) -> Option<String> {
    if text.is_empty() {
        return Some("\"\"".to_owned());
    }
    let both_quotes = text.contains('\'') && text.contains('"');
    if may_span_lines && (both_quotes || text.contains('\n')) {
        return match (text.contains("\"\"\""), text.contains("'''")) {
            (true, true) => None,
            (false, _) => Some(format!("'''{text}'''")),
            (true, false) => Some(format!("\"\"\"{text}\"\"\"")),
        };
    }
    if text.contains('\n') {
        return None;
    }
    let is_edge = |character: char| " \r\n\x0b\t'\"".contains(character);
    if !text.starts_with(is_edge) && !text.ends_with(is_edge) && !text.contains([',', '#']) {
        return Some(text.to_owned());
    }
    if both_quotes {
        return None;
    }
    Some(if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        assert_eq!(quote_value(&Value::Text(value.to_owned())).as_deref(), Some(expected), "{value:?}");
    }

    #[test]
    fn values_are_quoted_as_dvc_quotes_them() {
        check("a b", "a b");
        check("a,b", "\"a,b\"");
        check("s3://b/a#x", "\"s3://b/a#x\"");
        check("a ", "\"a \"");
        check("", "\"\"");
        check("'x", "\"'x\"");
        check("\"x", "'\"x'");
        check("a'b", "a'b");
        check("a\"b", "a\"b");
        check("a'b\"c", "'''a'b\"c'''");
        check("a\nb", "'''a\nb'''");
        check("a=b;[x] \\ 100%", "a=b;[x] \\ 100%");
    }

    #[test]
    fn what_dvc_would_not_read_back_gets_other_quotes_or_is_refused() {
        check("a\u{a0}", "\"a\u{a0}\"");
        assert_eq!(quote_value(&Value::Text("a\rb".to_owned())), None);
        assert_eq!(quote_value(&Value::Text("a\u{2028}b".to_owned())), None);
        // DVC gives up on both kinds of triple quotes.
        check("'''a\"\"\"", "\"'''a\"\"\"\"");
    }

    #[test]
    fn lists_are_joined() {
        let list = |items: &[&str]| Value::List(items.iter().map(|&item| item.to_owned()).collect());
        assert_eq!(quote_value(&list(&["copy", "hardlink"])).as_deref(), Some("copy, hardlink"));
        assert_eq!(quote_value(&list(&["a"])).as_deref(), Some("a,"));
        assert_eq!(quote_value(&list(&[])).as_deref(), Some(","));
        assert_eq!(quote_value(&list(&["a b", "c,d"])).as_deref(), Some("a b, \"c,d\""));
    }

    #[test]
    fn names_are_quoted_if_need_be() {
        assert_eq!(quote_name("core").as_deref(), Some("core"));
        assert_eq!(quote_name("remote \"x\"").as_deref(), Some("'remote \"x\"'"));
        assert_eq!(quote_name("remote \"a'b\""), None);
        assert_eq!(quote_name("a=b").as_deref(), Some("\"a=b\""));
    }
}
