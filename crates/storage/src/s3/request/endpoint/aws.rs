//! AWS's own endpoints: regional, dual-stack, FIPS, accelerated.
//!
//! <https://docs.aws.amazon.com/general/latest/gr/s3.html>.

use haul_config::Located;

use super::name::is_host_label;
use super::{AddressingStyle, BucketPlace, Endpoint, S3Options, encode_key, from_origin};
use crate::{Error, ErrorKind, Result};

/// The parts an AWS endpoint is made of, to make it again for another region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AwsEndpoint {
    bucket: String,
    style: BucketPlace,
    accelerate: bool,
    dualstack: bool,
    fips: bool,
}

/// Finds the endpoint of a bucket on AWS.
///
/// Deviation: without a region, and in us-east-1, botocore asks `s3.amazonaws.com`; here it is `s3.us-east-1.amazonaws.com`,
/// which says in its reply where a bucket of another region is.
pub(super) fn endpoint(options: &S3Options, region: &str) -> Result<Endpoint> {
    // Deviation: botocore takes a region with capital letters, and asks a host like `s3.EU-WEST-1.amazonaws.com`, which no
    // signature fits.
    if region.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let hint = format!(
            "type `haul remote modify {} region {}`",
            options.name_in_commands(),
            region.to_ascii_lowercase()
        );
        let origin = options.region.as_ref().map(|region| from_origin(&region.origin)).unwrap_or_default();
        return Err(config_error(format!("`{region}`{origin} is not a region of AWS"), hint));
    }
    check_kind_of_bucket(options)?;
    check_variants(options, region)?;
    let bucket = &options.bucket;
    let accelerate = &options.accelerate;
    let wants_path = options.addressing == AddressingStyle::Path && !accelerate.value;
    let style = if wants_path || !is_host_label(bucket) { BucketPlace::Path } else { BucketPlace::Host };
    if accelerate.value && style == BucketPlace::Path {
        let message = format!(
            "bucket `{bucket}` cannot be reached through S3 Transfer Acceleration, which \
             `use_accelerate_endpoint`{} asks for",
            from_origin(&accelerate.origin)
        );
        let hint = "it takes buckets whose names are 3 to 63 small letters, digits and `-`; turn it off in the AWS settings";
        return Err(config_error(message, hint));
    }
    let aws = AwsEndpoint {
        bucket: bucket.clone(),
        style,
        accelerate: accelerate.value,
        dualstack: options.dualstack.value,
        fips: options.fips.value,
    };
    Ok(aws.in_region(if options.use_ssl { "https" } else { "http" }, region))
}

impl AwsEndpoint {
    /// Returns the endpoint in a region.
    pub(super) fn in_region(self, scheme: &'static str, region: &str) -> Endpoint {
        let suffix = haul_auth::dns_suffix(region);
        let service = if self.fips { "s3-fips" } else { "s3" };
        let host = match (self.accelerate, self.dualstack) {
            (true, true) => format!("s3-accelerate.dualstack.{suffix}"),
            (true, false) => format!("s3-accelerate.{suffix}"),
            (false, true) => format!("{service}.dualstack.{region}.{suffix}"),
            (false, false) => format!("{service}.{region}.{suffix}"),
        };
        let style = self.style;
        let (authority, bucket_path) = match style {
            BucketPlace::Path => (host, format!("/{}", encode_key(&self.bucket))),
            BucketPlace::Host => (format!("{}.{host}", self.bucket), String::new()),
        };
        Endpoint { scheme, authority, bucket_path, style, region: region.to_owned(), aws: Some(self) }
    }
}

/// Refuses buckets of services that are not spoken to like S3, by the endings that AWS keeps for them.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn check_kind_of_bucket(options: &S3Options) -> Result<()> {
    let bucket = &options.bucket;
    // Deviation: DVC sends to directory buckets (S3 Express One Zone) and to buckets on AWS Outposts. Requests to these
    // are signed in ways of their own, and directory buckets are not listed in order; haul refuses them.
    let (kind, reason) = if bucket.ends_with("--x-s3") || bucket.ends_with("--xa-s3") {
        (
            "a directory bucket (S3 Express One Zone)",
            "sessions of its own for the requests, and is not listed in the order of its keys",
        )
    } else if bucket.ends_with("--op-s3") {
        ("a bucket on AWS Outposts", "signatures of its own for the requests")
    } else {
        return Ok(());
    };
    let hint = format!(
        "use a general purpose bucket: `haul remote modify {} url s3://BUCKET/PREFIX`, or `dvc` for this one",
        options.name_in_commands()
    );
    Err(config_error(format!("`{bucket}` is {kind}, which needs {reason}, and haul has none"), hint))
}

/// Refuses combinations of endpoints that there are not, as botocore does.
fn check_variants(options: &S3Options, region: &str) -> Result<()> {
    let (accelerate, dualstack, fips) = (&options.accelerate, &options.dualstack, &options.fips);
    if accelerate.value && fips.value {
        let message = format!(
            "`use_accelerate_endpoint`{} and `use_fips_endpoint`{} exclude each other",
            from_origin(&accelerate.origin),
            from_origin(&fips.origin)
        );
        return Err(config_error(message, "turn one of them off in the AWS settings"));
    }
    let is_in_china = haul_auth::dns_suffix(region) == haul_auth::dns_suffix("cn-north-1");
    let has_no_dualstack = ["eu-isoe-", "us-isof-"].iter().any(|start| region.starts_with(start));
    let missing: [(bool, &str, &Located<bool>, &str); 3] = [
        (is_in_china, "use_accelerate_endpoint", accelerate, "no S3 Transfer Acceleration"),
        (is_in_china, "use_fips_endpoint", fips, "no FIPS endpoint of S3"),
        (has_no_dualstack, "use_dualstack_endpoint", dualstack, "no dual-stack endpoint of S3"),
    ];
    for (is_missing, key, setting, what) in missing {
        if is_missing && setting.value {
            let message =
                format!("`{key}`{} is on, but there is {what} in `{region}`", from_origin(&setting.origin));
            return Err(config_error(message, "turn it off in the AWS settings"));
        }
    }
    Ok(())
}

fn config_error(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}
