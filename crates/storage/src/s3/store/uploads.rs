//! ListMultipartUploads: uploads that were neither completed nor given up.

use std::collections::HashSet;

use http::Method;

use crate::s3::client::{Call, Client, Expect};
use crate::s3::reply::documents::{boolean, not_empty, timestamp, unexpected, url_decode};
use crate::s3::reply::xml::{MalformedXml, Tag, walk};
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::Op;
use crate::{OpenUpload, Result};

/// A page of the list; keys are whole.
#[derive(Debug, Default, PartialEq, Eq)]
struct UploadsReply {
    uploads: Vec<OpenUpload>,
    /// The key and the id behind which the next page starts.
    next: Option<(String, String)>,
}

impl UploadsReply {
    fn parse(xml: &[u8]) -> std::result::Result<Self, MalformedXml> {
        let empty = || OpenUpload { key: String::new(), upload_id: String::new(), started: None };
        let (mut uploads, mut upload) = (Vec::new(), empty());
        let (mut is_truncated, mut is_url_encoded) = (false, false);
        let (mut key_marker, mut id_marker) = (None, None);
        walk(xml, |path, text| {
            match path {
                [Tag::ListMultipartUploadsResult, Tag::Upload, Tag::Key] => text.clone_into(&mut upload.key),
                [Tag::ListMultipartUploadsResult, Tag::Upload, Tag::UploadId] => {
                    text.clone_into(&mut upload.upload_id);
                }
                [Tag::ListMultipartUploadsResult, Tag::Upload, Tag::Initiated] => {
                    upload.started = timestamp(text);
                }
                [Tag::ListMultipartUploadsResult, Tag::Upload] => {
                    if upload.key.is_empty() || upload.upload_id.is_empty() {
                        return Err(MalformedXml("an upload of the list has no key or no id".into()));
                    }
                    uploads.push(std::mem::replace(&mut upload, empty()));
                }
                [Tag::ListMultipartUploadsResult, Tag::IsTruncated] => is_truncated = boolean(text)?,
                [Tag::ListMultipartUploadsResult, Tag::NextKeyMarker] => key_marker = not_empty(text),
                [Tag::ListMultipartUploadsResult, Tag::NextUploadIdMarker] => id_marker = not_empty(text),
                [Tag::ListMultipartUploadsResult, Tag::EncodingType] => {
                    is_url_encoded = text.eq_ignore_ascii_case("url");
                }
                [Tag::ListMultipartUploadsResult] | [Tag::ListMultipartUploadsResult, ..] => {}
                other => return Err(unexpected(other, "a list of uploads")),
            }
            Ok(())
        })?;
        if is_url_encoded {
            for upload in &mut uploads {
                upload.key = url_decode(&upload.key)?;
            }
            key_marker = key_marker.map(|marker| url_decode(&marker)).transpose()?;
        }
        let next = match (is_truncated, key_marker) {
            (false, _) => None,
            (true, Some(key)) => Some((key, id_marker.unwrap_or_default())),
            (true, None) => {
                let text = "the list of uploads is cut off and does not say where it goes on";
                return Err(MalformedXml(text.into()));
            }
        };
        Ok(Self { uploads, next })
    }
}

/// ListMultipartUploads, all pages: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>.
///
/// Asks for those of keys with `prefix`, and keeps those that start with `below`.
pub(super) async fn list_uploads(client: &Client, prefix: &str, below: &str) -> Result<Vec<OpenUpload>> {
    let mut uploads = Vec::new();
    let mut from: Option<(String, String)> = None;
    // Of the key at hand.
    let mut seen_ids = HashSet::new();
    loop {
        let mut query = Query::default().with("uploads", "").with("encoding-type", "url");
        if !prefix.is_empty() {
            query = query.with("prefix", prefix);
        }
        if let Some((key, id)) = &from {
            query = query.with("key-marker", key);
            if !id.is_empty() {
                query = query.with("upload-id-marker", id);
            }
        }
        let call = Call { query, expect: Expect::Xml, ..Call::new(Op::ListUploads, Method::GET, None) };
        let answer = client.send(&call).await?;
        let mut page =
            UploadsReply::parse(&answer.body).map_err(|malformed| client.malformed(&call, malformed))?;
        let below = page.uploads.drain(..).filter(|upload| upload.key.starts_with(below));
        uploads.extend(below);
        match page.next {
            None => return Ok(uploads),
            // Ids have no order; keys have.
            Some(next) => {
                let before = from.as_ref().map(|(key, _)| key.as_str());
                if before != Some(next.0.as_str()) {
                    seen_ids.clear();
                }
                if before.is_none_or(|before| next.0.as_str() >= before) && seen_ids.insert(next.1.clone()) {
                    from = Some(next);
                    continue;
                }
                let malformed = MalformedXml("the list of uploads does not move on".into());
                return Err(client.malformed(&call, malformed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_uploads_is_read_with_its_marker() {
        let xml = "<ListMultipartUploadsResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Bucket>b</Bucket>\
            <EncodingType>url</EncodingType><NextKeyMarker>a%20b</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker>\
            <IsTruncated>true</IsTruncated><Upload><Key>a%20b</Key><UploadId>2</UploadId><Owner><ID>x</ID></Owner>\
            <Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload></ListMultipartUploadsResult>";
        let reply = UploadsReply::parse(xml.as_bytes()).unwrap();
        let upload = OpenUpload { key: "a b".into(), upload_id: "2".into(), started: Some(1_767_323_045) };
        assert_eq!(reply, UploadsReply { uploads: vec![upload], next: Some(("a b".into(), "2".into())) });
    }

    #[test]
    fn list_of_uploads_that_is_cut_or_something_else_is_refused() {
        for xml in [
            "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
            "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>",
            "<ListBucketResult/>",
        ] {
            assert!(UploadsReply::parse(xml.as_bytes()).is_err(), "{xml}");
        }
    }
}
