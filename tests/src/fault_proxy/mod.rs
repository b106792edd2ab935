//! A proxy in front of any S3 server, real or embedded, that damages the requests and replies a test picks.
//!
//! It speaks HTTP/1.1 to the client and to the server, over TLS on both sides where the server speaks TLS: the client
//! is given a certificate of the proxy's own authority ([`FaultProxy::ca_bundle`]). Heads are passed on as they came,
//! `Host` included, so that signatures stay good. A request that no [`Meddling`] strikes passes unchanged, each on a
//! connection of its own to the server; the client may keep its connection.
//!
//! ```no_run
//! # use haul_tests::fault_proxy::{FaultProxy, Act, Meddling, Place};
//! # fn example(announcement: &haul_tests::announce::Announcement) -> anyhow::Result<()> {
//! let proxy = FaultProxy::in_front_of(announcement)?;
//! // Once, a bit in the middle of the second part.
//! proxy.inject(Meddling::on("PUT", Act::FlipRequestBit(Place::Middle)).query("partNumber=2").times(1));
//! // Every object comes in chunks, without a Content-Length.
//! proxy.inject(Meddling::on("GET", Act::Chunked).path("/files/md5/"));
//! // What the client uses: proxy.endpoint(), and proxy.ca_bundle() as `ssl_verify`.
//! # Ok(())
//! # }
//! ```
//!
//! | What goes wrong | [`Act`] |
//! |---|---|
//! | one bit of a request's or reply's body | `FlipRequestBit`, `FlipReplyBit` |
//! | the entity tag of a reply, in its headers or its body | `ChangeReplyEtag` |
//! | a reply breaks off, or stops; no reply comes | `CutReply`, `StallReply`, `LoseReply`, `HangUp` |
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
    /// Holds the CA bundle.
    _folder: tempfile::TempDir,
}

/// What the connections share.
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

/// The server behind.
struct Upstream {
    /// Host and port.
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Upstream {
    /// `authority_pem` is who signed the server's certificate; it is needed for `https` alone.
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
    /// Starts a proxy in front of a server that has announced itself. It speaks TLS if the server does.
    ///
    /// # Errors
    /// The server's CA bundle cannot be read, or no port can be had.
    pub fn in_front_of(server: &Announcement) -> Result<Self> {
        let authority = server.ca_bundle.as_deref().map(fs_err::read).transpose()?;
        Self::start(&server.endpoint, authority.as_deref())
    }

    /// Starts a proxy in front of an embedded server without TLS.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn in_front_of_embedded(server: &EmbeddedS3) -> Self {
        Self::start(&server.endpoint(), None).expect("a proxy starts")
    }

    /// Starts a proxy in front of a URL; `authority_pem` signed the certificate of a server with TLS.
    ///
    /// # Errors
    /// The URL or the certificate cannot be used, or no port can be had.
    pub fn start(endpoint: &str, authority_pem: Option<&[u8]>) -> Result<Self> {
        Self::start_with(endpoint, authority_pem, Certificate::generate)
    }

    /// Starts a proxy whose certificate signed itself in front of a server with TLS; [`ca_bundle`](Self::ca_bundle) is that
    /// certificate.
    ///
    /// # Errors
    /// The server's CA bundle cannot be read, or no port can be had.
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
            // Replies that stall on purpose are not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { shared, address, ca_bundle, stop: Some(stop), thread: Some(thread), _folder: folder })
    }

    /// Returns its URL, without a slash at the end: the host name that its certificate is for where it speaks TLS.
    pub fn endpoint(&self) -> String {
        if self.ca_bundle.is_some() {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Returns the PEM file of the authority behind its certificate, where it speaks TLS.
    pub fn ca_bundle(&self) -> Option<&Path> {
        self.ca_bundle.as_deref()
    }

    /// Meddles with requests from now on. Of several that fit a request the first strikes.
    pub fn inject(&self, meddling: Meddling) {
        self.shared.meddlings().push(meddling);
    }

    /// Ends all meddling.
    pub fn heal(&self) {
        self.shared.meddlings().clear();
    }

    /// Returns how often something was done to a request or its reply, so that a test can tell that its fault struck.
    pub fn n_struck(&self) -> usize {
        self.shared.meddlings().iter().map(Meddling::n_struck).sum()
    }

    /// Returns the requests so far, without their bodies.
    pub fn requests(&self) -> Vec<RawRequest> {
        self.shared.requests().clone()
    }

    /// Returns the requests so far and forgets them.
    pub fn take_requests(&self) -> Vec<RawRequest> {
        std::mem::take(&mut *self.shared.requests())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error says that the proxy has ended, which is as well.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
