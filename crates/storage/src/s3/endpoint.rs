//! Where requests go: the server's host, and how bucket and key become a URL.
//!
//! Virtual-hosted and path style, dual-stack and accelerate endpoints:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>,
//! <https://docs.aws.amazon.com/general/latest/gr/s3.html>.

use std::borrow::Cow;
use std::fmt::Write;

use haul_config::{Located, mask_urls};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use super::options::{AddressingStyle, S3Options, from_origin};
use crate::{Error, ErrorKind, Result};

/// The region that is signed for when nobody names one.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

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
    region: String,
    aws: Option<AwsEndpoint>,
}

/// The parts an AWS endpoint is made of, to make it again for another region.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AwsEndpoint {
    bucket: String,
    style: AddressingStyle,
    accelerate: bool,
    dualstack: bool,
    fips: bool,
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
        match &options.endpoint_url {
            Some(url) => Self::custom(options, &url.value, region).map_err(|(problem, hint)| {
                let shown = mask_urls(&url.value);
                let message = format!("endpoint `{shown}`{} {problem}", from_origin(&url.origin));
                Error::new(ErrorKind::Config, message)
                    .with_hint(hint.replace("NAME", options.name_in_commands()))
            }),
            None => Self::aws(options, region),
        }
    }

    fn custom(options: &S3Options, text: &str, region: &str) -> Result<Self, (String, String)> {
        let how = || "set it with `haul remote modify NAME endpointurl https://HOST:PORT`".to_owned();
        // `localhost:9000` parses as a URL with the scheme `localhost`.
        if !text.contains("://") {
            let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
            return Err((
                "has no scheme".into(),
                format!(
                    "write `haul remote modify NAME endpointurl http://{host}`, or `https://{host}` for TLS"
                ),
            ));
        }
        let url = Url::parse(text).map_err(|error| (format!("is not a URL: {error}"), how()))?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            other => return Err((format!("has the scheme `{other}`, expected `http` or `https`"), how())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err((
                "holds a user name or password".into(),
                "credentials go into `haul remote modify --local NAME access_key_id …`".into(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(("has a query or fragment".into(), how()));
        }
        if let Some((key, setting)) = aws_only(options) {
            // botocore refuses the same: the name of such an endpoint is AWS's to make.
            return Err((
                format!("cannot be combined with `{key} = true`{}", from_origin(&setting.origin)),
                format!("turn `{key}` off, or remove the endpoint"),
            ));
        }
        let Some(host) = url.host() else { return Err(("has no host".into(), how())) };
        let base_path = url.path().trim_end_matches('/');
        let is_name = matches!(host, Host::Domain(_));
        let virtual_hosted = match options.addressing {
            AddressingStyle::Virtual if !is_name => {
                return Err((
                    "is an IP address, which cannot carry the bucket's name in front".into(),
                    "use a host name, or `addressing_style = path`".into(),
                ));
            }
            AddressingStyle::Virtual => true,
            AddressingStyle::Path | AddressingStyle::Auto => false,
        };
        let host = host.to_string();
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let (authority, bucket_path) = if virtual_hosted {
            (format!("{}.{host}{port}", options.bucket), base_path.to_owned())
        } else {
            (format!("{host}{port}"), format!("{base_path}/{}", encode_key(&options.bucket)))
        };
        Ok(Self { scheme, authority, bucket_path, region: region.to_owned(), aws: None })
    }

    fn aws(options: &S3Options, region: &str) -> Result<Self> {
        // The SDKs' name for "no region in particular".
        let region = if region == "aws-global" { DEFAULT_REGION } else { region };
        if !is_region(region) {
            let origin =
                options.region.as_ref().map(|region| from_origin(&region.origin)).unwrap_or_default();
            let hint =
                format!("name it as in `haul remote modify {} region eu-west-1`", options.name_in_commands());
            return Err(
                Error::new(ErrorKind::Config, format!("`{region}`{origin} is not a region")).with_hint(hint)
            );
        }
        let bucket = &options.bucket;
        let fits_host = is_host_label(bucket);
        let style = match options.addressing {
            AddressingStyle::Path => AddressingStyle::Path,
            // A certificate for `*.s3.amazonaws.com` does not cover names with more dots.
            AddressingStyle::Auto if !fits_host || (options.use_ssl && bucket.contains('.')) => {
                AddressingStyle::Path
            }
            AddressingStyle::Auto | AddressingStyle::Virtual => AddressingStyle::Virtual,
        };
        let (accelerate, fips) = (&options.accelerate, &options.fips);
        if accelerate.value && fips.value {
            let message = format!(
                "`use_accelerate_endpoint`{} and `use_fips_endpoint`{} exclude each other",
                from_origin(&accelerate.origin),
                from_origin(&fips.origin)
            );
            return Err(
                Error::new(ErrorKind::Config, message).with_hint("turn one of them off in the AWS settings")
            );
        }
        if accelerate.value && region.starts_with("cn-") {
            let message = format!(
                "`use_accelerate_endpoint`{} is on, but there is no S3 Transfer Acceleration in `{region}`",
                from_origin(&accelerate.origin)
            );
            return Err(Error::new(ErrorKind::Config, message).with_hint("turn it off in the AWS settings"));
        }
        if accelerate.value && (style == AddressingStyle::Path || bucket.contains('.')) {
            let message = format!("bucket `{bucket}` cannot be reached through S3 Transfer Acceleration");
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("it needs virtual-hosted addressing and a bucket name without dots"));
        }
        let aws = AwsEndpoint {
            bucket: bucket.clone(),
            style,
            accelerate: accelerate.value,
            dualstack: options.dualstack.value,
            fips: fips.value,
        };
        let scheme = if options.use_ssl { "https" } else { "http" };
        Ok(Self::on_aws(scheme, aws, region))
    }

    fn on_aws(scheme: &'static str, aws: AwsEndpoint, region: &str) -> Self {
        let suffix = haul_auth::dns_suffix(region);
        let service = if aws.fips { "s3-fips" } else { "s3" };
        let host = match (aws.accelerate, aws.dualstack) {
            (true, true) => "s3-accelerate.dualstack.amazonaws.com".to_owned(),
            (true, false) => "s3-accelerate.amazonaws.com".to_owned(),
            (false, true) => format!("{service}.dualstack.{region}.{suffix}"),
            (false, false) => format!("{service}.{region}.{suffix}"),
        };
        let (authority, bucket_path) = match aws.style {
            AddressingStyle::Path => (host, format!("/{}", encode_key(&aws.bucket))),
            AddressingStyle::Auto | AddressingStyle::Virtual => {
                (format!("{}.{host}", aws.bucket), String::new())
            }
        };
        Self { scheme, authority, bucket_path, region: region.to_owned(), aws: Some(aws) }
    }

    /// Returns the same bucket in another region: on AWS another host, elsewhere only another signature.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        match &self.aws {
            Some(aws) => Self::on_aws(self.scheme, aws.clone(), region),
            None => Self { region: region.to_owned(), ..self.clone() },
        }
    }

    /// Returns where the bucket's name goes.
    pub(crate) fn addressing(&self) -> AddressingStyle {
        let in_path = matches!(&self.aws, Some(aws) if aws.style == AddressingStyle::Path)
            || self.aws.is_none() && !self.bucket_path.is_empty();
        if in_path { AddressingStyle::Path } else { AddressingStyle::Virtual }
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

/// Returns a setting that is on and means something on AWS's own endpoints only.
fn aws_only(options: &S3Options) -> Option<(&'static str, &Located<bool>)> {
    [
        ("use_accelerate_endpoint", &options.accelerate),
        ("use_dualstack_endpoint", &options.dualstack),
        ("use_fips_endpoint", &options.fips),
    ]
    .into_iter()
    .find(|(_, setting)| setting.value)
}

/// Encodes a key for a URL's path.
pub(crate) fn encode_key(key: &str) -> Cow<'_, str> {
    utf8_percent_encode(key, KEY).into()
}

/// Tells whether a text can be a region, which becomes part of a host name.
pub(crate) fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
}

/// Tells whether the bucket's name can be the start of a host name.
fn is_host_label(bucket: &str) -> bool {
    (3..=63).contains(&bucket.len())
        && bucket.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
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
    fn settings_of_aws_alone_are_refused_beside_another_server() {
        for key in ["use_accelerate_endpoint", "use_dualstack_endpoint", "use_fips_endpoint"] {
            let mut options = options("bucket", Some("http://localhost:9000"));
            options.accelerate.value = key == "use_accelerate_endpoint";
            options.dualstack.value = key == "use_dualstack_endpoint";
            options.fips.value = key == "use_fips_endpoint";
            let error = Endpoint::resolve(&options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let message = format!("endpoint `http://localhost:9000` cannot be combined with `{key} = true`");
            assert_eq!(error.to_string(), message);
        }
        let mut in_china = options("bucket", None);
        in_china.region = Some(Located::default_value("cn-north-1".into()));
        in_china.accelerate.value = true;
        let error = Endpoint::resolve(&in_china).unwrap_err().to_string();
        assert!(error.contains("`use_accelerate_endpoint`") && error.contains("`cn-north-1`"), "{error}");
    }

    #[test]
    fn use_ssl_decides_where_aws_is_asked_by_name() {
        let mut options = options("bucket", None);
        options.use_ssl = false;
        assert_eq!(url(&options, "k"), "http://bucket.s3.us-east-1.amazonaws.com/k");
        // Without TLS no certificate limits the name.
        options.bucket = "dotted.bucket".into();
        assert_eq!(url(&options, "k"), "http://dotted.bucket.s3.us-east-1.amazonaws.com/k");
    }

    #[test]
    fn region_on_aws_is_a_name_and_not_another_host() {
        let mut options = options("bucket", None);
        options.region = Some(Located::default_value("aws-global".into()));
        assert_eq!(url(&options, "k"), "https://bucket.s3.us-east-1.amazonaws.com/k");
        for region in ["", "eu west", "x.evil.example.org/", "-x"] {
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
        virtual_hosted.endpoint_url = Some(Located::default_value("http://127.0.0.1:9000".into()));
        assert_eq!(Endpoint::resolve(&virtual_hosted).unwrap_err().kind(), ErrorKind::Config);
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
