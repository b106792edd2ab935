//! What the options of a remote say, and what they must not contradict, lack or look like.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::ServerSideEncryption;
use super::server::{EndpointProblem, is_region, parse_endpoint};
use crate::error::level_flag;
use crate::schema::url::UrlParts;
use crate::schema::values::{boolean, integer};
use crate::stack::tree::{Leaf, Table};
use crate::{Error, Located, Place, Secret, keys, mask_urls};

/// The options that grant access to other accounts.
const GRANTS: [&str; 4] = ["grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control"];
/// The options that are sent with what is uploaded, and mean nothing to those who read.
pub(super) const UPLOAD_ONLY: [&str; 7] =
    ["acl", "sse", "sse_kms_key_id", "grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control"];
/// The options that are sent as headers.
const HEADERS: [&str; 7] = [
    "acl",
    "sse_kms_key_id",
    "grant_read",
    "grant_read_acp",
    "grant_write_acp",
    "grant_full_control",
    "session_token",
];

/// The options of one remote.
pub(crate) struct Options<'a> {
    pub(crate) name: &'a str,
    pub(crate) table: &'a Table,
    /// The option that a command is about to set; it stands in no file yet.
    pub(crate) setting: Option<&'a str>,
}

impl<'a> Options<'a> {
    pub(super) fn leaf(&self, option: &str) -> Option<&'a Leaf> {
        self.table.leaf(&[option])
    }

    /// Returns an option that is not empty: DVC takes an empty one as unset.
    pub(super) fn text(&self, option: &str) -> Option<Located<String>> {
        let leaf = self.leaf(option)?;
        let text = leaf.value.as_text().filter(|text| !text.is_empty())?;
        Some(Located::new(text.to_owned(), leaf.origin.clone()))
    }

    pub(super) fn boolean(&self, option: &str) -> Option<Located<bool>> {
        let leaf = self.leaf(option)?;
        Some(Located::new(boolean(&leaf.value)?, leaf.origin.clone()))
    }

    fn place(&self, option: &str) -> Option<Place> {
        let origin = self.leaf(option)?.origin.clone();
        // The options of a URL stand on the command line.
        let key = if self.name.contains("://") {
            option.to_owned()
        } else {
            format!("remote.{}.{option}", self.name)
        };
        Some(Place { key, origin })
    }

    fn places(&self, options: &[&str]) -> Vec<Place> {
        options.iter().filter_map(|option| self.place(option)).collect()
    }

    /// Returns the command that removes an option where it stands.
    pub(super) fn unset(&self, option: &str) -> String {
        let flag = self.leaf(option).map_or("", |leaf| level_flag(&leaf.origin));
        format!("`haul remote modify{flag} --unset {} {option}`", self.name)
    }

    /// Returns the command that sets an option at the level where `beside` stands.
    pub(super) fn set(&self, beside: &str, option: &str, value: &str) -> String {
        let flag = if keys::is_secret(&crate::KeyPath::remote(self.name, option)) {
            " --local"
        } else {
            self.leaf(beside).map_or("", |leaf| level_flag(&leaf.origin))
        };
        format!("`haul remote modify{flag} {} {option} {value}`", self.name)
    }

    fn contradiction(&self, message: String, first: &str, second: &str) -> Error {
        let hint = match self.setting {
            Some(setting) if setting == first => format!("first type {}", self.unset(second)),
            Some(setting) if setting == second => format!("first type {}", self.unset(first)),
            _ => format!("remove one: {} or {}", self.unset(first), self.unset(second)),
        };
        Error::Invalid { message, places: self.places(&[first, second]), hint }
    }

    /// Says where keys belong that stand in a URL.
    pub(super) fn keys_apart(&self) -> String {
        format!(
            "; keys go into `haul remote modify --local {name} access_key_id <key id>` and `haul remote modify --local \
             {name} secret_access_key <secret>`",
            name = self.name
        )
    }

    pub(super) fn malformed(&self, option: &str, problem: &str, hint: String) -> Error {
        Error::Invalid { message: format!("`{option}` {problem}"), places: self.places(&[option]), hint }
    }

    fn incomplete(&self, option: &str, missing: &str, hint: String) -> Error {
        Error::Incomplete {
            message: format!("`{option}` is set, but `{missing}` is not"),
            places: self.places(&[option]),
            hint,
        }
    }
}

/// What the options of an S3 remote say, as far as they are well formed.
#[derive(Debug, Default)]
pub(crate) struct S3Values {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) endpointurl: Option<Located<Url>>,
    pub(super) sse: Option<Located<ServerSideEncryption>>,
    pub(super) sse_customer_key: Option<Located<Secret<[u8; 32]>>>,
    pub(super) read_timeout: Option<Located<Duration>>,
    pub(super) connect_timeout: Option<Located<Duration>>,
}

/// What the options of a remote say, and everything that is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Contradictions first, then malformed values, then what is missing.
    pub(crate) errors: Vec<Error>,
    /// The URL in its parts.
    pub(super) url: Option<UrlParts>,
    /// What an S3 remote has.
    pub(super) s3: S3Values,
}

/// Reads the options that are more than text, and finds everything that is wrong.
pub(crate) fn read(options: &Options<'_>) -> Reading {
    let mut reading = Reading::default();
    let errors = &mut reading.errors;
    if let (Some(worktree), Some(version_aware)) =
        (options.boolean("worktree"), options.boolean("version_aware"))
        && worktree.value
        && !version_aware.value
    {
        let message = "worktree remotes require version_aware cloud".to_owned();
        errors.push(options.contradiction(message, "worktree", "version_aware"));
    }
    let Some(written) = options.leaf("url").and_then(|url| url.raw.as_text()) else { return reading };
    // `s3:/bucket` is a relative path to DVC, which is never meant.
    let is_s3 = written.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
    reading.url = options.text("url").and_then(|url| UrlParts::parse(&url.value));
    let Some(url) = &reading.url else { return reading };
    if is_s3 && url.kind().is_empty() {
        let hint = format!("type `haul remote modify {} url s3://<bucket>/<path>`", options.name);
        errors.push(options.malformed("url", "names no bucket", hint));
    }
    if url.kind() != "s3" {
        return reading;
    }
    contradictions(options, errors);
    let (bucket, prefix) = bucket_and_prefix(url);
    if let Some(problem) = bucket_problem(&bucket) {
        let hint = format!("type `haul remote modify {} url s3://<bucket>/<path>`", options.name);
        errors.push(options.malformed("url", &problem, hint));
    }
    // Deviation: DVC sends prefixes with `.` or `..` segments as they are. HTTP clients and proxies resolve the segments
    // like a file system, so that a request would reach another object than its signature names.
    if prefix.split('/').any(|segment| segment == "." || segment == "..") {
        let hint = format!(
            "type `haul remote modify {} url s3://<bucket>/<path>` with a path without them; use `dvc` for data that \
             lies there already",
            options.name
        );
        let problem = "has a `.` or `..` between slashes, which S3 takes as it is and HTTP clients resolve";
        errors.push(options.malformed("url", problem, hint));
    }
    if bucket.starts_with("arn:") {
        let hint = format!(
            "an access point has an alias that ends with `-s3alias` and is used like a bucket's name: type `haul \
             remote modify {} url s3://<alias>/<path>`",
            options.name
        );
        errors.push(options.malformed(
            "url",
            "names an access point by its ARN, which haul does not speak to",
            hint,
        ));
    }
    let values = malformed(options, errors);
    incomplete(options, &bucket, errors);
    reading.s3 = S3Values { bucket, prefix, ..values };
    reading
}

fn contradictions(options: &Options<'_>, errors: &mut Vec<Error>) {
    let is_set = |option: &str| options.text(option).is_some();
    let exclude = "AWS S3 config options are mutually exclusive";
    for grant in GRANTS {
        if is_set("acl") && is_set(grant) {
            errors.push(options.contradiction(format!("`acl` and `grant_*` {exclude}"), "acl", grant));
        }
    }
    for other in ["sse_kms_key_id", "sse"] {
        if is_set("sse_customer_key") && is_set(other) {
            let message = format!("`{other}` and `sse_customer_key` {exclude}");
            errors.push(options.contradiction(message, other, "sse_customer_key"));
        }
    }
    let sse = options.text("sse").and_then(|sse| ServerSideEncryption::from_name(&sse.value));
    if is_set("sse_kms_key_id") && sse == Some(ServerSideEncryption::Aes256) {
        errors.push(Error::Invalid {
            message: "`sse_kms_key_id` needs `sse = aws:kms`, but `sse` is `AES256`".to_owned(),
            places: options.places(&["sse_kms_key_id", "sse"]),
            hint: match options.setting {
                Some("sse_kms_key_id") => format!("first type {}", options.set("sse", "sse", "aws:kms")),
                Some("sse") => format!("first type {}", options.unset("sse_kms_key_id")),
                _ => format!(
                    "type {} or {}",
                    options.set("sse", "sse", "aws:kms"),
                    options.unset("sse_kms_key_id")
                ),
            },
        });
    }
}

/// Reads what is more than text, and finds what does not look as it should.
fn malformed(options: &Options<'_>, errors: &mut Vec<Error>) -> S3Values {
    let mut values = S3Values::default();
    if let Some(sse) = options.text("sse") {
        if let Some(known) = ServerSideEncryption::from_name(&sse.value) {
            values.sse = Some(Located::new(known, sse.origin));
        } else {
            let value = keys::nearest(&sse.value, keys::ENCRYPTIONS).unwrap_or("AES256");
            let problem = format!("is `{}`, but must be `AES256`, `aws:kms` or `aws:kms:dsse`", sse.value);
            let hint = format!("type {}", options.set("sse", "sse", value));
            errors.push(options.malformed("sse", &problem, hint));
        }
    }
    let algorithm = "sse_customer_algorithm";
    if let Some(value) = options.text(algorithm).filter(|algorithm| algorithm.value != "AES256") {
        let problem = format!("is `{}`, but S3 knows only `AES256`", value.value);
        errors.push(options.malformed(
            algorithm,
            &problem,
            format!("type {}", options.set(algorithm, algorithm, "AES256")),
        ));
    }
    if let Some(key) = options.text("sse_customer_key") {
        if let Some(bytes) = customer_key(&key.value) {
            values.sse_customer_key = Some(Located::new(bytes, key.origin));
        } else {
            let hint = format!(
                "`openssl rand -base64 32` makes one; type {}",
                options.set("sse_customer_key", "sse_customer_key", "<key>")
            );
            errors.push(options.malformed("sse_customer_key", "is not 32 bytes in base64", hint));
        }
    }
    values.read_timeout = seconds(options, "read_timeout", errors);
    values.connect_timeout = seconds(options, "connect_timeout", errors);
    if let Some(region) = options.text("region").filter(|region| !is_region(&region.value)) {
        let problem = format!("is `{}`, but must be letters, digits and `-` only", region.value);
        let likely = region.value.trim().replace([' ', '_'], "-").to_lowercase();
        let likely = if is_region(&likely) { likely } else { "eu-west-1".to_owned() };
        errors.push(options.malformed(
            "region",
            &problem,
            format!("type {}", options.set("region", "region", &likely)),
        ));
    }
    if let Some(url) = options.text("endpointurl") {
        match parse_endpoint(&url.value) {
            Ok(parsed) => values.endpointurl = Some(Located::new(parsed, url.origin)),
            Err(problem) => {
                let slipped = ["http", "https"].iter().find_map(|scheme| {
                    let rest = url.value.strip_prefix(scheme)?.trim_start_matches(':');
                    let host = rest.trim_start_matches('/');
                    (host.len() < rest.len() && !host.is_empty()).then(|| format!("{scheme}://{host}"))
                });
                let example = if let Some(meant) = slipped.filter(|meant| parse_endpoint(meant).is_ok()) {
                    meant
                } else if url.value.contains("://") || url.value.contains('@') {
                    "https://<host>".to_owned()
                } else {
                    format!("https://{}", url.value)
                };
                let keys = if url.value.contains('@') { options.keys_apart() } else { String::new() };
                let hint = format!("type {}{keys}", options.set("endpointurl", "endpointurl", &example));
                errors.push(options.malformed("endpointurl", &endpoint_problem(&url.value, &problem), hint));
            }
        }
    }
    for grant in GRANTS {
        if let Some(value) = options.text(grant)
            && !value.value.split(',').all(is_grantee)
        {
            let hint = format!("type {}", options.set(grant, grant, "id=<canonical user id>"));
            errors.push(options.malformed(
                grant,
                "is not a list of `id=…`, `uri=…` or `emailAddress=…`",
                hint,
            ));
        }
    }
    for option in HEADERS {
        if let Some(value) = options.text(option)
            && value.value.chars().any(|character| character.is_control() || !character.is_ascii())
        {
            let hint = format!("type {}", options.set(option, option, "<value>"));
            errors.push(options.malformed(option, "holds characters that can't be sent in a header", hint));
        }
    }
    values
}

/// Reads a time limit; the schema has seen to it that it is a whole number.
fn seconds(options: &Options<'_>, option: &str, errors: &mut Vec<Error>) -> Option<Located<Duration>> {
    let leaf = options.leaf(option)?;
    let seconds = integer(&leaf.value)?;
    if let Ok(seconds @ 1..) = u64::try_from(seconds) {
        return Some(Located::new(Duration::from_secs(seconds), leaf.origin.clone()));
    }
    let problem = format!("is `{}`, but must be at least 1 second", leaf.value);
    let hint = format!("type {}", options.set(option, option, "60"));
    errors.push(options.malformed(option, &problem, hint));
    None
}

/// Splits the path of an S3 URL: no query, no trailing slashes, nothing decoded.
///
/// What stands before `@` in the bucket's place is dropped, as DVC drops it.
fn bucket_and_prefix(parts: &UrlParts) -> (String, String) {
    let bucket = parts.authority.rsplit_once('@').map_or(parts.authority.as_str(), |(_, bucket)| bucket);
    let path = parts.rest.split('?').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    (bucket.to_owned(), path.to_owned())
}

fn incomplete(options: &Options<'_>, bucket: &str, errors: &mut Vec<Error>) {
    let is_set = |option: &str| options.text(option).is_some();
    // Servers other than AWS may have such buckets.
    if bucket.len() < 3 && !is_set("endpointurl") {
        errors.push(Error::Incomplete {
            message: format!("`url` names bucket `{bucket}`, but AWS has none of less than 3 characters"),
            places: options.places(&["url"]),
            hint: format!("for another server type {}", options.set("url", "endpointurl", "https://<host>")),
        });
    }
    let pairs = [
        ("sse_customer_algorithm", "sse_customer_key", "<key>"),
        ("sse_kms_key_id", "sse", "aws:kms"),
        ("access_key_id", "secret_access_key", "<secret>"),
        ("secret_access_key", "access_key_id", "<key id>"),
    ];
    for (option, missing, example) in pairs {
        if is_set(option) && !is_set(missing) {
            let hint = format!("type {} or {}", options.set(option, missing, example), options.unset(option));
            errors.push(options.incomplete(option, missing, hint));
        }
    }
}

/// Decodes a customer key.
fn customer_key(text: &str) -> Option<Secret<[u8; 32]>> {
    let mut decoded = STANDARD.decode(text.trim()).ok()?;
    let key = <[u8; 32]>::try_from(decoded.as_slice()).ok().map(Secret::new);
    zeroize::Zeroize::zeroize(&mut decoded);
    key
}

/// Says what is wrong with the URL of a server.
fn endpoint_problem(text: &str, problem: &EndpointProblem) -> String {
    match problem {
        EndpointProblem::NoScheme | EndpointProblem::Scheme(_) => {
            format!("is `{}`, but must start with `http://` or `https://`", mask_urls(text))
        }
        EndpointProblem::UserInfo => {
            "holds a user name or password, which everyone who sees the URL would see".to_owned()
        }
        EndpointProblem::Malformed(why) => format!("is no valid URL: {why}"),
        EndpointProblem::QueryOrFragment => "must have neither `?` nor `#`".to_owned(),
    }
}

/// Says what is wrong with the name of a bucket.
///
/// AWS is stricter today (3 to 63 small letters, digits, `-` and `.`), but keeps older buckets, and other servers
/// allow more; what no server takes is refused.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn bucket_problem(bucket: &str) -> Option<String> {
    // Deviation: DVC sends to access points that are named by their ARN; haul takes their aliases only.
    if bucket.starts_with("arn:") {
        return None;
    }
    let wrong =
        bucket.chars().find(|character| !(character.is_ascii_alphanumeric() || "._-:".contains(*character)));
    if let Some(character) = wrong {
        return Some(format!("names a bucket with `{}` in it", character.escape_debug()));
    }
    let problem = match bucket.len() {
        0 => "names no bucket",
        256.. => "names a bucket of more than 255 characters",
        _ if bucket.contains("..") => "names a bucket with `..` in it",
        _ if bucket.starts_with(['.', '-']) || bucket.ends_with(['.', '-']) => {
            "names a bucket that starts or ends with `.` or `-`"
        }
        _ if bucket.parse::<std::net::Ipv4Addr>().is_ok() => "names an IP address where a bucket should be",
        _ => return None,
    };
    Some(problem.to_owned())
}

/// Tells whether it is `type=value` with a type S3 knows.
fn is_grantee(text: &str) -> bool {
    text.split_once('=').is_some_and(|(kind, value)| {
        ["id", "uri", "emailaddress"].contains(&kind.trim().to_ascii_lowercase().as_str())
            && !value.trim().is_empty()
    })
}
