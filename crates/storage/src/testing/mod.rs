//! Stores for tests: one in memory, one that fails on demand, and the suite that every store has to pass.
//!
//! Behind the feature `testing`. Nothing here panics but [`conformance`], whose business that is.

pub mod conformance;
mod fault;
mod memory;

pub use fault::{Fault, FaultStore, Operation};
pub use memory::MemoryStore;

pub use crate::CountingStore;
