//! What names a server: the URL of an endpoint, and a region.

use url::Url;

use crate::mask::has_user_info;

/// What keeps a text from being the URL of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointProblem {
    /// It has no `://`, as `localhost:9000`.
    NoScheme,
    /// It has this scheme, and neither `http` nor `https`.
    Scheme(String),
    /// It holds a user name or password, which is shown wherever the URL is.
    UserInfo,
    /// It is not a URL, for this reason.
    Malformed(String),
    /// It has a query or a fragment.
    QueryOrFragment,
}

/// Reads the URL of a server that speaks S3, as `endpointurl` and AWS's `endpoint_url` name it.
///
/// # Errors
/// The first [`EndpointProblem`] of the text.
pub fn parse_endpoint(text: &str) -> Result<Url, EndpointProblem> {
    // `localhost:9000` parses as a URL with the scheme `localhost`.
    let scheme = text.split_once("://").ok_or(EndpointProblem::NoScheme)?.0.trim_start();
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(EndpointProblem::Scheme(scheme.to_ascii_lowercase()));
    }
    // Before all else: what can't be parsed may hold a password, too.
    if has_user_info(text) {
        return Err(EndpointProblem::UserInfo);
    }
    let url = Url::parse(text).map_err(|error| EndpointProblem::Malformed(error.to_string()))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointProblem::QueryOrFragment);
    }
    Ok(url)
}

/// Whether a text can be a region, which is part of a host name on AWS, and of every signature.
///
/// botocore refuses the same. Source: `validate_region_name` in `botocore/utils.py`.
pub fn is_region(text: &str) -> bool {
    is_host_label(text) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text can be one label of a host name, in letters of either case.
pub fn is_host_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_a_plain_http_url() {
        for text in ["http://localhost:9000", "HTTPS://minio.example.org/base/", " http://[::1]:9000"] {
            assert!(parse_endpoint(text).is_ok(), "{text}");
        }
        let refused = [
            ("localhost:9000", EndpointProblem::NoScheme),
            ("user:secret@host", EndpointProblem::NoScheme),
            ("ftp://host", EndpointProblem::Scheme("ftp".into())),
            ("://host", EndpointProblem::Scheme(String::new())),
            ("https://user:secret@host", EndpointProblem::UserInfo),
            ("https://host?x", EndpointProblem::QueryOrFragment),
            ("https://host/#x", EndpointProblem::QueryOrFragment),
        ];
        for (text, problem) in refused {
            assert_eq!(parse_endpoint(text), Err(problem), "{text}");
        }
        assert!(matches!(parse_endpoint("https://"), Err(EndpointProblem::Malformed(_))));
    }

    #[test]
    fn region_is_a_label_and_no_number() {
        for text in ["eu-west-1", "EU-WEST-1", "x", "garage"] {
            assert!(is_region(text), "{text}");
        }
        for text in ["", "eu west", "x.evil.example.org/", "-x", "x-", "123", &"x".repeat(64)] {
            assert!(!is_region(text), "{text}");
        }
    }
}
