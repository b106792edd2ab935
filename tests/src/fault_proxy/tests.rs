use bytes::Bytes;
use http::Method;

use super::*;
use crate::client::{Reply, S3Client};
use crate::embedded::EmbeddedOptions;

/// Starts a server and a proxy in front of it, and makes a client of the proxy.
struct World {
    server: EmbeddedS3,
    proxy: FaultProxy,
    client: S3Client,
}

const KEY: &str = "/bucket/files/md5/ab/cdef";

impl World {
    fn new(tls: bool) -> Self {
        let certificate = Certificate::generate().unwrap();
        let tls = tls.then(|| certificate.clone());
        let server =
            EmbeddedS3::start(EmbeddedOptions { tls: tls.clone(), ..EmbeddedOptions::default() }).unwrap();
        let authority = tls.map(|certificate| certificate.authority_pem.into_bytes());
        let proxy = FaultProxy::start(&server.endpoint(), authority.as_deref()).unwrap();
        let client = S3Client::new(&Announcement {
            name: "embedded".to_owned(),
            endpoint: proxy.endpoint(),
            access_key: server.user().access_key.clone(),
            secret_key: server.user().secret_key.clone(),
            region: "us-east-1".to_owned(),
            buckets: vec!["bucket".to_owned()],
            ca_bundle: proxy.ca_bundle().map(|path| path.display().to_string()),
            kms_key_id: None,
            limited_access_key: None,
            limited_secret_key: None,
            limited_bucket: None,
            admin: None,
        });
        Self { server, proxy, client: client.unwrap() }
    }

    fn send(&self, method: &Method, body: impl Into<Bytes>) -> Result<Reply> {
        self.client.send(method, KEY, &[], body)
    }

    fn stored_bytes(&self) -> usize {
        self.server.bytes("bucket", "files/md5/ab/cdef").expect("the object is there").len()
    }
}

#[test]
fn proxy_passes_everything_on_where_nothing_is_to_go_wrong() {
    for tls in [false, true] {
        let world = World::new(tls);
        let content = vec![7; 300_000];
        assert!(world.send(&Method::PUT, content.clone()).unwrap().status.is_success());
        assert_eq!(world.send(&Method::GET, "").unwrap().body, content);
        assert_eq!(world.send(&Method::HEAD, "").unwrap().header("content-length"), Some("300000"));
        let listing = world.client.keys("bucket", "files/").unwrap();
        assert_eq!(listing, ["files/md5/ab/cdef"]);
        let methods: Vec<_> = world.proxy.requests().into_iter().map(|request| request.method).collect();
        assert_eq!(methods, ["PUT", "GET", "HEAD", "GET"]);
    }
}

#[test]
fn bits_and_entity_tags_are_changed_once_and_where_it_was_said() {
    let world = World::new(true);
    for (place, changed) in
        [(Place::First, 0), (Place::Middle, 150_000), (Place::Last, 299_999), (Place::At(5), 5)]
    {
        world.proxy.heal();
        world.proxy.inject(Meddling::on("PUT", Act::FlipRequestBit(place)).times(1));
        world.proxy.inject(Meddling::on("GET", Act::FlipReplyBit(place)).path("/files/").times(1));
        // The simple client signs the hash of its body.
        let refused = world.send(&Method::PUT, vec![7; 300_000]).unwrap();
        assert!(refused.status.is_client_error(), "{}", refused.status);
        assert!(world.send(&Method::PUT, vec![7; 300_000]).unwrap().status.is_success());
        let damaged = world.send(&Method::GET, "").unwrap().body;
        let different: Vec<_> = (0..300_000).filter(|at| damaged[*at] != 7).collect();
        assert_eq!(different, [changed]);
        assert_eq!(world.send(&Method::GET, "").unwrap().body, vec![7; 300_000]);
        assert_eq!(world.proxy.n_struck(), 2);
    }
    let etag = world.send(&Method::HEAD, "").unwrap().header("etag").unwrap().to_owned();
    world.proxy.inject(Meddling::on("HEAD", Act::ChangeReplyEtag).times(1));
    let changed = world.send(&Method::HEAD, "").unwrap().header("etag").unwrap().to_owned();
    assert_eq!((changed.len(), etag != changed), (etag.len(), true));
}

#[test]
fn replies_are_cut_lost_and_left_without_their_length() {
    let world = World::new(true);
    let content = vec![7; 300_000];
    world.proxy.inject(Meddling::on("PUT", Act::LoseReply).times(1));
    world.send(&Method::PUT, content.clone()).unwrap_err();
    assert_eq!(world.stored_bytes(), 300_000);

    world.proxy.inject(Meddling::on("PUT", Act::HangUp).times(1));
    world.send(&Method::PUT, "other").unwrap_err();
    assert_eq!(world.stored_bytes(), 300_000);

    world.proxy.inject(Meddling::on("GET", Act::CutReply { after_bytes: 1000 }).times(1));
    world.send(&Method::GET, "").unwrap_err();
    for act in [Act::Chunked, Act::UntilClose] {
        world.proxy.inject(Meddling::on("GET", act).times(1));
        let reply = world.send(&Method::GET, "").unwrap();
        assert_eq!((reply.header("content-length"), reply.body.as_ref()), (None, content.as_slice()));
    }
    assert_eq!(world.proxy.n_struck(), 5);
}

#[test]
fn answers_of_other_servers_come_instead() {
    let world = World::new(false);
    world.proxy.inject(Meddling::everywhere(Act::html_page()).after(1).times(1));
    world.proxy.inject(Meddling::on("GET", Act::not_found()).without_query("list-type=2"));
    assert!(world.send(&Method::PUT, "content").unwrap().status.is_success());
    let page = world.send(&Method::PUT, "content").unwrap();
    assert!(page.status.is_success() && page.text().contains("<html>"), "{}", page.text());
    assert_eq!(world.send(&Method::GET, "").unwrap().status, 404);
    assert_eq!(world.client.keys("bucket", "files/").unwrap().len(), 1);
}
