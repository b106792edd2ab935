//! What was read or written by one command is not read again by the next one.

use std::sync::atomic::{AtomicU64, Ordering};

use haul_repo::LockWait;
use haul_repo::ops::{self, CommitOptions, MoveOptions, StatusOptions};
use haul_storage::CancellationToken;
use haul_storage::progress::{Event, NoObserver, Observer, Phase};

use crate::World;

/// So much that it is worth waiting for the clock of the file system.
const SIZE: usize = 9 << 20;

/// Adds up the bytes of files that are read.
#[derive(Default)]
struct BytesRead(AtomicU64);

impl Observer for BytesRead {
    fn on(&self, event: Event<'_>) {
        if let Event::Planned { phase: Phase::Hashing | Phase::Caching, total_bytes, .. } = event {
            self.0.fetch_add(total_bytes, Ordering::Relaxed);
        }
    }
}

#[track_caller]
fn reads_nothing(world: &World, after: &str) {
    let read = BytesRead::default();
    ops::status(&world.repo(), &StatusOptions::default(), &read).unwrap();
    assert_eq!(read.0.load(Ordering::Relaxed), 0, "`status` read files again after {after}");
}

#[test]
fn status_reads_nothing_again_after_any_command_that_read_or_wrote_the_file() {
    // The stamp of a hard link moves with the links of its object.
    for cache_type in ["copy", "reflink,copy"] {
        let world = World::new();
        let config = world.read(".dvc/config");
        world.write(".dvc/config", &format!("{config}\n[cache]\n    type = \"{cache_type}\"\n"));
        let step = |what: &str| format!("{what} with `cache.type = {cache_type}`");
        world.write("big", &"x".repeat(SIZE));
        world.add(&["big"]);
        reads_nothing(&world, &step("add"));
        fs_err::remove_file(world.path("one/big")).unwrap();
        world.checkout();
        reads_nothing(&world, &step("checkout"));
        fs_err::remove_file(world.path("one/big")).unwrap();
        world.write("big", &"y".repeat(SIZE));
        ops::commit(
            &world.repo(),
            &CommitOptions { force: true, ..CommitOptions::default() },
            &|_| true,
            &NoObserver,
        )
        .unwrap();
        reads_nothing(&world, &step("commit"));
        let options = MoveOptions {
            from: "big".into(),
            to: "moved".into(),
            wait: LockWait::default(),
            cancel: CancellationToken::default(),
        };
        ops::move_out(&world.repo(), &options, &NoObserver).unwrap();
        reads_nothing(&world, &step("move"));
        fs_err::remove_dir_all(world.path("one/.dvc/tmp/haul")).unwrap();
        world.write("other", &"z".repeat(SIZE));
        world.add(&["other"]);
        world.status();
        reads_nothing(&world, &step("status"));
    }
}
