//! Splits text into words as Python's `shlex.split` does, which botocore uses for section names and
//! `credential_process`.
//!
//! Source: <https://docs.python.org/3/library/shlex.html#parsing-rules> (POSIX mode, `#` is no comment).

/// Splits `text` into words.
///
/// # Errors
/// If a quotation is not closed or a backslash is at the end; the error is the message.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let escaped = characters.next().ok_or("nothing follows the last backslash")?;
                word.get_or_insert_default().push(escaped);
            }
            '\'' | '"' => quoted(character, &mut characters, word.get_or_insert_default())?,
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing `quote`; a backslash is an escape only between double quotes, before `"` and `\`.
fn quoted(quote: char, characters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    const UNCLOSED: &str = "a quotation is not closed";
    loop {
        match characters.next().ok_or(UNCLOSED)? {
            character if character == quote => return Ok(()),
            '\\' if quote == '"' => {
                let escaped = characters.next().ok_or(UNCLOSED)?;
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            character => word.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn words_follow_python_shlex() {
        check("profile dev", &["profile", "dev"]);
        check("  profile \t \"my dev\" ", &["profile", "my dev"]);
        check("a'b c'\"d\"", &["ab cd"]);
        check(r#"x "a\"b" "c\d" 'e\f' g\ h"#, &["x", "a\"b", r"c\d", r"e\f", "g h"]);
        check("a '' # b", &["a", "", "#", "b"]);
        check("", &[]);
    }

    #[test]
    fn unclosed_words_are_refused() {
        assert!(split("profile 'dev").is_err());
        assert!(split("profile \"dev\\").is_err());
        assert!(split("profile dev\\").is_err());
    }
}
