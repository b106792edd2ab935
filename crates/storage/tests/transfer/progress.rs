//! What transfers tell while they go.

use std::sync::Mutex;

use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::testing::{Fault, Operation};
use haul_storage::transfer::{self, ObjectGroup, TransferReport};

use crate::setup::{Setup, files, key, stream};

/// The state of a phase after each event that concerns it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    n_planned: u64,
    n_unsized: i64,
    total_bytes: i64,
    n_finished: u64,
    moved_bytes: i64,
}

struct Recorder {
    phase: Phase,
    states: Mutex<Vec<State>>,
    /// The state when the last object had been looked for.
    looked: Mutex<State>,
}

impl Recorder {
    fn new(phase: Phase) -> Self {
        Self { phase, states: Mutex::new(vec![State::default()]), looked: Mutex::default() }
    }

    fn states(&self) -> Vec<State> {
        self.states.lock().unwrap().clone()
    }

    fn last(&self) -> State {
        *self.states().last().unwrap()
    }

    /// The states since the first byte.
    fn moving(&self) -> Vec<State> {
        self.states().into_iter().filter(|state| state.moved_bytes > 0).collect()
    }
}

impl Observer for Recorder {
    fn on(&self, event: Event<'_>) {
        let mut states = self.states.lock().unwrap();
        let mut state = *states.last().unwrap();
        let signed = |n: u64| i64::try_from(n).unwrap();
        match event {
            Event::Planned { phase, n_objects, total_bytes } if phase == self.phase => {
                state.n_planned += n_objects;
                state.total_bytes += signed(total_bytes);
            }
            Event::Replanned { phase, total_bytes, n_unsized } if phase == self.phase => {
                state.total_bytes += total_bytes;
                state.n_unsized += n_unsized;
            }
            Event::Bytes { phase, n_bytes } if phase == self.phase => state.moved_bytes += signed(n_bytes),
            Event::BytesLost { phase, n_bytes } if phase == self.phase => {
                state.moved_bytes -= signed(n_bytes);
            }
            Event::Finished { phase, n_objects } if phase == self.phase => state.n_finished += n_objects,
            Event::Finished { phase: Phase::Looking, .. } => *self.looked.lock().unwrap() = state,
            _ => return,
        }
        assert!(state.n_unsized >= 0 && state.total_bytes >= 0, "{event:?} makes it {state:?}");
        states.push(state);
    }
}

async fn push(setup: &Setup, groups: &[ObjectGroup]) -> (TransferReport, Recorder) {
    let told = Recorder::new(Phase::Uploading);
    let report = transfer::push(&setup.cache, &setup.remote, stream(groups), &setup.options, &told).await;
    (report.unwrap(), told)
}

async fn fetch(setup: &Setup, groups: &[ObjectGroup]) -> (TransferReport, Recorder) {
    let told = Recorder::new(Phase::Downloading);
    let report = transfer::fetch(&setup.cache, &setup.remote, stream(groups), &setup.options, &told).await;
    (report.unwrap(), told)
}

fn bytes_of(files: &[Vec<u8>]) -> i64 {
    i64::try_from(files.iter().map(Vec::len).sum::<usize>()).unwrap()
}

#[tokio::test]
async fn total_of_a_push_is_known_before_the_first_byte_goes() {
    let setup = Setup::new();
    let data = files(300, 50);
    let groups = [setup.add_directory("data", &data), setup.add_file("big", &vec![1; 700_000])];
    let manifest = groups[0].directory.as_ref().unwrap().oid;
    let manifest_bytes = fs_err::metadata(setup.object_path(&manifest)).unwrap().len();
    let total = bytes_of(&data) + 700_000;
    let (report, told) = push(&setup, &groups).await;
    assert!(report.is_complete());
    let known: Vec<i64> = told.moving().iter().map(|state| state.total_bytes).collect();
    // The manifest follows when every file is there.
    let whole = total + i64::try_from(manifest_bytes).unwrap();
    assert!(known.iter().all(|known| *known == total || *known == whole), "{known:?}, not {total}");
    let last = told.last();
    assert_eq!((last.moved_bytes, last.total_bytes, last.n_unsized), (whole, whole, 0));
    assert_eq!((last.n_finished, last.n_planned), (302, 302));
}

#[tokio::test]
async fn bytes_of_attempts_that_failed_are_taken_back() {
    let setup = Setup::new();
    let groups = [setup.add_file("small", b"small"), setup.add_file("parts", &vec![7; 700_000])];
    setup.faults.fail_next(Operation::Put, Fault::WrongEtag);
    setup.faults.fail_next(Operation::PutPart, Fault::Error(haul_storage::ErrorKind::Corrupt));
    setup.faults.fail_next(Operation::CompleteMultipart, Fault::Error(haul_storage::ErrorKind::NotFound));
    let (report, told) = push(&setup, &groups).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(told.last().moved_bytes, 700_005);

    setup.empty_cache();
    setup.faults.fail_next(Operation::Get, Fault::ShortBody);
    let (report, told) = fetch(&setup, &groups).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(told.last().moved_bytes, 700_005);
}

#[tokio::test]
async fn total_of_a_fetch_is_what_the_metafile_says_less_what_is_there() {
    let setup = Setup::new();
    let data = files(300, 50);
    let mut group = setup.add_directory("data", &data);
    group.total_bytes = Some(u64::try_from(bytes_of(&data)).unwrap());
    let groups = [group];
    setup.push(&groups).await;
    for member in &groups[0].members[100..] {
        fs_err::remove_file(setup.object_path(&member.oid)).unwrap();
    }
    let (report, told) = fetch(&setup, &groups).await;
    assert!(report.is_complete());
    let lacking = bytes_of(&data[100..]);
    assert_eq!(told.looked.lock().unwrap().total_bytes, lacking);
    for state in told.moving() {
        assert_eq!((state.total_bytes, state.n_unsized), (lacking, 0));
    }
    assert_eq!(told.last().moved_bytes, lacking);
}

#[tokio::test]
async fn objects_whose_size_nothing_tells_are_counted_as_such_until_they_come() {
    let setup = Setup::new();
    let data = files(20, 50);
    let groups = [setup.add_directory("data", &data), setup.add_file("known", b"known")];
    setup.push(&groups).await;
    setup.empty_cache();
    setup.memory.remove(&key(&groups[0].members[3].oid));
    let mut without = groups.clone();
    without[0].manifest = None;
    let (report, told) = fetch(&setup, &without).await;
    assert_eq!((report.missing.len(), report.held_back.len()), (1, 1));
    let looked = *told.looked.lock().unwrap();
    assert_eq!((looked.n_unsized, looked.total_bytes), (20 + 1, 5), "the files and their manifest");
    let last = told.last();
    assert_eq!((last.n_unsized, last.total_bytes), (0, bytes_of(&data[1..]) + 5));
}
