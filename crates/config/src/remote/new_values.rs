//! What is looked at only while an option is written: where it stands already, it is the user's or the server's to judge.

use std::path::Path;

use super::SslVerify;
use super::build::ssl_verify;
use super::rules::Options;
use crate::mask::has_user_info;
use crate::schema::url::UrlParts;
use crate::{Env, Error, KeyPath, Level, Located, Notice, Origin, SectionName, keys, mask_urls};

/// Refuses a URL as it is typed whose scheme has no `//` behind it.
///
/// Deviation: DVC takes `s3:bucket` for a directory, which it then makes beside the repository; one of such a name is
/// written `./s3:bucket`.
pub(crate) fn check_scheme(typed: &str) -> Result<(), Error> {
    let Some((scheme, rest)) = typed.split_once(':') else { return Ok(()) };
    let scheme = scheme.to_ascii_lowercase();
    let is_known = keys::REMOTE_SCHEMES.iter().any(|(known, _)| *known == scheme) && !scheme.is_empty();
    if !is_known || rest.starts_with("//") {
        return Ok(());
    }
    let meant = format!("{scheme}://{}", rest.trim_start_matches('/'));
    Err(Error::Invalid {
        message: format!("`{}` has no `//` behind `{scheme}:`", mask_urls(typed)),
        places: Vec::new(),
        hint: format!(
            "type `{}`; a directory of that name is written `./{}`",
            mask_urls(&meant),
            mask_urls(typed)
        ),
    })
}

/// Says of the URL of a remote that it is a directory to DVC, where it looks like a bucket, or like nothing at all.
pub(crate) fn misread_path(key: &KeyPath, typed: &str) -> Option<Notice> {
    let SectionName::Remote(name) = &key.section else { return None };
    if key.option != "url" || typed.contains("://") {
        return None;
    }
    let command = |url: &str| format!("type `haul remote modify {name} url {url}`");
    let (first, rest) = typed.split_once('/').unwrap_or((typed, ""));
    let lower = first.to_ascii_lowercase();
    let bucket = match lower.as_str() {
        "" if typed.is_empty() => {
            let message = "an empty `url` is the repository itself: objects would be written among its files"
                .to_owned();
            return Some(Notice::Doubtful { message, hint: command("<url>") });
        }
        // A colon was forgotten.
        "s3" if rest.starts_with('/') => rest.trim_start_matches('/').to_owned(),
        host if host.ends_with(".amazonaws.com") => rest.to_owned(),
        arn if arn.starts_with("arn:aws:s3:::") => typed["arn:aws:s3:::".len()..].to_owned(),
        _ => return None,
    };
    let bucket = if bucket.is_empty() { "BUCKET/PREFIX".to_owned() } else { bucket };
    Some(Notice::Doubtful {
        message: format!("`{typed}` is the path of a directory"),
        hint: format!("for a bucket {}", command(&format!("s3://{bucket}"))),
    })
}

/// A password in a URL of the file that Git tracks is everybody's.
fn password(options: &Options<'_>, url: &Located<String>) -> Option<Notice> {
    let (scheme, rest) = url.value.split_once("://")?;
    let (user_info, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let is_tracked = matches!(url.origin, Origin::File { level: Level::Repo, .. });
    let (user, _) = user_info.split_once(':').filter(|(_, password)| is_tracked && !password.is_empty())?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    Some(Notice::Doubtful {
        message: "`url` holds a password, and Git tracks the file that it is in".to_owned(),
        hint: format!(
            "keep it out of there: {}, `haul remote modify --local {name} user {user}` and `haul remote modify --local \
             {name} password -`",
            options.set("url", "url", &format!("{scheme}://{host}")),
            name = options.name
        ),
    })
}

/// Refuses what must not be written, and says what will hardly work.
pub(crate) fn check(options: &Options<'_>, env: &Env) -> Result<Vec<Notice>, Error> {
    let is_s3 = |url: &str| UrlParts::parse(url).is_some_and(|parts| parts.kind() == "s3");
    let Some(url) = options.text("url") else { return Ok(Vec::new()) };
    if !is_s3(&url.value) {
        if options.setting != Some("url") {
            return Ok(Vec::new());
        }
        return Ok(web(options, &url.value).into_iter().chain(password(options, &url)).collect());
    }
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
        Some("url") => capitals(options, &url.value),
        Some("session_token") => token(options),
        Some("acl") => acl(options),
        Some("region") => region(options),
        Some("ssl_verify") => certificates(options, env),
        Some(option @ ("credentialpath" | "configpath")) => no_file(options, option),
        _ => None,
    };
    let nothing = options.setting.and_then(|option| empty(options, option));
    Ok(nothing.or(doubts).into_iter().collect())
}

/// An `https://` URL of an S3 server is a remote that DVC speaks plain HTTP to.
fn web(options: &Options<'_>, url: &str) -> Option<Notice> {
    let parts = UrlParts::parse(url).filter(|parts| matches!(parts.kind(), "http" | "https"))?;
    let host = parts.authority.rsplit_once('@').map_or(parts.authority.as_str(), |(_, host)| host);
    let labels = ["s3", "minio", "ceph", "rgw", "seaweedfs"];
    let is_s3_host = host.to_ascii_lowercase().split(['.', '-', ':']).any(|label| labels.contains(&label));
    is_s3_host.then(|| Notice::Doubtful {
        message: format!(
            "`{}` makes a remote that plain HTTP is spoken to, without signatures",
            mask_urls(url)
        ),
        hint: format!(
            "for a bucket of an S3 server type {} and {}",
            options.set("url", "url", "s3://BUCKET/PATH"),
            options.set("url", "endpointurl", &format!("{}://{host}", parts.scheme))
        ),
    })
}

/// Names of buckets have no capital letters: AWS made some before 2018, MinIO never did.
fn capitals(options: &Options<'_>, url: &str) -> Option<Notice> {
    let parts = UrlParts::parse(url)?;
    let bucket = &parts.authority;
    bucket.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| Notice::Doubtful {
        message: format!("bucket `{bucket}` has capital letters, which S3 gives to no new bucket"),
        hint: format!(
            "did you mean {}?",
            options.set("url", "url", &format!("s3://{}{}", bucket.to_ascii_lowercase(), parts.rest))
        ),
    })
}

fn no_file(options: &Options<'_>, option: &str) -> Option<Notice> {
    let path = options.text(option)?;
    if Path::new(&path.value).is_file() || path.value.starts_with('~') {
        return None;
    }
    Some(Notice::Doubtful {
        message: format!("`{option}` names `{}`, and there is no such file", path.value),
        hint: format!("put the file there, or type {}", options.set(option, option, "<path>")),
    })
}

/// An empty option is no option to DVC.
fn empty(options: &Options<'_>, option: &str) -> Option<Notice> {
    let leaf = options.leaf(option)?;
    (leaf.value.as_text() == Some("")).then(|| Notice::Doubtful {
        message: format!("`{option}` is empty, which is the same as not set"),
        hint: format!("take it out with {}", options.unset(option)),
    })
}

fn token(options: &Options<'_>) -> Option<Notice> {
    if options.text("access_key_id").is_some() || options.text("session_token").is_none() {
        return None;
    }
    let message = "`session_token` belongs to an `access_key_id` and does nothing without one".to_owned();
    let hint = format!("type {}", options.set("session_token", "access_key_id", "<key id>"));
    Some(Notice::Doubtful { message, hint })
}

/// AWS has no region with capital letters, and commands refuse one there; another server may have it, and environment or
/// profile may name that server.
fn region(options: &Options<'_>) -> Option<Notice> {
    let region = options.text("region")?.value;
    let small = region.to_ascii_lowercase();
    if small == region || options.text("endpointurl").is_some() {
        return None;
    }
    let message = format!("`{region}` is not a region of AWS");
    let hint = format!("type {}", options.set("region", "region", &small));
    Some(Notice::Doubtful { message, hint })
}

fn acl(options: &Options<'_>) -> Option<Notice> {
    let acl = options.text("acl").filter(|acl| !keys::CANNED_ACLS.contains(&acl.value.as_str()))?;
    let hint = match keys::nearest(&acl.value, keys::CANNED_ACLS) {
        Some(nearest) => format!("did you mean {}?", options.set("acl", "acl", nearest)),
        None => format!("there are: {}", keys::CANNED_ACLS.join(", ")),
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
