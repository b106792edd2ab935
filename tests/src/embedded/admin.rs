//! The admin page, by which other processes read the recorded requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::running::{EmbeddedS3, Shared, lock};

impl EmbeddedS3 {
    /// Serves `GET` and `DELETE` on `/-/requests` at another address, until the process ends.
    pub fn serve_admin(&self, address: SocketAddr) -> Result<SocketAddr> {
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = self.share();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("embedded-s3-admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let shared = Arc::clone(&shared);
                    let service = hyper::service::service_fn(move |request| {
                        let reply = answer(&shared, &request);
                        async move { Ok::<_, Infallible>(reply) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
                }
            });
        })?;
        Ok(address)
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let reply = |status: u16, body: Vec<u8>| {
        let mut reply = Response::new(Full::new(Bytes::from(body)));
        *reply.status_mut() = http::StatusCode::from_u16(status).expect("a status code");
        reply
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/-/requests") => {
            let requests = lock(&shared.requests);
            reply(200, serde_json::to_vec(&*requests).expect("requests are plain data"))
        }
        (&Method::DELETE, "/-/requests") => {
            lock(&shared.requests).clear();
            reply(204, Vec::new())
        }
        _ => reply(404, b"only /-/requests is here\n".to_vec()),
    }
}
