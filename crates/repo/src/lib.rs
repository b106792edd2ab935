//! haul-repo
