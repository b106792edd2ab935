//! Passwords inside URLs.

/// What stands for a password.
const MASK: &str = "****";

/// Schemes whose URLs have a query, and no file name with a `?` in it: signatures and tokens stand there.
const WITH_QUERY: [&str; 8] =
    ["http", "https", "webdav", "webdavs", "azure", "postgresql", "postgres", "mysql"];

/// Schemes whose URLs hold a user name for nothing but to give a secret away: many tokens are typed as a name.
const NAMES_ARE_SECRET: [&str; 3] = ["http", "https", "s3"];

/// Returns a text as it may be shown: the passwords of all URLs in it are masked, and the values in their queries.
///
/// Every URL that a person wrote goes through here on its way to an output, an error or a log.
///
/// ```
/// use haul_config::mask_urls;
/// assert_eq!(mask_urls("no `http://me:pw@host:9000/x` here"), "no `http://me:****@host:9000/x` here");
/// assert_eq!(mask_urls("s3://bucket/me:pw@key"), "s3://bucket/me:pw@key");
/// ```
pub fn mask_urls(text: &str) -> String {
    if !text.contains(['@', '?']) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find("://") {
        let (before, after) = rest.split_at(position + "://".len());
        shown.push_str(before);
        let scheme = before.trim_end_matches("://");
        let start = scheme
            .rfind(|character: char| !is_of_scheme(character))
            .map_or(0, |last| last + scheme[last..].chars().next().map_or(0, char::len_utf8));
        let end = after.find(is_outside).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        let scheme = &scheme[start..];
        let length = user_info(url).unwrap_or(0);
        shown.push_str(&masked(&url[..length], scheme));
        match url[length..].split_once('?') {
            Some((place, query)) if is_one_of(scheme, &WITH_QUERY) => {
                shown.push_str(place);
                push_query(query, &mut shown);
            }
            _ => shown.push_str(&url[length..]),
        }
        rest = behind;
    }
    if shown.is_empty() && !rest.contains(is_outside) {
        // The scheme was forgotten.
        let name = rest.split_once('@').map_or("", |(name, _)| name);
        if name.contains(':') && !name.contains(['/', '\\', '=']) {
            return format!("{}{}", masked(name, ""), &rest[name.len()..]);
        }
    }
    shown.push_str(rest);
    shown
}

/// Tells whether a URL names a user or a password in front of its host.
pub(crate) fn has_user_info(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, url)| user_info(url).is_some())
}

/// Returns the length of what stands before the `@` in front of the host; `url` has no scheme.
fn user_info(url: &str) -> Option<usize> {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // A password with a slash in it ends the authority too early; what is left of it is no port.
    let (_, port) = authority.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) || authority.ends_with(']');
    // An ARN in the bucket's place has colons of its own.
    if is_port || authority.starts_with("arn:") { None } else { url.rfind('@') }
}

fn masked(user_info: &str, scheme: &str) -> String {
    match user_info.split_once(':') {
        Some((user, _)) => format!("{user}:{MASK}"),
        None if !user_info.is_empty() && is_one_of(scheme, &NAMES_ARE_SECRET) => MASK.to_owned(),
        None => user_info.to_owned(),
    }
}

/// Adds a query with all its values masked; what has no name is a value.
fn push_query(query: &str, shown: &mut String) {
    let (query, fragment) = query.split_once('#').map_or((query, None), |(query, rest)| (query, Some(rest)));
    for (index, parameter) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(MASK);
            }
            None if parameter.is_empty() => {}
            None => shown.push_str(MASK),
        }
    }
    if let Some(fragment) = fragment {
        shown.push('#');
        shown.push_str(if fragment.is_empty() { "" } else { MASK });
    }
}

fn is_one_of(scheme: &str, schemes: &[&str]) -> bool {
    schemes.contains(&scheme.to_ascii_lowercase().as_str())
}

fn is_of_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+-.".contains(character)
}

/// Tells whether a character ends a URL inside of a sentence.
fn is_outside(character: char) -> bool {
    character.is_whitespace() || "`\"'<>".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_masked_and_nothing_else() {
        for (text, shown) in [
            ("http://me:pw@host:9000", "http://me:****@host:9000"),
            ("HTTPS://me:p@w:x@host/a@b", "HTTPS://me:****@host/a@b"),
            ("http://:pw@host", "http://:****@host"),
            ("https://token@host", "https://****@host"),
            ("s3://key:secret@bucket/x", "s3://key:****@bucket/x"),
            ("s3://key:se/cret@bucket/x", "s3://key:****@bucket/x"),
            ("http://me:p/w@host:9000", "http://me:****@host:9000"),
            ("me:pw@host:9000", "me:****@host:9000"),
            ("two: `http://a:b@c` and http://d:e@f!", "two: `http://a:****@c` and http://d:****@f!"),
            ("ssh://me@host/x", "ssh://me@host/x"),
            ("ssh://me:pw@host/x", "ssh://me:****@host/x"),
            ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
            ("s3://arn:aws:s3:eu-west-1:1:accesspoint/x@y", "s3://arn:aws:s3:eu-west-1:1:accesspoint/x@y"),
            ("http://[::1]:9000/a@b", "http://[::1]:9000/a@b"),
            ("http://host:9000/a@b", "http://host:9000/a@b"),
            ("https://host/x?sig=abc&se=1#t", "https://host/x?sig=****&se=****#****"),
            ("see http://me:pw@host/x?token, ok?", "see http://me:****@host/x?**** ok?"),
            ("postgresql://host/db?user=me&password=pw", "postgresql://host/db?user=****&password=****"),
            ("s3://bucket/what?is=this", "s3://bucket/what?is=this"),
            ("https://host/x?", "https://host/x?"),
            ("id=1,emailAddress=a@b", "id=1,emailAddress=a@b"),
            ("/data/a:b@c", "/data/a:b@c"),
            ("é://a:b@c", "é://a:****@c"),
        ] {
            assert_eq!(mask_urls(text), shown);
        }
    }
}
