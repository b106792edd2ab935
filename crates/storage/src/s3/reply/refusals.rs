//! The codes of S3 that have a cause and a next step of their own, as one table.
//!
//! What depends on more than the code is in [`remedies`](super::remedies) and [`describe`](super::describe).
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, and the servers of
//! `cargo xtask integration` observed.

use super::describe::{Subject, region_hint};
use super::failure::ServerFailure;
use super::signer;
use crate::ErrorKind;

/// What a code of S3 means for the caller, and for the user.
#[derive(Debug)]
pub struct Refusal {
    /// The codes, each as the server writes it.
    pub codes: &'static [&'static str],
    /// What the caller can do about it.
    pub kind: ErrorKind,
    /// What is wrong, in a sentence.
    pub cause: &'static str,
    /// What to do. `{remote}`, `{bucket}`, `{key}` (the access key), `{keys}` (where the keys are put right),
    /// `{endpoint}` and `{region}` (the command for the right region) are filled in.
    pub next: Option<&'static str>,
}

/// All codes with a next step of their own.
pub const REFUSALS: &[Refusal] = &[
    Refusal {
        codes: &["NoSuchBucket"],
        kind: ErrorKind::NoSuchBucket,
        cause: "there is no such bucket on this server",
        next: Some(
            "create the bucket `{bucket}`, or set another: `haul remote modify {remote} url s3://BUCKET/PREFIX`",
        ),
    },
    Refusal {
        codes: &["NoSuchKey", "NoSuchUpload"],
        kind: ErrorKind::NotFound,
        cause: "the object, or the upload, is not there",
        next: None,
    },
    Refusal {
        codes: &["NoSuchVersion"],
        kind: ErrorKind::NotFound,
        cause: "the version is gone: it was deleted, or a lifecycle rule of the bucket removed it",
        next: None,
    },
    Refusal {
        codes: &["InvalidAccessKeyId"],
        kind: ErrorKind::Unauthenticated,
        cause: "the server does not know the access key id: it is mistyped, deleted, or another server's",
        next: Some("`{endpoint}` does not know {key}: {keys}"),
    },
    Refusal {
        codes: &["SignatureDoesNotMatch", "AuthFailure"],
        kind: ErrorKind::Unauthenticated,
        cause: "the secret access key is not the one of the access key id",
        next: Some("the secret is not the one of {key}: {keys}"),
    },
    Refusal {
        codes: &["InvalidToken", "InvalidTokenId"],
        kind: ErrorKind::Unauthenticated,
        cause: "the session token does not belong to the access key id, or is cut short",
        next: Some("the session token is not the one of {key}: {keys}"),
    },
    Refusal {
        codes: &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"],
        kind: ErrorKind::Unauthenticated,
        cause: "the temporary keys have expired, and their source had no newer ones",
        next: Some("{key} has expired: {keys}"),
    },
    Refusal {
        codes: &["RequestTimeTooSkewed", "RequestExpired"],
        kind: ErrorKind::Unauthenticated,
        cause: "this machine's clock differs from the server's by more than 15 minutes, and the server does not say its time",
        next: Some("set this machine's clock"),
    },
    Refusal {
        codes: &["AllAccessDisabled"],
        kind: ErrorKind::Denied,
        cause: "the bucket is closed to all, its owner included",
        next: Some(
            "bucket `{bucket}` is closed to all: its owner has to ask AWS why; another one is set with `haul remote modify \
             {remote} url s3://BUCKET/PREFIX`",
        ),
    },
    Refusal {
        codes: &["AccountProblem", "NotSignedUp", "OptInRequired", "InvalidPayer"],
        kind: ErrorKind::Denied,
        cause: "the AWS account cannot use S3: it is not signed up, or its bills are not paid",
        next: Some("the AWS account of {key} has to be put right first, most often its bills"),
    },
    Refusal {
        codes: &[
            "BadDigest",
            "InvalidDigest",
            "XAmzContentSHA256Mismatch",
            "XAmzContentChecksumMismatch",
            "IncompleteBody",
        ],
        kind: ErrorKind::Corrupt,
        cause: "the bytes that arrived are not those that were sent",
        next: Some(
            "the bytes changed on their way to the server each time; if they go on doing so, a proxy, the network or the \
             memory of a machine is at fault",
        ),
    },
    Refusal {
        codes: &["PreconditionFailed"],
        kind: ErrorKind::Precondition,
        cause: "the object was changed or replaced in the meantime",
        next: None,
    },
    Refusal {
        codes: &["XMinioInvalidObjectName", "KeyTooLongError", "InvalidURI"],
        kind: ErrorKind::Unsupported,
        cause: "the server takes no object of this name",
        next: Some("this server cannot hold an object of this name"),
    },
    Refusal {
        codes: &["NotImplemented", "InvalidStorageClass", "MethodNotAllowed"],
        kind: ErrorKind::Unsupported,
        cause: "the server does not know what an option of the remote asks for",
        next: Some("this server does not know an option of the remote"),
    },
    Refusal {
        codes: &[
            "PermanentRedirect",
            "TemporaryRedirect",
            "IllegalLocationConstraintException",
            "AuthorizationHeaderMalformed",
        ],
        kind: ErrorKind::Config,
        cause: "the bucket is in another region, or at another endpoint",
        next: Some("{region}"),
    },
    Refusal {
        codes: &["InvalidBucketName"],
        kind: ErrorKind::Config,
        cause: "the name of the bucket is not one this server takes",
        next: Some("name another bucket with `haul remote modify {remote} url s3://BUCKET/PREFIX`"),
    },
    Refusal {
        codes: &["QuotaExceeded", "XMinioAdminBucketQuotaExceeded"],
        kind: ErrorKind::Server,
        cause: "the quota of the bucket is used up",
        next: Some("delete what is not used with `haul gc -w -c -r {remote}`, or have the quota raised"),
    },
    Refusal {
        codes: &["XMinioStorageFull", "InsufficientCapacity", "InsufficientStorage"],
        kind: ErrorKind::Server,
        cause: "the disks of the server are full",
        next: Some("the server has no room left: those who run `{endpoint}` have to make some"),
    },
];

impl Refusal {
    /// Returns what a code means, if it has a meaning of its own.
    pub(super) fn of(code: &str) -> Option<&'static Self> {
        REFUSALS.iter().find(|refusal| refusal.codes.contains(&code))
    }
}

/// Fills a next step in for a call and the reply to it.
pub(super) fn fill(next: &str, subject: &Subject<'_>, failure: &ServerFailure) -> String {
    next.replace("{remote}", subject.options.name_in_commands())
        .replace("{bucket}", &subject.options.bucket)
        .replace("{endpoint}", &subject.endpoint.origin())
        .replace("{region}", &region_hint(subject, failure))
        .replace("{keys}", &signer::remedy(subject))
        .replace("{key}", &signer::name(subject.credentials))
}
