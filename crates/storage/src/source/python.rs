//! The words of Python that DVC hashes.

/// Returns a text as Python shows it in a list: `'it'`, `"it's"`.
///
/// Source: <https://docs.python.org/3/library/functions.html#repr>. Characters above ASCII stay as they are, as far as they
/// can be printed.
pub(super) fn repr(text: &str) -> String {
    use std::fmt::Write as _;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character == quote => {
                shown.push('\\');
                shown.push(quote);
            }
            _ if u32::from(character) < 0x20 || (0x7f..0xa1).contains(&u32::from(character)) => {
                write!(shown, "\\x{:02x}", u32::from(character)).expect("a String takes everything");
            }
            _ => shown.push(character),
        }
    }
    shown.push(quote);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_python_shows_them() {
        for (text, shown) in [
            ("it", "'it'"),
            ("it's", r#""it's""#),
            (r#"it's "so""#, r#"'it\'s "so"'"#),
            ("a\\b\n\t", r"'a\\b\n\t'"),
            ("\u{7f}é", r"'\x7fé'"),
        ] {
            assert_eq!(repr(text), shown);
        }
    }
}
