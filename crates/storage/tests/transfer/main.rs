//! The transfer engine against stores in memory.

#![allow(
    clippy::unwrap_used,
    clippy::default_trait_access,
    clippy::cloned_ref_to_slice_refs,
    reason = "tests say what they mean, and fail where that cannot be had"
)]

mod fetch;
mod inventory;
mod model;
mod progress;
mod push;
mod query;
mod resume;
mod setup;
