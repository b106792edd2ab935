//! Reads [`AwsSettings`] from the environment and the profile.

use std::path::Path;

use haul_config::{Env, Located, Origin};

use super::{AwsSettings, S3Settings, Service, endpoint_url, parse};
use crate::error::InvalidValue;
use crate::profile::{AwsFiles, Profile, expand};
use crate::{CredentialRequest, Result};

impl AwsSettings {
    /// Reads the settings that apply to `request` in `env`.
    ///
    /// Deviation: DVC reads the `s3 =` block of the remote's `profile`, else of `default`, from `AWS_CONFIG_FILE` or
    /// the default path, even if the remote has a `configpath` or `AWS_PROFILE` is set. haul reads it from the active
    /// profile of the file that it reads everything else from. DVC also ignores the numbers of the block; haul uses them.
    ///
    /// # Errors
    /// If a file cannot be read or parsed, the profile does not exist, or a value is invalid.
    pub fn load(request: &CredentialRequest, env: &Env) -> Result<Self> {
        let files = AwsFiles::load(request, env)?;
        let reader = Reader::new(env, &files);
        let region = region(request, &reader)?;
        let fips_by_region = region.as_ref().filter(|region| without_fips(&region.value).is_some());
        let fips_by_region = fips_by_region.map(|region| Located::new(true, region.origin.clone()));
        Ok(Self {
            profile: files.active().clone(),
            region: region.map(|region| region.map(|name| without_fips(&name).unwrap_or(name))),
            endpoint_url: match &request.endpoint_url {
                Some(url) => Some(url.clone()),
                None => endpoint_url(Service::S3, &reader)?,
            },
            sts_endpoint_url: endpoint_url(Service::Sts, &reader)?,
            s3: s3_settings(&reader)?,
            // botocore reads REQUESTS_CA_BUNDLE, the variable of another library, last.
            ca_bundle: reader
                .any("AWS_CA_BUNDLE", "ca_bundle")?
                .or_else(|| reader.variable("REQUESTS_CA_BUNDLE"))
                .map(|bundle| bundle.map(|path| expand(Path::new(path), env))),
            retry_mode: reader.parsed("AWS_RETRY_MODE", "retry_mode", parse::retry_mode)?,
            max_attempts: reader.parsed("AWS_MAX_ATTEMPTS", "max_attempts", parse::positive)?,
            request_checksum_calculation: reader.parsed(
                "AWS_REQUEST_CHECKSUM_CALCULATION",
                "request_checksum_calculation",
                parse::checksum_mode,
            )?,
            response_checksum_validation: reader.parsed(
                "AWS_RESPONSE_CHECKSUM_VALIDATION",
                "response_checksum_validation",
                parse::checksum_mode,
            )?,
            use_dualstack_endpoint: reader.parsed(
                "AWS_USE_DUALSTACK_ENDPOINT",
                "use_dualstack_endpoint",
                parse::switch,
            )?,
            use_fips_endpoint: match fips_by_region {
                Some(fips) => Some(fips),
                None => reader.parsed("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", parse::switch)?,
            },
        })
    }
}

/// Returns the region.
///
/// Deviation: botocore and DVC ignore `AWS_REGION`, which the other AWS SDKs use; haul uses it if botocore would
/// find no region, so that wherever botocore finds one, haul uses the same.
pub(crate) fn region(request: &CredentialRequest, reader: &Reader<'_>) -> Result<Option<Located<String>>> {
    if let Some(region) = &request.region {
        return Ok(Some(region.clone()));
    }
    let found = reader.any("AWS_DEFAULT_REGION", "region")?.or_else(|| reader.variable("AWS_REGION"));
    Ok(found.map(|region| region.map(str::to_owned)))
}

/// Returns the region of an old name with `fips` in it, such as `us-west-2` for `fips-us-west-2`. Such a name selects the
/// FIPS endpoints of that region.
///
/// Source: `_normalize_fips_region` in `botocore/client.py`.
pub(crate) fn without_fips(region: &str) -> Option<String> {
    let plain = region.replace("fips-", "").replace("-fips", "");
    (plain != region).then_some(plain)
}

/// A parser of one value; the error says what was expected.
type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// Looks keys up in the environment, then in the active profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) env: &'a Env,
    pub(crate) files: &'a AwsFiles,
    profile: Option<&'a Profile>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(env: &'a Env, files: &'a AwsFiles) -> Self {
        Self { env, files, profile: files.profile(&files.active().value) }
    }

    /// Returns the active profile, if the files have it.
    pub(crate) fn profile(&self) -> Option<&'a Profile> {
        self.profile
    }

    /// Returns a variable that is not empty.
    ///
    /// Deviation: botocore uses the empty value of a variable that is set to nothing; haul treats the variable as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<Located<&'a str>> {
        self.env.var(name).map(|value| Located::new(value, Origin::Env { name: name.to_owned() }))
    }

    /// Returns a variable, else a key of the profile.
    pub(crate) fn any(&self, variable: &str, key: &str) -> Result<Option<Located<&'a str>>> {
        match (self.variable(variable), self.profile) {
            (Some(value), _) => Ok(Some(value)),
            (None, Some(profile)) => profile.non_empty(key),
            (None, None) => Ok(None),
        }
    }

    /// Returns a variable, else a key of the profile, parsed.
    pub(crate) fn parsed<T>(&self, variable: &str, key: &str, parse: Parse<T>) -> Result<Option<Located<T>>> {
        let Some(found) = self.any(variable, key)? else { return Ok(None) };
        let name = if matches!(found.origin, Origin::Env { .. }) { variable } else { key };
        parsed(name, found, parse).map(Some)
    }
}

fn parsed<T>(key: &str, found: Located<&str>, parse: Parse<T>) -> Result<Located<T>> {
    match parse(found.value.trim()) {
        Ok(value) => Ok(Located::new(value, found.origin)),
        Err(expected) => Err(InvalidValue {
            key: key.to_owned(),
            value: found.value.to_owned(),
            origin: found.origin,
            expected: expected.to_owned(),
        }
        .into()),
    }
}

/// Reads the `s3 =` block of the profile.
///
/// Deviation: botocore does not check the numbers in the `s3 =` block, and DVC fails on an invalid one without naming
/// it; haul's error names the key and its line.
fn s3_settings(reader: &Reader<'_>) -> Result<S3Settings> {
    let Some(profile) = reader.profile() else { return Ok(S3Settings::default()) };
    let Some(block) = profile.block("s3")? else { return Ok(S3Settings::default()) };
    Ok(S3Settings {
        max_concurrent_requests: of_block(&block, "max_concurrent_requests", parse::positive)?,
        max_queue_size: of_block(&block, "max_queue_size", parse::positive)?,
        multipart_threshold: of_block(&block, "multipart_threshold", parse::size)?,
        multipart_chunksize: of_block(&block, "multipart_chunksize", parse::size)?,
        max_bandwidth: of_block(&block, "max_bandwidth", parse::rate)?,
        addressing_style: of_block(&block, "addressing_style", parse::addressing_style)?,
        use_accelerate_endpoint: of_block(&block, "use_accelerate_endpoint", parse::switch)?,
        use_dualstack_endpoint: of_block(&block, "use_dualstack_endpoint", parse::switch)?,
        payload_signing_enabled: of_block(&block, "payload_signing_enabled", parse::switch)?,
    })
}

fn of_block<T>(
    block: &Located<&std::collections::BTreeMap<String, String>>,
    key: &str,
    parse: Parse<T>,
) -> Result<Option<Located<T>>> {
    let Some(value) = block.value.get(key).filter(|value| !value.is_empty()) else { return Ok(None) };
    parsed(&format!("s3.{key}"), Located::new(value.as_str(), block.origin.clone()), parse).map(Some)
}
