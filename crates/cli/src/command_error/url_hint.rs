//! Next steps for a URL that is no remote.
//!
//! The libraries tell to type `haul remote modify NAME OPTION VALUE`, whatever the name is. Of a URL that a command such as
//! `get-url` was given, the name is the URL itself, which no `haul remote` knows: its options go into `--fs-config`.

use haul_config::{KeyPath, keys};

/// Returns a hint in which each command about a URL, as if that were a remote, is one that can be typed.
pub(super) fn typed_for_url(hint: String) -> String {
    if !hint.contains("://") || !hint.contains("`haul remote ") {
        return hint;
    }
    let mut has_secret = false;
    let mut text = String::new();
    // Every second part stands between backticks.
    for (position, part) in hint.split('`').enumerate() {
        let is_code = position % 2 == 1;
        let written = if is_code { of_url(part, &mut has_secret) } else { Some(part.to_owned()) };
        match written {
            Some(written) if is_code => text.extend(["`", &written, "`"]),
            Some(written) => text.push_str(&written),
            None => text.extend(["`", part, "`"]),
        }
    }
    if has_secret {
        text.push_str(
            "; the environment (AWS_SECRET_ACCESS_KEY) or a profile (`--fs-config profile=PROFILE`) keeps secrets out of the \
             command line",
        );
    }
    text
}

/// Returns what to type in the place of a command about a URL; `None` if it is about something else.
fn of_url(command: &str, has_secret: &mut bool) -> Option<String> {
    let (verb, rest) = command.strip_prefix("haul remote ")?.split_once(' ')?;
    let (flags, words): (Vec<&str>, Vec<&str>) =
        rest.split_whitespace().partition(|word| word.starts_with("--"));
    let (name, words) = words.split_first()?;
    if !name.contains("://") {
        return None;
    }
    // Data in a remote: the remote it is.
    if let Some(path) = name.strip_prefix("remote://") {
        let remote = path.split('/').next().unwrap_or_default();
        return Some(command.replacen(name, remote, 1));
    }
    match (verb, words) {
        ("check", _) => Some(String::from("-v")),
        ("modify", [option]) if flags.contains(&"--unset") => Some(format!("--fs-config` without `{option}")),
        ("modify", ["url", url @ ..]) => Some(url.join(" ")),
        ("modify", [option, value @ ..]) => {
            *has_secret |= keys::is_secret(&KeyPath::remote("name", option));
            Some(format!("--fs-config {option}={}", value.join(" ")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hint: &str, expected: &str) {
        assert_eq!(typed_for_url(hint.to_owned()), expected);
    }

    #[test]
    fn options_of_a_url_are_named_as_the_command_takes_them() {
        check(
            "is it running? Its address is set with `haul remote modify s3://b/x endpointurl URL`",
            "is it running? Its address is set with `--fs-config endpointurl=URL`",
        );
        check(
            "remove one: `haul remote modify --unset s3://b/x acl` or another",
            "remove one: `--fs-config` without `acl` or another",
        );
        check(
            "create the bucket `b`, or set another: `haul remote modify s3://b/x url s3://BUCKET/PREFIX`",
            "create the bucket `b`, or set another: `s3://BUCKET/PREFIX`",
        );
        check("`haul remote check s3://b/x` shows which", "`-v` shows which");
        check("with `haul remote modify remote://s/x region R`", "with `haul remote modify s region R`");
    }

    #[test]
    fn secrets_of_a_url_have_a_better_place() {
        let hint =
            typed_for_url("set `haul remote modify --local s3://b/x secret_access_key SECRET`".to_owned());
        assert!(hint.starts_with("set `--fs-config secret_access_key=SECRET`; "), "{hint}");
        assert!(
            hint.contains("AWS_SECRET_ACCESS_KEY") && hint.contains("`--fs-config profile=PROFILE`"),
            "{hint}"
        );
    }

    #[test]
    fn remotes_are_left_alone() {
        for hint in [
            "set it with `haul remote modify s endpointurl https://HOST`",
            "type `haul remote modify s url s3://b/x` and `haul push`",
            "see https://dvc.org, `haul remote list`",
        ] {
            check(hint, hint);
        }
    }
}
