//! How the server is reached, and what the bucket is set up to do: what a push or a `gc` meets there.

use std::time::{Duration, SystemTime};

use haul_auth::CallerIdentity;
use haul_storage::s3::S3Store;
use haul_storage::versions::{VersionedStore as _, Versioning};
use haul_storage::{DeleteStore as _, Error, ErrorKind, MultipartStore as _, S3Connection, WriteStore as _};

use super::{Findings, State};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;

/// A certificate that ends within this time is worth a word.
const SOON: Duration = Duration::from_hours(14 * 24);

/// What a bucket keeps of objects that are deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// It keeps, or kept, versions; or does not say.
    pub(super) versions: bool,
    /// None of them can be deleted for some time.
    is_locked: bool,
}

impl Findings {
    /// Says through what the server is reached, and as whom it shows itself.
    pub(super) async fn ask_way(&mut self, connection: &S3Connection) {
        let origin = connection.store.endpoint();
        if let Some(proxy) = connection.options.proxy.in_use(&origin) {
            self.add("proxy", State::Info, proxy.to_string());
        }
        let Ok(Some(certificate)) = connection.http.server_certificate(&origin).await else { return };
        let signed =
            if certificate.is_self_signed { "itself".to_owned() } else { certificate.issuer.clone() };
        let text = format!("certificate for {}, signed by {signed}", certificate.names.join(", "));
        let end = u64::try_from(certificate.expires_at).unwrap_or_default();
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(end);
        match end.duration_since(SystemTime::now()) {
            Ok(left) if left > SOON => drop(self.add("tls", State::Ok, text)),
            Ok(left) => {
                let days = left.as_secs() / 86_400;
                self.add("tls", State::Warning, format!("{text}; it expires in {days} days")).fix =
                    Some("have the certificate of the server renewed".to_owned());
            }
            Err(_) => drop(self.add("tls", State::Warning, format!("{text}; it has expired"))),
        }
    }

    /// Asks what the bucket is set up to do. What may not be asked is no failure: no push needs to know it.
    pub(super) async fn ask_bucket(&mut self, connection: &S3Connection, is_versioned: bool) -> Keeping {
        let store = &connection.store;
        let version =
            if store.lists_by_v2() { "ListObjectsV2" } else { "ListObjects, version 1 (`listobjects`)" };
        self.add("listing by", State::Info, version);
        let keeps_versions = self.versioning(connection, is_versioned).await;
        let mut is_locked = false;
        match store.object_lock().await {
            Ok(None) => drop(self.add("object lock", State::Ok, "off")),
            Ok(Some(lock)) => {
                is_locked = lock.mode.is_some();
                let text = match (lock.mode, lock.period) {
                    (Some(mode), Some(period)) => format!("on: {mode} for {period}"),
                    _ => "on, for objects that ask for it".to_owned(),
                };
                self.add("object lock", State::Warning, text).fix = Some(
                    "what `haul gc -c` deletes stays there as old versions until its time is over".to_owned(),
                );
            }
            Err(error) => self.unknown("object lock", &error),
        }
        match store.default_encryption().await {
            Ok(None) => drop(self.add("encryption", State::Info, "none by default")),
            Ok(Some(found)) if found.algorithm == "AES256" => {
                self.add(
                    "encryption",
                    State::Ok,
                    "AES256 by default: entity tags are MD5s, by which uploads are proved",
                );
            }
            Ok(Some(found)) => {
                let key = found.kms_key_id.map(|key| format!(" with `{key}`")).unwrap_or_default();
                let text = format!(
                    "{}{key} by default: entity tags are no MD5s, so that uploads are proved by the Content-MD5 that is \
                     sent with them alone",
                    found.algorithm
                );
                self.add("encryption", State::Info, text);
            }
            Err(error) => self.unknown("encryption", &error),
        }
        self.uploads(store).await;
        Keeping { versions: keeps_versions, is_locked }
    }

    /// Returns whether the bucket keeps, or kept, versions.
    async fn versioning(&mut self, connection: &S3Connection, is_versioned: bool) -> bool {
        let bucket = &connection.options.bucket;
        let name = self.name.clone();
        match connection.store.versioning().await {
            Ok(Versioning::Enabled) if is_versioned => {
                self.add("versioning", State::Ok, "the bucket keeps versions, which `version_aware` needs");
                true
            }
            Ok(Versioning::Enabled) => {
                self.add(
                    "versioning",
                    State::Info,
                    "the bucket keeps versions: what `haul gc -c` deletes goes on taking room",
                );
                true
            }
            Ok(state) if is_versioned => {
                let off = if state == Versioning::Suspended { "no longer keeps" } else { "does not keep" };
                let endpoint = connection.options.endpoint_argument();
                let message = format!("bucket `{bucket}` {off} versions, which `version_aware` needs");
                let error = CommandError::new(ExitStatus::Failure, message.clone()).with_hint(format!(
                    "turn it on with `aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration \
                     Status=Enabled{endpoint}`, or type `haul remote modify --unset {name} version_aware`"
                ));
                self.fail("versioning", message, &error);
                state == Versioning::Suspended
            }
            Ok(state) => {
                self.add(
                    "versioning",
                    State::Ok,
                    if state == Versioning::Suspended { "suspended" } else { "off" },
                );
                state == Versioning::Suspended
            }
            Err(error) => {
                self.unknown("versioning", &error);
                // Then it is not known what stays behind a deletion.
                true
            }
        }
    }

    async fn uploads(&mut self, store: &S3Store) {
        match store.list_uploads().await {
            Ok(uploads) if uploads.is_empty() => {
                self.add("leftovers", State::Ok, "no unfinished uploads");
            }
            Ok(uploads) => {
                let (n, name) = (uploads.len(), self.name.clone());
                let s = if n == 1 { "" } else { "s" };
                let oldest = uploads.iter().filter_map(|upload| upload.started).min();
                let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
                let age = oldest.and_then(|oldest| since.checked_sub(u64::try_from(oldest).ok()?));
                let age =
                    age.map(|age| format!(", the oldest {} days old", age / 86_400)).unwrap_or_default();
                self.add(
                    "leftovers",
                    State::Warning,
                    format!("{n} unfinished upload{s}{age}; the parts take room"),
                )
                .fix = Some(format!(
                    "if no push is under way, `haul gc -w -c -r {name} --older-than 7d` gives up those older than a week"
                ));
            }
            Err(error) => self.unknown("leftovers", &error),
        }
    }

    /// Tries whether the server holds to a condition, with an object that is there, and takes that away for good.
    pub(super) async fn try_conditions(&mut self, store: &S3Store, keeping: Keeping) {
        if keeping.is_locked {
            let text = "not tried: what is written here cannot be deleted";
            self.add("conditions", State::Info, text);
            return;
        }
        let key = haul_storage::probe_key();
        let content = format!("written by haul remote check: {key}\n");
        let body = haul_storage::Body::bytes(content.clone());
        if store.put(&key, &body, None).await.is_err() {
            // That has been told already.
            return;
        }
        match store.holds_to_conditions(&key, content.as_bytes()).await {
            Ok(true) => drop(self.add("conditions", State::Ok, "held to: nothing is overwritten by mistake")),
            Ok(false) => {
                let text = "not held to: of two who write one key at once, the later one wins";
                self.add("conditions", State::Info, text);
            }
            Err(error) => self.unknown("conditions", &error),
        }
        self.erase(store, &key, keeping.versions).await;
    }

    /// Takes an object of the check away for good.
    pub(super) async fn erase(&mut self, store: &S3Store, key: &str, keeps_versions: bool) {
        let erased = if keeps_versions {
            store.erase(key).await
        } else {
            store.delete(std::slice::from_ref(&key.to_owned())).await.map(|failed| failed.len())
        };
        match erased {
            Ok(0) => {}
            Ok(n) => {
                self.add(
                    "cleaning up",
                    State::Warning,
                    format!("what was written as `{key}` cannot be deleted ({n} left)"),
                );
            }
            Err(error) => {
                let text = format!("versions of `{key}` may be left: {}", CommandError::chain(&error));
                self.add("cleaning up", State::Warning, text);
            }
        }
    }

    /// Notes that something is not known: a missing right, or a server that does not know the question.
    fn unknown(&mut self, what: &'static str, error: &Error) {
        let why = match (error.kind(), error.reply()) {
            (ErrorKind::Denied, _) => "not allowed to ask".to_owned(),
            (_, Some(reply)) if (400..600).contains(&reply.status) => {
                format!("the server does not say (HTTP {})", reply.status)
            }
            (ErrorKind::Corrupt | ErrorKind::Unsupported, _) => "the server does not say".to_owned(),
            _ => CommandError::chain(error),
        };
        let missing = (error.kind() == ErrorKind::Denied).then(|| error.hint().map(str::to_owned)).flatten();
        self.add(what, State::Info, format!("not known: {why}")).fix = missing;
    }

    /// Says whose keys these are.
    pub(super) fn identity(&mut self, identity: haul_auth::Result<Option<CallerIdentity>>) {
        match identity {
            Ok(Some(identity)) => {
                let text = format!("{} (account {})", identity.arn, identity.account);
                self.add("identity", State::Ok, text);
            }
            Ok(None) => {}
            Err(error) => {
                let text = format!("not known: {}", CommandError::chain(&error));
                self.add("identity", State::Warning, text).fix = error.hint_for(&self.name.clone());
            }
        }
    }
}
