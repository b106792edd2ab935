//! Replays the corpora: what fuzzing has found once stays mended.

#![expect(clippy::print_stderr, reason = "a test that may end the process names its input before")]
#![expect(
    clippy::disallowed_methods,
    reason = "reads plain files, and links nothing that would do it better"
)]

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use haul_fuzz::TARGETS;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// One test for all: what another thread takes would count as well.
#[test]
fn inputs_of_the_corpora_hold_what_must_hold_in_bounded_memory() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let mut n_inputs = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // Memory beyond the bound ends the process; with `--nocapture`, the last line names the input.
            eprintln!("{}", path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display());
            target.run(&ALLOCATOR, &std::fs::read(&path).unwrap());
            n_inputs += 1;
        }
        assert!(n_inputs >= 5, "{}: only {n_inputs} inputs", target.name);
    }
}
