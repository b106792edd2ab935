//! Servers that the user named by their URL.

use haul_config::{EndpointProblem, parse_endpoint};
use url::{Host, Url};

use super::name::{is_host_label, is_host_start};
use super::{AddressingStyle, BucketPlace, Endpoint, S3Options, encode_key, from_origin};

/// What is wrong with a URL, and what to type; `NAME` stands for the remote.
type Problem = (String, String);

/// Finds the endpoint of a bucket on the server at `text`.
///
/// Settings that choose among AWS's own endpoints (dual-stack, FIPS) mean nothing here, as in botocore: often they are
/// set for the whole machine.
pub(super) fn endpoint(options: &S3Options, text: &str, region: &str) -> Result<Endpoint, Problem> {
    let url = parse(text)?;
    let scheme = if url.scheme() == "http" { "http" } else { "https" };
    let accelerate = &options.accelerate;
    if accelerate.value {
        // botocore refuses the same: the name of such an endpoint is AWS's to make.
        return Err((
            format!(
                "cannot be combined with `use_accelerate_endpoint = true`{}",
                from_origin(&accelerate.origin)
            ),
            "turn `use_accelerate_endpoint` off, or remove the endpoint".to_owned(),
        ));
    }
    for (key, setting) in
        [("use_dualstack_endpoint", &options.dualstack), ("use_fips_endpoint", &options.fips)]
    {
        if setting.value {
            tracing::debug!(key, origin = %setting.origin, "has no effect beside an endpoint of one's own");
        }
    }
    let host = url.host().ok_or_else(|| ("has no host".to_owned(), how()))?;
    let style = place(options, &url, &host);
    if let Some(without) = without_bucket(&url, &options.bucket) {
        // Deviation: DVC names the bucket twice in each request, and puts the objects under a key that starts with its
        // name, or is told that there is no such key.
        return Err((
            format!("names the bucket `{}` already", options.bucket),
            format!(
                "leave it out: `haul remote modify {} endpointurl {without}`",
                options.name_in_commands()
            ),
        ));
    }
    let base_path = url.path().trim_end_matches('/');
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let (authority, bucket_path) = match style {
        BucketPlace::Host => (format!("{}.{host}{port}", options.bucket), base_path.to_owned()),
        BucketPlace::Path => {
            (format!("{host}{port}"), format!("{base_path}/{}", encode_key(&options.bucket)))
        }
    };
    Ok(Endpoint { scheme, authority, bucket_path, style, region: region.to_owned(), aws: None })
}

/// Finds where the bucket's name goes: into the path, unless the host is asked for and can carry it.
///
/// Deviation: botocore puts a bucket with dots in front of an IP address as well (`addressing_style = virtual`, over
/// http), which is not the name of any host; here it goes into the path.
fn place(options: &S3Options, url: &Url, host: &Host<&str>) -> BucketPlace {
    let wants_host = match options.addressing {
        AddressingStyle::Virtual => true,
        AddressingStyle::Path => false,
        AddressingStyle::Auto => is_accelerate(url),
    };
    // Over http there is no certificate that must cover the name.
    let fits_host =
        is_host_label(&options.bucket) || (url.scheme() == "http" && is_host_start(&options.bucket));
    if wants_host && fits_host && matches!(host, Host::Domain(_)) {
        BucketPlace::Host
    } else {
        BucketPlace::Path
    }
}

/// Returns an endpoint without the bucket, if it ends with the bucket or is the bucket's own host on AWS.
///
/// Elsewhere a host may well start with the same word as the bucket: `minio.example.org` and `minio`.
fn without_bucket(url: &Url, bucket: &str) -> Option<String> {
    let mut without = url.clone();
    if let Some(path) = url.path().trim_end_matches('/').strip_suffix(bucket)
        && path.ends_with('/')
    {
        without.set_path(path.trim_end_matches('/'));
    } else {
        let host = url.host_str()?.strip_prefix(bucket)?.strip_prefix('.')?;
        if !host.starts_with("s3") || !host.contains(".amazonaws.com") {
            return None;
        }
        without.set_host(Some(host)).ok()?;
    }
    Some(without.as_str().trim_end_matches('/').to_owned())
}

/// Whether the URL is one of S3 Transfer Acceleration, which knows buckets by the host only.
///
/// Source: `is_s3_accelerate_url` in `botocore/utils.py`.
fn is_accelerate(url: &Url) -> bool {
    let hosts = ["s3-accelerate.amazonaws.com", "s3-accelerate.dualstack.amazonaws.com"];
    url.port().is_none() && url.host_str().is_some_and(|host| hosts.contains(&host))
}

fn parse(text: &str) -> Result<Url, Problem> {
    parse_endpoint(text).map_err(|problem| match problem {
        EndpointProblem::NoScheme => {
            let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
            let hint = format!(
                "write `haul remote modify NAME endpointurl http://{host}`, or `https://{host}` for TLS"
            );
            ("has no scheme".to_owned(), hint)
        }
        EndpointProblem::Scheme(scheme) => {
            (format!("has the scheme `{scheme}`, expected `http` or `https`"), how())
        }
        EndpointProblem::UserInfo => {
            let hint = "credentials go into `haul remote modify --local NAME access_key_id …`";
            ("holds a user name or password".to_owned(), hint.to_owned())
        }
        EndpointProblem::QueryOrFragment => ("has a query or fragment".to_owned(), how()),
        EndpointProblem::Malformed(why) => (format!("is not a URL: {why}"), how()),
        // The enum may grow.
        _ => ("is not a URL".to_owned(), how()),
    })
}

fn how() -> String {
    "set it with `haul remote modify NAME endpointurl https://HOST:PORT`".to_owned()
}
