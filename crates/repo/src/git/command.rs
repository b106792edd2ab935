//! Git commands for the user to type.

/// Returns the `git add` command of these paths, quoted for a POSIX shell as Python's `shlex.quote` does.
pub fn add_command<Path: AsRef<str>>(paths: &[Path]) -> String {
    // DVC's words; `--` stands only where a path would be taken for a flag.
    let has_dash = paths.iter().any(|path| path.as_ref().starts_with('-'));
    let paths: Vec<String> = paths.iter().map(|path| shell_quoted(path.as_ref())).collect();
    format!("git add {}{}", if has_dash { "-- " } else { "" }, paths.join(" "))
}

/// Quotes a word for a POSIX shell, if it needs that.
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "@%+=:,./-_".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r#"'"'"'"#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_quotes_as_python_does() {
        for (word, quoted) in [
            ("a/b.dvc", "a/b.dvc"),
            ("f [x].dvc", "'f [x].dvc'"),
            ("it's", r#"'it'"'"'s'"#),
            ("ünï", "'ünï'"),
            ("", "''"),
        ] {
            assert_eq!(shell_quoted(word), quoted);
        }
        assert_eq!(add_command(&["a", "b c"]), "git add a 'b c'");
        assert_eq!(add_command(&["-a.dvc", "b"]), "git add -- -a.dvc b");
    }
}
