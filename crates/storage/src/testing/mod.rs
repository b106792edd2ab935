//! Stores for tests: one in memory, one that fails on demand, and the suite that every store must pass.
//!
//! Enabled by the feature `testing`. Only [`conformance`] panics.

pub mod conformance;
mod fault;
mod memory;

pub use fault::{Fault, FaultStore, Operation};
pub use memory::MemoryStore;

pub use crate::CountingStore;
