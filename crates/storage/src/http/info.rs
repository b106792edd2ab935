//! What the head of a reply tells of a file.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED,
};
use url::Url;

/// What a web server tells of a file. Values are the server's, not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileInfo {
    /// Size in bytes, if it is announced.
    pub(crate) size_bytes: Option<u64>,
    /// Size of the whole in bytes, from the head of a part.
    pub(crate) whole_bytes: Option<u64>,
    /// `Content-Type` without its parameters.
    pub(crate) media_type: Option<String>,
    /// Whether the server says that it sends no parts.
    pub(crate) sends_no_parts: bool,
    /// The URL that answered, behind all redirects.
    pub(crate) url: String,
    /// `ETag`, `Content-MD5`, `Digest` and `Last-Modified`, as they were sent.
    pub(crate) checksums: Vec<(&'static str, String)>,
}

impl FileInfo {
    /// Reads the head of a reply.
    pub(crate) fn of(headers: &HeaderMap, url: &Url) -> Self {
        let text = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
        };
        let length = text(CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
        let whole = text(CONTENT_RANGE.as_str()).and_then(|range| range.split('/').nth(1)?.parse().ok());
        let is_plain = text(CONTENT_ENCODING.as_str()).is_none_or(|encoding| encoding == "identity");
        let names = [("ETag", ETAG.as_str()), ("Content-MD5", "content-md5"), ("Digest", "digest")];
        let checksums = names.into_iter().chain([("Last-Modified", LAST_MODIFIED.as_str())]);
        Self {
            size_bytes: if headers.contains_key(CONTENT_LENGTH) {
                length.filter(|_| is_plain)
            } else {
                whole
            },
            whole_bytes: whole,
            media_type: headers.get(CONTENT_TYPE).map(|value| {
                let value = value.to_str().unwrap_or_default();
                value.split(';').next().unwrap_or_default().to_owned()
            }),
            sends_no_parts: text("accept-ranges") == Some("none"),
            url: url.to_string(),
            checksums: checksums
                .filter_map(|(name, header)| Some((name, text(header)?.to_owned())))
                .collect(),
        }
    }

    /// Puts what is known here over what an earlier reply told.
    pub(crate) fn over(self, earlier: Option<Self>) -> Self {
        let Some(mut merged) = earlier else { return self };
        merged.size_bytes = self.size_bytes.or(merged.size_bytes);
        merged.media_type = self.media_type.or(merged.media_type);
        merged.sends_no_parts |= self.sends_no_parts;
        merged.url = self.url;
        for (name, value) in self.checksums {
            match merged.checksums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => merged.checksums.push((name, value)),
            }
        }
        merged
    }

    /// Returns a header by its name in DVC's spelling.
    pub(crate) fn checksum(&self, name: &str) -> Option<&str> {
        self.checksums.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    /// Returns the entity tag without its quotes, if it stands for the bytes themselves.
    pub(crate) fn strong_etag(&self) -> Option<String> {
        let etag = self.checksum("ETag")?;
        Some(etag.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    }

    /// Returns when the file changed, in seconds since the Unix epoch.
    pub(crate) fn last_modified(&self) -> Option<i64> {
        let time = httpdate::parse_http_date(self.checksum("Last-Modified")?).ok()?;
        let since_epoch = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_secs()).ok()
    }
}
