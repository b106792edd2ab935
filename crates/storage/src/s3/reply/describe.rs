//! Failures in the words of the user: what failed, on what, why, and what to type.

use std::fmt::Write;

use haul_auth::Credentials;

use super::failure::{Failure, ServerFailure};
use super::no_reply;
use super::refusals::{self, Refusal};
use super::remedies;
use super::signer;
use crate::s3::request::endpoint::Endpoint;
use crate::s3::request::op::Op;
use crate::s3::request::options::{ListApi, S3Options};
use crate::{Error, ErrorKind};

/// What a call was about.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub op: Op,
    pub key: Option<&'a str>,
    pub options: &'a S3Options,
    pub endpoint: &'a Endpoint,
    pub n_attempts: u32,
    /// Whether a reply has shown that the bucket is there.
    pub has_seen_bucket: bool,
    /// The credentials of the last request, if one was signed.
    pub credentials: Option<&'a Credentials>,
}

impl Subject<'_> {
    /// Returns the subject of the message, as ``cannot get `s3://bucket/key` ``.
    pub(super) fn action(&self) -> String {
        action(self.op, &self.options.bucket, self.key)
    }

    /// Returns a command that sets an option of the remote.
    pub(in crate::s3) fn modify(&self, rest: &str) -> String {
        format!("`haul remote modify {} {rest}`", self.options.name_in_commands())
    }
}

/// Returns how the message of an error about a call begins, as ``cannot get `s3://bucket/key` ``.
pub(crate) fn action(op: Op, bucket: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("cannot {} `s3://{bucket}/{key}`", op.verb()),
        None => format!("cannot {} `s3://{bucket}`", op.verb()),
    }
}

/// Turns the failure of a call that was given up into an error.
pub(crate) fn describe(subject: &Subject<'_>, failure: Failure) -> Error {
    match failure {
        Failure::Local(error) => {
            let mut outer = Error::new(error.kind(), subject.action());
            if let Some(hint) = error.hint() {
                outer = outer.with_hint(hint.to_owned());
            }
            outer.with_source(error)
        }
        Failure::Malformed(malformed) => Error::new(
            ErrorKind::Corrupt,
            format!("{}: `{}` gave a malformed reply", subject.action(), subject.endpoint.origin()),
        )
        .with_source(malformed)
        .with_hint(format!("is this an S3 server? Set it with {}", subject.modify("endpointurl URL"))),
        // Whatever else is asked of it, it will not do: the run ends.
        Failure::WebPage(page) => Error::new(
            ErrorKind::Config,
            format!(
                "{}: `{}` does not answer as an S3 server does",
                subject.action(),
                subject.endpoint.origin()
            ),
        )
        .with_source(page)
        .with_hint(page_hint(subject)),
        Failure::Transport(error) => no_reply::describe(subject, error),
        Failure::Server(failure) => describe_server(subject, failure),
    }
}

/// Says where a page comes from that no S3 server sends.
fn page_hint(subject: &Subject<'_>) -> String {
    let mut hint = format!(
        "the address may be that of a console, a login page or another server; set it with {}",
        subject.modify("endpointurl URL")
    );
    if let Some(proxy) = subject.options.proxy.in_use(&subject.endpoint.origin()) {
        let _ = write!(
            hint,
            "; or the proxy `{}` answers in its place, which `{}` names",
            proxy.address, proxy.variable
        );
    } else {
        hint.push_str("; or a firewall or a proxy on the way answers in its place");
    }
    hint
}

fn describe_server(subject: &Subject<'_>, failure: ServerFailure) -> Error {
    let (kind, hint) = judge(subject, &failure);
    let mut message = subject.action();
    if kind == ErrorKind::Throttled || (failure.reply.status >= 500 && subject.n_attempts > 1) {
        let _ = write!(message, " after {} attempts", subject.n_attempts);
    }
    let error = Error::new(kind, message).with_reply(failure.reply);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn judge(subject: &Subject<'_>, failure: &ServerFailure) -> (ErrorKind, Option<String>) {
    let code = failure.reply.code.as_deref().unwrap_or_default();
    let text = failure.reply.message.as_deref().unwrap_or_default();
    if failure.is_throttling() {
        let fewer = subject.modify("jobs 8");
        return (
            ErrorKind::Throttled,
            Some(format!("the server is overloaded; use fewer connections: {fewer}")),
        );
    }
    if let Some(hint) = encryption_hint(subject, code, text) {
        return (ErrorKind::Config, Some(hint));
    }
    if let Some((kind, hint)) = remedies::of(subject, failure) {
        return (kind, Some(hint));
    }
    if let Some(hint) = listing_hint(subject, failure) {
        return (ErrorKind::Unsupported, Some(hint));
    }
    // The server has all the parts that were sent: a request or a reply about them was damaged.
    if subject.op == Op::CompleteMultipart
        && matches!(code, "InvalidPart" | "InvalidPartOrder" | "MalformedXML")
    {
        return (ErrorKind::Corrupt, None);
    }
    if let Some(refusal) = Refusal::of(code) {
        // Whose keys they are does not matter where there are none.
        let is_unsigned = subject.options.anonymous.is_some() && refusal.kind == ErrorKind::Unauthenticated;
        let hint = if is_unsigned {
            signer::unsigned(subject)
        } else {
            refusal.next.map(|next| refusals::fill(next, subject, failure))
        };
        return (refusal.kind, hint);
    }
    match failure.reply.status {
        301 | 302 | 303 | 307 | 308 => (ErrorKind::Config, Some(region_hint(subject, failure))),
        401 => {
            (ErrorKind::Unauthenticated, signer::unsigned(subject).or_else(|| Some(signer::remedy(subject))))
        }
        403 => (ErrorKind::Denied, Some(denied_hint(subject, code, text))),
        404 if is_speechless(subject, code) => (ErrorKind::NoSuchBucket, Some(speechless_hint(subject))),
        404 if subject.key.is_none() => (ErrorKind::NoSuchBucket, None),
        404 if subject.op.reads_object()
            || matches!(subject.op, Op::AbortMultipart | Op::ListParts | Op::Delete | Op::DeleteVersion) =>
        {
            (ErrorKind::NotFound, None)
        }
        405 | 501 => (ErrorKind::Unsupported, None),
        412 => (ErrorKind::Precondition, None),
        416 => (ErrorKind::Corrupt, Some("the object is shorter than its name says".into())),
        _ => (ErrorKind::Server, None),
    }
}

/// Finds out whether the server does not know the newer of the two listing calls.
fn listing_hint(subject: &Subject<'_>, failure: &ServerFailure) -> Option<String> {
    let code = failure.reply.code.as_deref().unwrap_or_default();
    let is_unknown = match failure.reply.status {
        405 | 501 => true,
        400 => matches!(
            code,
            "" | "400"
                | "BadRequest"
                | "InvalidArgument"
                | "InvalidRequest"
                | "InvalidURI"
                | "MalformedQueryString"
                | "NotImplemented"
                | "UnsupportedOperation"
        ),
        _ => false,
    };
    (is_unknown && subject.op == Op::List && subject.options.list_api == ListApi::V2).then(|| {
        format!("if the server does not know ListObjectsV2, type {}", subject.modify("listobjects true"))
    })
}

/// Whether the server says "not found" without a word on what: S3 servers name it in every reply that has a body, so it
/// may be another kind of server. Once a bucket was seen, it is one of the few S3 servers that say less.
fn is_speechless(subject: &Subject<'_>, code: &str) -> bool {
    code.is_empty() && !subject.has_seen_bucket && !matches!(subject.op, Op::Head | Op::HeadVersion)
}

fn speechless_hint(subject: &Subject<'_>) -> String {
    format!(
        "`{}` does not say what is not there, as an S3 server would: check that it is one ({}), and the bucket ({})",
        subject.endpoint.origin(),
        subject.modify("endpointurl URL"),
        subject.modify("url s3://BUCKET/PREFIX")
    )
}

/// Finds out whether the server misses, or cannot use, a key of server-side encryption.
fn encryption_hint(subject: &Subject<'_>, code: &str, text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if code.starts_with("kms:") || code.starts_with("KMS.") || text.contains("kms-keyid") {
        let command = subject.modify("sse_kms_key_id KEY");
        return Some(format!(
            "the server does not know, or may not use, the KMS key; name another: {command}"
        ));
    }
    let is_about_it = text.contains("server side encryption")
        || text.contains("server-side encryption")
        || text.contains("hash of the key")
        || text.contains("customer key");
    if !is_about_it {
        return None;
    }
    if text.contains("secure connection") {
        return Some(format!("customer keys need TLS: {}", subject.modify("endpointurl https://HOST")));
    }
    let command =
        format!("haul remote modify --local {} sse_customer_key KEY", subject.options.name_in_commands());
    Some(if subject.options.customer_key.is_some() {
        format!("the object is not encrypted with the key of this remote; name its key: `{command}`")
    } else {
        format!("the object is encrypted with a customer key; name it: `{command}`")
    })
}

/// Names the right that an operation needs, and the key that lacks it.
pub(crate) fn right_hint(op: Op, bucket: &str, credentials: Option<&Credentials>) -> String {
    let below = if op.concerns_objects() { "/*" } else { "" };
    let who = signer::name(credentials);
    format!("{who} needs the right {} on `arn:aws:s3:::{bucket}{below}`", op.permission())
}

/// Says what is missing where access is denied: signatures, rights, or what a code of the server's own means.
fn denied_hint(subject: &Subject<'_>, code: &str, text: &str) -> String {
    if let Some(unsigned) = signer::unsigned(subject) {
        return unsigned;
    }
    if !matches!(
        code,
        "" | "403" | "AccessDenied" | "AccessDeniedException" | "AccessForbidden" | "Forbidden"
    ) {
        return format!(
            "`{code}` is a reason of the server's own: its documentation, or those who run `{}`, say what it means",
            subject.endpoint.origin()
        );
    }
    if code.is_empty() && !text.is_empty() {
        return format!(
            "this reply is none of an S3 server: a proxy, a firewall or a gateway before `{}` may have written it; those who \
             run it can say why",
            subject.endpoint.origin()
        );
    }
    let text = text.to_ascii_lowercase();
    if text.contains("explicit deny") {
        return format!(
            "a policy denies it to {} in so many words, so that no other right helps: the owner of bucket `{}` has to \
             change that policy",
            signer::name(subject.credentials),
            subject.options.bucket
        );
    }
    let mut hint = right_hint(subject.op, &subject.options.bucket, subject.credentials);
    let acl = remedies::acl_options(subject);
    if subject.op.creates_object()
        && let Some((name, _)) = acl.first()
    {
        let _ = write!(hint, ", and s3:PutObjectAcl for `{name}`");
    }
    if let Some(object) = Some(&subject.options.object).filter(|_| subject.op.creates_object())
        && object.sse.as_deref().is_some_and(|sse| sse.starts_with("aws:kms"))
    {
        hint.push_str(", and kms:GenerateDataKey and kms:Decrypt on the KMS key");
    }
    if subject.op.reads_object() && subject.options.customer_key.is_some() {
        hint.push_str(", and `sse_customer_key` must be the object's");
    }
    hint
}

pub(super) fn region_hint(subject: &Subject<'_>, failure: &ServerFailure) -> String {
    match (&failure.reply.region, &failure.endpoint) {
        (Some(region), _) => {
            format!("the bucket is in another region: {}", subject.modify(&format!("region {region}")))
        }
        (None, Some(endpoint)) => format!(
            "the server points to `{endpoint}`, which is not followed with your credentials; if that is right, type {}",
            subject.modify("endpointurl URL")
        ),
        // S3 says so in a document, or names the region.
        (None, None) if failure.reply.code.is_none() => format!(
            "`{}` points elsewhere and does not say where, as no S3 server would: check that it is one ({}); else the bucket \
             may be in another region: {}",
            subject.endpoint.origin(),
            subject.modify("endpointurl URL"),
            subject.modify("region REGION")
        ),
        (None, None) => format!("the bucket is in another region: {}", subject.modify("region REGION")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use haul_config::{Level, Located, Origin};

    use super::*;
    use crate::s3::transport::exchange::{TransportError, TransportErrorKind};

    fn describe_with(failure: Failure) -> Error {
        describe_op(Op::Get, failure)
    }

    fn describe_op(op: Op, failure: Failure) -> Error {
        let mut options = S3Options::new("data");
        options.remote_name = Some("store".into());
        options.endpoint_url = Some(Located::default_value("http://127.0.0.1:9000".into()));
        options.read_timeout = Located::new(
            Duration::from_secs(2),
            Origin::File { level: Level::Repo, path: ".dvc/config".into(), line: 5 },
        );
        let endpoint = Endpoint::resolve(&options).unwrap();
        let subject = Subject {
            op,
            key: Some("a/b"),
            options: &options,
            endpoint: &endpoint,
            n_attempts: 5,
            has_seen_bucket: false,
            credentials: None,
        };
        describe(&subject, failure)
    }

    fn server(status: u16, code: &str) -> Error {
        let mut failure = ServerFailure::default();
        failure.reply.status = status;
        failure.reply.code = (!code.is_empty()).then(|| code.to_owned());
        describe_with(Failure::Server(failure))
    }

    #[test]
    fn server_that_refuses_the_newer_listing_is_met_with_the_option_for_the_older() {
        let mut options = S3Options::new("data");
        options.remote_name = Some("store".into());
        let endpoint = Endpoint::resolve(&options).unwrap();
        let list = |options: &S3Options, op: Op, status: u16, code: &str| {
            let subject = Subject {
                op,
                key: None,
                options,
                endpoint: &endpoint,
                n_attempts: 1,
                has_seen_bucket: true,
                credentials: None,
            };
            let mut failure = ServerFailure::default();
            failure.reply.status = status;
            failure.reply.code = (!code.is_empty()).then(|| code.to_owned());
            let error = describe(&subject, Failure::Server(failure));
            error.hint().is_some_and(|hint| hint.contains("`haul remote modify store listobjects true`"))
        };
        for (status, code) in [
            (501, "NotImplemented"),
            (501, ""),
            (400, "InvalidArgument"),
            (400, ""),
            (405, "MethodNotAllowed"),
        ] {
            assert!(list(&options, Op::List, status, code), "{status} {code}");
            assert!(!list(&options, Op::Put, status, code), "{status} {code}");
        }
        for (status, code) in [(400, "ExpiredToken"), (403, "AccessDenied"), (404, "NoSuchBucket"), (503, "")]
        {
            assert!(!list(&options, Op::List, status, code), "{status} {code}");
        }
        options.list_api = ListApi::V1;
        assert!(!list(&options, Op::List, 501, "NotImplemented"), "it is set already");
    }

    #[test]
    fn refusal_that_no_s3_server_wrote_is_not_taken_for_missing_rights() {
        let mut failure = ServerFailure::default();
        failure.reply.status = 403;
        failure.reply.message = Some("Blocked by CorpProxy".into());
        let error = describe_with(Failure::Server(failure));
        let hint = error.hint().unwrap();
        assert!(hint.contains("a proxy, a firewall") && !hint.contains("s3:GetObject"), "{hint}");
        assert!(
            server(403, "").hint().unwrap().contains("s3:GetObject"),
            "a reply without a body says nothing"
        );
    }

    #[test]
    fn redirect_to_nowhere_is_said_to_be_one() {
        let hint = server(301, "").hint().unwrap().to_owned();
        assert!(
            hint.starts_with("`http://127.0.0.1:9000` points elsewhere and does not say where"),
            "{hint}"
        );
        let hint = server(301, "PermanentRedirect").hint().unwrap().to_owned();
        assert!(hint.starts_with("the bucket is in another region"), "{hint}");
    }

    #[test]
    fn port_of_a_console_is_called_that() {
        for op in [Op::List, Op::Put] {
            let mut failure = ServerFailure::default();
            failure.reply.status = 400;
            failure.reply.code = Some("InvalidArgument".into());
            failure.reply.message = Some("S3 API Requests must be made to API port.".into());
            let error = describe_op(op, Failure::Server(failure));
            assert_eq!(error.kind(), ErrorKind::Config);
            let hint = error.hint().unwrap();
            assert!(hint.starts_with("`http://127.0.0.1:9000` is the console of MinIO"), "{hint}");
        }
    }

    #[test]
    fn timeout_names_endpoint_option_value_and_place() {
        let error =
            describe_with(Failure::Transport(TransportError::new(TransportErrorKind::ReadTimeout, "x")));
        assert_eq!(
            error.to_string(),
            "cannot get `s3://data/a/b`: `http://127.0.0.1:9000` was silent for 2 s (`read_timeout` from .dvc/config:5), \
             tried 5 times"
        );
        assert!(error.hint().unwrap().contains("`haul remote modify store read_timeout 60`"));
    }

    #[test]
    fn replies_get_the_kind_the_caller_can_act_on() {
        for (status, code, kind) in [
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "NoSuchBucket", ErrorKind::NoSuchBucket),
            (404, "", ErrorKind::NoSuchBucket),
            (403, "AccessDenied", ErrorKind::Denied),
            (403, "", ErrorKind::Denied),
            (403, "SignatureDoesNotMatch", ErrorKind::Unauthenticated),
            (400, "ExpiredToken", ErrorKind::Unauthenticated),
            (503, "SlowDown", ErrorKind::Throttled),
            (429, "", ErrorKind::Throttled),
            (500, "InternalError", ErrorKind::Server),
            (400, "BadDigest", ErrorKind::Corrupt),
            (412, "PreconditionFailed", ErrorKind::Precondition),
            (501, "NotImplemented", ErrorKind::Unsupported),
            (307, "", ErrorKind::Config),
        ] {
            assert_eq!(server(status, code).kind(), kind, "{status} {code}");
        }
        assert!(
            server(403, "AccessDenied").hint().unwrap().contains("s3:GetObject on `arn:aws:s3:::data/*`")
        );
    }
}
