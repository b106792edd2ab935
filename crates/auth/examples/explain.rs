//! Prints which credentials, region and endpoint apply here, and what every source answered.
//!
//! ```text
//! cargo run -p haul-auth --example explain -- [--profile NAME] [--json]
//! ```
//!
//! Secrets are not printed. The caller supplies the HTTP client; this one is a few lines over reqwest.

#![allow(clippy::print_stdout, reason = "printing is what the example does")]

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use haul_auth::http::{HttpClient, HttpError, HttpErrorKind, ProxyUse, SendOptions};
use haul_auth::{AwsSettings, CredentialChain, CredentialRequest, Credentials, ProvideCredentials};
use haul_config::{Env, Located, Origin};
use sha2::{Digest, Sha256};

/// Two clients, because metadata services must not be asked through a proxy.
#[derive(Debug)]
struct Http {
    direct: reqwest::Client,
    proxied: reqwest::Client,
}

impl Http {
    fn new() -> Result<Self, Box<dyn Error>> {
        // Another part of the process may have installed a provider already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self { direct: builder().no_proxy().build()?, proxied: builder().build()? })
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let client = if options.proxy == ProxyUse::Never { &self.direct } else { &self.proxied };
        let (head, body) = request.into_parts();
        let exchange = async {
            let sent =
                client.request(head.method, head.uri.to_string()).headers(head.headers).body(body).send();
            let mut reply = sent.await.map_err(failed)?;
            let mut body = Vec::new();
            while let Some(chunk) = reply.chunk().await.map_err(failed)? {
                body.extend_from_slice(&chunk);
                if body.len() > options.max_reply_bytes {
                    return Err(HttpError::new(HttpErrorKind::TooLong, "the reply is too long"));
                }
            }
            let mut response = http::Response::new(Bytes::from(body));
            *response.status_mut() = reply.status();
            *response.headers_mut() = reply.headers().clone();
            Ok(response)
        };
        let timeout = || Err(HttpError::new(HttpErrorKind::Timeout, "no reply in time"));
        tokio::time::timeout(options.timeout, exchange).await.unwrap_or_else(|_| timeout())
    }
}

fn failed(error: reqwest::Error) -> HttpError {
    let kind = match () {
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () if error.is_connect() => HttpErrorKind::Connect,
        () => HttpErrorKind::Other,
    };
    // The caller shows the URL.
    HttpError::new(kind, "no reply").with_source(error.without_url())
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
    let chain = CredentialChain::new(request, env, Arc::new(Http::new()?));
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

/// Returns one line for scripts; the fingerprint shows whether two runs found the same keys without revealing them.
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
