//! The three listings: v1, v2 and versions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, DeleteMarkerEntry, ETag, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ObjectStorageClass,
    ObjectVersion, ObjectVersionStorageClass, Timestamp,
};
use s3s::{S3Result, s3_error};

use super::acl::owner;
use super::backend::Backend;
use super::object::length;
use super::state::{Bucket, Object, Version};

/// The characters that AWS does not encode with `encoding-type=url`; a blank becomes `+`.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

struct Page<'a> {
    objects: Vec<(&'a str, &'a Version, &'a Object)>,
    prefixes: Vec<String>,
    is_truncated: bool,
    /// The last key or prefix of the page.
    last: Option<String>,
}

impl Bucket {
    /// Returns the entries after `after`, at most `limit`, where a key and a common prefix each count as one.
    fn page<'a>(
        &'a self,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<'a> {
        let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), is_truncated: false, last: None };
        for (key, version, object) in self.current() {
            let Some(rest) = key.strip_prefix(prefix) else { continue };
            let common = delimiter
                .and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len()))
                .map(|end| &key[..prefix.len() + end]);
            let entry = common.unwrap_or(key);
            if after.is_some_and(|after| entry <= after)
                || page.prefixes.last().is_some_and(|last| last == entry)
            {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == limit {
                page.is_truncated = true;
                break;
            }
            match common {
                Some(common) => page.prefixes.push(common.to_owned()),
                None => page.objects.push((key, version, object)),
            }
            page.last = Some(entry.to_owned());
        }
        page
    }
}

impl Page<'_> {
    fn contents(&self, encode: impl Fn(&str) -> String) -> Vec<s3s::dto::Object> {
        let entry = |(key, version, object): &(&str, &Version, &Object)| s3s::dto::Object {
            e_tag: Some(ETag::Strong(object.etag.clone())),
            key: Some(encode(key)),
            last_modified: Some(Timestamp::from(version.modified)),
            size: Some(length(object.content.size_bytes())),
            storage_class: Some(ObjectStorageClass::from(
                object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
            )),
            ..s3s::dto::Object::default()
        };
        self.objects.iter().map(entry).collect()
    }

    fn common_prefixes(&self, encode: impl Fn(&str) -> String) -> Option<Vec<CommonPrefix>> {
        common_prefixes(&self.prefixes, encode)
    }
}

fn common_prefixes(prefixes: &[String], encode: impl Fn(&str) -> String) -> Option<Vec<CommonPrefix>> {
    let prefixes: Vec<_> =
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encode(prefix)) }).collect();
    (!prefixes.is_empty()).then_some(prefixes)
}

impl Backend {
    /// Returns the encoding that the reply announces, if it was requested and the server supports it.
    fn encoding(&self, asked: Option<&EncodingType>) -> S3Result<Option<EncodingType>> {
        match asked.map(EncodingType::as_str) {
            None => Ok(None),
            Some("url") if self.shared.quirks.ignore_encoding_type => Ok(None),
            Some("url") => Ok(asked.cloned()),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    pub(crate) fn list_v1(&self, input: &ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let encoding = self.encoding(input.encoding_type.as_ref())?;
        let encode = encoder(encoding.is_some());
        let state = self.shared.state();
        let limit = self.shared.page_limit(input.max_keys);
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let page = state.bucket(&input.bucket)?.page(
            input.prefix.as_deref().unwrap_or_default(),
            delimiter,
            input.marker.as_deref().filter(|marker| !marker.is_empty()),
            limit,
        );
        // AWS sends NextMarker only with a delimiter.
        let says_next = page.is_truncated && delimiter.is_some() && !self.shared.quirks.no_next_marker;
        Ok(ListObjectsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(encode(input.prefix.as_deref().unwrap_or_default())),
            marker: Some(encode(input.marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(limit).ok(),
            is_truncated: Some(page.is_truncated),
            contents: Some(page.contents(&encode)),
            common_prefixes: page.common_prefixes(&encode),
            delimiter: delimiter.map(&encode),
            next_marker: page.last.as_deref().filter(|_| says_next).map(&encode),
            encoding_type: encoding,
            request_charged: None,
        })
    }

    pub(crate) fn list_v2(&self, input: &ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let encoding = self.encoding(input.encoding_type.as_ref())?;
        let encode = encoder(encoding.is_some());
        let state = self.shared.state();
        let bucket = state.bucket(&input.bucket)?;
        let limit = self.shared.page_limit(input.max_keys);
        let continued = input.continuation_token.as_deref().map(decode_token).transpose()?;
        let after = continued.as_deref().or(input.start_after.as_deref());
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let page = bucket.page(input.prefix.as_deref().unwrap_or_default(), delimiter, after, limit);
        Ok(ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(encode(input.prefix.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(limit).ok(),
            key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
            continuation_token: input.continuation_token.clone(),
            is_truncated: Some(page.is_truncated),
            next_continuation_token: page.last.as_deref().filter(|_| page.is_truncated).map(encode_token),
            contents: Some(page.contents(&encode)),
            common_prefixes: page.common_prefixes(&encode),
            delimiter: delimiter.map(&encode),
            encoding_type: encoding,
            start_after: input.start_after.as_deref().map(&encode),
            request_charged: None,
        })
    }

    pub(crate) fn list_versions(
        &self,
        input: &ListObjectVersionsInput,
    ) -> S3Result<ListObjectVersionsOutput> {
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let encoding = self.encoding(input.encoding_type.as_ref())?;
        let encode = encoder(encoding.is_some());
        let state = self.shared.state();
        let bucket = state.bucket(&input.bucket)?;
        let limit = self.shared.page_limit(input.max_keys);
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let key_marker = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
        let id_marker = input.version_id_marker.as_deref().filter(|marker| !marker.is_empty());

        let mut versions = Vec::new();
        let mut markers = Vec::new();
        let mut prefixes: Vec<String> = Vec::new();
        let mut next = None;
        let mut is_truncated = false;
        'keys: for (key, of_key) in bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let common = delimiter
                .and_then(|delimiter| key[prefix.len()..].find(delimiter).map(|at| at + delimiter.len()))
                .map(|end| &key[..prefix.len() + end]);
            if let Some(common) = common {
                if key_marker.is_some_and(|marker| common <= marker)
                    || prefixes.last().is_some_and(|last| last == common)
                {
                    continue;
                }
                if versions.len() + markers.len() + prefixes.len() == limit {
                    is_truncated = true;
                    break;
                }
                next = Some((common.to_owned(), String::new()));
                prefixes.push(common.to_owned());
                continue;
            }
            let mut newest_first = of_key.iter().rev().enumerate();
            match key_marker {
                Some(marker) if key.as_str() < marker => continue,
                Some(marker) if key == marker => match id_marker {
                    None => continue,
                    Some(id) => {
                        newest_first.find(|(_, version)| version.id == id);
                    }
                },
                _ => {}
            }
            for (index, version) in newest_first {
                if versions.len() + markers.len() + prefixes.len() == limit {
                    is_truncated = true;
                    break 'keys;
                }
                next = Some((key.clone(), version.id.clone()));
                match &version.object {
                    Some(object) => versions.push(shown_version(&encode(key), version, object, index == 0)),
                    None => markers.push(DeleteMarkerEntry {
                        is_latest: Some(index == 0),
                        key: Some(encode(key)),
                        last_modified: Some(Timestamp::from(version.modified)),
                        owner: Some(owner()),
                        version_id: Some(version.id.clone()),
                    }),
                }
            }
        }
        let (next_key, next_id) = next.filter(|_| is_truncated).unzip();
        Ok(ListObjectVersionsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(encode(prefix)),
            max_keys: i32::try_from(limit).ok(),
            encoding_type: encoding,
            is_truncated: Some(is_truncated),
            key_marker: Some(encode(key_marker.unwrap_or_default())),
            version_id_marker: Some(id_marker.unwrap_or_default().to_owned()),
            next_key_marker: next_key.as_deref().map(&encode),
            next_version_id_marker: next_id.filter(|id| !id.is_empty()),
            delimiter: delimiter.map(&encode),
            common_prefixes: common_prefixes(&prefixes, &encode),
            versions: Some(versions),
            delete_markers: Some(markers),
            ..ListObjectVersionsOutput::default()
        })
    }
}

fn shown_version(key: &str, version: &Version, object: &Object, is_latest: bool) -> ObjectVersion {
    ObjectVersion {
        e_tag: Some(ETag::Strong(object.etag.clone())),
        is_latest: Some(is_latest),
        key: Some(key.to_owned()),
        last_modified: Some(Timestamp::from(version.modified)),
        owner: Some(owner()),
        size: Some(length(object.content.size_bytes())),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        version_id: Some(version.id.clone()),
        ..ObjectVersion::default()
    }
}

fn encoder(encoded: bool) -> impl Fn(&str) -> String {
    move |text| {
        if encoded { utf8_percent_encode(text, KEPT).to_string().replace(' ', "+") } else { text.to_owned() }
    }
}

/// Makes an opaque token, so that clients cannot read a key from it.
fn encode_token(key: &str) -> String {
    format!("1{}", hex::encode(key))
}

fn decode_token(token: &str) -> S3Result<String> {
    token
        .strip_prefix('1')
        .and_then(|encoded| hex::decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
