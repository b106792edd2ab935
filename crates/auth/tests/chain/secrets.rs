//! No secret reaches a log, a trace, an error or a `{:?}`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use haul_auth::{CredentialChain, ProvideCredentials};

use crate::world::{LATER, World, assumed};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs the chain, with a role and with an error, and returns everything that a user can see of it.
async fn everything_shown(world: &World) -> String {
    let chain: CredentialChain = world.chain();
    let found = chain.credentials().await;
    let identity = chain.caller_identity().await;
    let mut shown = vec![format!("{chain:?}\n{found:?}\n{}\n{identity:?}", chain.trace())];
    let errors = [found.err(), identity.err()].into_iter().flatten();
    shown.extend(errors.map(|error| format!("{error} {error:?} {:?}", error.hint())));
    shown.join("\n")
}

#[test]
fn secrets_are_shown_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shown = tracing::subscriber::with_default(subscriber, || {
        tracing::trace!("the log works");
        let config = "[profile r]\nrole_arn = R\nsource_profile = base\n\
                      [profile w]\nrole_arn = R\nweb_identity_token_file = token\n";
        let keys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = HIDE-base\n\
                    aws_session_token = HIDE-token\n[static]\naws_access_key_id = AKIASTATIC\naws_secret_access_key = HIDE-static\n";
        let world = || {
            World::new()
                .config(config)
                .credentials(keys)
                .file("token", "HIDE-jwt")
                .var("AWS_SECRET_ACCESS_KEY", "HIDE-env")
        };
        let reply = assumed("AssumeRole", "ASIA1", LATER)
            .replace("secret-of-", "HIDE-")
            .replace("token-of-", "HIDE-");
        let sts = "POST https://sts.";
        runtime.block_on(async {
            let mut shown = everything_shown(&world().profile("r").reply(sts, 200, &reply)).await;
            shown += &everything_shown(&world().profile("r").reply(sts, 403, "no")).await;
            shown += &everything_shown(&world().profile("w").reply(sts, 403, "no")).await;
            shown + &everything_shown(&world().profile("static")).await
        })
    });
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log works"));
    assert!(shown.contains("Secret(***)"), "{shown}");
    for text in [&shown, &logged] {
        assert!(!text.contains("HIDE"), "{text}");
    }
}
