//! Tests of the credential chain with files in a temporary home directory and fake services in memory.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod container;
mod instance;
mod order;
mod process;
mod refresh;
mod role;
mod secrets;
mod sso;
mod web_identity;
mod world;
