//! What the options of an S3 remote must not contradict, lack or look like.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::ServerSideEncryption;
use super::build::bucket_and_prefix;
use crate::error::level_flag;
use crate::mask::has_user_info;
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
        Some(Place { key: format!("remote.{}.{option}", self.name), origin })
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

/// Finds everything that is wrong: contradictions first, then malformed values, then what is missing.
pub(crate) fn check(options: &Options<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    if let (Some(worktree), Some(version_aware)) =
        (options.boolean("worktree"), options.boolean("version_aware"))
        && worktree.value
        && !version_aware.value
    {
        let message = "worktree remotes require version_aware cloud".to_owned();
        errors.push(options.contradiction(message, "worktree", "version_aware"));
    }
    let Some(written) = options.leaf("url").and_then(|url| url.raw.as_text()) else { return errors };
    // `s3:/bucket` is a relative path to DVC, which is never meant.
    let is_s3 = written.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
    let url = options.text("url").and_then(|url| UrlParts::parse(&url.value));
    let Some(url) = url else { return errors };
    if is_s3 && url.kind().is_empty() {
        let hint = format!("type `haul remote modify {} url s3://<bucket>/<path>`", options.name);
        errors.push(options.malformed("url", "names no bucket", hint));
    }
    if url.kind() != "s3" {
        return errors;
    }
    contradictions(options, &mut errors);
    let (bucket, prefix) = bucket_and_prefix(&url);
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
    malformed(options, &mut errors);
    incomplete(options, &bucket, &mut errors);
    errors
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

fn malformed(options: &Options<'_>, errors: &mut Vec<Error>) {
    if let Some(sse) = options.text("sse")
        && ServerSideEncryption::from_name(&sse.value).is_none()
    {
        let known = ["AES256", "aws:kms", "aws:kms:dsse"];
        let value = keys::nearest(&sse.value, known).unwrap_or("AES256");
        let problem = format!("is `{}`, but must be `AES256`, `aws:kms` or `aws:kms:dsse`", sse.value);
        errors.push(options.malformed("sse", &problem, format!("type {}", options.set("sse", "sse", value))));
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
    if let Some(key) = options.text("sse_customer_key")
        && customer_key(&key.value).is_none()
    {
        let hint = format!(
            "`openssl rand -base64 32` makes one; type {}",
            options.set("sse_customer_key", "sse_customer_key", "<key>")
        );
        errors.push(options.malformed("sse_customer_key", "is not 32 bytes in base64", hint));
    }
    for option in ["read_timeout", "connect_timeout"] {
        if let Some(leaf) = options.leaf(option)
            && integer(&leaf.value).is_some_and(|seconds| seconds < 1)
        {
            let problem = format!("is `{}`, but must be at least 1 second", leaf.value);
            errors.push(options.malformed(
                option,
                &problem,
                format!("type {}", options.set(option, option, "60")),
            ));
        }
    }
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
    if let Some(url) = options.text("endpointurl")
        && let Err(problem) = endpoint(&url.value)
    {
        let example = if url.value.contains("://") || url.value.contains('@') {
            "https://<host>".to_owned()
        } else {
            format!("https://{}", url.value)
        };
        let keys = if url.value.contains('@') { options.keys_apart() } else { String::new() };
        let hint = format!("type {}{keys}", options.set("endpointurl", "endpointurl", &example));
        errors.push(options.malformed("endpointurl", &problem, hint));
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
pub(super) fn customer_key(text: &str) -> Option<Secret<[u8; 32]>> {
    let mut decoded = STANDARD.decode(text.trim()).ok()?;
    let key = <[u8; 32]>::try_from(decoded.as_slice()).ok().map(Secret::new);
    zeroize::Zeroize::zeroize(&mut decoded);
    key
}

/// Reads the URL of a server, or says what is wrong with it.
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    let has_scheme = ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if !has_scheme {
        return Err(format!("is `{}`, but must start with `http://` or `https://`", mask_urls(text)));
    }
    // Before all else: what can't be parsed may hold a password, too.
    if has_user_info(text) {
        return Err("holds a user name or password, which whoever sees the URL would see".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is no valid URL: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have neither `?` nor `#`".to_owned());
    }
    Ok(url)
}

/// Tells whether a text can be the name of a region; botocore refuses the same.
///
/// Source: `validate_region_name` in `botocore/utils.py`.
fn is_region(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('-')
        && !text.ends_with('-')
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
