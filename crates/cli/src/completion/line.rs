//! The line that is completed, as words.

/// The words before the cursor, without quotes; the last one is to be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The words; the first is the name of the program.
    pub(super) words: Vec<String>,
    /// How many bytes of the last word the shell keeps: only what stands behind them is replaced.
    pub(super) n_kept: usize,
    /// Whether the cursor is behind an open quote.
    pub(super) is_quoted: bool,
}

impl Line {
    /// Takes words as they are.
    pub(super) fn new(words: Vec<String>) -> Self {
        Self { words, n_kept: 0, is_quoted: false }
    }

    /// Takes what bash passes: the text before the cursor, and the characters at which bash breaks words.
    ///
    /// The words of bash itself do not do: it takes `=` and `:` for words of their own, as in `--remote=x` and `remote://x`.
    pub(super) fn from_bash(passed: Vec<String>) -> Self {
        match passed.len() {
            1 | 2 => {
                let breaks = passed.get(1).cloned().unwrap_or_default();
                Self::parse(&passed[0], &breaks)
            }
            0 => Self::new(vec![String::from("haul"), String::new()]),
            // Words, as for the other shells.
            _ => Self::new(passed),
        }
    }

    /// Returns the word that is completed.
    pub(super) fn last(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// Splits a line as a shell does: at blanks, with quotes and backslashes.
    fn parse(text: &str, breaks: &str) -> Self {
        let (mut words, mut word) = (Vec::new(), String::new());
        let (mut is_in_word, mut quote, mut n_kept) = (false, None, 0);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (Some(open), character) if character == open => quote = None,
                (None, '"' | '\'') => {
                    (quote, is_in_word) = (Some(character), true);
                    n_kept = word.len();
                }
                (None | Some('"'), '\\') => {
                    is_in_word = true;
                    word.extend(characters.next());
                }
                (None, character) if character.is_whitespace() => {
                    if is_in_word {
                        words.push(std::mem::take(&mut word));
                    }
                    (is_in_word, n_kept) = (false, 0);
                }
                (_, character) => {
                    is_in_word = true;
                    word.push(character);
                    if quote.is_none() && breaks.contains(character) {
                        n_kept = word.len();
                    }
                }
            }
        }
        words.push(word);
        Self { words, n_kept, is_quoted: quote.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &[&str], n_kept: usize) {
        let line = Line::parse(text, " \t\n\"'@><=;|&(:");
        assert_eq!((line.words, line.n_kept), (words.iter().map(ToString::to_string).collect(), n_kept));
    }

    #[test]
    fn lines_are_split_as_the_shell_splits_them() {
        check("haul ", &["haul", ""], 0);
        check("haul pu", &["haul", "pu"], 0);
        check("haul push --remote=st", &["haul", "push", "--remote=st"], 9);
        check("haul get-url remote://st", &["haul", "get-url", "remote://st"], 7);
        check(r"haul push my\ da", &["haul", "push", "my da"], 0);
        check("haul push 'my da", &["haul", "push", "my da"], 0);
        check("haul push 'a b' \"c d\" e", &["haul", "push", "a b", "c d", "e"], 0);
        check("haul push x=\"my da", &["haul", "push", "x=my da"], 2);
        check("haul push '' ", &["haul", "push", "", ""], 0);
    }
}
