//! What the outside world told us: DVC configuration files, the environment, secrets.
//!
//! This crate knows no network, no credentials chain and no DVC data files.

#![warn(missing_docs)]

mod env;
mod origin;
mod secret;

pub use env::Env;
pub use origin::{Level, Located, Origin};
pub use secret::Secret;
