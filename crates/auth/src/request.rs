//! The input of the chain.

use std::path::PathBuf;

use haul_config::{Located, Origin, S3Remote, Secret};

/// What a remote says about credentials, region and endpoint; everything else comes from environment and AWS files.
#[derive(Debug, Clone, Default)]
pub struct CredentialRequest {
    /// Where unsigned requests are configured (`allow_anonymous_login`); wins over everything else.
    pub anonymous: Option<Origin>,
    /// Explicit keys (`access_key_id`).
    pub access_key_id: Option<Located<String>>,
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

impl From<&S3Remote> for CredentialRequest {
    fn from(remote: &S3Remote) -> Self {
        Self {
            anonymous: remote.anonymous().cloned(),
            access_key_id: remote.access_key_id.clone(),
            secret_access_key: remote.secret_access_key.clone(),
            session_token: remote.session_token.clone(),
            profile: remote.profile.clone(),
            config_path: remote.configpath.clone(),
            credential_path: remote.credentialpath.clone(),
            region: remote.region.clone(),
            endpoint_url: remote.endpointurl.clone().map(|url| url.map(String::from)),
        }
    }
}
