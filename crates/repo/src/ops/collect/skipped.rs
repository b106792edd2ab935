//! Outs that a transfer passes over, and why.

use std::fmt;

use super::{Purpose, Request};
use crate::{Index, Out};

/// An out that was asked for and passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedOut {
    /// The path as DVC shows it.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an out was passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SkipReason {
    /// Nothing is recorded of its content.
    NoHash,
    /// An import whose data was never downloaded.
    NotDownloaded,
    /// `cache: false`.
    NotCached,
    /// `push: false`.
    NotPushed,
    /// It comes from another DVC or Git repository.
    Imported,
    /// It lies outside of the repository.
    External,
    /// It is bound to another remote than the one that was named.
    BoundElsewhere {
        /// The remote it is bound to.
        remote: String,
    },
    /// It is not smaller than the limit.
    TooLarge,
    /// It holds neither metrics nor plots, where one of them was asked for.
    OtherKind,
    /// A folder below which no metafile is read.
    NoMetafiles {
        /// Why, if more is known than that there is none.
        why: &'static str,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoHash => {
                "no hash of it is recorded; store the data with `haul commit`, or run its stage with `dvc repro`"
            }
            Self::NotDownloaded => {
                "the data of the import was never downloaded; get it from its source with `haul pull`"
            }
            Self::NotCached => "`cache: false` keeps it out of the cache",
            Self::NotPushed => "`push: false` keeps it from being sent",
            Self::Imported => "it is imported from another repository, which has it",
            Self::External => "it lies outside of the repository",
            Self::BoundElsewhere { remote } => {
                return write!(formatter, "it is bound to the remote `{remote}`");
            }
            Self::OtherKind => "it is not of the `--type`",
            Self::TooLarge => "it is not smaller than `--max-size`",
            Self::NoMetafiles { why } => return write!(formatter, "no metafile is read below it{why}"),
        })
    }
}

/// Returns why an out takes no part; `None` if it does, as far as can be told without its hash.
pub(super) fn skip_reason(request: &Request<'_>, index: &Index, out: &Out) -> Option<SkipReason> {
    let is_sent = request.purpose != Purpose::Fetch;
    let other_remote = out.remote.as_ref().filter(|own| request.remote.is_some_and(|named| *own != named));
    let is_too_large = request
        .max_size_bytes
        .zip(out.size_bytes)
        .is_some_and(|(max_bytes, size_bytes)| size_bytes >= max_bytes);
    let is_of_kinds =
        request.kinds.is_empty() || request.kinds.iter().any(|kind| index.is_of_kind(out, *kind));
    if !out.use_cache {
        Some(SkipReason::NotCached)
    } else if out.is_external {
        Some(SkipReason::External)
    } else if is_sent && index.stage_of(out).is_repo_import {
        Some(SkipReason::Imported)
    } else if is_sent && !out.can_push {
        Some(SkipReason::NotPushed)
    } else if let Some(remote) = other_remote {
        Some(SkipReason::BoundElsewhere { remote: remote.clone() })
    } else if !is_of_kinds {
        Some(SkipReason::OtherKind)
    } else if is_too_large {
        Some(SkipReason::TooLarge)
    } else {
        None
    }
}
