//! The sources in order.

use std::sync::Arc;

use async_trait::async_trait;
use haul_config::{Env, Secret};

use crate::{Clock, CredentialRequest, Credentials, HttpClient, ProvideCredentials, Result, Trace};

/// Asks a person for the code of an MFA device.
pub trait PromptMfa: std::fmt::Debug + Send + Sync {
    /// Returns the code of the device `serial`, or `None` if there is nobody to ask (no terminal).
    fn code(&self, serial: &str) -> std::io::Result<Option<Secret>>;
}

/// Finds credentials as botocore would, keeps them, and renews them before they end.
#[derive(Debug)]
pub struct CredentialChain {
    _private: (),
}

impl CredentialChain {
    /// Makes a chain; nothing is read or asked before the first [`ProvideCredentials::credentials`].
    pub fn new(request: CredentialRequest, env: Env, http: Arc<dyn HttpClient>) -> Self {
        let _ = (request, env, http);
        Self { _private: () }
    }

    /// Lets a person be asked for MFA codes; without it, profiles with `mfa_serial` fail unless a session is cached.
    #[must_use]
    pub fn with_mfa_prompt(self, prompt: Arc<dyn PromptMfa>) -> Self {
        let _ = prompt;
        self
    }

    /// Replaces the clock of the system.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let _ = clock;
        self
    }

    /// Returns what the sources said when last asked; empty before the first time.
    pub fn trace(&self) -> Trace {
        Trace::default()
    }
}

#[async_trait]
impl ProvideCredentials for CredentialChain {
    async fn credentials(&self) -> Result<Option<Arc<Credentials>>> {
        unimplemented!("asks the sources in order")
    }

    fn invalidate(&self, used: &Credentials) {
        let _ = used;
    }
}
