//! The questions of `haul remote check`.

use std::time::SystemTime;

use haul_auth::{Credentials, ProvideCredentials};
use haul_storage::s3::{AddressingStyle, Checksums};
use haul_storage::{
    Error, ErrorKind, RemoteStore, S3Connection, probe_listing, probe_reading, probe_writing,
};

use super::{Findings, State, source_lines};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::Printer;

/// S3 refuses requests whose time is 15 minutes off; a third of it is worth a word.
const TOLERABLE_SKEW_SECONDS: u64 = 5 * 60;

/// What is to be tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) write: bool,
    /// Whether files are named by their paths, in a bucket that keeps versions.
    pub(super) is_versioned: bool,
    /// Where data is, below the URL of the remote.
    pub(super) prefix: &'static str,
    /// Whether the remote is on a web server, which has no listings, and needs none.
    pub(super) is_web: bool,
}

impl Findings {
    /// Asks an S3 server; every answer that does not need the one before is got.
    pub(super) async fn ask_s3(&mut self, connection: &S3Connection, question: Question, printer: &Printer) {
        self.located("profile", Some(&connection.settings.profile));
        let store = &connection.store;
        self.effective("region", &store.region(), connection.options.region.as_ref(), "the default");
        let of_region = "AWS's, of the region";
        self.effective("endpoint", &store.endpoint(), connection.options.endpoint_url.as_ref(), of_region);
        self.add(
            "addressing",
            State::Info,
            match connection.store.addressing() {
                AddressingStyle::Virtual => "virtual-hosted: the bucket is in the host name",
                _ => "path: the bucket is in the path",
            },
        );
        self.add(
            "checksums",
            State::Info,
            match connection.options.checksums {
                Checksums::WhenSupported => "Content-MD5 and CRC-32 on every object and every part",
                Checksums::WhenRequired => {
                    "Content-MD5 on every object and every part, which every server takes"
                }
            },
        );
        self.show_known(printer);
        let credentials = connection.credentials.credentials().await;
        self.sources = source_lines(&connection.credentials.trace());
        match credentials {
            Ok(Some(credentials)) => {
                self.describe(&credentials);
                // Only AWS itself, and who was named as STS, is sure to know the caller by these keys.
                if connection.options.endpoint_url.is_none() || connection.settings.sts_endpoint_url.is_some()
                {
                    self.show_known(printer);
                    self.identity(connection.credentials.caller_identity().await);
                } else {
                    self.add("identity", State::Info, "not asked: the server is not AWS").fix =
                        Some("if it has an STS, set AWS_ENDPOINT_URL_STS".to_owned());
                }
            }
            Ok(None) => drop(self.add("credentials", State::Info, "none: requests are not signed")),
            Err(error) => {
                let hint = error.hint_for(&self.name.clone());
                let error =
                    CommandError::new(ExitStatus::Failure, "").caused_by(&error).with_optional_hint(hint);
                return self.fail("credentials", format!("none: {}", error.text()), &error);
            }
        }
        self.show_known(printer);
        self.ask_way(connection).await;
        let signed_for = store.region();
        self.ask_store(store, question, printer).await;
        if store.region() != signed_for {
            let text = format!(
                "the server says that the bucket is in {}, which is used from now on",
                store.region()
            );
            self.add("region", State::Warning, text).fix =
                Some(format!("type `haul remote modify {} region {}`", self.name, store.region()));
        }
        if self.is_reachable {
            self.show_known(printer);
            let keeping = self.ask_bucket(connection, question.is_versioned).await;
            if question.write {
                self.show_known(printer);
                self.try_conditions(store, keeping).await;
                if keeping.versions
                    && let Some(key) = self.probe.take()
                {
                    self.erase(store, &key, true).await;
                }
            }
        }
        self.clock(store.clock_skew());
    }

    /// Asks what may be done.
    pub(super) async fn ask_store(&mut self, store: &dyn RemoteStore, question: Question, printer: &Printer) {
        self.show_known(printer);
        let first = match probe_listing(store, question.prefix).await {
            Ok(page) => {
                let more = if page.is_truncated { " or more" } else { "" };
                let n_objects = page.objects.len();
                self.add("listing", State::Ok, format!("allowed; {n_objects}{more} objects"));
                self.is_reachable = true;
                page.objects.into_iter().next()
            }
            Err(error) if question.is_web && error.kind() == ErrorKind::Unsupported => {
                self.add("listing", State::Info, "a web server has none: objects are asked for one by one");
                None
            }
            Err(error) => {
                // Who may not list may still be let in; who cannot be reached is not asked again.
                let is_refusal = error.kind() == ErrorKind::Denied;
                self.is_reachable = is_refusal;
                self.refused("listing", &error);
                if !is_refusal {
                    return;
                }
                None
            }
        };
        self.show_known(printer);
        match probe_reading(store, first.as_ref()).await {
            Ok(()) => {
                self.is_reachable = true;
                self.add("reading", State::Ok, "allowed");
            }
            Err(error) => self.refused("reading", &error),
        }
        if question.write {
            self.show_known(printer);
            self.write(store).await;
        } else {
            let fix = format!("`haul remote check --write {}` tries it with a small object", self.name);
            self.add("writing", State::Info, "not tried").fix = Some(fix);
        }
    }

    async fn write(&mut self, store: &dyn RemoteStore) {
        let probe = probe_writing(store).await;
        if probe.wrote.is_ok() {
            self.probe = Some(probe.key.clone());
        }
        match probe.wrote {
            Ok(()) => drop(self.add("writing", State::Ok, "allowed")),
            Err(error) => self.refused("writing", &error),
        }
        if let Some(Err(error)) = probe.read {
            self.refused("reading back", &error);
        }
        match probe.deleted {
            None => {}
            Some(Ok(())) => drop(self.add("deleting", State::Ok, "allowed")),
            Some(Err(error)) => {
                // Only `gc` needs it, so it is no failure.
                let message = format!("{}; `{}` is left", CommandError::chain(&error), probe.key);
                self.add("deleting", State::Warning, message).fix =
                    Some("allow s3:DeleteObject if you want to run `haul gc -c`".to_owned());
            }
        }
    }

    fn refused(&mut self, what: &'static str, error: &Error) {
        let made =
            CommandError::new(ExitStatus::Failure, "").caused_by(error).with_optional_hint(error.hint());
        let result = if error.kind() == ErrorKind::Denied { "not allowed" } else { "failed" };
        self.fail(what, format!("{result}: {}", made.text()), &made);
    }

    fn describe(&mut self, credentials: &Credentials) {
        let who = format!("{} from {}", credentials.masked_access_key_id(), credentials.source);
        self.add("credentials", State::Info, who);
        if let Some(expiry) = credentials.expires_at {
            match expiry.duration_since(SystemTime::now()) {
                Ok(left) => {
                    let minutes = left.as_secs() / 60;
                    self.add("expire", State::Info, format!("in {minutes} min; renewed by then"));
                }
                Err(_) => drop(self.add("expire", State::Warning, "have expired")),
            }
        }
    }

    fn clock(&mut self, skew: Option<i64>) {
        let Some(skew) = skew else { return };
        let side = if skew > 0 { "ahead" } else { "behind" };
        let seconds = skew.unsigned_abs();
        if seconds <= TOLERABLE_SKEW_SECONDS {
            self.add("clock", State::Ok, format!("agrees with the server's ({seconds} s {side})"));
        } else {
            self.add("clock", State::Warning, format!("the server's is {seconds} s {side}")).fix =
                Some("set this machine's clock; requests are dated by the server's meanwhile".to_owned());
        }
    }
}
