//! The keys of the remote.

use super::{Stop, Verdict};
use crate::{CredentialRequest, Credentials, SourceName};

pub(crate) fn load(request: &CredentialRequest) -> Result<Verdict, Stop> {
    match (&request.access_key_id, &request.secret_access_key) {
        (Some(id), Some(secret)) => {
            let token = request.session_token.as_ref().map(|token| token.value.expose().clone());
            let credentials = Credentials::new(&id.value, secret.value.expose(), SourceName::Explicit)
                .with_session_token(token);
            Ok(Verdict::Found(credentials, format!("`access_key_id` ({})", id.origin)))
        }
        (Some(id), None) => Err(half("access_key_id", &id.origin, "secret_access_key")),
        (None, Some(secret)) => Err(half("secret_access_key", &secret.origin, "access_key_id")),
        // A token without keys is ignored, as in botocore.
        (None, None) => Verdict::next("the remote has no `access_key_id`"),
    }
}

fn half(present: &str, origin: &haul_config::Origin, missing: &str) -> Stop {
    Stop::new(format!("the remote has `{present}` ({origin}) but no `{missing}`"))
        .with_hint(format!("type `haul remote modify --local REMOTE {missing} VALUE`"))
}
