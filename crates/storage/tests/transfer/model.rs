//! Random pushes, fetches, faults and damage keep the invariants: a manifest is on the remote only if all its members
//! are; a file in the cache has the bytes that it is named by; and when the faults end, everything heals.

use haul_storage::ErrorKind;
use haul_storage::testing::{Fault, Operation};
use proptest::prelude::*;

use crate::setup::{Setup, check_remote, key};

#[derive(Debug, Clone)]
enum Step {
    Push {
        directory: usize,
    },
    Fetch {
        directory: usize,
    },
    LoseLocal {
        directory: usize,
        member: usize,
    },
    LoseRemote {
        directory: usize,
        member: usize,
    },
    DamageRemote {
        directory: usize,
        member: usize,
    },
    Fail {
        operation: Operation,
        fault: Fault,
        skip: usize,
    },
    /// Ends a transfer at its n-th request, in good order.
    Interrupt {
        at: u64,
        is_push: bool,
        directory: usize,
    },
    /// Drops a transfer at its n-th request, as a kill does.
    Kill {
        at: u64,
        is_push: bool,
        directory: usize,
    },
}

const N_DIRECTORIES: usize = 3;
const N_MEMBERS: usize = 6;

/// Directories that share members, of all sizes that are treated differently.
fn members(directory: usize) -> Vec<Vec<u8>> {
    (0..N_MEMBERS)
        .map(|member| {
            let size = [0, 9, 300, 70_000, 300_000, 20][member];
            let shared = if member % 2 == 0 { 0 } else { directory };
            vec![u8::try_from(shared + 10 * member).unwrap(); size]
        })
        .collect()
}

fn step() -> impl Strategy<Value = Step> {
    let directory = 0..N_DIRECTORIES;
    let member = 0..N_MEMBERS;
    let operation = prop_oneof![
        Just(Operation::Put),
        Just(Operation::PutPart),
        Just(Operation::CompleteMultipart),
        Just(Operation::Get),
        Just(Operation::List),
        Just(Operation::Head),
    ];
    let fault = prop_oneof![
        Just(Fault::Error(ErrorKind::Network)),
        Just(Fault::Error(ErrorKind::Denied)),
        Just(Fault::Error(ErrorKind::Throttled)),
        Just(Fault::ReplyLost),
        Just(Fault::ShortBody),
        Just(Fault::LongBody),
        Just(Fault::Reset),
        Just(Fault::WrongBytes),
    ];
    prop_oneof![
        4 => directory.clone().prop_map(|directory| Step::Push { directory }),
        4 => directory.clone().prop_map(|directory| Step::Fetch { directory }),
        2 => (directory.clone(), member.clone()).prop_map(|(directory, member)| Step::LoseLocal { directory, member }),
        1 => (directory.clone(), member.clone()).prop_map(|(directory, member)| Step::LoseRemote { directory, member }),
        1 => (directory.clone(), member).prop_map(|(directory, member)| Step::DamageRemote { directory, member }),
        3 => (operation, fault, 0_usize..8).prop_map(|(operation, fault, skip)| Step::Fail { operation, fault, skip }),
        2 => (0_u64..12, any::<bool>(), directory.clone())
            .prop_map(|(at, is_push, directory)| Step::Interrupt { at, is_push, directory }),
        2 => (0_u64..12, any::<bool>(), directory)
            .prop_map(|(at, is_push, directory)| Step::Kill { at, is_push, directory }),
    ]
}

async fn run(steps: Vec<Step>) {
    let mut setup = Setup::new();
    setup.options.state_dir = Some(setup.folder.path().join("state"));
    let groups: Vec<_> = (0..N_DIRECTORIES)
        .map(|directory| setup.add_directory(&directory.to_string(), &members(directory)))
        .collect();
    // What another client broke on the remote is not ours to guarantee until the next whole push.
    let mut is_remote_broken = false;
    for step in steps {
        match step {
            Step::Push { directory } => {
                let report = setup.try_push(&groups[directory..=directory]).await;
                if let Ok(report) = report
                    && report.is_complete()
                {
                    let compared = setup.remote.look_up(&names(&groups[directory]), 4).await;
                    if let Ok(found) = compared {
                        assert!(
                            found
                                .iter()
                                .all(|presence| matches!(presence, haul_storage::Presence::Present { .. }))
                        );
                    }
                }
            }
            Step::Fetch { directory } => {
                if let Ok(report) = setup.try_fetch(&groups[directory..=directory]).await
                    && report.is_complete()
                {
                    for (layout, oid, _) in names(&groups[directory]) {
                        assert!(setup.cache.verify(layout, &oid).unwrap());
                    }
                }
            }
            Step::LoseLocal { directory, member } => {
                let oid = groups[directory].members[member].oid;
                setup.cache.remove(groups[directory].layout, &oid).unwrap();
            }
            Step::LoseRemote { directory, member } => {
                setup.memory.remove(&key(&groups[directory].members[member].oid));
                is_remote_broken = true;
            }
            Step::DamageRemote { directory, member } => {
                let path = key(&groups[directory].members[member].oid);
                if setup.memory.objects().contains_key(&path) {
                    setup.memory.insert(&path, "damaged");
                }
            }
            Step::Fail { operation, fault, skip } => setup.faults.fail(operation, fault, skip, 1),
            Step::Interrupt { at, is_push, directory } => {
                let cancel = setup.options.cancel.clone();
                let watch = async {
                    wait_for_requests(&setup, at).await;
                    cancel.cancel();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = transfer(&setup, is_push, &groups[directory]) => {}
                    () = watch => {}
                }
                setup.options.cancel = Default::default();
            }
            Step::Kill { at, is_push, directory } => {
                tokio::select! {
                    () = transfer(&setup, is_push, &groups[directory]) => {}
                    () = wait_for_requests(&setup, at) => {}
                }
                // What a thread had in hand it still finishes; nobody waits for it.
                setup.check_names();
                if !is_remote_broken {
                    check_remote(&setup.memory);
                }
                setup.wait_for_threads().await;
            }
        }
        setup.check_cache();
        if !is_remote_broken {
            check_remote(&setup.memory);
        }
    }

    setup.faults.heal();
    for directory in 0..N_DIRECTORIES {
        setup.add_directory(&directory.to_string(), &members(directory));
    }
    assert!(setup.push(&groups).await.is_complete());
    check_remote(&setup.memory);
    setup.empty_cache();
    assert!(setup.fetch(&groups).await.is_complete());
    setup.check_cache();
    for object in setup.cache.objects(haul_storage::Layout::Current).unwrap() {
        assert_eq!(setup.memory.objects()[&key(&object.oid)].len() as u64, object.size_bytes);
    }
}

fn names(
    group: &haul_storage::transfer::ObjectGroup,
) -> Vec<(haul_storage::Layout, haul_storage::Oid, Option<u64>)> {
    group.directory.iter().chain(&group.members).map(|member| (group.layout, member.oid, None)).collect()
}

/// Runs a transfer. It may fail; what counts is what is left.
async fn transfer(setup: &Setup, is_push: bool, group: &haul_storage::transfer::ObjectGroup) {
    let group = std::slice::from_ref(group);
    let result = if is_push { setup.try_push(group).await } else { setup.try_fetch(group).await };
    drop(result);
}

async fn wait_for_requests(setup: &Setup, at: u64) {
    let before = total(setup);
    while total(setup) < before + at {
        tokio::task::yield_now().await;
    }
}

fn total(setup: &Setup) -> u64 {
    let counts = setup.remote.requests();
    counts.list + counts.head + counts.get + counts.put + counts.multipart
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_whatever_happens(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
