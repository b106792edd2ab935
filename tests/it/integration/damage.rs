//! Downloads over a proxy that damages them: what can be repaired is repaired, nothing damaged is stored, and every
//! command ends.

use haul_tests::fault_proxy::{Act, FaultProxy, Meddling, Place};
use haul_tests::{Folder, random_text};

use super::{Case, Ground, on_every_server};

/// A size for each kind of download: in a single piece, in a stream, and in ranges.
const SIZES: [usize; 3] = [1000, 3_000_000, 70 << 20];
const OBJECTS: &str = "/files/md5/";

/// Files that were pushed without a fault, and an empty clone whose remote is behind a proxy.
struct Behind<'a> {
    repo: Folder<'a>,
    clone: Folder<'a>,
    proxy: FaultProxy,
}

impl<'a> Behind<'a> {
    fn new(ground: &'a Ground<'_>, sizes: &[usize]) -> Self {
        let repo = ground.repository(&[]);
        for size in sizes {
            let seed = random_text(16);
            repo.write(format!("data/{size}"), seed.repeat(size / 16));
        }
        repo.haul(["add", "data"]).success();
        repo.haul(["push"]).success();
        let proxy = FaultProxy::in_front_of(&ground.server.announcement).expect("a proxy starts");
        let clone = ground.environment.folder("clone");
        clone.clone_metadata_of(&repo);
        let set = |option: &str, value: &str| {
            clone.haul(["remote", "modify", "origin", option, value]).success();
        };
        set("endpointurl", &proxy.endpoint());
        set("read_timeout", "2");
        if let Some(bundle) = proxy.ca_bundle() {
            set("ssl_verify", &bundle.display().to_string());
        }
        Self { repo, clone, proxy }
    }

    /// A pull gets everything in spite of `meddling`.
    fn is_overcome(&self, meddling: Meddling) {
        self.proxy.inject(meddling);
        self.clone.haul(["pull"]).success();
        assert!(self.proxy.n_struck() > 0, "no fault struck");
        self.clone.tree("data").assert_equals(&self.repo.tree("data"));
        self.clone.assert_cache_is_sound();
    }

    /// A pull fails and stores nothing damaged, and the next one, without faults, gets everything.
    fn is_survived(&self, meddling: Meddling, texts: &[&str]) {
        self.proxy.inject(meddling);
        self.clone.haul(["pull"]).failure().stderr_has(texts);
        assert!(self.proxy.n_struck() > 0, "no fault struck");
        if self.clone.exists(".dvc/cache") {
            self.clone.assert_cache_is_sound();
            assert!(self.clone.cache_temporaries().is_empty());
        }
        self.proxy.heal();
        self.clone.haul(["pull"]).success();
        self.clone.tree("data").assert_equals(&self.repo.tree("data"));
    }
}

fn objects(act: Act) -> Meddling {
    Meddling::on("GET", act).path(OBJECTS)
}

#[test]
fn bit_that_flips_in_a_download_is_noticed_and_the_object_got_again() {
    let case =
        Case::everywhere("a bit flips in a reply", "the files of a pull, and every object of the cache");
    on_every_server(case, |ground| {
        let behind = Behind::new(ground, &SIZES);
        // The manifest, then any object: a fault must not hit the same object in all attempts.
        for (n_skipped, place) in [Place::First, Place::Middle].into_iter().enumerate() {
            behind.proxy.inject(objects(Act::FlipReplyBit(place)).after(n_skipped).times(1));
        }
        behind.is_overcome(objects(Act::FlipReplyBit(Place::Last)).after(2).times(1));
        assert_eq!(behind.proxy.n_struck(), 3);
    });
}

#[test]
fn bits_that_always_flip_are_an_error_and_nothing_is_stored() {
    let case =
        Case::everywhere("bits flip in every reply", "an error; nothing wrong in the cache; then a pull");
    on_every_server(case, |ground| {
        Behind::new(ground, &SIZES[..2]).is_survived(objects(Act::FlipReplyBit(Place::Middle)), &["damaged"]);
    });
}

#[test]
fn download_that_is_cut_again_and_again_goes_on() {
    let case =
        Case::everywhere("every reply is cut after 1 MB", "the files of a pull, and how little came twice");
    on_every_server(case, |ground| {
        let behind = Behind::new(ground, &SIZES);
        behind.is_overcome(objects(Act::CutReply { after_bytes: 1_000_000 }));
        // The received bytes are kept: each request for an object starts after the previous one.
        let starts: std::collections::BTreeSet<_> = behind
            .proxy
            .requests()
            .iter()
            .filter(|request| request.path.contains(OBJECTS))
            .map(|request| (request.path.clone(), request.header("range").map(str::to_owned)))
            .collect();
        let n_requests =
            behind.proxy.requests().iter().filter(|request| request.path.contains(OBJECTS)).count();
        assert!(n_requests >= 70, "{n_requests}");
        assert_eq!(starts.len(), n_requests, "a range was asked for twice");
    });
}

#[test]
fn download_cut_after_every_100_kb_goes_on() {
    let case = Case::everywhere("every reply is cut after 100 KB", "the files of a pull");
    on_every_server(case, |ground| {
        Behind::new(ground, &SIZES[..2]).is_overcome(objects(Act::CutReply { after_bytes: 100_000 }));
    });
}

#[test]
fn download_that_stalls_goes_on() {
    let case = Case::everywhere("a reply stalls", "the files of a pull");
    on_every_server(case, |ground| {
        let stall = objects(Act::StallReply { after_bytes: 500 }).times(4);
        Behind::new(ground, &SIZES).is_overcome(stall);
    });
}

#[test]
fn replies_without_a_length_are_read() {
    let case = Case::everywhere("chunked, and HTTP/1.0 without a length", "the files of a pull");
    on_every_server(case, |ground| {
        let behind = Behind::new(ground, &SIZES);
        behind.is_overcome(objects(Act::Chunked));
        behind.proxy.heal();
        behind.clone.remove("data");
        behind.clone.remove(".dvc/cache");
        behind.is_overcome(objects(Act::UntilClose));
    });
}

#[test]
fn server_that_answers_with_pages_is_an_error_on_every_command() {
    let case = Case::everywhere("HTML to all, and 404 to all", "errors that name the endpoint or the bucket");
    on_every_server(case, |ground| {
        let behind = Behind::new(ground, &SIZES[..1]);
        for act in [Act::html_page(), Act::not_found()] {
            behind.is_survived(Meddling::everywhere(act.clone()), &["s3://"]);
            behind.clone.remove("data");
            behind.clone.remove(".dvc/cache");
            // The workspace has nothing that would let a command succeed without the server.
            behind.proxy.inject(Meddling::everywhere(act));
            behind.clone.haul(["fetch"]).failure().stderr_has(&["s3://"]);
            behind.proxy.heal();
        }
    });
}
