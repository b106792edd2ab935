//! Which names can be parts of a host.

use haul_config::is_host_label as is_label;

/// Whether the bucket's name can be the first label of a host name.
///
/// A certificate for `*.s3.amazonaws.com` does not cover names with more dots, so those do not count.
/// Source: `aws_is_virtual_hostable_s3_bucket` in `botocore/endpoint_provider.py`.
pub(super) fn is_host_label(bucket: &str) -> bool {
    bucket.len() >= 3 && is_label(bucket) && !bucket.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether the bucket's name can be the start of a host name where no certificate limits the number of dots.
pub(super) fn is_host_start(bucket: &str) -> bool {
    bucket.len() >= 3
        && bucket.split('.').all(is_label)
        && !bucket.bytes().any(|byte| byte.is_ascii_uppercase())
        && bucket.parse::<std::net::Ipv4Addr>().is_err()
}
