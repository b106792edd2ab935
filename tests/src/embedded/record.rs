//! The record of each request.

use http::request::Parts;
use http::{HeaderMap, Method};

/// An S3 operation, with its name in the AWS documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[expect(missing_docs, reason = "the names are those of the S3 API reference")]
pub enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateMultipartUpload,
    DeleteObject,
    DeleteObjects,
    GetBucketLocation,
    GetBucketVersioning,
    GetObject,
    GetObjectAcl,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjectVersions,
    ListObjects,
    ListObjectsV2,
    ListParts,
    PutBucketVersioning,
    PutObject,
    PutObjectAcl,
    UploadPart,
    UploadPartCopy,
    /// Any other operation.
    Other,
}

impl Operation {
    /// Returns the operation of a request; `key` is empty for requests to a bucket, `bucket` for those to the service.
    pub(crate) fn of(method: &Method, bucket: &str, key: &str, query: &str, headers: &HeaderMap) -> Self {
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let copies = headers.contains_key("x-amz-copy-source");
        match (method.as_str(), bucket.is_empty(), key.is_empty()) {
            ("GET", true, _) => Self::ListBuckets,
            ("GET", _, true) if has("versions") => Self::ListObjectVersions,
            ("GET", _, true) if has("versioning") => Self::GetBucketVersioning,
            // The server answers neither.
            ("GET", _, true) if has("encryption") || has("object-lock") => Self::Other,
            ("GET", _, true) if has("location") => Self::GetBucketLocation,
            ("GET", _, true) if has("uploads") => Self::ListMultipartUploads,
            ("GET", _, true) if has("list-type") => Self::ListObjectsV2,
            ("GET", _, true) => Self::ListObjects,
            ("HEAD", _, true) => Self::HeadBucket,
            ("PUT", _, true) if has("versioning") => Self::PutBucketVersioning,
            ("PUT", _, true) => Self::CreateBucket,
            ("POST", _, true) if has("delete") => Self::DeleteObjects,
            ("GET", _, false) if has("acl") => Self::GetObjectAcl,
            ("GET", _, false) if has("uploadId") => Self::ListParts,
            ("GET", _, false) => Self::GetObject,
            ("HEAD", _, false) => Self::HeadObject,
            ("PUT", _, false) if has("acl") => Self::PutObjectAcl,
            ("PUT", _, false) if has("partNumber") && copies => Self::UploadPartCopy,
            ("PUT", _, false) if has("partNumber") => Self::UploadPart,
            ("PUT", _, false) if copies => Self::CopyObject,
            ("PUT", _, false) => Self::PutObject,
            ("POST", _, false) if has("uploads") => Self::CreateMultipartUpload,
            ("POST", _, false) if has("uploadId") => Self::CompleteMultipartUpload,
            ("DELETE", _, false) if has("uploadId") => Self::AbortMultipartUpload,
            ("DELETE", _, false) => Self::DeleteObject,
            _ => Self::Other,
        }
    }
}

/// One request, as the server received it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RecordedRequest {
    /// The operation.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// The bucket, empty for requests to the service.
    pub bucket: String,
    /// The key, decoded; empty for requests to a bucket.
    pub key: String,
    /// The path, unchanged.
    pub path: String,
    /// The query, unchanged, without the question mark.
    pub query: String,
    /// The headers in their order, with names in lower case. They include signatures and SSE-C keys.
    pub headers: Vec<(String, String)>,
    /// The access key id it was signed with, if it was signed.
    pub access_key: Option<String>,
    /// The region it was signed for.
    pub region: Option<String>,
    /// The status of the reply; `None` without a reply.
    pub status: Option<u16>,
    /// The number of concurrent requests of its operation when it arrived, itself included.
    pub n_at_once: usize,
}

impl RecordedRequest {
    pub(crate) fn new(parts: &Parts, bucket: &str, key: &str) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let (access_key, region) = scope(&parts.headers).unzip();
        Self {
            operation: Operation::of(&parts.method, bucket, key, query, &parts.headers),
            method: parts.method.to_string(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            path: parts.uri.path().to_owned(),
            query: query.to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            access_key,
            region,
            status: None,
            n_at_once: 1,
        }
    }

    /// Returns the value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns the decoded value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (found == name)
                .then(|| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
    }
}

/// Returns the access key id and region of the `Authorization` header.
fn scope(headers: &HeaderMap) -> Option<(String, String)> {
    let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let credential = authorization.split("Credential=").nth(1)?.split(',').next()?;
    // The format is KEY/DATE/REGION/SERVICE/aws4_request, and a key may contain slashes.
    let mut fields = credential.rsplitn(5, '/');
    let region = fields.nth(2)?;
    let access_key = fields.nth(1)?;
    Some((access_key.to_owned(), region.to_owned()))
}

/// Returns the names of the headers that the signature covers; `None` if the request is not signed by a header.
pub(crate) fn signed_headers(headers: &HeaderMap) -> Option<Vec<String>> {
    let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let names = authorization.split("SignedHeaders=").nth(1)?.split(',').next()?;
    Some(names.split(';').map(|name| name.trim().to_ascii_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_of_an_authorization_header_is_key_and_region() {
        let mut headers = HeaderMap::new();
        let value = "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
        headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
        assert_eq!(scope(&headers), Some(("AK".to_owned(), "eu-west-1".to_owned())));
        assert_eq!(signed_headers(&headers).unwrap(), ["host", "x-amz-date"]);
    }

    #[test]
    fn operation_of_a_request_is_told_from_method_and_query() {
        let of = |method: Method, key: &str, query: &str| {
            Operation::of(&method, "b", key, query, &HeaderMap::new())
        };
        assert_eq!(of(Method::GET, "", "list-type=2&prefix=x"), Operation::ListObjectsV2);
        assert_eq!(of(Method::GET, "", "prefix=versions"), Operation::ListObjects);
        assert_eq!(of(Method::GET, "", "versions&prefix=x"), Operation::ListObjectVersions);
        assert_eq!(of(Method::POST, "", "delete"), Operation::DeleteObjects);
        assert_eq!(of(Method::PUT, "k", "partNumber=1&uploadId=u"), Operation::UploadPart);
        assert_eq!(of(Method::POST, "k", "uploads"), Operation::CreateMultipartUpload);
    }
}
