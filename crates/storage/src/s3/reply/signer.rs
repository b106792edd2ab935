//! Whose keys a refused request was signed with, and where these are put right.

use haul_auth::{Credentials, SourceName};
use haul_config::level_flag;

use super::describe::Subject;

/// Names the key of the last request and where it comes from, as ``the key `AKIA****MPLE` of AWS_ACCESS_KEY_ID``.
pub(super) fn name(credentials: Option<&Credentials>) -> String {
    let Some(credentials) = credentials else { return "the caller".to_owned() };
    let place = match credentials.place.as_str() {
        "" => credentials.source.to_string(),
        place => place.to_owned(),
    };
    format!("the key `{}` of {place}", credentials.masked_access_key_id())
}

/// Says how requests come to be signed, if it was the remote that asked for unsigned ones.
pub(super) fn unsigned(subject: &Subject<'_>) -> Option<String> {
    let origin = subject.options.anonymous.as_ref()?;
    let flag = level_flag(origin);
    Some(format!(
        "requests go out unsigned, as `allow_anonymous_login` ({origin}) asks for, and the server does not let everybody \
         in: have them signed with `haul remote modify{flag} --unset {} allow_anonymous_login`",
        subject.options.name_in_commands()
    ))
}

/// Says where the credentials of the last request are put right: at their source, which no other one can overrule.
pub(super) fn remedy(subject: &Subject<'_>) -> String {
    let remote = subject.options.name_in_commands();
    let Some(credentials) = subject.credentials else {
        return format!("`haul remote check {remote}` shows which credentials are used");
    };
    match credentials.source {
        SourceName::Explicit => format!(
            "set the right ones with `haul remote modify --local {remote} access_key_id KEY` and `haul remote modify \
             --local {remote} secret_access_key SECRET`"
        ),
        SourceName::Environment => format!(
            "set {} anew in the environment, or unset them, so that the next source is asked (`haul remote check \
             {remote}` lists all)",
            variables(credentials)
        ),
        SourceName::SharedCredentials | SourceName::ConfigFile => {
            "correct them in that file, as `aws configure` does".to_owned()
        }
        SourceName::Sso => "log in again with `aws sso login`".to_owned(),
        SourceName::Login => "log in again with `aws login`".to_owned(),
        SourceName::Process => {
            "`credential_process` of the AWS profile prints them: run that program, and see what it says"
                .to_owned()
        }
        SourceName::AssumeRole | SourceName::WebIdentity => {
            "they belong to an assumed role: see whether the role is one of this server, and still there"
                .to_owned()
        }
        SourceName::Container | SourceName::InstanceMetadata => format!(
            "this machine hands them out, and they are AWS's: for another server set its own with `haul remote modify \
             --local {remote} access_key_id KEY` and `haul remote modify --local {remote} secret_access_key SECRET`"
        ),
        _ => format!("`haul remote check {remote}` shows where they come from"),
    }
}

fn variables(credentials: &Credentials) -> &'static str {
    if credentials.session_token.is_some() {
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    } else {
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    }
}
