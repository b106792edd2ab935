//! The transfer engine against stores in memory.

mod fetch;
mod model;
mod push;
mod query;
mod resume;
mod setup;
