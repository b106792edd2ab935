//! The commands, run in this process in a world of their own: no network, no home, no Git program.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod completion;
mod config;
mod data;
mod help;
mod next_steps;
mod remote;
mod sandbox;
mod secrets;
mod usage;
