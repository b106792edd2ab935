//! haul-auth
