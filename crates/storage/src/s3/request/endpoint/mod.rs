//! Where requests go: the server's host, and how bucket and key become a URL.
//!
//! `aws` and `custom` find the server; both follow botocore's rule set for S3 (`endpoint-rule-set-1.json`), and
//! `cargo xtask parity --filter endpoints` compares what comes of it.
//! Virtual-hosted and path style: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>.

mod aws;
mod custom;
mod name;

use std::borrow::Cow;
use std::fmt::Write;

use haul_config::{is_region, mask_urls};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::aws::AwsEndpoint;
use super::options::{AddressingStyle, S3Options, from_origin};
use crate::{Error, ErrorKind, Result};

/// The region that is signed for when none is named.
const DEFAULT_REGION: &str = "us-east-1";
/// The SDKs' name for "no region in particular".
const GLOBAL_REGION: &str = "aws-global";

/// Everything but the unreserved characters of RFC 3986: what is signed must be what is sent.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, but a key's `/` stays.
const KEY: &AsciiSet = &QUERY.remove(b'/');

/// A server and the way to name a bucket on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: &'static str,
    /// Host and port, without the default port, with the bucket if it goes there.
    authority: String,
    /// The path of the bucket: empty, or with a `/` at its start and none at its end.
    bucket_path: String,
    style: BucketPlace,
    region: String,
    aws: Option<AwsEndpoint>,
}

/// Where the bucket's name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BucketPlace {
    Host,
    Path,
}

/// The place of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub scheme: &'static str,
    pub authority: String,
    /// The encoded path.
    pub path: String,
    pub query: Query,
}

impl Target {
    /// Returns the URL.
    pub(crate) fn url(&self) -> String {
        let mut url = format!("{}://{}{}", self.scheme, self.authority, self.path);
        self.query.append_to(&mut url);
        url
    }
}

/// A query: names as they are, values encoded, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds a parameter; `value` is raw.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let place = self.0.partition_point(|(other, _)| *other < name);
        self.0.insert(place, (name, utf8_percent_encode(value, QUERY).to_string()));
        self
    }

    /// Tells whether it has a parameter of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| *other == name)
    }

    fn append_to(&self, url: &mut String) {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            let _ = if value.is_empty() {
                write!(url, "{mark}{name}")
            } else {
                write!(url, "{mark}{name}={value}")
            };
        }
    }
}

impl Endpoint {
    /// Finds the endpoint of a bucket.
    pub(crate) fn resolve(options: &S3Options) -> Result<Self> {
        let region = options.region.as_ref().map_or(DEFAULT_REGION, |region| &region.value);
        let region = if region == GLOBAL_REGION { DEFAULT_REGION } else { region };
        if !is_region(region) {
            return Err(no_region(options, region));
        }
        match &options.endpoint_url {
            Some(url) => custom::endpoint(options, &url.value, region).map_err(|(problem, hint)| {
                let shown = mask_urls(&url.value);
                let message = format!("endpoint `{shown}`{} {problem}", from_origin(&url.origin));
                Error::new(ErrorKind::Config, message)
                    .with_hint(hint.replace("NAME", options.name_in_commands()))
            }),
            None => aws::endpoint(options, region),
        }
    }

    /// Returns the same bucket in another region: on AWS another host, elsewhere only another signature.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        match &self.aws {
            Some(aws) => aws.clone().in_region(self.scheme, region),
            None => Self { region: region.to_owned(), ..self.clone() },
        }
    }

    /// Returns where the bucket's name goes.
    pub(crate) fn addressing(&self) -> AddressingStyle {
        match self.style {
            BucketPlace::Host => AddressingStyle::Virtual,
            BucketPlace::Path => AddressingStyle::Path,
        }
    }

    /// Returns the region to sign for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Tells whether requests are encrypted on their way.
    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    /// Returns the server as a user would name it, as `https://minio.example.org:9000`.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Returns the place of the bucket itself.
    pub(crate) fn bucket(&self, query: Query) -> Target {
        let path = if self.bucket_path.is_empty() { "/".to_owned() } else { self.bucket_path.clone() };
        Target { scheme: self.scheme, authority: self.authority.clone(), path, query }
    }

    /// Returns the place of an object.
    ///
    /// Keys with `.` or `..` between slashes are refused: HTTP clients and proxies resolve them like a file
    /// system, so that the request would reach another object than the signature names.
    pub(crate) fn object(&self, key: &str, query: Query) -> Result<Target> {
        if key.is_empty() {
            return Err(Error::new(ErrorKind::Config, "an object's key cannot be empty"));
        }
        if key.split('/').any(|segment| segment == "." || segment == "..") {
            let message =
                format!("key `{key}` has a `.` or `..` between slashes, which cannot be sent over HTTP");
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("use a remote URL without `.` and `..`: they are not resolved in S3 keys"));
        }
        let path = format!("{}/{}", self.bucket_path, encode_key(key));
        Ok(Target { scheme: self.scheme, authority: self.authority.clone(), path, query })
    }
}

/// Encodes a key for a URL's path.
pub(crate) fn encode_key(key: &str) -> Cow<'_, str> {
    utf8_percent_encode(key, KEY).into()
}

fn no_region(options: &S3Options, region: &str) -> Error {
    let origin = options.region.as_ref().map(|region| from_origin(&region.origin)).unwrap_or_default();
    let hint = format!("name it as in `haul remote modify {} region eu-west-1`", options.name_in_commands());
    Error::new(ErrorKind::Config, format!("`{region}`{origin} is not a region")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use haul_config::Located;
    use url::Url;

    use super::*;

    fn options(bucket: &str, endpoint: Option<&str>) -> S3Options {
        let mut options = S3Options::new(bucket);
        options.endpoint_url = endpoint.map(|url| Located::default_value(url.to_owned()));
        options
    }

    fn url(options: &S3Options, key: &str) -> String {
        Endpoint::resolve(options).unwrap().object(key, Query::default()).unwrap().url()
    }

    #[test]
    fn aws_bucket_goes_into_the_host_unless_it_has_dots() {
        let mut options = options("bucket", None);
        assert_eq!(url(&options, "a/b"), "https://bucket.s3.us-east-1.amazonaws.com/a/b");
        options.region = Some(Located::default_value("cn-north-1".into()));
        assert_eq!(url(&options, "k"), "https://bucket.s3.cn-north-1.amazonaws.com.cn/k");
        options.region = Some(Located::default_value("eu-west-3".into()));
        options.dualstack.value = true;
        assert_eq!(url(&options, "k"), "https://bucket.s3.dualstack.eu-west-3.amazonaws.com/k");
        options.fips.value = true;
        assert_eq!(url(&options, "k"), "https://bucket.s3-fips.dualstack.eu-west-3.amazonaws.com/k");
        options.accelerate.value = true;
        assert_eq!(Endpoint::resolve(&options).unwrap_err().kind(), ErrorKind::Config);
        options.fips.value = false;
        assert_eq!(url(&options, "k"), "https://bucket.s3-accelerate.dualstack.amazonaws.com/k");
        options.bucket = "dotted.bucket".into();
        assert_eq!(Endpoint::resolve(&options).unwrap_err().kind(), ErrorKind::Config);
        options.accelerate.value = false;
        options.dualstack.value = false;
        assert_eq!(url(&options, "k"), "https://s3.eu-west-3.amazonaws.com/dotted.bucket/k");
    }

    #[test]
    fn settings_that_choose_among_aws_endpoints_mean_nothing_beside_another_server() {
        let mut options = options("bucket", Some("http://localhost:9000"));
        options.dualstack.value = true;
        options.fips.value = true;
        assert_eq!(url(&options, "k"), "http://localhost:9000/bucket/k");
        options.accelerate.value = true;
        let error = Endpoint::resolve(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let message =
            "endpoint `http://localhost:9000` cannot be combined with `use_accelerate_endpoint = true`";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn endpoints_that_aws_does_not_have_are_refused_by_name() {
        type Set = fn(&mut S3Options);
        let set: [(Set, &str, &str); 3] = [
            (|options| options.accelerate.value = true, "cn-north-1", "`use_accelerate_endpoint`"),
            (|options| options.fips.value = true, "cn-north-1", "`use_fips_endpoint`"),
            (|options| options.dualstack.value = true, "us-isof-south-1", "`use_dualstack_endpoint`"),
        ];
        for (set, region, key) in set {
            let mut options = options("bucket", None);
            options.region = Some(Located::default_value(region.into()));
            set(&mut options);
            let error = Endpoint::resolve(&options).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(region), "{error}");
        }
    }

    #[test]
    fn accelerated_bucket_is_in_the_host_whatever_the_addressing_style() {
        let mut options = options("bucket", None);
        options.accelerate.value = true;
        options.addressing = AddressingStyle::Path;
        assert_eq!(url(&options, "k"), "https://bucket.s3-accelerate.amazonaws.com/k");
        for bucket in ["dotted.bucket", "Upper", "under_score"] {
            options.bucket = bucket.into();
            let error = Endpoint::resolve(&options).unwrap_err().to_string();
            assert!(error.contains("`use_accelerate_endpoint`") && error.contains(bucket), "{error}");
        }
    }

    #[test]
    fn bucket_of_another_service_is_refused_on_aws_alone() {
        for bucket in ["data--use1-az4--x-s3", "point--use1-az4--xa-s3", "outpost--op-s3"] {
            let error = Endpoint::resolve(&options(bucket, None)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(bucket) && error.hint().is_some(), "{error}");
            let elsewhere = options(bucket, Some("http://localhost:9000"));
            assert_eq!(url(&elsewhere, "k"), format!("http://localhost:9000/{bucket}/k"));
        }
    }

    #[test]
    fn use_ssl_decides_where_aws_is_asked_by_name() {
        let mut options = options("bucket", None);
        options.use_ssl = false;
        assert_eq!(url(&options, "k"), "http://bucket.s3.us-east-1.amazonaws.com/k");
        options.bucket = "dotted.bucket".into();
        assert_eq!(url(&options, "k"), "http://s3.us-east-1.amazonaws.com/dotted.bucket/k");
    }

    #[test]
    fn region_on_aws_is_a_name_and_not_another_host() {
        let mut options = options("bucket", None);
        options.region = Some(Located::default_value("aws-global".into()));
        assert_eq!(url(&options, "k"), "https://bucket.s3.us-east-1.amazonaws.com/k");
        for region in ["", "eu west", "x.evil.example.org/", "-x", "x-", "123", "EU-WEST-1"] {
            options.region = Some(Located::default_value(region.into()));
            assert_eq!(Endpoint::resolve(&options).unwrap_err().kind(), ErrorKind::Config, "{region}");
        }
    }

    #[test]
    fn custom_endpoint_is_path_style_unless_told() {
        for (endpoint, expected) in [
            ("http://localhost:9000", "http://localhost:9000/bucket/k"),
            ("http://localhost:80/", "http://localhost/bucket/k"),
            ("https://[::1]:9000", "https://[::1]:9000/bucket/k"),
            ("https://gate.example.org/s3/base/", "https://gate.example.org/s3/base/bucket/k"),
        ] {
            assert_eq!(url(&options("bucket", Some(endpoint)), "k"), expected);
        }
        let mut virtual_hosted = options("bucket", Some("http://localhost:9000/base"));
        virtual_hosted.addressing = AddressingStyle::Virtual;
        assert_eq!(url(&virtual_hosted, "k"), "http://bucket.localhost:9000/base/k");
        assert_eq!(Endpoint::resolve(&virtual_hosted).unwrap().addressing(), AddressingStyle::Virtual);
    }

    #[test]
    fn virtual_addressing_falls_back_to_the_path_where_no_host_can_carry_the_bucket() {
        for (bucket, endpoint, expected) in [
            ("bucket", "http://127.0.0.1:9000", "http://127.0.0.1:9000/bucket/k"),
            ("bucket", "https://[::1]:9000", "https://[::1]:9000/bucket/k"),
            ("dotted.bucket", "https://h", "https://h/dotted.bucket/k"),
            // Without TLS no certificate limits the name.
            ("dotted.bucket", "http://h", "http://dotted.bucket.h/k"),
            ("dotted.bucket", "http://127.0.0.1", "http://127.0.0.1/dotted.bucket/k"),
            ("Upper", "http://h", "http://h/Upper/k"),
            ("under_score", "http://h", "http://h/under_score/k"),
        ] {
            let mut options = options(bucket, Some(endpoint));
            options.addressing = AddressingStyle::Virtual;
            assert_eq!(url(&options, "k"), expected);
        }
    }

    #[test]
    fn accelerated_endpoint_by_its_url_takes_the_bucket_in_its_host() {
        for host in ["s3-accelerate.amazonaws.com", "s3-accelerate.dualstack.amazonaws.com"] {
            let mut options = options("bucket", Some(&format!("https://{host}")));
            assert_eq!(url(&options, "k"), format!("https://bucket.{host}/k"));
            options.addressing = AddressingStyle::Path;
            assert_eq!(url(&options, "k"), format!("https://{host}/bucket/k"));
        }
    }

    #[test]
    fn malformed_endpoint_is_refused_with_a_command() {
        for endpoint in [
            "localhost:9000",
            "ftp://host",
            "http://",
            "https://user:hunter2@host",
            "user:hunter2@host",
            "http://h/?x=1",
        ] {
            let error = Endpoint::resolve(&options("bucket", Some(endpoint))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{endpoint}");
            assert!(error.hint().is_some(), "{endpoint}");
            let shown = format!("{error} {:?}", error.hint());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn keys_are_encoded_byte_by_byte() {
        let endpoint = Endpoint::resolve(&options("bucket", Some("http://h"))).unwrap();
        let path = |key: &str| endpoint.object(key, Query::default()).unwrap().path;
        assert_eq!(path("a~*é+ %/b"), "/bucket/a~%2A%C3%A9%2B%20%25/b");
        assert_eq!(path("/a//b"), "/bucket//a//b");
        assert_eq!(path("a..b/...c/?#'()!"), "/bucket/a..b/...c/%3F%23%27%28%29%21");
        for key in ["a/../b", ".", "..", "./x", "x/."] {
            assert_eq!(
                endpoint.object(key, Query::default()).unwrap_err().kind(),
                ErrorKind::Config,
                "{key}"
            );
        }
    }

    #[test]
    fn url_crate_leaves_our_urls_alone() {
        let endpoint = Endpoint::resolve(&options("bucket", Some("http://h"))).unwrap();
        let query = Query::default().with("prefix", "a b/é'\"<>").with("list-type", "2");
        for key in ["a//b", "/x", "%2e%2e/x", "a\\b", "a\tb\nc", "|^`{}", "x~é*+%20"] {
            let url = endpoint.object(key, query.clone()).unwrap().url();
            assert_eq!(Url::parse(&url).unwrap().as_str(), url, "{key:?}");
        }
    }

    #[test]
    fn query_is_sorted_and_empty_values_have_no_sign_on_the_wire() {
        let query = Query::default().with("uploads", "").with("prefix", "a/b c");
        let endpoint = Endpoint::resolve(&options("bucket", Some("http://h"))).unwrap();
        assert_eq!(endpoint.bucket(query).url(), "http://h/bucket?prefix=a%2Fb%20c&uploads");
    }

    #[test]
    fn another_region_is_another_host_on_aws_only() {
        let aws = Endpoint::resolve(&options("bucket", None)).unwrap().in_region("eu-central-1");
        assert_eq!(aws.origin(), "https://bucket.s3.eu-central-1.amazonaws.com");
        let custom =
            Endpoint::resolve(&options("bucket", Some("http://h"))).unwrap().in_region("eu-central-1");
        assert_eq!((custom.origin().as_str(), custom.region()), ("http://h", "eu-central-1"));
    }
}
