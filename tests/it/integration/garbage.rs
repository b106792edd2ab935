//! Garbage collection on real servers: full listings, and deletion in bulk.

use haul_tests::objects::md5_of;
use http::Method;

use super::{Case, Ground, on_every_server};

/// More objects than a page of a listing or one DeleteObjects can have.
const N_OBJECTS: usize = 1100;

fn collect(ground: &Ground<'_>, options: &[(&str, &str)]) {
    let repo = ground.repository(options);
    let client = ground.server.client();
    let put = |key: &str, body: &'static str| {
        let target = format!("/{}/{}/{key}", ground.bucket, ground.prefix);
        let reply = client.send(&Method::PUT, &target, &[], body).expect("the server answers");
        reply.ok("an upload").unwrap_or_else(|error| panic!("{error:#}"));
    };
    for index in 0..N_OBJECTS {
        repo.write(format!("data/{index}"), format!("{index} {}", ground.prefix));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    repo.remove("data");
    for index in 0..5 {
        repo.write(format!("data/{index}"), format!("{index} {}", ground.prefix));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let oid = md5_of(b"legacy");
    put(&format!("{}/{}", &oid[..2], &oid[2..]), "legacy");
    let foreign = ["ab/cdef", "zz/notahash", "files/md5/ab/cdef", "files/md5/zz/notahash", "other/file"];
    for key in foreign {
        put(key, "not ours");
    }
    repo.haul(["gc", "-w", "-c", "--dry"]).success().stdout_has(&["Would remove 1096 objects from remote."]);
    repo.haul(["gc", "-w", "-c", "-f"])
        .success()
        .stdout_has(&["Removed 1096 objects from remote.", "Removed 1 objects from remote."]);
    let keys = ground.keys();
    assert_eq!(keys.len(), 6 + foreign.len(), "{keys:?}");
    for key in foreign {
        assert!(keys.contains(&format!("{}/{key}", ground.prefix)), "{key} is gone");
    }
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["No unused cache to remove from remote."]);
    let clone = ground.environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn gc_lists_and_deletes_on_every_server() {
    let case = Case::everywhere("gc -c", "the keys that are left, by a listing of the owner");
    on_every_server(case, |ground| collect(ground, &[]));
}

#[test]
fn gc_with_listobjects_lists_and_deletes_on_every_server() {
    let case =
        Case::everywhere("gc -c with listobjects", "the keys that are left, by a listing of the owner");
    on_every_server(case, |ground| collect(ground, &[("listobjects", "true")]));
}
