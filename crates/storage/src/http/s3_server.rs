//! S3 servers under an `https://` URL: objects that everybody may read are read, all else needs the S3 remote.

use http::HeaderMap;
use url::Url;

use crate::s3::ErrorReply;

/// Whether a reply is one of an S3 server.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>.
pub(super) fn is_one(headers: &HeaderMap, body: &[u8]) -> bool {
    ["x-amz-request-id", "x-amz-id-2", "x-amz-bucket-region"].iter().any(|name| headers.contains_key(*name))
        || ErrorReply::parse(body).is_some_and(|error| error.code.is_some())
}

/// Says what to type to reach the bucket that a URL means; `remote` is the name of the remote, if it has one.
pub(super) fn hint(base: &Url, remote: Option<&str>) -> String {
    let (bucket_url, endpoint) = parts(base);
    match (remote, endpoint) {
        (Some(remote), Some(endpoint)) => format!(
            "this is an S3 server, and DVC speaks plain HTTP to an `{}` remote: make it an S3 remote with `haul remote \
             modify {remote} url {bucket_url}` and `haul remote modify {remote} endpointurl {endpoint}`",
            base.scheme()
        ),
        (Some(remote), None) => format!(
            "this is S3, and DVC speaks plain HTTP to an `{}` remote: make it an S3 remote with `haul remote modify \
             {remote} url {bucket_url}`",
            base.scheme()
        ),
        (None, Some(endpoint)) => {
            format!(
                "this is an S3 server: name the data `{bucket_url}`, with `--fs-config endpointurl={endpoint}`"
            )
        }
        (None, None) => format!("this is S3: name the data `{bucket_url}`"),
    }
}

/// Takes a URL apart: the bucket with the path in it, and the server unless it is AWS.
fn parts(base: &Url) -> (String, Option<String>) {
    let host = base.host_str().unwrap_or_default();
    let path = base.path().trim_matches('/');
    // The bucket is in the host name, as in `bucket.s3.eu-west-1.amazonaws.com`.
    if let Some(end) = [".s3.", ".s3-"].iter().filter_map(|label| host.find(label)).min()
        && host.contains(".amazonaws.com")
    {
        return (format!("s3://{}/{path}", &host[..end]).trim_end_matches('/').to_owned(), None);
    }
    let bucket_url = format!("s3://{}", if path.is_empty() { "BUCKET/PATH" } else { path });
    if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
        return (bucket_url, None);
    }
    (bucket_url, Some(base.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_found_in_host_and_path() {
        for (url, bucket, endpoint) in [
            (
                "https://minio.example.org:9000/data/some/where/",
                "s3://data/some/where",
                Some("https://minio.example.org:9000"),
            ),
            ("http://minio/", "s3://BUCKET/PATH", Some("http://minio")),
            ("https://data.s3.eu-west-1.amazonaws.com/some", "s3://data/some", None),
            ("https://data.s3.amazonaws.com", "s3://data", None),
            ("https://s3.eu-west-1.amazonaws.com/data/x", "s3://data/x", None),
        ] {
            let found = parts(&Url::parse(url).unwrap());
            assert_eq!(found, (bucket.to_owned(), endpoint.map(str::to_owned)), "{url}");
        }
    }
}
