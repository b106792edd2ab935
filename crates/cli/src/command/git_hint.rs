//! What DVC says about files that Git should know.

use std::path::PathBuf;

use haul_repo::Repo;

/// Says which files Git should know, unless Git knows them already or there is no Git.
pub(super) fn git_hint(repo: &Repo, is_staged: bool, files: &[PathBuf]) -> String {
    if is_staged || files.is_empty() || repo.git().is_none() {
        return String::new();
    }
    let files: Vec<String> = files.iter().map(|path| shell_quoted(&repo.display_path(path))).collect();
    format!(
        "\nTo track the changes with git, run:\n\n\tgit add {}\n\n\
         To enable auto staging, run:\n\n\thaul config core.autostage true",
        files.join(" ")
    )
}

/// Quotes a word for a POSIX shell, if it needs that.
pub(super) fn shell_quoted(word: &str) -> String {
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
    }
}
