//! Starts, inspects and stops a server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::access::Gate;
use super::backend::Backend;
use super::fault::Fault;
use super::front::Front;
use super::options::{EmbeddedOptions, Quirks, User};
use super::record::{Operation, RecordedRequest};
use super::state::State;

/// A running server; it stops when it is dropped.
///
/// It has its own threads, so that it works for blocking and for asynchronous tests.
#[derive(Debug)]
pub struct EmbeddedS3 {
    shared: Arc<Shared>,
    address: SocketAddr,
    user: User,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The state that the parts of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    users: Mutex<Vec<User>>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) requests: Mutex<Vec<RecordedRequest>>,
    /// The number of requests of each operation that are being answered.
    under_way: Mutex<BTreeMap<Operation, usize>>,
    pub(crate) quirks: Quirks,
    pub(crate) tls: bool,
    pub(crate) data_dir: PathBuf,
    /// Deletes the data directory when the server is dropped, if it is the server's own.
    _temp_dir: Option<tempfile::TempDir>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn user(&self, access_key: &str) -> Option<User> {
        lock(&self.users).iter().find(|user| user.access_key == access_key).cloned()
    }

    /// Returns the maximum number of entries of a page, given the client's limit.
    pub(crate) fn page_limit(&self, asked: Option<i32>) -> usize {
        let asked = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(1000);
        asked.min(self.quirks.page_size)
    }
}

/// A request that is being answered; it is dropped at the end, also if the client closes the connection.
pub(crate) struct UnderWay<'a> {
    shared: &'a Shared,
    operation: Operation,
    /// The number of concurrent requests of the operation, this one included.
    pub(crate) n_requests: usize,
}

impl<'a> UnderWay<'a> {
    pub(crate) fn begin(shared: &'a Shared, operation: Operation) -> Self {
        let mut under_way = lock(&shared.under_way);
        let n_requests = under_way.entry(operation).or_default();
        *n_requests += 1;
        Self { shared, operation, n_requests: *n_requests }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(n_requests) = lock(&self.shared.under_way).get_mut(&self.operation) {
            *n_requests -= 1;
        }
    }
}

/// Locks, even if a thread panicked with the lock, as other tests still need their server.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EmbeddedS3 {
    /// Starts a server.
    pub fn start(options: EmbeddedOptions) -> Result<Self> {
        let EmbeddedOptions { address, users, buckets, data_dir, tls, quirks } = options;
        let user = users.first().cloned().context("a server needs a user")?;
        let temp_dir = if data_dir.is_none() { Some(tempfile::tempdir()?) } else { None };
        let data_dir = match (data_dir, &temp_dir) {
            (Some(data_dir), _) => data_dir,
            (None, Some(temp_dir)) => temp_dir.path().to_owned(),
            (None, None) => unreachable!("there is a temp folder where no other is named"),
        };
        fs_err::create_dir_all(&data_dir)?;
        let mut state = State::default();
        for bucket in &buckets {
            state.add_bucket(bucket);
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            users: Mutex::new(users),
            faults: Mutex::default(),
            requests: Mutex::default(),
            under_way: Mutex::default(),
            quirks,
            tls: tls.is_some(),
            data_dir,
            _temp_dir: temp_dir,
        });
        let service = service(&shared)?;
        let acceptor = tls.map(|certificate| certificate.acceptor()).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("embedded-s3")
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let front = Front::new(service, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("embedded-s3".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = front.serve(listener, acceptor) => {}
                    _ = stopped => {}
                }
            });
            // Replies that stall on purpose do not delay the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { shared, address, user, stop: Some(stop), thread: Some(thread) })
    }

    /// Starts a server with the default options: one bucket called `bucket`, one user.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn new() -> Self {
        Self::start(EmbeddedOptions::default()).expect("the embedded server starts")
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URL, without a slash at the end.
    pub fn endpoint(&self) -> String {
        if self.shared.tls {
            // The host must match the certificate.
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Returns the first user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Adds a user, or replaces the one with the same access key.
    pub fn add_user(&self, user: User) {
        let mut users = lock(&self.shared.users);
        users.retain(|other| other.access_key != user.access_key);
        users.push(user);
    }

    /// Removes a user.
    pub fn remove_user(&self, access_key: &str) {
        lock(&self.shared.users).retain(|user| user.access_key != access_key);
    }

    /// Adds a fault. If several faults match a request, the first applies.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Returns all requests so far, in the order in which they arrived.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Returns the requests so far and clears them, so that the next command starts with an empty list.
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut *lock(&self.shared.requests))
    }

    /// Returns the number of requests of an operation.
    pub fn count(&self, operation: Operation) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.operation == operation).count()
    }

    /// Returns the maximum of concurrent requests of an operation.
    pub fn most_at_once(&self, operation: Operation) -> usize {
        let requests = lock(&self.shared.requests);
        let of_it = requests.iter().filter(|request| request.operation == operation);
        of_it.map(|request| request.n_at_once).max().unwrap_or_default()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn share(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl Default for EmbeddedS3 {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for EmbeddedS3 {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has already ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Takes buckets from the subdomains of one domain; for any other host, the bucket is in the path.
struct BucketHosts(s3s::host::SingleDomain, String);

impl s3s::host::S3Host for BucketHosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> s3s::S3Result<s3s::host::VirtualHost<'a>> {
        if host.ends_with(self.1.as_str()) {
            self.0.parse_host_header(host)
        } else {
            Ok(s3s::host::VirtualHost::new(host))
        }
    }
}

fn service(shared: &Arc<Shared>) -> Result<s3s::service::S3Service> {
    let mut builder = s3s::service::S3ServiceBuilder::new(Backend { shared: Arc::clone(shared) });
    builder.set_auth(Gate { shared: Arc::clone(shared) });
    builder.set_access(Gate { shared: Arc::clone(shared) });
    if let Some(host) = &shared.quirks.virtual_host {
        builder.set_host(BucketHosts(s3s::host::SingleDomain::new(host)?, host.clone()));
    }
    Ok(builder.build())
}
