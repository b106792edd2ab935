//! The fuzz targets under libFuzzer: `cargo xtask fuzz`. `HAUL_FUZZ_TARGET` names the target.

#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "libFuzzer owns the command line, so the target is in the environment"
)]

use std::alloc::System;
use std::sync::LazyLock;

use cap::Cap;
use haul_fuzz::Target;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("HAUL_FUZZ_TARGET").unwrap_or_default();
    Target::named(&name).unwrap_or_else(|| panic!("HAUL_FUZZ_TARGET names no target: `{name}`"))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    TARGET.run(&ALLOCATOR, input);
});
