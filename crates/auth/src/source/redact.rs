//! Redacts the output of a `credential_process` that failed: some programs print the keys they received.

use crate::send::excerpt;

/// Values of names that contain one of these words are hidden, whatever the values look like.
const SECRET_NAMES: [&str; 5] = ["secret", "token", "password", "passphrase", "key"];
/// Runs of this length or more may be keys; access key ids have 16 characters or more, secrets and tokens 40.
const LEAST: usize = 16;
/// Runs of letters only, of this length or more, may be keys; the names of errors are shorter.
const LEAST_OF_LETTERS: usize = 32;
const HIDDEN: &str = "****";

/// Returns the beginning of what a program wrote to stderr, on one line and without what may be a key.
///
/// The text is cut after keys are hidden, as half a key does not look like one.
pub(super) fn redacted_excerpt(stderr: &[u8]) -> String {
    excerpt(without_keys(&String::from_utf8_lossy(stderr)).as_bytes())
}

/// Hides the values of names that announce a secret, and all that looks like a key.
fn without_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if !is_of_run(first) {
            let length = first.len_utf8();
            shown.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let (run, behind) = rest.split_at(end_of(rest, is_of_run));
        // This comes before the search for names, as a key may contain the letters of one.
        if may_be_key(name_side(run)) {
            shown.push_str(HIDDEN);
            rest = behind;
            continue;
        }
        let found = names_in(run).find_map(|start| {
            let (name, behind) = rest[start..].split_at(end_of(&rest[start..], is_of_name));
            value_of(name, behind).map(|found| (start, name, found))
        });
        let (run, announced) = found.map_or((run, None), |(start, ..)| (&run[..start], found));
        shown.push_str(if may_be_key(run) { HIDDEN } else { run });
        rest = behind;
        if let Some((_, name, (between, value, behind))) = announced {
            shown.push_str(name);
            shown.push_str(between);
            shown.push_str(if value.is_empty() { "" } else { HIDDEN });
            rest = behind;
        }
    }
    shown
}

/// Returns the part before an `=` that a value follows; the padding at the end of base64 is not followed by one.
fn name_side(run: &str) -> &str {
    let is_sign = |(at, _): &(usize, &str)| !matches!(run.as_bytes().get(at + 1), None | Some(b'='));
    let end = run.match_indices('=').find(is_sign).map_or(run.len(), |(at, _)| at);
    &run[..end]
}

/// Returns where names may start in a run: at its start, and after each `+`, `/` and `=`.
fn names_in(run: &str) -> impl Iterator<Item = usize> {
    let behind_sign = run.match_indices(['+', '/', '=']).map(|(at, _)| at + 1);
    std::iter::once(0).chain(behind_sign)
}

/// If `name` announces a secret, splits the text after it into the sign, the value and the rest. The sign and the value
/// look like `=value`, `: value` or `": "value"`, possibly with escaped quotes.
fn value_of<'a>(name: &str, behind: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let name = name.to_ascii_lowercase();
    if !SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
        return None;
    }
    let blanks = |text: &'a str| text.trim_start();
    let sign = blanks(behind.trim_start_matches(['\\', '"', '\'', '`']));
    let after = blanks(sign.strip_prefix(['=', ':'])?);
    let value = after.trim_start_matches(['\\', '"', '\'', '`']);
    let (between, _) = behind.split_at(behind.len() - value.len());
    let end = match after[..after.len() - value.len()].chars().next_back() {
        // A quoted value may contain blanks; one that is not closed extends to the end.
        Some(quote) => value.find(quote).unwrap_or(value.len()),
        None => value
            .find(|character: char| character.is_whitespace() || ",;&\"'`})]".contains(character))
            .unwrap_or(value.len()),
    };
    let (value, behind) = value.split_at(end);
    Some((between, value, behind))
}

/// Returns whether a run of characters looks like a key rather than a word, a path or a name.
fn may_be_key(run: &str) -> bool {
    let has = |is_kind: fn(&char) -> bool, text: &str| text.chars().any(|character| is_kind(&character));
    let letters = |text: &str| has(char::is_ascii_lowercase, text) || has(char::is_ascii_uppercase, text);
    let both_cases = has(char::is_ascii_lowercase, run) && has(char::is_ascii_uppercase, run);
    let is_mixed = run.len() >= LEAST && both_cases && has(char::is_ascii_digit, run);
    let is_long = run.len() >= LEAST_OF_LETTERS && both_cases && !run.contains(['/', '-', '_']);
    // Each segment of a path is judged on its own, as almost every whole path has both digits and letters.
    let has_mixed_segment = run
        .split('/')
        .any(|segment| segment.len() >= LEAST && letters(segment) && has(char::is_ascii_digit, segment));
    is_mixed || is_long || has_mixed_segment
}

fn end_of(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-".contains(character)
}

/// Returns whether the character is one of base64, in either alphabet.
fn is_of_run(character: char) -> bool {
    is_of_name(character) || "+/=".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9";

    #[test]
    fn what_looks_like_a_key_is_hidden() {
        for (text, shown) in [
            (
                format!("got {SECRET}, for arn:aws:iam::123456789012:role/r"),
                "got ****, for arn:aws:iam::123456789012:role/r",
            ),
            (format!("{SECRET}=="), "****"),
            (format!("{SECRET}= x"), "**** x"),
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "****"),
            ("cookie 0123456789abcdef!".to_owned(), "cookie ****!"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0".to_owned(), "****.****"),
            ("SessionTokenThatNobodyMayEverSeeAnywhere".to_owned(), "****"),
        ] {
            assert_eq!(without_keys(&text), shown);
        }
    }

    #[test]
    fn values_of_names_that_announce_a_secret_are_hidden() {
        for (text, shown) in [
            ("export AWS_SECRET_ACCESS_KEY=minio-admin-secret-pass-123", "export AWS_SECRET_ACCESS_KEY=****"),
            ("password: hunter2, user: me", "password: ****, user: me"),
            (r#"{"SecretAccessKey": "a b", "Version": 1}"#, r#"{"SecretAccessKey": "****", "Version": 1}"#),
            (r#"{\"SessionToken\" : \"abc\"}"#, r#"{\"SessionToken\" : \"****"}"#),
            ("{'token':'x'}", "{'token':'****'}"),
            ("--with=a/token=abc", "--with=a/token=****"),
            ("https://h/?token=abc&x=1", "https://h/?token=****&x=1"),
            ("secret_key =\n  abc", "secret_key =\n  ****"),
            ("token=\"never closed", "token=\"****"),
        ] {
            assert_eq!(without_keys(text), shown);
        }
    }

    #[test]
    fn words_names_and_paths_stay() {
        for text in [
            "no vault at https://vault.example.org:8200/v1/aws/creds/some-long-role-name, größe 1",
            "the token has expired; run `vault login` (UnrecognizedClientException)",
            "no profile `eu-west-1` in /home/me/.aws/config",
        ] {
            assert_eq!(without_keys(text), text);
        }
    }

    #[test]
    fn key_at_the_cut_is_hidden() {
        for length in 200..320 {
            let shown = redacted_excerpt(format!("{}{SECRET}", "x ".repeat(length / 2)).as_bytes());
            assert!(!shown.contains(&SECRET[..4]), "{shown}");
        }
    }
}
