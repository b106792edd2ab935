//! The parts of a URL, as Python's `urllib.parse.urlsplit` finds them.

/// A URL in parts; a local path has neither scheme nor authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlParts {
    /// In lower case, without `:`.
    pub(crate) scheme: String,
    /// What stands between `//` and the next `/`, `?` or `#`.
    pub(crate) authority: String,
    /// The rest, query and fragment included.
    pub(crate) rest: String,
}

impl UrlParts {
    /// Splits a URL; `None` for brackets that are no IPv6 address, which Python refuses.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let cleaned: String = text
            .trim_start_matches(|character: char| character <= ' ')
            .chars()
            .filter(|character| !matches!(character, '\t' | '\r' | '\n'))
            .collect();
        let (scheme, rest) = match cleaned.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), cleaned.as_str()),
        };
        let Some(rest) = rest.strip_prefix("//") else {
            return Some(Self { scheme, authority: String::new(), rest: rest.to_owned() });
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let is_valid = match (authority.contains('['), authority.contains(']')) {
            (false, false) => true,
            (true, true) => is_bracketed_address(authority),
            _ => false,
        };
        is_valid.then(|| Self { scheme, authority: authority.to_owned(), rest: rest.to_owned() })
    }

    /// Takes a text for a path, whatever it looks like.
    pub(crate) fn of_path(text: &str) -> Self {
        Self { scheme: String::new(), authority: String::new(), rest: text.to_owned() }
    }

    /// Returns what decides about the options a remote can have: the scheme; a path has none.
    pub(crate) fn kind(&self) -> &str {
        if self.authority.is_empty() { "" } else { &self.scheme }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
}

fn is_bracketed_address(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) else {
        return false;
    };
    let address = address.split_once('%').map_or(address, |(address, _)| address);
    (port.is_empty() || port.starts_with(':'))
        && (address.parse::<std::net::Ipv6Addr>().is_ok() || address.starts_with(['v', 'V']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_as_python_splits_them() {
        let check = |text: &str, scheme: &str, authority: &str, rest: &str| {
            let expected = UrlParts {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                rest: rest.to_owned(),
            };
            assert_eq!(UrlParts::parse(text), Some(expected), "{text}");
        };
        check("s3://b/a?x#y", "s3", "b", "/a?x#y");
        check("S3://b", "s3", "b", "");
        check("s3:/b", "s3", "", "/b");
        check("s3://", "s3", "", "");
        check("/abs/path", "", "", "/abs/path");
        check("a_b://c", "", "", "a_b://c");
        check("c:\\x", "c", "", "\\x");
        check("http://[::1]:9000/x", "http", "[::1]:9000", "/x");
        assert_eq!(UrlParts::parse("s3://[b"), None);
        assert_eq!(UrlParts::parse("s3://[b]"), None);
    }
}
