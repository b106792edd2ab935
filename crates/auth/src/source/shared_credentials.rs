//! The keys of the shared credentials file.

use super::{Stop, Verdict, Walk, keys};
use crate::SourceName;

pub(crate) fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    let keys = walk.files.credentials_profile(profile);
    keys::load(walk.files.credentials_file(), profile, keys, SourceName::SharedCredentials)
}
