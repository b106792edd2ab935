//! A proxy in front of a server that makes each round trip last longer.
//!
//! Prints its address when it is ready, and stops on SIGTERM or when its stdin, if that is a pipe, closes.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use haul_tests::announce::wait_for_stop;
use haul_tests::delay::DelayProxy as Proxy;

xflags::xflags! {
    /// Forward connections, with a delay for each byte.
    cmd delay-proxy {
        /// The server.
        required --upstream upstream: SocketAddr
        /// How long a round trip takes, in milliseconds.
        required --round-trip-ms round_trip_ms: u64
    }
}

fn main() -> Result<()> {
    let flags = DelayProxy::from_env_or_exit();
    let proxy = Proxy::start(flags.upstream, Duration::from_millis(flags.round_trip_ms))?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", proxy.address())?;
    stdout.flush()?;
    wait_for_stop()
}
