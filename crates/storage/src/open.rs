//! From a configured remote to a store.

use std::sync::Arc;

use haul_auth::{AwsSettings, CredentialChain, CredentialRequest, PromptMfa, ProvideCredentials};
use haul_config::{Env, Located, Remote, RemoteKind, S3Remote};

use crate::s3::{Http, HttpSettings, ProxySettings, S3Options, S3Store, ServerTrust};
use crate::{Error, ErrorKind, FolderStore, RemoteStore, Result};

/// Opens a remote of the configuration. Nothing is sent before the first call of the store.
///
/// # Errors
/// [`ErrorKind::Config`] for settings that cannot be used, [`ErrorKind::Unsupported`] for a kind of storage, or a
/// way to use it, that haul does not know.
pub fn open_remote(remote: &Remote, env: &Env) -> Result<Arc<dyn RemoteStore>> {
    open_remote_with(remote, env, None)
}

/// Opens a remote as [`open_remote`] does; `prompt` is asked for the codes of MFA devices.
pub fn open_remote_with(
    remote: &Remote,
    env: &Env,
    prompt: Option<Arc<dyn PromptMfa>>,
) -> Result<Arc<dyn RemoteStore>> {
    let is_on = |flag: &Option<Located<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    for (option, flag) in [("version_aware", &remote.version_aware), ("worktree", &remote.worktree)] {
        if is_on(flag) {
            let message = format!(
                "remote `{}` is cloud-versioned (`{option}`), which haul cannot use yet",
                remote.name
            );
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint("use `dvc` for this remote"));
        }
    }
    match &remote.kind {
        RemoteKind::S3(s3) => Ok(Arc::new(connect_s3(remote, s3, env, prompt)?.store)),
        RemoteKind::Local(local) => Ok(Arc::new(FolderStore::new(&local.path))),
        RemoteKind::Unsupported { scheme } => {
            let message = format!("remote `{}` is on `{scheme}`, which haul does not know", remote.name);
            Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("haul knows `s3://` remotes and local folders; use `dvc` for this remote"))
        }
        // The enum may grow.
        _ => {
            Err(Error::new(ErrorKind::Unsupported, format!("remote `{}` is of an unknown kind", remote.name)))
        }
    }
}

/// An S3 remote with all that was found out on the way to it.
#[derive(Debug)]
pub struct S3Connection {
    /// The store.
    pub store: S3Store,
    /// What the store was made with.
    pub options: S3Options,
    /// Where its credentials come from.
    pub credentials: Arc<CredentialChain>,
    /// What environment and AWS files say.
    pub settings: AwsSettings,
}

/// Connects to an S3 remote. Nothing is sent, and no credentials are looked for, before the first call of the store.
pub fn connect_s3(
    remote: &Remote,
    s3: &S3Remote,
    env: &Env,
    prompt: Option<Arc<dyn PromptMfa>>,
) -> Result<S3Connection> {
    let request = CredentialRequest::from(s3);
    let settings = AwsSettings::load(&request, env).map_err(|error| {
        let message = format!("cannot use the AWS settings for remote `{}`", remote.name);
        let hint = error.hint();
        let wrapped = Error::new(ErrorKind::Config, message).with_source(error);
        match hint {
            Some(hint) => wrapped.with_hint(hint),
            None => wrapped,
        }
    })?;
    let options = S3Options::resolve(remote, s3, &settings, env)?;
    // The remote's certificate settings are for its server only: STS and SSO are AWS's.
    let for_credentials = Http::new(HttpSettings {
        trust: settings.ca_bundle.clone().map_or(ServerTrust::System, ServerTrust::CaBundle),
        proxy: ProxySettings::from_env(env),
        connect_timeout: options.connect_timeout.value,
    });
    let mut chain = CredentialChain::new(request, env.clone(), Arc::new(for_credentials));
    if let Some(prompt) = prompt {
        chain = chain.with_mfa_prompt(prompt);
    }
    let credentials = Arc::new(chain);
    let http = Http::new(HttpSettings {
        trust: options.trust.clone(),
        proxy: options.proxy.clone(),
        connect_timeout: options.connect_timeout.value,
    });
    let provider: Arc<dyn ProvideCredentials> = Arc::<CredentialChain>::clone(&credentials);
    let store = S3Store::new(options.clone(), provider, &http)?;
    Ok(S3Connection { store, options, credentials, settings })
}
