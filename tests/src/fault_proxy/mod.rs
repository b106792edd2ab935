//! A proxy in front of any S3 server, real or embedded, that damages the requests and replies that a test selects.
//!
//! It uses HTTP/1.1 with the client and the server, over TLS on both sides if the server uses TLS: its certificate is
//! signed by the proxy's own authority ([`FaultProxy::ca_bundle`]). Heads are forwarded unchanged, `Host` included, so
//! that signatures stay valid. A request that no [`Meddling`] applies to is forwarded unchanged. Each request has its own
//! connection to the server; the client may reuse its connection.
//!
//! ```no_run
//! # use haul_tests::fault_proxy::{FaultProxy, Act, Meddling, Place};
//! # fn example(announcement: &haul_tests::announce::Announcement) -> anyhow::Result<()> {
//! let proxy = FaultProxy::in_front_of(announcement)?;
//! // Once, a bit in the middle of the second part.
//! proxy.inject(Meddling::on("PUT", Act::FlipRequestBit(Place::Middle)).query("partNumber=2").times(1));
//! // Every object is sent in chunks, without a Content-Length.
//! proxy.inject(Meddling::on("GET", Act::Chunked).path("/files/md5/"));
//! // The client uses proxy.endpoint(), and proxy.ca_bundle() as `ssl_verify`.
//! # Ok(())
//! # }
//! ```
//!
//! | What goes wrong | [`Act`] |
//! |---|---|
//! | one bit of a request's or reply's body | `FlipRequestBit`, `FlipReplyBit` |
//! | the entity tag of a reply, in its headers or its body | `ChangeReplyEtag` |
//! | a reply is cut or stalls; there is no reply | `CutReply`, `StallReply`, `LoseReply`, `HangUp` |
//! | a reply without `Content-Length` | `Chunked`, `UntilClose` |
//! | another server answers: a page of HTML, 404, anything | `Answer`, [`Act::html_page`], [`Act::not_found`] |

mod body;
mod connection;
mod meddling;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

pub use meddling::{Act, Meddling, Place};

use crate::announce::Announcement;
use crate::embedded::EmbeddedS3;
use crate::raw::RawRequest;
use crate::tls::Certificate;

/// A running proxy; it stops when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_bundle: Option<PathBuf>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The directory of the CA bundle.
    _folder: tempfile::TempDir,
}

/// The state that the connections share.
struct Shared {
    upstream: Upstream,
    meddlings: Mutex<Vec<Meddling>>,
    requests: Mutex<Vec<RawRequest>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("authority", &self.upstream.authority).finish_non_exhaustive()
    }
}

impl Shared {
    fn meddlings(&self) -> MutexGuard<'_, Vec<Meddling>> {
        self.meddlings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<RawRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server behind the proxy.
struct Upstream {
    /// Host and port.
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Upstream {
    /// `authority_pem` is the authority of the server's certificate; it is only needed for `https`.
    fn new(endpoint: &str, authority_pem: Option<&[u8]>) -> Result<Self> {
        let (scheme, authority) = endpoint.split_once("://").context("an endpoint has a scheme")?;
        let authority = authority.trim_end_matches('/').to_owned();
        if scheme == "http" {
            return Ok(Self { authority, tls: None });
        }
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority_pem.context("https needs an authority")?)
        {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host).to_owned();
        let name = ServerName::try_from(host)?;
        Ok(Self { authority, tls: Some((TlsConnector::from(Arc::new(config)), name)) })
    }

    async fn connect(&self) -> Result<Box<dyn connection::Stream>> {
        let stream = TcpStream::connect(self.authority.as_str()).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }
}

impl FaultProxy {
    /// Starts a proxy in front of an announced server. It uses TLS if the server does.
    ///
    /// # Errors
    /// If the server's CA bundle cannot be read, or there is no free port.
    pub fn in_front_of(server: &Announcement) -> Result<Self> {
        let authority = server.ca_bundle.as_deref().map(fs_err::read).transpose()?;
        Self::start(&server.endpoint, authority.as_deref())
    }

    /// Starts a proxy in front of an embedded server without TLS.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn in_front_of_embedded(server: &EmbeddedS3) -> Self {
        Self::start(&server.endpoint(), None).expect("a proxy starts")
    }

    /// Starts a proxy in front of a URL; `authority_pem` is the authority of the certificate of a server with TLS.
    ///
    /// # Errors
    /// If the URL or the certificate is invalid, or there is no free port.
    pub fn start(endpoint: &str, authority_pem: Option<&[u8]>) -> Result<Self> {
        Self::start_with(endpoint, authority_pem, Certificate::generate)
    }

    /// Starts a proxy with a self-signed certificate in front of a server with TLS; [`ca_bundle`](Self::ca_bundle) is that
    /// certificate.
    ///
    /// # Errors
    /// If the server's CA bundle cannot be read, or there is no free port.
    pub fn self_signed_in_front_of(server: &Announcement) -> Result<Self> {
        let authority = server.ca_bundle.as_deref().map(fs_err::read).transpose()?;
        Self::start_with(&server.endpoint, authority.as_deref(), Certificate::generate_self_signed)
    }

    fn start_with(
        endpoint: &str,
        authority_pem: Option<&[u8]>,
        certificate: fn() -> Result<Certificate>,
    ) -> Result<Self> {
        let upstream = Upstream::new(endpoint, authority_pem)?;
        let folder = tempfile::tempdir()?;
        let certificate = upstream.tls.is_some().then(certificate).transpose()?;
        let acceptor = certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let files = certificate.map(|certificate| certificate.write_to(folder.path())).transpose()?;
        let ca_bundle = files.map(|files| files.authority);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fault-proxy")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { upstream, meddlings: Mutex::default(), requests: Mutex::default() });
        let serving = connection::serve(listener, acceptor, Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
            // Replies that stall on purpose do not delay the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { shared, address, ca_bundle, stop: Some(stop), thread: Some(thread), _folder: folder })
    }

    /// Returns its URL, without a slash at the end; with TLS, the host is that of its certificate.
    pub fn endpoint(&self) -> String {
        if self.ca_bundle.is_some() {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Returns the PEM file of the authority of its certificate, if it uses TLS.
    pub fn ca_bundle(&self) -> Option<&Path> {
        self.ca_bundle.as_deref()
    }

    /// Adds a change. If several match a request, the first applies.
    pub fn inject(&self, meddling: Meddling) {
        self.shared.meddlings().push(meddling);
    }

    /// Removes all changes.
    pub fn heal(&self) {
        self.shared.meddlings().clear();
    }

    /// Returns how often a request or its reply was changed, so that a test can check that its fault occurred.
    pub fn n_struck(&self) -> usize {
        self.shared.meddlings().iter().map(Meddling::n_struck).sum()
    }

    /// Returns the requests so far, without their bodies.
    pub fn requests(&self) -> Vec<RawRequest> {
        self.shared.requests().clone()
    }

    /// Returns the requests so far and clears them.
    pub fn take_requests(&self) -> Vec<RawRequest> {
        std::mem::take(&mut *self.shared.requests())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the proxy has already ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
