//! Endpoints of services, as environment and profile name them.

use haul_config::Located;

use super::{Reader, parse};
use crate::Result;
use crate::error::InvalidValue;

/// A service whose endpoint can be set on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Sts,
    Sso,
    SsoOidc,
}

impl Service {
    /// Returns the name in `services` sections; in capitals, the end of the variable's name.
    fn id(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Sso => "sso",
            Self::SsoOidc => "sso_oidc",
        }
    }
}

/// Returns the endpoint of `service` that environment or profile set; `None` means AWS.
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
    let Some(block) = section.block(service.id())? else { return Ok(None) };
    let url = block.value.get("endpoint_url").filter(|url| !url.is_empty());
    Ok(url.map(|url| Located::new(url.clone(), block.origin.clone())))
}
