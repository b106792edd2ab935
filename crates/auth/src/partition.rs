//! The partitions of AWS: which domain the services of a region are in.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html> and botocore's `partitions.json`.

/// Domains by the beginning of a region's name: plain, and for endpoints that speak IPv6, too.
const DOMAINS: &[(&str, &str, &str)] = &[
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

/// Returns the domain of the services of `region`, as `amazonaws.com`.
pub fn dns_suffix(region: &str) -> &'static str {
    suffixes(region).0
}

/// Returns the domain of the endpoints of `region` that speak IPv6, too; S3 has names of its own for these.
pub(crate) fn dualstack_dns_suffix(region: &str) -> &'static str {
    suffixes(region).1
}

fn suffixes(region: &str) -> (&'static str, &'static str) {
    DOMAINS
        .iter()
        .find(|(start, _, _)| region.starts_with(start))
        .map_or(("amazonaws.com", "api.aws"), |(_, plain, dualstack)| (plain, dualstack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_follow_the_partition() {
        for (region, suffix) in [
            ("eu-west-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("eusc-de-east-1", "amazonaws.eu"),
        ] {
            assert_eq!(dns_suffix(region), suffix, "{region}");
        }
        assert_eq!(dualstack_dns_suffix("cn-north-1"), "api.amazonwebservices.com.cn");
    }
}
