//! The errors of calls that got no reply.

use std::fmt::Write;
use std::time::Duration;

use haul_config::Located;

use super::describe::Subject;
use super::remedies;
use crate::s3::transport::exchange::{TransportError, TransportErrorKind};
use crate::s3::transport::proxy::ProxyInUse;
use crate::s3::transport::tls;
use crate::{Error, ErrorKind};

/// Turns a failure without a reply into an error.
pub(super) fn describe(subject: &Subject<'_>, error: TransportError) -> Error {
    let action = subject.action();
    let server = subject.endpoint.origin();
    if let Some(proxy) = subject.options.proxy.in_use(&server)
        && error.is_about_connecting()
    {
        return describe_proxy(subject, &proxy, error);
    }
    let times =
        if subject.n_attempts > 1 { format!(", tried {} times", subject.n_attempts) } else { String::new() };
    match error.kind {
        TransportErrorKind::ReadTimeout => {
            let limit = &subject.options.read_timeout;
            let message =
                format!("{action}: `{server}` was silent for {}{times}", limit_text("read_timeout", limit));
            Error::new(ErrorKind::Network, message).with_hint(longer(subject, "read_timeout", limit))
        }
        TransportErrorKind::ConnectTimeout => {
            let limit = &subject.options.connect_timeout;
            let message = format!(
                "{action}: no connection to `{server}` in {}{times}",
                limit_text("connect_timeout", limit)
            );
            Error::new(ErrorKind::Network, message).with_hint(longer(subject, "connect_timeout", limit))
        }
        TransportErrorKind::UnknownHost => {
            Error::new(ErrorKind::Network, format!("{action}: the host of `{server}` is not known"))
                .with_source(error.into_cause())
                .with_hint(format!(
                    "check the network, or the endpoint: {}",
                    subject.modify("endpointurl URL")
                ))
        }
        TransportErrorKind::ProxyAuth => Error::new(
            ErrorKind::Config,
            format!("{action}: the proxy in front of `{server}` refuses (HTTP 407)"),
        )
        .with_source(error.into_cause())
        .with_hint(remedies::proxy_hint(subject)),
        TransportErrorKind::OpenFiles => {
            Error::new(ErrorKind::Unwritable, format!("{action}: no connection can be opened"))
                .with_source(error.into_cause())
                .with_hint(haul_config::Exhausted::OpenFiles.hint())
        }
        TransportErrorKind::Unreachable => {
            let hint = format!(
                "is the server running? Its address is set with {}",
                subject.modify("endpointurl URL")
            );
            Error::new(ErrorKind::Network, format!("{action}: no server answers at `{server}`{times}"))
                .with_source(error.into_cause())
                .with_hint(hint)
        }
        TransportErrorKind::Tls => {
            let hint = tls::hint(subject, error.tls);
            Error::new(ErrorKind::Network, format!("{action}: no trusted connection to `{server}`"))
                .with_source(error.into_cause())
                .with_hint(hint)
        }
        TransportErrorKind::Broken => {
            Error::new(ErrorKind::Network, format!("{action}: the connection to `{server}` broke{times}"))
                .with_source(error.into_cause())
        }
        TransportErrorKind::Malformed | TransportErrorKind::TooLong => {
            let mut hint = format!("is this an S3 server? Set it with {}", subject.modify("endpointurl URL"));
            if error.kind == TransportErrorKind::Malformed && !subject.endpoint.is_tls() {
                // The alert of TLS is no HTTP.
                let _ = write!(
                    hint,
                    "; or {}",
                    remedies::tls_hint(subject).replacen("the server speaks", "if it speaks", 1)
                );
            }
            Error::new(ErrorKind::Corrupt, format!("{action}: `{server}` gave a malformed reply"))
                .with_source(error)
                .with_hint(hint)
        }
        TransportErrorKind::LocalFile => Error::new(ErrorKind::Io, action).with_source(error),
    }
}

/// Words a connection that was not made although the server may be well: it is reached through a proxy.
fn describe_proxy(subject: &Subject<'_>, proxy: &ProxyInUse, error: TransportError) -> Error {
    let ProxyInUse { address, variable } = proxy;
    let what = match error.kind {
        TransportErrorKind::ConnectTimeout => format!(
            "no connection to the proxy `{address}` in {}",
            limit_text("connect_timeout", &subject.options.connect_timeout)
        ),
        TransportErrorKind::UnknownHost => format!("the host of the proxy `{address}` is not known"),
        _ => format!("no connection through the proxy `{address}`"),
    };
    let times =
        if subject.n_attempts > 1 { format!(", tried {} times", subject.n_attempts) } else { String::new() };
    let message = format!("{}: {what}, which `{variable}` names{times}", subject.action());
    Error::new(ErrorKind::Network, message).with_source(error.into_cause()).with_hint(format!(
        "is the proxy running? Its address is the value of the environment variable `{variable}`; name the host of `{}` in \
         `no_proxy` to reach it without the proxy",
        subject.endpoint.origin()
    ))
}

/// Writes a timeout with its option and place, as `2 s (read_timeout, from .dvc/config:5)`.
fn limit_text(option: &str, limit: &Located<Duration>) -> String {
    let mut text = format!("{} s (`{option}`", limit.value.as_secs_f64());
    let _ = match &limit.origin {
        haul_config::Origin::Default => write!(text, ", the default)"),
        origin => write!(text, " from {origin})"),
    };
    text
}

fn longer(subject: &Subject<'_>, option: &str, limit: &Located<Duration>) -> String {
    let more = (limit.value.as_secs() * 2).max(60);
    format!(
        "is the endpoint right? For a slow server wait longer: {}",
        subject.modify(&format!("{option} {more}"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::request::endpoint::Endpoint;
    use crate::s3::request::op::Op;
    use crate::s3::request::options::S3Options;

    #[test]
    fn proxy_that_does_not_answer_is_named_in_the_place_of_the_server() {
        let mut options = S3Options::new("data");
        options.endpoint_url = Some(Located::default_value("http://127.0.0.1:9000".into()));
        options.proxy.http = Some(haul_config::Secret::new("http://u:xyzzy@127.0.0.1:9".into()));
        let endpoint = Endpoint::resolve(&options).unwrap();
        let described = |options: &S3Options| {
            let subject = Subject {
                op: Op::Get,
                key: Some("k"),
                options,
                endpoint: &endpoint,
                n_attempts: 1,
                has_seen_bucket: false,
                credentials: None,
            };
            let error = TransportError::new(TransportErrorKind::Unreachable, "x");
            let error = describe(&subject, error);
            format!("{error} {}", error.hint().unwrap())
        };
        let text = described(&options);
        assert!(text.contains("no connection through the proxy `http://"), "{text}");
        assert!(text.contains("`http_proxy`") && !text.contains("xyzzy"), "{text}");
        options.proxy.no_proxy = Some("127.0.0.1".into());
        assert!(described(&options).contains("no server answers at `http://127.0.0.1:9000`"));
    }
}
