//! What S3 answers, out of its XML.
//!
//! Formats: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>.

use chrono::DateTime;
use percent_encoding::percent_decode_str;

use super::xml::{MalformedXml, Tag, walk};
use crate::UploadedPart;

/// One object of a listing; the key is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub key: String,
    pub size_bytes: u64,
    pub etag: Option<String>,
    pub last_modified: Option<i64>,
}

/// A page of a bucket, of either listing call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ListReply {
    pub objects: Vec<Listed>,
    pub common_prefixes: Vec<String>,
    pub is_truncated: bool,
    pub next_marker: Option<String>,
    pub next_continuation_token: Option<String>,
}

impl ListReply {
    pub(crate) fn parse(xml: &[u8]) -> Result<Self, MalformedXml> {
        let mut reply = Self::default();
        let mut object = Listed::default();
        let (mut has_key, mut has_size) = (false, false);
        let mut is_url_encoded = false;
        let mut is_truncated = None;
        walk(xml, |path, text| {
            match path {
                [Tag::ListBucketResult, Tag::Contents, Tag::Key] => {
                    text.clone_into(&mut object.key);
                    has_key = true;
                }
                [Tag::ListBucketResult, Tag::Contents, Tag::Size] => {
                    object.size_bytes = number(text)?;
                    has_size = true;
                }
                [Tag::ListBucketResult, Tag::Contents, Tag::ETag] => object.etag = etag(text),
                [Tag::ListBucketResult, Tag::Contents, Tag::LastModified] => {
                    object.last_modified = timestamp(text);
                }
                [Tag::ListBucketResult, Tag::Contents] => {
                    if !(has_key && has_size) {
                        return Err(MalformedXml("an object of the listing has no key or no size".into()));
                    }
                    (has_key, has_size) = (false, false);
                    reply.objects.push(std::mem::take(&mut object));
                }
                [Tag::ListBucketResult, Tag::CommonPrefixes, Tag::Prefix] => {
                    reply.common_prefixes.push(text.to_owned());
                }
                [Tag::ListBucketResult, Tag::IsTruncated] => is_truncated = Some(boolean(text)?),
                [Tag::ListBucketResult, Tag::NextMarker] => reply.next_marker = not_empty(text),
                [Tag::ListBucketResult, Tag::NextContinuationToken] => {
                    reply.next_continuation_token = not_empty(text);
                }
                [Tag::ListBucketResult, Tag::EncodingType] => {
                    is_url_encoded = text.eq_ignore_ascii_case("url");
                }
                [Tag::ListBucketResult] | [Tag::ListBucketResult, ..] => {}
                other => return Err(unexpected(other, "a listing")),
            }
            Ok(())
        })?;
        // Without it, the end of a listing could not be told from a page.
        reply.is_truncated = is_truncated
            .ok_or_else(|| MalformedXml("the listing does not say whether it is complete".into()))?;
        if is_url_encoded {
            for object in &mut reply.objects {
                object.key = url_decode(&object.key)?;
            }
            for prefix in &mut reply.common_prefixes {
                *prefix = url_decode(prefix)?;
            }
            // The token of a V2 listing is opaque and never encoded.
            if let Some(marker) = &mut reply.next_marker {
                *marker = url_decode(marker)?;
            }
        }
        Ok(reply)
    }
}

/// One version of an object, or a delete marker, of a listing; the key is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ListedVersion {
    pub key: String,
    pub version_id: String,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    pub size_bytes: u64,
    pub etag: Option<String>,
    pub last_modified: Option<i64>,
}

/// A page of the versions in a bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct VersionsReply {
    pub versions: Vec<ListedVersion>,
    pub is_truncated: bool,
    pub next_key_marker: Option<String>,
    pub next_version_id_marker: Option<String>,
}

impl VersionsReply {
    pub(crate) fn parse(xml: &[u8]) -> Result<Self, MalformedXml> {
        let mut reply = Self::default();
        let mut version = ListedVersion::default();
        let mut has_size = false;
        let mut is_url_encoded = false;
        let mut is_truncated = None;
        walk(xml, |path, text| {
            match path {
                [Tag::ListVersionsResult, kind @ (Tag::Version | Tag::DeleteMarker)] => {
                    version.is_delete_marker = *kind == Tag::DeleteMarker;
                    let is_whole = has_size || version.is_delete_marker;
                    if version.key.is_empty() || version.version_id.is_empty() || !is_whole {
                        let problem = "a version of the listing has no key, no version id or no size";
                        return Err(MalformedXml(problem.into()));
                    }
                    has_size = false;
                    reply.versions.push(std::mem::take(&mut version));
                }
                [Tag::ListVersionsResult, Tag::Version | Tag::DeleteMarker, field] => match field {
                    Tag::Key => text.clone_into(&mut version.key),
                    Tag::VersionId => text.clone_into(&mut version.version_id),
                    Tag::IsLatest => version.is_latest = boolean(text)?,
                    Tag::ETag => version.etag = etag(text),
                    Tag::LastModified => version.last_modified = timestamp(text),
                    Tag::Size => {
                        version.size_bytes = number(text)?;
                        has_size = true;
                    }
                    _ => {}
                },
                [Tag::ListVersionsResult, Tag::IsTruncated] => is_truncated = Some(boolean(text)?),
                [Tag::ListVersionsResult, Tag::NextKeyMarker] => reply.next_key_marker = not_empty(text),
                [Tag::ListVersionsResult, Tag::NextVersionIdMarker] => {
                    reply.next_version_id_marker = not_empty(text);
                }
                [Tag::ListVersionsResult, Tag::EncodingType] => {
                    is_url_encoded = text.eq_ignore_ascii_case("url");
                }
                [Tag::ListVersionsResult] | [Tag::ListVersionsResult, ..] => {}
                other => return Err(unexpected(other, "a listing of versions")),
            }
            Ok(())
        })?;
        reply.is_truncated = is_truncated
            .ok_or_else(|| MalformedXml("the listing does not say whether it is complete".into()))?;
        if is_url_encoded {
            for version in &mut reply.versions {
                version.key = url_decode(&version.key)?;
            }
            if let Some(marker) = &mut reply.next_key_marker {
                *marker = url_decode(marker)?;
            }
        }
        Ok(reply)
    }
}

/// Reads the reply to GetBucketVersioning: the status, if the bucket ever had one.
pub(crate) fn parse_versioning(xml: &[u8]) -> Result<Option<String>, MalformedXml> {
    let mut status = None;
    walk(xml, |path, text| {
        match path {
            // The second name is moto's.
            [Tag::VersioningConfiguration | Tag::GetBucketVersioningResponse, rest @ ..] => {
                if rest == [Tag::Status] {
                    status = not_empty(text.trim());
                }
            }
            other => return Err(unexpected(other, "the versioning of a bucket")),
        }
        Ok(())
    })?;
    Ok(status)
}

/// An object that could not be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteError {
    pub key: String,
    pub version_id: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
}

/// The reply to DeleteObjects: what was deleted and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DeleteReply {
    /// Keys, and the version that was deleted if the reply tells one.
    pub deleted: Vec<(String, Option<String>)>,
    pub errors: Vec<DeleteError>,
}

impl DeleteReply {
    pub(crate) fn parse(xml: &[u8]) -> Result<Self, MalformedXml> {
        let mut reply = Self::default();
        let mut deleted = (String::new(), None);
        let mut error = DeleteError::default();
        walk(xml, |path, text| {
            match path {
                [Tag::DeleteResult, Tag::Deleted, Tag::Key] => text.clone_into(&mut deleted.0),
                [Tag::DeleteResult, Tag::Deleted, Tag::VersionId] => deleted.1 = not_empty(text),
                [Tag::DeleteResult, Tag::Deleted] => reply.deleted.push(std::mem::take(&mut deleted)),
                [Tag::DeleteResult, Tag::Error, Tag::Key] => text.clone_into(&mut error.key),
                [Tag::DeleteResult, Tag::Error, Tag::VersionId] => error.version_id = not_empty(text),
                [Tag::DeleteResult, Tag::Error, Tag::Code] => error.code = not_empty(text),
                [Tag::DeleteResult, Tag::Error, Tag::Message] => error.message = not_empty(text),
                [Tag::DeleteResult, Tag::Error] => reply.errors.push(std::mem::take(&mut error)),
                [Tag::DeleteResult] | [Tag::DeleteResult, ..] => {}
                other => return Err(unexpected(other, "the result of a deletion")),
            }
            Ok(())
        })?;
        Ok(reply)
    }
}

/// Reads the reply to CreateMultipartUpload: the upload's id.
pub(crate) fn parse_create_multipart(xml: &[u8]) -> Result<String, MalformedXml> {
    let mut id = None;
    walk(xml, |path, text| {
        match path {
            [Tag::InitiateMultipartUploadResult, Tag::UploadId] => id = not_empty(text),
            [Tag::InitiateMultipartUploadResult, ..] => {}
            other => return Err(unexpected(other, "the start of an upload")),
        }
        Ok(())
    })?;
    id.ok_or_else(|| MalformedXml("the reply names no upload id".into()))
}

/// Reads the reply to CompleteMultipartUpload or CopyObject: the new object's entity tag.
pub(crate) fn parse_new_object(xml: &[u8]) -> Result<Option<String>, MalformedXml> {
    let mut found = None;
    walk(xml, |path, text| {
        match path {
            [Tag::CompleteMultipartUploadResult | Tag::CopyObjectResult, Tag::ETag] => found = etag(text),
            [Tag::CompleteMultipartUploadResult | Tag::CopyObjectResult, ..] => {}
            other => return Err(unexpected(other, "a new object")),
        }
        Ok(())
    })?;
    Ok(found)
}

/// A page of the parts of an upload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartsReply {
    pub parts: Vec<UploadedPart>,
    /// The part number after which the next page starts.
    pub next: Option<u32>,
}

impl PartsReply {
    pub(crate) fn parse(xml: &[u8]) -> Result<Self, MalformedXml> {
        let mut reply = Self::default();
        let empty = || UploadedPart { number: 0, etag: String::new(), md5: None, crc32: None, size_bytes: 0 };
        let mut part = empty();
        let (mut is_truncated, mut marker) = (false, None);
        walk(xml, |path, text| {
            match path {
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::Part, Tag::PartNumber] => {
                    part.number = number(text)?;
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::Part, Tag::ETag] => {
                    text.clone_into(&mut part.etag);
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::Part, Tag::ChecksumCRC32] => {
                    part.crc32 = not_empty(text);
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::Part, Tag::Size] => {
                    part.size_bytes = number(text)?;
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::Part] => {
                    reply.parts.push(std::mem::replace(&mut part, empty()));
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::IsTruncated] => {
                    is_truncated = boolean(text)?;
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, Tag::NextPartNumberMarker] => {
                    marker = not_empty(text).map(|text| number(&text)).transpose()?;
                }
                [Tag::ListPartsResult | Tag::ListPartsResponse, ..] => {}
                other => return Err(unexpected(other, "a list of parts")),
            }
            Ok(())
        })?;
        if is_truncated {
            let next = marker.or_else(|| reply.parts.last().map(|part| part.number));
            reply.next = Some(next.ok_or_else(|| MalformedXml("the list of parts does not move on".into()))?);
        }
        Ok(reply)
    }
}

/// What an error reply says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorReply {
    pub code: Option<String>,
    pub message: Option<String>,
    pub request_id: Option<String>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

impl ErrorReply {
    /// Reads an error; `None` if the body is not one.
    pub(crate) fn parse(xml: &[u8]) -> Option<Self> {
        let mut reply = Self::default();
        let mut is_error = false;
        walk(xml, |path, text| {
            match path {
                [Tag::Error, Tag::Code] => reply.code = shown(text),
                [Tag::Error, Tag::Message] => reply.message = shown(text),
                [Tag::Error, Tag::RequestId] => reply.request_id = shown(text),
                [Tag::Error, Tag::Region] => reply.region = shown(text),
                [Tag::Error, Tag::Endpoint] => reply.endpoint = shown(text),
                [Tag::Error] => is_error = true,
                _ => {}
            }
            Ok(())
        })
        .ok()?;
        is_error.then_some(reply)
    }
}

/// Cleans a text that a message will show: one line, not endless, nothing a terminal would obey.
pub(crate) fn shown(text: &str) -> Option<String> {
    const MAX_CHARS: usize = 400;
    let words: Vec<&str> = text.split(|character: char| character.is_control() || character == ' ').collect();
    let mut line: String =
        words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    not_empty(&line)
}

/// Takes the quotes off an entity tag; an empty one is none.
pub(crate) fn etag(text: &str) -> Option<String> {
    not_empty(text.trim().trim_start_matches("W/").trim_matches('"'))
}

pub(in crate::s3) fn not_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, MalformedXml> {
    text.trim()
        .parse()
        .map_err(|_| MalformedXml(format!("`{}` is not a number", shown(text).unwrap_or_default())))
}

pub(in crate::s3) fn boolean(text: &str) -> Result<bool, MalformedXml> {
    match text.trim() {
        yes if yes.eq_ignore_ascii_case("true") => Ok(true),
        no if no.eq_ignore_ascii_case("false") => Ok(false),
        other => {
            Err(MalformedXml(format!("`{}` is neither `true` nor `false`", shown(other).unwrap_or_default())))
        }
    }
}

pub(in crate::s3) fn timestamp(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.timestamp())
}

/// Decodes a key as `encoding-type=url` has it: a form, where `+` is a blank.
pub(in crate::s3) fn url_decode(text: &str) -> Result<String, MalformedXml> {
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(Into::into).map_err(|_| MalformedXml("a key of the listing is not UTF-8".into()))
}

pub(in crate::s3) fn unexpected(path: &[Tag], expected: &str) -> MalformedXml {
    MalformedXml(format!("the reply is not {expected} (`{:?}`)", path.first().unwrap_or(&Tag::Other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(inner: &str) -> Result<ListReply, MalformedXml> {
        ListReply::parse(
            format!("<ListBucketResult xmlns='http://s3/'>{inner}</ListBucketResult>").as_bytes(),
        )
    }

    const OBJECT: &str = "<Contents><Key>a%2Fb+c</Key><LastModified>2026-11-22T10:00:00.000Z</LastModified>\
        <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>7</Size></Contents>";

    #[test]
    fn keys_are_decoded_only_if_the_reply_says_so() {
        let encoded =
            listing(&format!("{OBJECT}<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"));
        let object = encoded.unwrap().objects.remove(0);
        assert_eq!((object.key.as_str(), object.size_bytes), ("a/b c", 7));
        assert_eq!(object.etag.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
        assert_eq!(object.last_modified, Some(1_795_341_600));
        let raw = listing(&format!("{OBJECT}<IsTruncated>false</IsTruncated>")).unwrap();
        assert_eq!(raw.objects[0].key, "a%2Fb+c");
    }

    #[test]
    fn continuation_token_is_never_decoded() {
        let reply = listing(
            "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>a%2B</NextMarker>\
             <NextContinuationToken>x%2B+</NextContinuationToken>",
        )
        .unwrap();
        assert_eq!(reply.next_continuation_token.as_deref(), Some("x%2B+"));
        assert_eq!(reply.next_marker.as_deref(), Some("a+"));
    }

    #[test]
    fn listing_with_holes_is_malformed() {
        for inner in [
            "",
            "<IsTruncated>maybe</IsTruncated>",
            "<Contents><Key>a</Key></Contents><IsTruncated>false</IsTruncated>",
            "<Contents><Size>1</Size></Contents><IsTruncated>false</IsTruncated>",
            "<Contents><Key>a</Key><Size>-1</Size></Contents><IsTruncated>false</IsTruncated>",
            "<Contents><Key>%ff</Key><Size>1</Size></Contents><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>",
        ] {
            assert!(listing(inner).is_err(), "{inner}");
        }
        assert!(ListReply::parse(b"<html><body>hello</body></html>").is_err());
    }

    #[test]
    fn deletion_names_what_failed() {
        let xml = b"<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error>\
                    <Deleted><Key>c</Key><VersionId>1</VersionId></Deleted></DeleteResult>";
        let reply = DeleteReply::parse(xml).unwrap();
        assert_eq!(reply.deleted, [("a".to_owned(), None), ("c".to_owned(), Some("1".to_owned()))]);
        assert_eq!(
            (reply.errors[0].key.as_str(), reply.errors[0].code.as_deref()),
            ("b", Some("AccessDenied"))
        );
    }

    #[test]
    fn versions_and_delete_markers_are_told_apart() {
        let xml = b"<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
            <NextKeyMarker>a%2Bb</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>\
            <DeleteMarker><Key>a%2Bb</Key><VersionId>m</VersionId><IsLatest>true</IsLatest></DeleteMarker>\
            <Version><Key>a%2Bb</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><Size>3</Size>\
            <ETag>&quot;x&quot;</ETag></Version></ListVersionsResult>";
        let reply = VersionsReply::parse(xml).unwrap();
        assert_eq!(
            (reply.next_key_marker.as_deref(), reply.next_version_id_marker.as_deref()),
            (Some("a+b"), Some("v1"))
        );
        let [marker, version] = &reply.versions[..] else { panic!("two entries") };
        assert!(marker.is_delete_marker && marker.is_latest && marker.key == "a+b");
        assert_eq!(
            (version.version_id.as_str(), version.size_bytes, version.etag.as_deref()),
            ("v1", 3, Some("x"))
        );
        for inner in [
            "<IsTruncated>false</IsTruncated><Version><Key>a</Key><Size>1</Size></Version>",
            "<IsTruncated>false</IsTruncated><Version><Key>a</Key><VersionId>1</VersionId></Version>",
            "<Version><Key>a</Key><VersionId>1</VersionId><Size>1</Size></Version>",
        ] {
            let xml = format!("<ListVersionsResult>{inner}</ListVersionsResult>");
            assert!(VersionsReply::parse(xml.as_bytes()).is_err(), "{inner}");
        }
    }

    #[test]
    fn versioning_is_read_with_and_without_a_status() {
        let on = b"<VersioningConfiguration xmlns='x'><Status>Enabled</Status></VersioningConfiguration>";
        assert_eq!(parse_versioning(on).unwrap().as_deref(), Some("Enabled"));
        assert_eq!(parse_versioning(b"<VersioningConfiguration/>").unwrap(), None);
        let moto = b"<GetBucketVersioningResponse><Status>Enabled</Status></GetBucketVersioningResponse>";
        assert_eq!(parse_versioning(moto).unwrap().as_deref(), Some("Enabled"));
        assert!(parse_versioning(b"<html/>").is_err());
    }

    #[test]
    fn parts_are_paged_by_number() {
        let xml = b"<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"x\"</ETag><Size>5</Size></Part>\
                    <IsTruncated>true</IsTruncated></ListPartsResult>";
        let reply = PartsReply::parse(xml).unwrap();
        assert_eq!((reply.parts[0].number, reply.parts[0].size_bytes, reply.next), (2, 5, Some(2)));
    }

    #[test]
    fn error_text_is_fit_to_be_shown() {
        let reply =
            ErrorReply::parse(b"<Error><Code>Bad</Code><Message>a\x1b[31m\n b</Message></Error>").unwrap();
        assert_eq!(reply.message.as_deref(), Some("a [31m b"));
        assert_eq!(ErrorReply::parse(b"<html/>"), None);
        assert!(shown(&"x".repeat(10_000)).unwrap().len() < 500);
    }
}
