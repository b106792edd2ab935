//! Endpoints of services, from the environment and the profile.

use haul_config::Located;

use super::parse::StsEndpoints;
use super::{Reader, parse, without_fips};
use crate::Result;
use crate::error::InvalidValue;
use crate::partition::{dns_suffix, dualstack_dns_suffix};

/// A service whose endpoint can be set separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Sts,
    Sso,
    SsoOidc,
}

impl Service {
    /// Returns the name in `services` sections; in upper case, the suffix of the variable's name.
    fn id(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Sso => "sso",
            Self::SsoOidc => "sso_oidc",
        }
    }

    /// Returns the name in AWS's host names.
    fn host(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Sso => "portal.sso",
            Self::SsoOidc => "oidc",
        }
    }
}

/// The URL of a service of the chain, and the region that requests to it are signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The URL, unchanged if the user set it.
    pub(crate) url: String,
    pub(crate) signing_region: String,
}

/// The signing region of the global endpoint.
const GLOBAL_SIGNING_REGION: &str = "us-east-1";

/// Regions that are older than the regional endpoints of STS; `legacy` sends these to the global one.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html>.
const LEGACY_STS_REGIONS: [&str; 16] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "aws-global",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Returns the endpoint of a service: the one that the environment or the profile sets, else AWS's for the region.
///
/// Deviation: botocore requires a region for a custom STS endpoint; haul signs for us-east-1 if no region is set, which
/// is what other servers with STS expect.
pub(crate) fn place(service: Service, region: Option<&str>, reader: &Reader<'_>) -> Result<Place> {
    let plain = region.and_then(without_fips);
    let has_fips_name = plain.is_some();
    let region = plain.as_deref().or(region);
    let signing_region = region.filter(|region| *region != "aws-global").unwrap_or(GLOBAL_SIGNING_REGION);
    if let Some(url) = endpoint_url(service, reader)? {
        return Ok(Place { url: url.value, signing_region: signing_region.to_owned() });
    }
    let is_on = |variable, key| {
        reader.parsed(variable, key, parse::switch).map(|switch| switch.is_some_and(|switch| switch.value))
    };
    let fips = has_fips_name || is_on("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?;
    let dualstack = is_on("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")?;
    if service == Service::Sts {
        let style =
            reader.parsed("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", parse::sts_endpoints)?;
        let is_legacy = style.is_some_and(|style| style.value == StsEndpoints::Legacy);
        let is_global = region.is_none_or(|region| {
            region == "aws-global" || (is_legacy && LEGACY_STS_REGIONS.contains(&region))
        });
        if is_global && !fips {
            let url = "https://sts.amazonaws.com".to_owned();
            return Ok(Place { url, signing_region: GLOBAL_SIGNING_REGION.to_owned() });
        }
    }
    let suffix = if dualstack { dualstack_dns_suffix(signing_region) } else { dns_suffix(signing_region) };
    // GovCloud's plain endpoints are FIPS endpoints.
    let is_fips_already = signing_region.starts_with("us-gov-") && !dualstack;
    let fips = if fips && !is_fips_already { "-fips" } else { "" };
    let host = service.host();
    Ok(Place {
        url: format!("https://{host}{fips}.{signing_region}.{suffix}"),
        signing_region: signing_region.to_owned(),
    })
}

/// Returns the endpoint of `service` that the environment or the profile sets; `None` means AWS's.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.
pub(crate) fn endpoint_url(service: Service, reader: &Reader<'_>) -> Result<Option<Located<String>>> {
    let ignore = reader.parsed(
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "ignore_configured_endpoint_urls",
        parse::switch,
    )?;
    if ignore.is_some_and(|ignore| ignore.value) {
        return Ok(None);
    }
    let variable = format!("AWS_ENDPOINT_URL_{}", service.id().to_uppercase());
    let of_env = reader.variable(&variable).or_else(|| reader.variable("AWS_ENDPOINT_URL"));
    if let Some(url) = of_env {
        return Ok(Some(url.map(str::to_owned)));
    }
    if let Some(url) = of_services_section(service, reader)? {
        return Ok(Some(url));
    }
    let Some(profile) = reader.profile() else { return Ok(None) };
    Ok(profile.non_empty("endpoint_url")?.map(|url| url.map(str::to_owned)))
}

fn of_services_section(service: Service, reader: &Reader<'_>) -> Result<Option<Located<String>>> {
    let Some(profile) = reader.profile() else { return Ok(None) };
    let Some(name) = profile.text("services")? else { return Ok(None) };
    let Some(section) = reader.files.services(name.value) else {
        return Err(InvalidValue {
            key: "services".to_owned(),
            value: name.value.to_owned(),
            origin: name.origin,
            expected: format!(
                "the name of a section `[services {}]` of `{}`",
                name.value,
                reader.files.config_file().path.display()
            ),
        }
        .into());
    };
    if section.is_empty() {
        return Err(InvalidValue {
            key: "services".to_owned(),
            value: name.value.to_owned(),
            origin: name.origin,
            expected: format!(
                "a section with at least one service, but `[services {}]` is empty",
                name.value
            ),
        }
        .into());
    }
    let Some(block) = section.block(service.id())? else { return Ok(None) };
    let url = block.value.get("endpoint_url").filter(|url| !url.is_empty());
    Ok(url.map(|url| Located::new(url.clone(), block.origin.clone())))
}
