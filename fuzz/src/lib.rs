//! Fuzz targets of haul's parsers: what must hold for any input, and how much memory it may take.
//!
//! What must hold is written beside the parsers, in the modules `fuzzing` of the libraries. Here are the names of the
//! targets and the bound of their memory. `src/main.rs` hands them to libFuzzer, `tests/corpora.rs` replays the corpora.

use std::alloc::System;

use cap::Cap;

/// A target: its name, which is that of its corpus, what it does with an input, and how much memory it may take.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    run: fn(&[u8]),
    /// Bytes of memory for each byte of the input.
    factor: usize,
    /// Bytes of memory for any input, be it empty: tables that are made once, and messages.
    base: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "config", run: haul_config::fuzzing::config, factor: 400, base: BASE_BYTES },
    Target { name: "aws", run: haul_auth::fuzzing::aws_file, factor: 400, base: BASE_BYTES },
    Target { name: "dvc-file", run: haul_repo::fuzzing::dvc_file, factor: 1000, base: BASE_BYTES },
    Target { name: "dvc-yaml", run: haul_repo::fuzzing::dvc_yaml, factor: 1000, base: GROUP_BYTES },
    Target { name: "dvc-lock", run: haul_repo::fuzzing::dvc_lock, factor: 1000, base: BASE_BYTES },
    Target { name: "manifest", run: haul_repo::fuzzing::manifest, factor: 100, base: BASE_BYTES },
    Target { name: "replies", run: haul_storage::fuzzing::reply, factor: 100, base: BASE_BYTES },
    Target { name: "listing", run: haul_storage::fuzzing::listing, factor: 100, base: BASE_BYTES },
];

const BASE_BYTES: usize = 4 << 20;
/// The most that a group of stages may stand for.
const GROUP_BYTES: usize = 256 << 20;

impl Target {
    /// Returns the target of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Runs an input. Memory beyond the bound is refused, which ends the process.
    ///
    /// # Panics
    ///
    /// When something does not hold that must.
    pub fn run(&self, allocator: &Cap<System>, input: &[u8]) {
        let limit = allocator.allocated() + self.base + self.factor * input.len();
        allocator.set_limit(limit).expect("no more than this is in use");
        (self.run)(input);
        allocator.set_limit(usize::MAX).expect("no more than this is in use");
    }
}
