//! The partitions of AWS: the domain of the services of a region.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html> and botocore's `partitions.json`.

/// The partitions: prefix of their regions' names, name of their global pseudo-region, domain of their services, and
/// domain of endpoints that also support IPv6.
const DOMAINS: &[(&str, &str, &str, &str)] = &[
    ("cn-", "aws-cn-global", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-de-", "aws-eusc-global", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "aws-iso-global", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "aws-iso-b-global", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "aws-iso-e-global", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "aws-iso-f-global", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

/// Returns the domain of the services of `region`, such as `amazonaws.com`.
pub fn dns_suffix(region: &str) -> &'static str {
    suffixes(region).0
}

/// Returns the domain of the endpoints of `region` that also support IPv6; S3 has different names for these.
pub(crate) fn dualstack_dns_suffix(region: &str) -> &'static str {
    suffixes(region).1
}

fn suffixes(region: &str) -> (&'static str, &'static str) {
    DOMAINS
        .iter()
        .find(|(start, global, ..)| region == *global || region.strip_prefix(start).is_some_and(is_place))
        .map_or(("amazonaws.com", "api.aws"), |(.., plain, dualstack)| (plain, dualstack))
}

/// Returns whether it is a word and a number, such as `north-1`, as at the end of every region's name.
fn is_place(text: &str) -> bool {
    text.split_once('-').is_some_and(|(word, number)| {
        !word.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
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
            ("aws-cn-global", "amazonaws.com.cn"),
            ("cn-north", "amazonaws.com"),
            ("cn-north-1a", "amazonaws.com"),
        ] {
            assert_eq!(dns_suffix(region), suffix, "{region}");
        }
        assert_eq!(dualstack_dns_suffix("cn-north-1"), "api.amazonwebservices.com.cn");
    }
}
