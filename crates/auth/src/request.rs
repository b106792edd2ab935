//! What is asked of the chain.

use std::path::PathBuf;

use haul_config::{Located, Secret};

/// What a remote says about credentials, region and endpoint; everything else comes from environment and AWS files.
#[derive(Debug, Clone, Default)]
pub struct CredentialRequest {
    /// Requests are not signed at all (`allow_anonymous_login`); wins over everything else.
    pub anonymous: bool,
    /// Explicit keys (`access_key_id`).
    pub access_key_id: Option<Located<Secret>>,
    /// Explicit keys (`secret_access_key`).
    pub secret_access_key: Option<Located<Secret>>,
    /// Explicit keys (`session_token`).
    pub session_token: Option<Located<Secret>>,
    /// The profile of the AWS files (`profile`); removes the keys of the environment from the chain.
    pub profile: Option<Located<String>>,
    /// The AWS config file (`configpath`).
    pub config_path: Option<Located<PathBuf>>,
    /// The AWS credentials file (`credentialpath`).
    pub credential_path: Option<Located<PathBuf>>,
    /// The region (`region`).
    pub region: Option<Located<String>>,
    /// The S3 endpoint (`endpointurl`).
    pub endpoint_url: Option<Located<String>>,
}
