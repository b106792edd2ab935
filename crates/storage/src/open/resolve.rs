//! From configuration to [`S3Options`].

use haul_auth::{AwsSettings, ChecksumMode, RetryMode};
use haul_config::{Env, Located, Remote, S3Remote, SslVerify, mask_urls};

use crate::Result;
use crate::s3::{
    AddressingStyle, Checksums, CustomerKey, ListApi, ObjectSettings, PayloadSigning, ProxySettings,
    ReplyChecksums, S3Options, ServerTrust,
};

impl S3Options {
    /// Combines the options of a remote with the settings of the AWS files and the environment.
    ///
    /// An option of the remote wins over everything else.
    pub fn resolve(remote: &Remote, s3: &S3Remote, settings: &AwsSettings, env: &Env) -> Result<Self> {
        let block = &settings.s3;
        let defaults = Self::new(&s3.bucket);
        let mut retry = defaults.retry.clone();
        retry.max_attempts = settings.max_attempts.as_ref().map(|attempts| attempts.value);
        retry.implied_attempts = settings.retry_mode.as_ref().map(|mode| implied_attempts(mode.value));
        let is_on = |flag: &Option<Located<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let flag = |flag: &Option<Located<bool>>| flag.clone().unwrap_or(Located::default_value(false));
        warn_of_idle_use_ssl(s3, settings);
        warn_of_idle_token(remote, s3);
        Ok(Self {
            remote_name: Some(remote.name.clone()),
            prefix: s3.prefix.clone(),
            region: settings.region.clone(),
            endpoint_url: settings.endpoint_url.clone(),
            use_ssl: s3.use_ssl.as_ref().is_none_or(|use_ssl| use_ssl.value),
            addressing: match block.addressing_style.as_ref().map(|style| style.value) {
                None | Some(haul_auth::AddressingStyle::Auto) => AddressingStyle::Auto,
                Some(haul_auth::AddressingStyle::Virtual) => AddressingStyle::Virtual,
                Some(haul_auth::AddressingStyle::Path) => AddressingStyle::Path,
            },
            accelerate: flag(&block.use_accelerate_endpoint),
            dualstack: flag(if is_on(&block.use_dualstack_endpoint) {
                &block.use_dualstack_endpoint
            } else {
                &settings.use_dualstack_endpoint
            }),
            fips: flag(&settings.use_fips_endpoint),
            anonymous: s3.anonymous().cloned(),
            trust: trust(s3, settings),
            proxy: ProxySettings::from_env(env),
            connect_timeout: s3.connect_timeout.clone().unwrap_or(defaults.connect_timeout),
            read_timeout: s3.read_timeout.clone().unwrap_or(defaults.read_timeout),
            list_api: if is_on(&s3.listobjects) { ListApi::V1 } else { ListApi::V2 },
            object: object_settings(s3),
            customer_key: customer_key(s3),
            payload_signing: match block.payload_signing_enabled.as_ref().map(|signing| signing.value) {
                Some(true) => PayloadSigning::Always,
                Some(false) => PayloadSigning::Never,
                None => PayloadSigning::Auto,
            },
            checksums: match settings.request_checksum_calculation.as_ref().map(|mode| mode.value) {
                Some(ChecksumMode::WhenSupported) => Checksums::WhenSupported,
                None | Some(ChecksumMode::WhenRequired) => Checksums::WhenRequired,
            },
            reply_checksums: match settings.response_checksum_validation.as_ref().map(|mode| mode.value) {
                Some(ChecksumMode::WhenSupported) => ReplyChecksums::Verify,
                None | Some(ChecksumMode::WhenRequired) => ReplyChecksums::Ignore,
            },
            retry,
            multipart_threshold_bytes: value_or(
                block.multipart_threshold.as_ref(),
                defaults.multipart_threshold_bytes,
            ),
            part_size_bytes: value_or(block.multipart_chunksize.as_ref(), defaults.part_size_bytes),
            max_concurrency: block.max_concurrent_requests.as_ref().map(|limit| limit.value),
            max_queue: block.max_queue_size.as_ref().map(|limit| limit.value),
            max_bandwidth: block.max_bandwidth.as_ref().map(|limit| limit.value),
            bucket: defaults.bucket,
        })
    }
}

/// Returns the number of attempts that botocore documents for a mode.
///
/// Deviation: the attempts that a `retry_mode` implies do not count while a server asks for fewer requests: it gets
/// minutes, unless `max_attempts` is set. In DVC, s3fs tries again around botocore's attempts.
///
/// Deviation: the `adaptive` mode of botocore slows the client down; here it is the same as `standard`, as the number of
/// requests at once always follows what the server can take.
///
/// Source: <https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html>.
fn implied_attempts(mode: RetryMode) -> u32 {
    match mode {
        RetryMode::Legacy => 5,
        RetryMode::Standard | RetryMode::Adaptive => 3,
    }
}

/// Says that `use_ssl` contradicts the endpoint, whose scheme decides, as in DVC.
fn warn_of_idle_use_ssl(s3: &S3Remote, settings: &AwsSettings) {
    if let (Some(use_ssl), Some(endpoint)) = (&s3.use_ssl, &settings.endpoint_url)
        && use_ssl.value != endpoint.value.to_ascii_lowercase().starts_with("https:")
    {
        tracing::warn!(
            "`use_ssl = {}` ({}) has no effect: the scheme of `{}` ({}) decides",
            use_ssl.value,
            use_ssl.origin,
            mask_urls(&endpoint.value),
            endpoint.origin
        );
    }
}

/// Says that the token of the remote is not used: as in botocore, it belongs to keys that stand beside it.
fn warn_of_idle_token(remote: &Remote, s3: &S3Remote) {
    if let (Some(token), None) = (&s3.session_token, &s3.access_key_id) {
        tracing::warn!(
            "`session_token` ({}) has no effect without `access_key_id`: type `haul remote modify --local {} \
             access_key_id <key id>`, or take it out",
            token.origin,
            remote.name
        );
    }
}

fn trust(s3: &S3Remote, settings: &AwsSettings) -> ServerTrust {
    match &s3.ssl_verify {
        Some(Located { value: SslVerify::Enabled, .. }) => ServerTrust::System,
        Some(Located { value: SslVerify::Disabled, .. }) => ServerTrust::Anyone,
        Some(Located { value: SslVerify::CaBundle(path), origin }) => {
            ServerTrust::CaBundle(Located::new(path.clone(), origin.clone()))
        }
        None => settings.ca_bundle.clone().map_or(ServerTrust::System, ServerTrust::CaBundle),
    }
}

fn object_settings(s3: &S3Remote) -> ObjectSettings {
    let text = |option: &Option<Located<String>>| option.as_ref().map(|option| option.value.clone());
    ObjectSettings {
        acl: text(&s3.acl),
        grant_read: text(&s3.grant_read),
        grant_read_acp: text(&s3.grant_read_acp),
        grant_write_acp: text(&s3.grant_write_acp),
        grant_full_control: text(&s3.grant_full_control),
        sse: s3.sse.as_ref().map(|sse| sse.value.as_str().to_owned()),
        sse_kms_key_id: text(&s3.sse_kms_key_id),
        storage_class: None,
    }
}

fn customer_key(s3: &S3Remote) -> Option<CustomerKey> {
    let key = s3.sse_customer_key.as_ref()?;
    let algorithm = s3.sse_customer_algorithm.as_ref().map_or("AES256", |algorithm| &algorithm.value);
    Some(CustomerKey::new(algorithm, key.value.expose()))
}

fn value_or(value: Option<&Located<u64>>, default: u64) -> u64 {
    value.map_or(default, |value| value.value)
}
