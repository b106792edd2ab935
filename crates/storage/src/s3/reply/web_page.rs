//! Replies of servers that are no S3 servers: a console, a portal that wants a login, a web server at the wrong port.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::documents::shown;

/// So much of a page is looked at.
const LOOKED_AT_BYTES: usize = 4096;

/// A page of HTML where S3's reply should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is a page of HTML{}{}",
    title.as_ref().map(|title| format!(" with the title `{title}`")).unwrap_or_default(),
    status.map(|status| format!(" (HTTP {status})")).unwrap_or_default()
)]
pub(crate) struct WebPage {
    title: Option<String>,
    /// The status of the reply, if it is an error.
    status: Option<u16>,
}

impl WebPage {
    /// Returns the page that the body of a reply is, if it is one.
    ///
    /// The header alone says little: some S3 servers call their empty replies HTML.
    pub(crate) fn in_body(body: &[u8]) -> Option<Self> {
        let start = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT_BYTES)]);
        let start =
            start.trim_start_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
        // ASCII alone changes, so that places in one text are places in the other.
        let lower = start.to_ascii_lowercase();
        if !lower.starts_with("<!doctype html") && !lower.starts_with("<html") {
            return None;
        }
        let title = lower.find("<title>").and_then(|at| {
            let behind = at + "<title>".len();
            let end = lower[behind..].find("</title>")?;
            shown(&start[behind..behind + end])
        });
        Some(Self { title, status: None })
    }

    /// Returns the page that a refusal is. Where a proxy or a web server in front of S3 says as much as S3 would, the status
    /// counts and not the page: what is busy, is not there, is too long, or wants a user name.
    pub(crate) fn in_refusal(status: u16, body: &[u8]) -> Option<Self> {
        let is_word_enough =
            matches!(status, 401 | 404 | 407 | 408 | 409 | 412 | 413 | 416 | 429 | 500 | 502..=504 | 509);
        let page = Self::in_body(body).filter(|_| !is_word_enough)?;
        Some(Self { status: Some(status), ..page })
    }

    /// Returns the page that a reply without its body announces, if it announces one. An object may be a page of HTML as
    /// well, but S3 gives it an entity tag and the reply a header of its own.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>.
    pub(crate) fn in_headers(headers: &HeaderMap) -> Option<Self> {
        let is_object = headers.contains_key(http::header::ETAG)
            && headers.keys().any(|name| name.as_str().starts_with("x-amz-"));
        (calls_itself_html(headers) && !is_object).then_some(Self::default())
    }
}

/// Whether the headers call the body HTML.
pub(crate) fn calls_itself_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim().to_ascii_lowercase().starts_with("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_with_an_entity_tag_is_no_object_where_s3_says_nothing_of_itself() {
        let is_page = |lines: &[(&'static str, &'static str)]| {
            let headers = lines.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            WebPage::in_headers(&headers.collect()).is_some()
        };
        let html = ("content-type", "text/html; charset=utf-8");
        assert!(is_page(&[html]));
        assert!(is_page(&[html, ("etag", "\"abc\"")]), "web servers give tags, too");
        assert!(!is_page(&[html, ("etag", "\"abc\""), ("x-amz-request-id", "1")]));
        assert!(!is_page(&[("content-type", "binary/octet-stream")]));
    }

    #[test]
    fn pages_are_told_from_replies_and_their_titles_are_fit_to_be_shown() {
        let page = |body: &str| WebPage::in_body(body.as_bytes()).map(|page| page.to_string());
        assert_eq!(
            page("\u{feff} \n<!DOCTYPE HTML>\n<html><head><TITLE>Log\x1b[1m in</TITLE>").as_deref(),
            Some("it is a page of HTML with the title `Log [1m in`")
        );
        assert_eq!(page("<html lang=\"en\"><body>hi").as_deref(), Some("it is a page of HTML"));
        for reply in ["", "<?xml version=\"1.0\"?><Error/>", "<ListBucketResult/>", "hello"] {
            assert_eq!(page(reply), None, "{reply}");
        }
    }
}
