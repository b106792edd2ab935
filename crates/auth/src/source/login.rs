//! Sessions of `aws login`, which are refused, as in botocore without its C extension.

use super::{Stop, Verdict, Walk};

/// Ends the chain if the profile has a `login_session`: its tokens are bound to a key that other programs do not have.
pub(crate) fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    match walk.profile(profile).text("login_session")? {
        None => Verdict::next(format!("the profile `{profile}` has no `login_session`")),
        Some(session) => Err(Stop::new(format!("`login_session` ({}) is not supported", session.origin)).with_hint(
            format!(
                "add `credential_process = aws configure export-credentials --profile {profile} --format process` \
                 to another profile and use that one"
            ),
        )),
    }
}
