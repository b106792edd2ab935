//! Paths as the AWS tools write them.

use std::path::{Path, PathBuf};

use haul_config::Env;

/// Makes a path absolute: replaces `$NAME` and `${NAME}` if the variables are set and `~` with the home directory;
/// relative paths start in the working directory.
pub(crate) fn expand(path: &Path, env: &Env) -> PathBuf {
    match path.to_str() {
        Some(text) if text.contains('$') => env.absolute(variables(text, env)),
        _ => env.absolute(path),
    }
}

fn variables(text: &str, env: &Env) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let (name, length) =
            if let Some((name, _)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                (name, name.len() + 2)
            } else {
                let is_other = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
                let length = after.find(is_other).unwrap_or(after.len());
                (&after[..length], length)
            };
        match env.var(name).or_else(|| env.is_set(name).then_some("")).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&rest[start..=start + length]),
        }
        rest = &after[length..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let env = Env::new("/srv", [("HOME", "/home/me"), ("NAME", "n"), ("EMPTY", "")]);
        assert_eq!(expand(Path::new(text), &env), Path::new(expected), "{text}");
    }

    #[test]
    fn paths_expand_home_and_variables() {
        check("~/.aws/config", "/home/me/.aws/config");
        check("x/$NAME-${NAME}/$OTHER/${OTHER}/$", "/srv/x/n-n/$OTHER/${OTHER}/$");
        check("/abs", "/abs");
        check("/abs$EMPTY/${EMPTY}x", "/abs/x");
        check("$HOME/x", "/home/me/x");
    }
}
