//! Refusals whose cause can be told from the reply and the options, each with what to type.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, and the servers of
//! `cargo xtask integration` observed.

use super::describe::Subject;
use super::failure::ServerFailure;
use crate::ErrorKind;
use crate::s3::request::op::Op;

/// Returns what a refusal means for the caller, and what the user can do about it; `None` if it is none of these.
pub(super) fn of(subject: &Subject<'_>, failure: &ServerFailure) -> Option<(ErrorKind, String)> {
    let reply = &failure.reply;
    let code = reply.code.as_deref().unwrap_or_default();
    let text = reply.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    match (reply.status, code) {
        (407, _) => Some((ErrorKind::Config, proxy_hint(subject))),
        (413, _) | (_, "EntityTooLarge") => Some((ErrorKind::Unsupported, size_hint())),
        (_, "InvalidObjectState") => Some((ErrorKind::Unsupported, archive_hint(subject))),
        (400, _) if text.contains("must be made to api port") => {
            Some((ErrorKind::Config, console_hint(subject)))
        }
        (400, "") if failure.speaks_tls() => Some((ErrorKind::Config, tls_hint(subject))),
        // A listing asks for a bucket. A server that takes the name for a key has the bucket from the endpoint already.
        (404, "NoSuchKey") if matches!(subject.op, Op::List | Op::ListVersions) => {
            Some((ErrorKind::Config, bucket_hint(subject)))
        }
        _ if is_about_acl(subject, code, &text) => Some((ErrorKind::Config, acl_hint(subject))),
        _ => None,
    }
}

/// Says how a proxy gets its user name and password.
pub(super) fn proxy_hint(subject: &Subject<'_>) -> String {
    let scheme = if subject.endpoint.is_tls() { "https" } else { "http" };
    format!(
        "the proxy wants a user name and a password: set `{scheme}_proxy` to http://USER:PASSWORD@HOST:PORT, or name the \
         server in `no_proxy` to reach it without the proxy"
    )
}

/// MinIO has its console at a port of its own, which answers requests of S3 with one sentence.
fn console_hint(subject: &Subject<'_>) -> String {
    format!(
        "`{}` is the console of MinIO; its S3 API is at another port, 9000 unless it was set: {}",
        subject.endpoint.origin(),
        subject.modify("endpointurl URL")
    )
}

fn size_hint() -> String {
    "the server, or a proxy in front of it, takes no body of this size: send smaller ones with `aws configure set \
     s3.multipart_threshold 5MB` and `aws configure set s3.multipart_chunksize 5MB`, or raise the limit there \
     (`client_max_body_size` in nginx)"
        .to_owned()
}

fn archive_hint(subject: &Subject<'_>) -> String {
    let bucket = &subject.options.bucket;
    let key = subject.key.unwrap_or("KEY");
    let endpoint = subject.options.endpoint_argument();
    format!(
        "the object is archived, and must be restored before it can be read: `aws s3api restore-object --bucket {bucket} \
         --key {key} --restore-request Days=7{endpoint}`; when it is back, type the same command again"
    )
}

/// Whether a server that was spoken to in plain HTTP says that it wants TLS: Go, nginx, Apache, HAProxy, Jetty.
pub(super) fn speaks_tls(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "http request to an https server",
        "http request was sent to https port",
        "speaking plain http to an ssl",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Says how to reach the server over TLS.
pub(super) fn tls_hint(subject: &Subject<'_>) -> String {
    let url = subject.endpoint.origin().replacen("http://", "https://", 1);
    format!("the server speaks TLS at this port: {}", subject.modify(&format!("endpointurl {url}")))
}

fn bucket_hint(subject: &Subject<'_>) -> String {
    format!(
        "the endpoint names a bucket already, and the bucket of the `url` was taken for an object in it; leave the bucket \
         out of the endpoint: {}",
        subject.modify("endpointurl https://HOST:PORT")
    )
}

/// Whether a new object was refused for its ACL or its grants.
fn is_about_acl(subject: &Subject<'_>, code: &str, text: &str) -> bool {
    if acl_options(subject).is_empty() || !subject.op.creates_object() {
        return false;
    }
    match code {
        "AccessControlListNotSupported" | "MalformedACLError" | "UnresolvableGrantByEmailAddress" => true,
        "InvalidArgument" | "InvalidRequest" | "NotImplemented" | "" => {
            ["acl", "grant", "canned", "invalid id", "argument format not recognized", "email"]
                .iter()
                .any(|word| text.contains(word))
                // MinIO and Ceph name no header; nothing else of the request has a value of the user's.
                || (code == "InvalidArgument" && text.is_empty())
                || (code == "NotImplemented" && text.contains("header"))
        }
        _ => false,
    }
}

/// Returns the options about access that are set, each with its value.
pub(super) fn acl_options(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let object = &subject.options.object;
    [
        ("acl", &object.acl),
        ("grant_read", &object.grant_read),
        ("grant_read_acp", &object.grant_read_acp),
        ("grant_write_acp", &object.grant_write_acp),
        ("grant_full_control", &object.grant_full_control),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.clone()?)))
    .collect()
}

fn acl_hint(subject: &Subject<'_>) -> String {
    let options = acl_options(subject);
    let shown: Vec<String> = options.iter().map(|(name, value)| format!("`{name} = {value}`")).collect();
    let name = options.first().map_or("acl", |(name, _)| name);
    format!(
        "the server takes no object with {}: name another value with {}, or take the option out with `haul remote modify \
         --unset {} {name}`",
        shown.join(" and "),
        subject.modify(&format!("{name} VALUE")),
        subject.options.name_in_commands()
    )
}
