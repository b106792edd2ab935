//! The keys of the AWS config file.

use super::{Stop, Verdict, Walk, keys};
use crate::SourceName;

pub(crate) fn load(walk: Walk<'_>, profile: &str) -> Result<Verdict, Stop> {
    let keys = walk.files.config_profile(profile);
    keys::load(walk.files.config_file(), profile, keys, SourceName::ConfigFile)
}
