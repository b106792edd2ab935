//! What is looked at only while an option is written: where it stands already, it is the user's or the server's to judge.

use std::path::Path;

use super::SslVerify;
use super::build::ssl_verify;
use super::rules::Options;
use crate::mask::has_user_info;
use crate::schema::url::UrlParts;
use crate::{Env, Error, Notice, keys};

/// The canned ACLs of objects.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>.
const CANNED_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// Refuses what must not be written, and says what will hardly work.
pub(crate) fn check(options: &Options<'_>, env: &Env) -> Result<Vec<Notice>, Error> {
    let is_s3 = |url: &str| UrlParts::parse(url).is_some_and(|parts| parts.kind() == "s3");
    let Some(url) = options.text("url").filter(|url| is_s3(&url.value)) else { return Ok(Vec::new()) };
    let doubts = match options.setting {
        // Deviation: DVC writes an S3 URL with a password into the file, and then uses the bucket alone.
        Some("url") if has_user_info(&url.value) => {
            let hint = format!("leave out what stands before `@`{}", options.keys_apart());
            return Err(options.malformed(
                "url",
                "holds a user name or password, which S3 does not use",
                hint,
            ));
        }
        Some("session_token") => token(options),
        Some("acl") => acl(options),
        Some("ssl_verify") => certificates(options, env),
        _ => None,
    };
    Ok(doubts.into_iter().collect())
}

fn token(options: &Options<'_>) -> Option<Notice> {
    if options.text("access_key_id").is_some() || options.text("session_token").is_none() {
        return None;
    }
    let message = "`session_token` belongs to an `access_key_id` and does nothing without one".to_owned();
    let hint = format!("type {}", options.set("session_token", "access_key_id", "<key id>"));
    Some(Notice::Doubtful { message, hint })
}

fn acl(options: &Options<'_>) -> Option<Notice> {
    let acl = options.text("acl").filter(|acl| !CANNED_ACLS.contains(&acl.value.as_str()))?;
    let hint = match keys::nearest(&acl.value, CANNED_ACLS) {
        Some(nearest) => format!("did you mean {}?", options.set("acl", "acl", nearest)),
        None => format!("there are: {}", CANNED_ACLS.join(", ")),
    };
    Some(Notice::Doubtful { message: format!("`{}` is no canned ACL of AWS", acl.value), hint })
}

fn certificates(options: &Options<'_>, env: &Env) -> Option<Notice> {
    let verify = ssl_verify(options.leaf("ssl_verify")?.located(), env);
    let SslVerify::CaBundle(path) = verify.value else { return None };
    let written = options.text("ssl_verify")?.value;
    if path.is_file() {
        let is_relative = Path::new(&written).is_relative() && !written.starts_with('~');
        return is_relative.then(|| Notice::Doubtful {
            message: format!(
                "`{written}` starts at the configuration file; DVC starts in its working directory"
            ),
            hint: format!(
                "if DVC uses the remote as well, type {}",
                options.set("ssl_verify", "ssl_verify", &path.display().to_string())
            ),
        });
    }
    let message = format!("`ssl_verify` names `{}`, and there is no such file", path.display());
    let hint = format!(
        "put the certificates there in PEM form, or type {}",
        options.set("ssl_verify", "ssl_verify", "<path>")
    );
    Some(Notice::Doubtful { message, hint })
}
