//! How a request gets to a server: one exchange, and when to try another.
//!
//! | module | |
//! |---|---|
//! | `exchange` | one HTTP exchange: the seam between the S3 client and the network |
//! | `http_client`, `watch` | reqwest; the idle watchdog |
//! | `proxy` | which requests go through a proxy |
//! | `tls` | which servers are trusted |
//! | `retry`, `throttle` | when to try again; bandwidth |

pub(crate) mod exchange;
pub(super) mod http_client;
pub(crate) mod proxy;
pub(super) mod retry;
pub(super) mod throttle;
pub(super) mod tls;
pub(super) mod watch;
