//! Characters and lines as Python sees them.
//!
//! ConfigObj is written in Python: which characters are blank and where a line ends follow `str.splitlines` and
//! the `\s` of `re`, <https://docs.python.org/3/library/stdtypes.html#str.splitlines>.

/// Tells whether Python's `\s` matches the character.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// Splits text after each line end that `str.splitlines` knows; line ends stay on the lines.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let mut end = index + character.len_utf8();
        match character {
            '\r' => {
                if characters.next_if(|&(_, next)| next == '\n').is_some() {
                    end += 1;
                }
            }
            '\n' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}' => {}
            _ => continue,
        }
        lines.push(&text[start..end]);
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// Returns the line without `\n`, `\r\n` or `\r`; the rarer line ends are part of the line.
pub(super) fn content(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// Returns a text as Python's `repr` shows it, as in DVC's messages and in what DVC hashes: `'it'`, `"it's"`.
///
/// Source: <https://docs.python.org/3/library/functions.html#repr>.
pub fn python_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character == quote => {
                shown.push('\\');
                shown.push(character);
            }
            '"' | '\'' | ' '..='~' => shown.push(character),
            _ if is_printable(character) => shown.push(character),
            _ => {
                let code = u32::from(character);
                let (letter, width) = match code {
                    0..=0xff => ('x', 2),
                    0x100..=0xffff => ('u', 4),
                    _ => ('U', 8),
                };
                let escaped = format!("\\{letter}{code:0width$x}");
                shown.push_str(&escaped);
            }
        }
    }
    shown.push(quote);
    shown
}

/// Approximates `str.isprintable` with what the standard library escapes when it shows a character.
fn is_printable(character: char) -> bool {
    !is_space(character) && character != '\u{feff}' && {
        let mut escaped = character.escape_debug();
        escaped.len() == 1 || escaped.next() != Some('\\')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_knows_the_line_ends_of_python() {
        assert_eq!(split("a\nb\r\nc\rd\x0ce\u{2028}f"), ["a\n", "b\r\n", "c\r", "d\x0c", "e\u{2028}", "f"]);
        assert_eq!(split(""), Vec::<&str>::new());
        assert_eq!(split("\n\n"), ["\n", "\n"]);
    }

    #[test]
    fn repr_quotes_and_escapes_like_python() {
        assert_eq!(python_repr("a"), "'a'");
        assert_eq!(python_repr("it's"), "\"it's\"");
        assert_eq!(python_repr("it's \"x\""), "'it\\'s \"x\"'");
        assert_eq!(python_repr("\ttab\\"), "'\\ttab\\\\'");
        assert_eq!(python_repr("\u{feff}é\u{a0}\x7f"), "'\\ufeffé\\xa0\\x7f'");
    }
}
