//! Uploads over connections that flip bits, and objects that are damaged on the server.
//!
//! These tests use the embedded server; `integration::uploads` does the same with real ones.

use haul_tests::Folder;
use haul_tests::dataset::Random;
use haul_tests::fault_proxy::{Act, FaultProxy, Meddling, Place};

mod answers;
mod damaged;
mod healed;
mod lost_replies;

/// Settings by which files of 6 MB or more are uploaded in parts of 5 MB.
pub(crate) const IN_PARTS: &str =
    "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
/// The size of a file that is uploaded in three parts.
pub(crate) const BIG_BYTES: u64 = 12 << 20;
const SMALL_BYTES: u64 = 100_000;

/// A PUT of a whole object.
fn on_object(act: Act) -> Meddling {
    Meddling::on("PUT", act).without_query("uploadId")
}

/// A PUT of one part.
fn on_part(number: u32, act: Act) -> Meddling {
    Meddling::on("PUT", act).query(format!("partNumber={number}"))
}

/// The request that ends an upload in parts.
fn on_completion(act: Act) -> Meddling {
    Meddling::on("POST", act).query("uploadId")
}

/// Pushes a new file while each of `meddlings` occurs once; the file must still arrive.
fn push_and_read_back(proxy: &FaultProxy, repo: &Folder<'_>, size_bytes: u64, meddlings: Vec<Meddling>) {
    let n_meddlings = meddlings.len();
    let content = Random(rand_seed(proxy)).bytes(size_bytes);
    repo.write("file", &content);
    repo.haul(["add", "file"]).success();
    for meddling in meddlings {
        proxy.inject(meddling.times(1));
    }
    repo.haul(["push", "file"]).success().stdout_has(&["1 file pushed"]);
    assert_eq!(proxy.n_struck(), n_meddlings, "not every fault struck");
    proxy.heal();
    repo.remove("file");
    repo.remove(".dvc/cache");
    repo.haul(["pull", "file"]).success();
    let came_back = fs_err::read(repo.join("file")).expect("the file was pulled");
    assert!(came_back == content, "other bytes came back");
}

/// Returns a seed that differs for each content of a test.
fn rand_seed(proxy: &FaultProxy) -> u64 {
    1000 + proxy.requests().len() as u64
}

/// Pushes small files and files in parts while bits are flipped in requests and replies, which haul must detect and repair.
///
/// Large files must be uploaded in three parts ([`IN_PARTS`]).
pub(crate) fn over_a_bad_line(proxy: &FaultProxy, repo: &Folder<'_>) {
    let flip = Act::FlipRequestBit;
    for act in [flip(Place::First), flip(Place::Middle), flip(Place::Last), Act::ChangeReplyEtag] {
        push_and_read_back(proxy, repo, SMALL_BYTES, vec![on_object(act)]);
    }
    let places = [Place::First, Place::Middle, Place::Last];
    let parts = (1..).zip(places).map(|(number, place)| on_part(number, flip(place))).collect();
    push_and_read_back(proxy, repo, BIG_BYTES, parts);
    let replies = (1..=3).map(|number| on_part(number, Act::ChangeReplyEtag)).collect();
    push_and_read_back(proxy, repo, BIG_BYTES, replies);
    for act in [flip(Place::Middle), Act::ChangeReplyEtag] {
        push_and_read_back(proxy, repo, BIG_BYTES, vec![on_completion(act)]);
    }
}

/// Pushes while a part is damaged each time it is sent: the object must not exist, nor be reported as sent.
pub(crate) fn over_a_hopeless_line(proxy: &FaultProxy, repo: &Folder<'_>) {
    repo.write("file", Random(7).bytes(BIG_BYTES));
    repo.haul(["add", "file"]).success();
    proxy.inject(on_part(2, Act::FlipRequestBit(Place::Middle)));
    let output = repo.haul(["push", "file"]).code(1);
    assert!(!output.stdout.contains("pushed"), "{output}");
    assert!(proxy.n_struck() > 1, "it is sent again before it is given up");
    proxy.heal();
    let last = proxy.requests().pop().expect("there were requests");
    assert_eq!((last.method.as_str(), last.query.contains("uploadId")), ("DELETE", true), "{last:?}");
    repo.haul(["push", "file"]).success().stdout_has(&["1 file pushed"]);
}
