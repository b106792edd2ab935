//! Region, endpoint and the `s3 =` block, from files and environment.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use haul_auth::{AddressingStyle, AwsSettings, ChecksumMode, CredentialRequest, Error, RetryMode};
use haul_config::{Env, Located, Origin};

fn load(
    request: &CredentialRequest,
    config: &str,
    variables: &[(&str, &str)],
) -> (tempfile::TempDir, Result<AwsSettings, Error>) {
    let home = tempfile::tempdir().unwrap();
    fs_err::create_dir(home.path().join(".aws")).unwrap();
    fs_err::write(home.path().join(".aws/config"), config).unwrap();
    let folder = home.path().to_str().unwrap();
    let env = Env::new(home.path(), variables.iter().copied().chain([("HOME", folder)]));
    let settings = AwsSettings::load(request, &env);
    (home, settings)
}

fn settings(config: &str, variables: &[(&str, &str)]) -> AwsSettings {
    load(&CredentialRequest::default(), config, variables).1.unwrap()
}

fn error(config: &str, variables: &[(&str, &str)]) -> String {
    load(&CredentialRequest::default(), config, variables).1.unwrap_err().to_string()
}

fn text(value: Option<Located<String>>) -> String {
    value.map(|located| located.value).unwrap_or_default()
}

#[test]
fn region_order_is_option_default_region_profile_region() {
    let config = "[default]\nregion = of-profile\n";
    let both = [("AWS_DEFAULT_REGION", "of-default-region"), ("AWS_REGION", "of-region")];
    assert_eq!(text(settings(config, &both).region), "of-default-region");
    assert_eq!(text(settings(config, &both[1..]).region), "of-profile");
    assert_eq!(text(settings("", &both[1..]).region), "of-region");
    assert!(settings("", &[]).region.is_none());
    let region = Located::new("of-remote".to_owned(), Origin::CommandLine);
    let request = CredentialRequest { region: Some(region), ..CredentialRequest::default() };
    assert_eq!(text(load(&request, config, &both).1.unwrap().region), "of-remote");
}

#[test]
fn endpoint_order_is_service_variable_variable_services_profile() {
    let config = "[default]\nendpoint_url = http://profile\nservices = mine\n\
                  [services mine]\ns3 =\n  endpoint_url = http://services\n";
    let both = [("AWS_ENDPOINT_URL_S3", "http://s3"), ("AWS_ENDPOINT_URL", "http://all")];
    assert_eq!(text(settings(config, &both).endpoint_url), "http://s3");
    assert_eq!(text(settings(config, &both[1..]).endpoint_url), "http://all");
    assert_eq!(text(settings(config, &[]).endpoint_url), "http://services");
    let other = config.replace("\ns3 =", "\nsts =");
    assert_eq!(text(settings(&other, &[]).endpoint_url), "http://profile");
    let ignored = settings(config, &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
    assert!(ignored.endpoint_url.is_none());
    let missing = error("[default]\nservices = yours\n", &[]);
    assert!(missing.contains("[services yours]"), "{missing}");
}

#[test]
fn s3_block_is_typed_and_located() {
    let config = "[profile work]\ns3 =\n  max_concurrent_requests = 20\n  max_queue_size = 5\n  multipart_threshold = 64MB\n  \
                  multipart_chunksize = 16 MB\n  max_bandwidth = 50MB/s\n  addressing_style = virtual\n  use_accelerate_endpoint = true\n  \
                  use_dualstack_endpoint = false\n  payload_signing_enabled = True\n  unknown = 1\n";
    let s3 = settings(config, &[("AWS_PROFILE", "work")]).s3;
    assert_eq!(s3.max_concurrent_requests.as_ref().unwrap().value, 20);
    assert_eq!(s3.max_queue_size.unwrap().value, 5);
    assert_eq!(s3.multipart_threshold.unwrap().value, 64 << 20);
    assert_eq!(s3.multipart_chunksize.unwrap().value, 16 << 20);
    assert_eq!(s3.max_bandwidth.unwrap().value, 50 << 20);
    assert_eq!(s3.addressing_style.unwrap().value, AddressingStyle::Virtual);
    assert!(s3.use_accelerate_endpoint.unwrap().value);
    assert!(!s3.use_dualstack_endpoint.unwrap().value);
    assert!(s3.payload_signing_enabled.unwrap().value);
    let origin = s3.max_concurrent_requests.unwrap().origin.to_string();
    assert!(origin.ends_with(".aws/config:2 [profile work]"), "{origin}");
    assert!(settings(config, &[]).s3.max_queue_size.is_none());
}

#[test]
fn settings_of_the_environment_win_over_the_profile() {
    let config = "[default]\nca_bundle = ~/ca.pem\nretry_mode = adaptive\nmax_attempts = 7\n\
                  request_checksum_calculation = when_required\nresponse_checksum_validation = WHEN_REQUIRED\n\
                  use_dualstack_endpoint = true\nuse_fips_endpoint = false\n";
    let of_file = settings(config, &[]);
    assert!(of_file.ca_bundle.unwrap().value.ends_with("ca.pem"));
    assert_eq!(of_file.retry_mode.unwrap().value, RetryMode::Adaptive);
    assert_eq!(of_file.max_attempts.unwrap().value, 7);
    assert_eq!(of_file.request_checksum_calculation.unwrap().value, ChecksumMode::WhenRequired);
    assert_eq!(of_file.response_checksum_validation.unwrap().value, ChecksumMode::WhenRequired);
    assert!(of_file.use_dualstack_endpoint.unwrap().value);
    assert!(!of_file.use_fips_endpoint.unwrap().value);
    let of_env = settings(
        config,
        &[
            ("AWS_CA_BUNDLE", "/etc/ca.pem"),
            ("AWS_RETRY_MODE", "standard"),
            ("AWS_MAX_ATTEMPTS", "2"),
            ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
            ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported"),
        ],
    );
    assert_eq!(of_env.ca_bundle.unwrap().value, std::path::Path::new("/etc/ca.pem"));
    assert_eq!(of_env.retry_mode.unwrap().value, RetryMode::Standard);
    assert_eq!(of_env.max_attempts.unwrap().value, 2);
    assert_eq!(of_env.request_checksum_calculation.unwrap().value, ChecksumMode::WhenSupported);
    assert_eq!(of_env.response_checksum_validation.unwrap().value, ChecksumMode::WhenSupported);
}

/// The order is botocore's: its own variable, the profile, the variable of another library.
#[test]
fn certificates_are_those_of_the_first_that_names_some() {
    let config = "[default]\nca_bundle = /profile.pem\n";
    let (own, other) = (("AWS_CA_BUNDLE", "/own.pem"), ("REQUESTS_CA_BUNDLE", "/other.pem"));
    let bundle = |config: &str, variables: &[_]| settings(config, variables).ca_bundle.map(|path| path.value);
    let path = |text: &str| Some(std::path::PathBuf::from(text));
    assert_eq!(bundle(config, &[own, other]), path("/own.pem"));
    assert_eq!(bundle(config, &[other]), path("/profile.pem"));
    assert_eq!(bundle("", &[own, other]), path("/own.pem"));
    assert_eq!(bundle("", &[other]), path("/other.pem"));
    assert_eq!(bundle("", &[("REQUESTS_CA_BUNDLE", "")]), None);
}

#[test]
fn values_of_the_wrong_type_name_key_place_and_expectation() {
    let message = error("[default]\nregion = x\ns3 =\n  multipart_threshold = 8M\n", &[]);
    assert!(message.starts_with("`s3.multipart_threshold` ("), "{message}");
    assert!(message.contains("/.aws/config:3 [default]) is `8M`; expected a size"), "{message}");
    let message = error("", &[("AWS_MAX_ATTEMPTS", "many")]);
    assert_eq!(
        message,
        "`AWS_MAX_ATTEMPTS` (environment variable AWS_MAX_ATTEMPTS) is `many`; expected a whole number above 0"
    );
    assert!(error("[default]\ns3 = path\n", &[]).contains("indented block"));
    assert!(error("[default]\nregion =\n  a = b\n", &[]).contains("single value"));
}
