//! Expressions `${…}` in a text: their positions, and the keys that they name.

use std::ops::Range;

/// An expression in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression<'text> {
    /// The bytes from `${` to `}`.
    pub(crate) span: Range<usize>,
    /// The text between the braces.
    pub(crate) inner: &'text str,
}

/// Finds the expressions of a text. `\${` escapes one, and an expression cannot span lines.
pub(crate) fn find(text: &str) -> Vec<Expression<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = text[from..].find("${") {
        let start = from + offset;
        let inner_start = start + 2;
        from = inner_start;
        if text[..start].ends_with('\\') {
            continue;
        }
        let rest = &text[inner_start..];
        let Some(length) = rest.find('}').filter(|length| !rest[..*length].contains('\n')) else { continue };
        let end = inner_start + length + 1;
        found.push(Expression { span: start..end, inner: &text[inner_start..end - 1] });
        from = end;
    }
    found
}

/// Returns whether a text contains an expression.
pub(crate) fn is_template(text: &str) -> bool {
    !find(text).is_empty()
}

/// Replaces each `\${` by `${`.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("\\${", "${")
}

/// Splits the text between the braces into keys: `a.b[0]` into `a`, `b`, `0`. Blanks around a key are ignored.
///
/// # Errors
///
/// If the text is not valid; the error is the reason for a message.
pub(crate) fn keys(inner: &str) -> Result<Vec<&str>, String> {
    let mut keys = Vec::new();
    let (first, mut rest) = word(inner)?;
    keys.push(first);
    loop {
        // Blanks may follow a bracket; elsewhere they belong to a name.
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let (key, after) = word(after)?;
            keys.push(key);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (key, after) = word(after)?;
            keys.push(key);
            rest = after.strip_prefix(']').ok_or_else(|| format!("`[{key}` lacks a `]`"))?;
        } else {
            return Err(format!("`{rest}` is not expected here"));
        }
    }
    Ok(keys)
}

fn word(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(['.', '[', ']']).unwrap_or(text.len());
    if end == 0 {
        let what = if text.is_empty() { "the end" } else { &text[..1] };
        return Err(format!("a name is expected before `{what}`").replace("`the end`", "the end"));
    }
    Ok(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_where_dvc_finds_them() {
        for (text, expected) in [
            ("", vec![]),
            ("plain", vec![]),
            ("${a}", vec!["a"]),
            ("x-${a.b}-${c[0]}", vec!["a.b", "c[0]"]),
            ("\\${a}", vec![]),
            ("\\${a}${b}", vec!["b"]),
            ("${a", vec![]),
            ("${a\n}${b}", vec!["b"]),
            ("${a${b}}", vec!["a${b"]),
            ("${}", vec![""]),
            ("$${a}", vec!["a"]),
        ] {
            let inners: Vec<&str> = find(text).into_iter().map(|expression| expression.inner).collect();
            assert_eq!(inners, expected, "{text:?}");
        }
    }

    #[test]
    fn keys_are_split_as_in_dvc() {
        for (inner, expected) in [
            ("a", Some(vec!["a"])),
            (" a . b ", Some(vec![" a ", " b "])),
            ("a[0].b", Some(vec!["a", "0", "b"])),
            ("a[0] .b ", Some(vec!["a", "0", "b "])),
            ("a-b c", Some(vec!["a-b c"])),
            ("", None),
            ("a.", None),
            (".a", None),
            ("a..b", None),
            ("a[0", None),
            ("a]", None),
            ("a[0]b", None),
        ] {
            assert_eq!(keys(inner).ok(), expected, "{inner:?}");
        }
    }
}
