//! XML of untrusted servers: bounded in size by the caller, in depth and kind here.
//!
//! Document types and entities of their own are refused, so that no reply can grow in memory or name a file.

use std::fmt::Write;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// No reply of S3 is deeper than five elements.
const MAX_DEPTH: usize = 12;

/// A reply that is not the XML it should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MalformedXml(pub String);

/// Elements that are known; namespaces are ignored, as servers differ in them.
macro_rules! tags {
    ($($name:ident),* $(,)?) => {
        /// An element's name.
        #[expect(clippy::enum_variant_names, reason = "the names are S3's")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Tag { $($name,)* Other }

        fn tag(name: &str) -> Tag {
            match name {
                $(stringify!($name) => Tag::$name,)*
                _ => Tag::Other,
            }
        }
    };
}

tags!(
    Contents,
    Key,
    Size,
    ETag,
    LastModified,
    Deleted,
    Error,
    Code,
    Message,
    IsTruncated,
    NextMarker,
    NextContinuationToken,
    EncodingType,
    CommonPrefixes,
    Prefix,
    ListBucketResult,
    InitiateMultipartUploadResult,
    UploadId,
    CompleteMultipartUploadResult,
    CopyObjectResult,
    ListPartsResult,
    ListPartsResponse,
    Part,
    PartNumber,
    ChecksumCRC32,
    NextPartNumberMarker,
    DeleteResult,
    RequestId,
    Region,
    Endpoint,
    Bucket,
    ServerTime,
    ListVersionsResult,
    Version,
    DeleteMarker,
    VersionId,
    IsLatest,
    NextKeyMarker,
    NextVersionIdMarker,
    ListMultipartUploadsResult,
    Upload,
    Initiated,
    NextUploadIdMarker,
    VersioningConfiguration,
    GetBucketVersioningResponse,
    Status,
    ServerSideEncryptionConfiguration,
    Rule,
    ApplyServerSideEncryptionByDefault,
    SSEAlgorithm,
    KMSMasterKeyID,
    ObjectLockConfiguration,
    ObjectLockEnabled,
    DefaultRetention,
    Mode,
    Days,
    Years,
);

/// Calls `close` at the end of every element with the elements that hold it, itself last, and its text.
pub(crate) fn walk(
    xml: &[u8],
    mut close: impl FnMut(&[Tag], &str) -> Result<(), MalformedXml>,
) -> Result<(), MalformedXml> {
    let mut reader = Reader::from_str(str::from_utf8(xml).map_err(|_| not_utf8())?);
    let mut path: Vec<Tag> = Vec::new();
    let mut text = String::new();
    let mut n_roots = 0;
    loop {
        let event =
            reader.read_event().map_err(|error| MalformedXml(format!("the reply is not XML: {error}")))?;
        match event {
            Event::Start(start) => {
                if path.len() == MAX_DEPTH {
                    return Err(MalformedXml(format!("the reply's XML is deeper than {MAX_DEPTH} elements")));
                }
                n_roots += usize::from(path.is_empty());
                path.push(tag(start.local_name().as_ref()));
                text.clear();
            }
            Event::Empty(empty) => {
                n_roots += usize::from(path.is_empty());
                path.push(tag(empty.local_name().as_ref()));
                close(&path, "")?;
                path.pop();
                text.clear();
            }
            Event::End(_) => {
                close(&path, &text)?;
                path.pop();
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                if let Some(known) = resolve_predefined_entity(name) {
                    text.push_str(known);
                } else if let Ok(Some(character)) = reference.resolve_char_ref() {
                    let _ = text.write_char(character);
                } else {
                    return Err(MalformedXml(format!("the reply's XML uses the entity `{name}`")));
                }
            }
            Event::DocType(_) => return Err(MalformedXml("the reply's XML has a document type".into())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if path.is_empty() && n_roots == 1 => return Ok(()),
            Event::Eof => return Err(MalformedXml("the reply's XML is cut off".into())),
        }
    }
}

fn not_utf8() -> MalformedXml {
    MalformedXml("the reply's XML is not UTF-8".into())
}

/// Appends `text` to XML that is being written.
pub(crate) fn escape_into(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // XML cannot hold the other control characters, not even escaped; servers take them like this.
            control if control.is_control() => {
                let _ = write!(xml, "&#{};", u32::from(control));
            }
            other => xml.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(xml: &str) -> Result<Vec<(Tag, String)>, MalformedXml> {
        let mut found = Vec::new();
        walk(xml.as_bytes(), |path, text| {
            found.push((*path.last().unwrap(), text.to_owned()));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn text_is_unescaped() {
        let found = leaves(
            "<?xml version='1.0'?><a:Error xmlns:a='x'><Key>a &amp;&#x20;&#65;<![CDATA[<b>]]></Key></a:Error>",
        );
        assert_eq!(found.unwrap(), [(Tag::Key, "a & A<b>".into()), (Tag::Error, String::new())]);
    }

    #[test]
    fn escaped_text_reads_back() {
        let raw = "a&b<c>\r\n\t'\"é";
        let mut xml = String::from("<Key>");
        escape_into(&mut xml, raw);
        xml.push_str("</Key>");
        assert_eq!(leaves(&xml).unwrap(), [(Tag::Key, raw.to_owned())]);
    }

    #[test]
    fn hostile_xml_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x 'yyyy'>]><Error>&x;</Error>";
        let deep = format!("{}{}", "<a>".repeat(20), "</a>".repeat(20));
        for xml in [
            bomb,
            &deep,
            "<Error>&x;</Error>",
            "<Error><Code>",
            "",
            "no xml",
            "<a></b>",
            "<a/><b/>",
            "{\"a\": 1}",
        ] {
            assert!(leaves(xml).is_err(), "{xml}");
        }
    }
}
