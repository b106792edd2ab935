//! From a configured remote to a store.

mod resolve;

use std::sync::Arc;

use haul_auth::{AwsSettings, CredentialChain, CredentialRequest, ProvideCredentials};
use haul_config::{Env, Remote, RemoteKind, S3Remote, mask_urls};

use crate::s3::{Http, HttpSettings, ProxySettings, S3Options, S3Store, ServerTrust};
use crate::versions::VersionedStore;
use crate::{
    CacheOptions, Contact, Durability, Error, ErrorKind, FolderStore, HttpStore, RemoteStore, Result,
};

/// Opens a remote of the configuration. Nothing is sent before the first call of the store.
///
/// # Errors
/// [`ErrorKind::Config`] for settings that cannot be used, [`ErrorKind::Unsupported`] for a kind of storage, or a
/// way to use it, that haul does not know.
pub fn open_remote(remote: &Remote, env: &Env) -> Result<Arc<dyn RemoteStore>> {
    open_remote_with(remote, env, &Contact::default())
}

/// Opens a cloud-versioned remote of the configuration (`version_aware`). Nothing is sent before the first call of the
/// store.
///
/// # Errors
/// As [`open_remote`]; [`ErrorKind::Config`] for a kind of storage that keeps no versions.
pub fn open_versioned_remote(
    remote: &Remote,
    env: &Env,
    contact: &Contact,
) -> Result<Arc<dyn VersionedStore>> {
    if let RemoteKind::S3(s3) = &remote.kind {
        return Ok(Arc::new(connect_s3(remote, s3, env, contact)?.store));
    }
    let url = mask_urls(&remote.url.value);
    let message = format!("remote `{}` is `version_aware`, and `{url}` keeps no versions", remote.name);
    let hint = format!("type `haul remote modify --unset {} version_aware`", remote.name);
    Err(Error::new(ErrorKind::Config, message).with_hint(hint))
}

/// Opens a remote as [`open_remote`] does; `contact` is asked and told what concerns a person.
pub fn open_remote_with(remote: &Remote, env: &Env, contact: &Contact) -> Result<Arc<dyn RemoteStore>> {
    if remote.is_cloud_versioned() {
        let message =
            format!("remote `{}` is cloud-versioned: nothing on it is named by its hash", remote.name);
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    match &remote.kind {
        RemoteKind::S3(s3) => Ok(Arc::new(connect_s3(remote, s3, env, contact)?.store)),
        RemoteKind::Local(local) => {
            // A value that means nothing was refused when the repository was opened.
            let waits = env.waits_for_disk().unwrap_or(true);
            let durability = if waits { Durability::Sync } else { Durability::Rename };
            let options = CacheOptions { durability, ..CacheOptions::default() };
            Ok(Arc::new(FolderStore::with_options(&local.path, options)))
        }
        RemoteKind::Http(options) => Ok(Arc::new(HttpStore::new(remote, options, env)?)),
        RemoteKind::Unsupported { scheme } => {
            let message = format!("remote `{}` is on `{scheme}`, which haul does not know", remote.name);
            Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("haul knows `s3://`, `http://` and `https://` remotes and local folders; use `dvc` for this remote"))
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
    /// The way to the server.
    pub http: Http,
}

/// Connects to an S3 remote. Nothing is sent, and no credentials are looked for, before the first call of the store.
pub fn connect_s3(remote: &Remote, s3: &S3Remote, env: &Env, contact: &Contact) -> Result<S3Connection> {
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
        remote_name: None,
        trust: settings.ca_bundle.clone().map_or(ServerTrust::System, ServerTrust::CaBundle),
        proxy: ProxySettings::from_env(env),
        connect_timeout: options.connect_timeout.value,
    });
    let mut chain = CredentialChain::new(request, env.clone(), Arc::new(for_credentials));
    if let Some(prompt) = &contact.mfa_prompt {
        chain = chain.with_mfa_prompt(Arc::clone(prompt));
    }
    let credentials = Arc::new(chain);
    let http = Http::new(HttpSettings {
        remote_name: Some(remote.name.clone()),
        trust: options.trust.clone(),
        proxy: options.proxy.clone(),
        connect_timeout: options.connect_timeout.value,
    });
    let provider: Arc<dyn ProvideCredentials> = Arc::<CredentialChain>::clone(&credentials);
    let store = S3Store::new(options.clone(), provider, &http)?;
    if let Some(listener) = &contact.wait_listener {
        store.tell_of_waits(Arc::clone(listener));
    }
    Ok(S3Connection { store, options, credentials, settings, http })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use haul_config::{ConfigPaths, ConfigStack};

    use super::*;
    use crate::ReadStore as _;
    use crate::s3::{AddressingStyle, Checksums, ListApi, PayloadSigning, ReplyChecksums};

    /// Opens the remote `r` of a repository with the given config, in an environment with the given AWS config.
    fn connect(dvc_config: &str, aws_config: &str) -> (tempfile::TempDir, Result<S3Connection>) {
        let folder = tempfile::tempdir().unwrap();
        let (remote, env) = configure(folder.path(), dvc_config, aws_config);
        let RemoteKind::S3(s3) = &remote.kind else { panic!("not an S3 remote") };
        let connection = connect_s3(&remote, s3, &env, &Contact::default());
        (folder, connection)
    }

    fn configure(folder: &Path, dvc_config: &str, aws_config: &str) -> (Remote, Env) {
        let (dvc_dir, aws_file) = (folder.join(".dvc"), folder.join("aws-config"));
        fs_err::create_dir(&dvc_dir).unwrap();
        fs_err::write(dvc_dir.join("config"), format!("['remote \"r\"']\n{dvc_config}")).unwrap();
        fs_err::write(&aws_file, aws_config).unwrap();
        let variables = [
            ("HOME", folder.to_str().unwrap()),
            ("AWS_CONFIG_FILE", aws_file.to_str().unwrap()),
            ("https_proxy", "http://proxy:3128"),
        ];
        let env = Env::new(folder, variables);
        let stack = ConfigStack::load(&ConfigPaths::new(&env, Some(&dvc_dir)), &env).unwrap();
        let remote = stack.config().unwrap().remote(Some("r")).unwrap();
        (remote, env)
    }

    #[test]
    fn options_of_the_remote_arrive() {
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        let config = format!(
            "url = s3://data/some/where/\nendpointurl = https://minio.example.org:9000/base\nregion = eu-west-3\n\
             ssl_verify = false\nread_timeout = 2\nconnect_timeout = 3\nlistobjects = true\nacl = private\n\
             sse_customer_key = {key}\n"
        );
        let (_folder, connection) = connect(&config, "");
        let options = connection.unwrap().options;
        assert_eq!((options.bucket.as_str(), options.prefix.as_str()), ("data", "some/where"));
        assert_eq!(options.remote_name.as_deref(), Some("r"));
        assert_eq!(options.region.unwrap().value, "eu-west-3");
        assert_eq!(options.endpoint_url.unwrap().value, "https://minio.example.org:9000/base");
        assert_eq!(options.trust, ServerTrust::Anyone);
        assert_eq!(options.read_timeout.value, Duration::from_secs(2));
        assert_eq!(options.connect_timeout.value, Duration::from_secs(3));
        assert_eq!(options.list_api, ListApi::V1);
        assert_eq!(options.object.acl.as_deref(), Some("private"));
        assert_eq!(options.customer_key.unwrap().key_md5_base64(), "KYvwGXoFFJ42a2u2GDWhwQ==");
        assert_eq!(options.proxy.https.unwrap().expose(), "http://proxy:3128");
    }

    #[test]
    fn settings_of_the_aws_config_arrive() {
        let aws = "[default]\nregion = eu-north-1\nmax_attempts = 7\nrequest_checksum_calculation = when_supported\n\
                   response_checksum_validation = when_supported\n\
                   s3 =\n  max_concurrent_requests = 5\n  max_queue_size = 70\n  multipart_threshold = 64MB\n  multipart_chunksize = 16MB\n  \
                   max_bandwidth = 1MB/s\n  addressing_style = path\n  use_dualstack_endpoint = true\n  \
                   payload_signing_enabled = true\n";
        let (_folder, connection) = connect("url = s3://data\n", aws);
        let connection = connection.unwrap();
        let options = connection.options;
        assert_eq!(options.retry.max_attempts, Some(7));
        assert_eq!(options.checksums, Checksums::WhenSupported);
        assert_eq!(options.max_concurrency, Some(5));
        assert_eq!((options.multipart_threshold_bytes, options.part_size_bytes), (64 << 20, 16 << 20));
        assert_eq!(options.max_bandwidth, Some(1 << 20));
        assert_eq!(options.addressing, AddressingStyle::Path);
        assert_eq!(options.payload_signing, PayloadSigning::Always);
        assert_eq!(connection.store.endpoint(), "https://s3.dualstack.eu-north-1.amazonaws.com");
        let limits = connection.store.limits();
        assert_eq!((limits.max_concurrency, limits.max_queue), (Some(5), Some(70)));
        assert_eq!(options.reply_checksums, ReplyChecksums::Verify);
    }

    #[test]
    fn accelerated_and_unsigned_are_taken_from_the_aws_config() {
        let block = "[default]\ns3 =\n  use_accelerate_endpoint = true\n  payload_signing_enabled = false\n";
        let (_folder, connection) = connect("url = s3://data\n", block);
        let connection = connection.unwrap();
        assert_eq!(connection.store.endpoint(), "https://data.s3-accelerate.amazonaws.com");
        assert_eq!(connection.options.payload_signing, PayloadSigning::Never);
        let (folder, connection) = connect("url = s3://data\nendpointurl = http://localhost:1\n", block);
        let error = connection.unwrap_err().to_string();
        let places = [folder.path().join(".dvc/config:3"), folder.path().join("aws-config:2")];
        for place in places {
            assert!(error.contains(&place.display().to_string()), "{error}");
        }
    }

    #[test]
    fn setting_that_chooses_among_aws_endpoints_means_nothing_beside_another_server() {
        for setting in [
            "use_dualstack_endpoint = true",
            "use_fips_endpoint = true",
            "s3 =\n  use_dualstack_endpoint = true",
        ] {
            let aws = format!("[default]\nendpoint_url = http://localhost:1\n{setting}\n");
            let connection = connect("url = s3://data\n", &aws).1.unwrap();
            assert_eq!(connection.store.endpoint(), "http://localhost:1", "{setting}");
        }
    }

    #[test]
    fn old_name_of_a_fips_region_asks_for_its_fips_endpoint() {
        for name in ["fips-us-west-2", "us-west-2-fips"] {
            let connection = connect(&format!("url = s3://data\nregion = {name}\n"), "").1.unwrap();
            assert_eq!(connection.store.endpoint(), "https://data.s3-fips.us-west-2.amazonaws.com");
            assert_eq!(connection.store.region(), "us-west-2");
        }
    }

    #[test]
    fn unusable_settings_are_errors_with_a_hint() {
        let (_folder, connection) =
            connect("url = s3://data\nprofile = nobody\n", "[profile nobodi]\nregion = x\n");
        let error = connection.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.hint().unwrap().contains("nobodi"), "{:?}", error.hint());
        let (_folder, connection) = connect("url = s3://data\nssl_verify = /none/ca.pem\n", "");
        let error = connection.unwrap_err();
        assert!(error.to_string().contains("/none/ca.pem"), "{error}");
        assert!(error.hint().unwrap().contains("`haul remote modify r ssl_verify "), "{:?}", error.hint());
    }

    #[test]
    fn cloud_versioned_remote_is_not_written_to_in_another_layout() {
        let folder = tempfile::tempdir().unwrap();
        let (remote, env) = configure(folder.path(), "url = s3://data/p\nversion_aware = true\n", "");
        assert_eq!(open_remote(&remote, &env).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(
            open_versioned_remote(&remote, &env, &Contact::default()).unwrap().location(),
            "s3://data/p"
        );
    }

    #[test]
    fn folder_cannot_be_cloud_versioned() {
        let folder = tempfile::tempdir().unwrap();
        let (remote, env) = configure(folder.path(), "url = ../elsewhere\nversion_aware = true\n", "");
        let error = open_versioned_remote(&remote, &env, &Contact::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.hint().unwrap().contains("haul remote modify --unset r version_aware"));
    }

    #[test]
    fn folder_is_opened_as_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (remote, env) = configure(folder.path(), "url = ../elsewhere\n", "");
        let store = open_remote(&remote, &env).unwrap();
        assert!(store.location().ends_with("elsewhere"), "{}", store.location());
    }
}
