//! Prints which credentials, region and endpoint apply here, and what every source said.
//!
//! ```text
//! cargo run -p haul-auth --example explain -- [--profile NAME] [--json]
//! ```
//!
//! Secrets are not printed. Sources behind a network are shown as out of reach: the HTTP client is the caller's to
//! bring, and this one refuses.

#![allow(clippy::print_stdout, reason = "printing is what the example does")]

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use haul_auth::http::{HttpClient, HttpError, HttpErrorKind, SendOptions};
use haul_auth::{AwsSettings, CredentialChain, CredentialRequest, Credentials, ProvideCredentials};
use haul_config::{Env, Located, Origin};
use sha2::{Digest, Sha256};

/// Reaches nobody.
#[derive(Debug)]
struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn send(
        &self,
        _: http::Request<Bytes>,
        _: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError> {
        Err(HttpError::new(HttpErrorKind::Connect, "this example does not use the network"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let env = Env::from_process()?;
    let mut request = CredentialRequest::default();
    let mut wants_json = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => wants_json = true,
            "--profile" => {
                let name = arguments.next().ok_or("--profile needs a name")?;
                request.profile = Some(Located::new(name, Origin::CommandLine));
            }
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }

    let settings = AwsSettings::load(&request, &env);
    let chain = CredentialChain::new(request, env, Arc::new(NoNetwork));
    let credentials = chain.credentials().await;
    if wants_json {
        println!("{}", json(&settings, &credentials));
    } else {
        print(&settings, &credentials, &chain);
    }
    Ok(())
}

type Found = haul_auth::Result<Option<Arc<Credentials>>>;

fn print(settings: &haul_auth::Result<AwsSettings>, credentials: &Found, chain: &CredentialChain) {
    match settings {
        Ok(settings) => {
            println!("profile      {} ({})", settings.profile.value, settings.profile.origin);
            for (name, value) in [("region", &settings.region), ("endpoint", &settings.endpoint_url)] {
                match value {
                    Some(value) => println!("{name:<12} {} ({})", value.value, value.origin),
                    None => println!("{name:<12} not set"),
                }
            }
        }
        Err(error) => println!("settings     {error}"),
    }
    match credentials {
        Ok(Some(credentials)) => {
            println!("credentials  {} ({})", credentials.masked_access_key_id(), credentials.source);
        }
        Ok(None) => println!("credentials  none: requests are not signed"),
        Err(error) => {
            println!("credentials  {error}");
            if let Some(hint) = error.hint() {
                println!("hint         {hint}");
            }
        }
    }
    println!("\n{}", chain.trace());
}

/// One line for scripts; the fingerprint tells whether two runs found the same keys without telling the keys.
fn json(settings: &haul_auth::Result<AwsSettings>, credentials: &Found) -> serde_json::Value {
    let text = |value: Option<&Located<String>>| value.map(|value| value.value.clone());
    let settings_json = match settings {
        Ok(settings) => serde_json::json!({
            "region": text(settings.region.as_ref()),
            "endpoint_url": text(settings.endpoint_url.as_ref()),
        }),
        Err(error) => serde_json::json!({ "error": error.to_string() }),
    };
    let credentials_json = match credentials {
        Ok(Some(credentials)) => {
            let token = credentials.session_token.as_ref().map_or("", |token| token.expose());
            let keys =
                format!("{}\n{}\n{token}", credentials.access_key_id, credentials.secret_access_key.expose());
            serde_json::json!({
                "source": credentials.source.botocore_name(),
                "fingerprint": hex::encode(&Sha256::digest(keys)[..8]),
            })
        }
        Ok(None) => serde_json::json!({ "source": "anonymous" }),
        Err(haul_auth::Error::NoCredentials { .. }) => serde_json::json!({ "source": null }),
        Err(haul_auth::Error::Source { name, message, transient, .. }) => serde_json::json!({
            "error": message,
            "stopped_by": name.botocore_name(),
            "out_of_reach": transient,
        }),
        Err(error) => serde_json::json!({ "error": error.to_string() }),
    };
    serde_json::json!({ "settings": settings_json, "credentials": credentials_json })
}
