//! [`VersionedStore`] for S3: version ids in requests, listings of versions, and the versioning of the bucket.

use std::ops::Range;

use async_trait::async_trait;
use http::Method;
use http::header::HeaderMap;

use super::S3Store;
use super::download::{Wanted, open};
use crate::s3::client::{Call, Expect};
use crate::s3::reply::documents::{VersionsReply, parse_versioning};
use crate::s3::reply::xml::MalformedXml;
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::Op;
use crate::versions::{ObjectVersion, VersionCursor, VersionPage, VersionedStore, Versioning};
use crate::{Download, Error, ErrorKind, ReadStore as _, Result};

/// The id of versions in a bucket that kept none when they were written.
const NULL_VERSION: &str = "null";

/// So many pages without a version may follow each other.
const MAX_EMPTY_PAGES: u32 = 100;

#[async_trait]
impl VersionedStore for S3Store {
    fn versioning_command(&self) -> String {
        let options = &self.client.options;
        format!(
            "aws s3api put-bucket-versioning --bucket {} --versioning-configuration Status=Enabled{}",
            options.bucket,
            options.endpoint_argument()
        )
    }

    /// GetBucketVersioning: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>.
    async fn versioning(&self) -> Result<Versioning> {
        let call = Call {
            query: Query::default().with("versioning", ""),
            expect: Expect::Xml,
            ..Call::new(Op::BucketVersioning, Method::GET, None)
        };
        let answer = self.client.send(&call).await?;
        let status =
            parse_versioning(&answer.body).map_err(|malformed| self.client.malformed(&call, malformed))?;
        Ok(match status.as_deref() {
            Some("Enabled") => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
            None => Versioning::Off,
        })
    }

    async fn head_version(&self, key: &str, version_id: Option<&str>) -> Result<Option<ObjectVersion>> {
        let query = version_id.map_or_else(Query::default, |id| Query::default().with("versionId", id));
        let head = match self.client.head_object(&self.full_key(key), HeaderMap::new(), query).await {
            Ok(head) => head,
            Err(error) if version_id.is_some() && says_no_such_version(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(head.map(|head| {
            let told = head.headers.get("x-amz-version-id").and_then(|id| id.to_str().ok());
            ObjectVersion {
                key: key.to_owned(),
                version_id: told.or(version_id).filter(|id| *id != NULL_VERSION).map(str::to_owned),
                is_latest: version_id.is_none(),
                is_delete_marker: false,
                size_bytes: head.size_bytes,
                etag: head.etag,
                last_modified: head.last_modified,
            }
        }))
    }

    async fn get_version(&self, key: &str, version_id: &str, range: Option<Range<u64>>) -> Result<Download> {
        let query = Query::default().with("versionId", version_id);
        let wanted = range.map_or(Wanted::All, Wanted::Bounded);
        match open(&self.client, &self.full_key(key), query, &wanted, HeaderMap::new()).await {
            Ok(opened) => {
                Ok(Download { size_bytes: opened.size_bytes, etag: opened.etag, stream: opened.stream })
            }
            Err(error) if says_no_such_version(&error) => {
                let message = format!("`{}/{key}` has no version `{version_id}`", self.location());
                Err(Error::new(ErrorKind::NotFound, message).with_source(error))
            }
            Err(error) => Err(error),
        }
    }

    /// ListObjectVersions: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>.
    async fn list_versions(&self, prefix: &str, from: Option<&VersionCursor>) -> Result<VersionPage> {
        let prefix = self.full_key(prefix);
        let mut query = Query::default().with("versions", "").with("encoding-type", "url");
        if !prefix.is_empty() {
            query = query.with("prefix", &prefix);
        }
        if let Some(from) = from {
            query = query.with("key-marker", &from.key_marker);
            if let Some(marker) = &from.version_id_marker {
                query = query.with("version-id-marker", marker);
            }
        }
        let call = Call { query, expect: Expect::Xml, ..Call::new(Op::ListVersions, Method::GET, None) };
        let answer = self.client.send(&call).await?;
        let (reply, next) = VersionsReply::parse(&answer.body)
            .and_then(|reply| advance(reply, &prefix, from))
            .map_err(|malformed| self.client.malformed(&call, malformed))?;
        let versions = reply.versions.into_iter().filter_map(|version| {
            Some(ObjectVersion {
                key: self.below_prefix(&version.key)?.to_owned(),
                version_id: Some(version.version_id).filter(|id| id != NULL_VERSION),
                is_latest: version.is_latest,
                is_delete_marker: version.is_delete_marker,
                size_bytes: version.size_bytes,
                etag: version.etag,
                last_modified: version.last_modified,
            })
        });
        Ok(VersionPage { versions: versions.collect(), next })
    }

    async fn delete_versions(&self, versions: &[(String, String)]) -> Result<Vec<(usize, Error)>> {
        let named: Vec<_> = versions.iter().map(|(key, id)| (self.full_key(key), Some(id.clone()))).collect();
        self.client.delete_objects(&named).await
    }
}

/// Tells whether the server says that there is no such version: ids of another bucket or server are no valid ids here.
fn says_no_such_version(error: &Error) -> bool {
    let code = error.reply().and_then(|reply| reply.code.as_deref());
    error.kind() == ErrorKind::NotFound
        || matches!(code, Some("NoSuchVersion" | "InvalidArgument" | "InvalidVersionId"))
        // A delete marker can be named, and neither looked at nor read.
        || error.reply().is_some_and(|reply| reply.status == 405)
}

/// Checks that a page belongs to the listing and moves it on, and finds where the next one starts.
pub(in crate::s3) fn advance(
    mut reply: VersionsReply,
    prefix: &str,
    from: Option<&VersionCursor>,
) -> Result<(VersionsReply, Option<VersionCursor>), MalformedXml> {
    if let Some(stray) = reply.versions.iter().find(|version| !version.key.starts_with(prefix)) {
        return Err(MalformedXml(format!("the listing has a key outside the prefix: `{}`", stray.key)));
    }
    // The sort is stable: the versions of a key stay in their order.
    reply.versions.sort_by(|one, other| one.key.cmp(&other.key));
    let before = from.map_or("", |from| &from.last_key);
    if let Some(back) = reply.versions.first().filter(|version| version.key.as_str() < before) {
        return Err(MalformedXml(format!("the listing goes back to `{}`", back.key)));
    }
    if !reply.is_truncated {
        return Ok((reply, None));
    }
    let key_marker = reply
        .next_key_marker
        .clone()
        .ok_or_else(|| MalformedXml("the listing is cut off and does not say where it goes on".into()))?;
    let version_id_marker = reply.next_version_id_marker.clone();
    let n_empty_pages = match reply.versions.last() {
        Some(_) => 0,
        None => from.map_or(0, |from| from.n_empty_pages) + 1,
    };
    let stands_still =
        from.is_some_and(|from| from.key_marker == key_marker && from.version_id_marker == version_id_marker);
    if stands_still || n_empty_pages > MAX_EMPTY_PAGES {
        return Err(MalformedXml("the listing does not move on".into()));
    }
    let last_key = reply.versions.last().map_or(before, |version| &version.key).to_owned();
    Ok((reply, Some(VersionCursor { key_marker, version_id_marker, last_key, n_empty_pages })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::reply::documents::ListedVersion;

    fn reply(keys: &[&str], next: Option<(&str, Option<&str>)>) -> VersionsReply {
        let version = |key: &&str| ListedVersion { key: (*key).to_owned(), ..ListedVersion::default() };
        VersionsReply {
            versions: keys.iter().map(version).collect(),
            is_truncated: next.is_some(),
            next_key_marker: next.map(|(key, _)| key.to_owned()).filter(|key| !key.is_empty()),
            next_version_id_marker: next.and_then(|(_, id)| id.map(str::to_owned)),
        }
    }

    #[test]
    fn listing_of_versions_moves_on_or_is_an_error() {
        let (_, next) = advance(reply(&["p/a", "p/a"], Some(("p/a", Some("2")))), "p/", None).unwrap();
        let next = next.unwrap();
        assert!(advance(reply(&["p/a", "p/b"], Some(("p/a", Some("3")))), "p/", Some(&next)).is_ok());
        assert!(advance(reply(&["p/a"], Some(("p/a", Some("2")))), "p/", Some(&next)).is_err(), "same place");
        let mut from = next.clone();
        let endless = (0..2 * MAX_EMPTY_PAGES).find(|page| {
            let empty = reply(&[], Some((&format!("p/{page}"), None)));
            match advance(empty, "p/", Some(&from)) {
                Ok((_, next)) => from = next.unwrap(),
                Err(_) => return true,
            }
            false
        });
        assert!(endless.is_some(), "nothing in any page");
        assert!(advance(reply(&["p/a"], Some(("", None))), "p/", Some(&next)).is_err(), "no marker");
        assert!(advance(reply(&["q/a"], None), "p/", None).is_err(), "outside");
        let later = VersionCursor { last_key: "p/m".into(), ..next };
        assert!(advance(reply(&["p/a"], None), "p/", Some(&later)).is_err(), "backwards");
    }
}
