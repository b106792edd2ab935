//! A proxy that adds latency to a server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The number of bytes that are read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// The maximum number of delayed chunks in one direction of one connection.
const MAX_ON_THE_WAY: usize = 256;

/// Forwards connections, and delays each byte by half a round trip in each direction. Runs in its own thread until the
/// process ends.
#[derive(Debug)]
pub struct DelayProxy {
    address: SocketAddr,
}

impl DelayProxy {
    /// Listens on a free port of this machine and forwards to `upstream`.
    pub fn start(upstream: SocketAddr, round_trip: Duration) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || runtime.block_on(accept(listener, upstream, round_trip)));
        Ok(Self { address })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: std::net::TcpListener, upstream: SocketAddr, round_trip: Duration) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            // The TCP handshake also takes a round trip.
            tokio::time::sleep(round_trip).await;
            // If the server cannot be reached, the client's connection is dropped.
            let Ok(server) = TcpStream::connect(upstream).await else { return };
            if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
                return;
            }
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let delay = round_trip / 2;
            tokio::join!(forward(from_client, to_server, delay), forward(from_server, to_client, delay));
        });
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(MAX_ON_THE_WAY);
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let Ok(n_bytes) = from.read(&mut chunk).await else { return };
            chunk.truncate(n_bytes);
            if n_bytes == 0 || sender.send((Instant::now() + delay, chunk)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = on_the_way.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn answer_takes_a_round_trip() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = DelayProxy::start(server.local_addr().unwrap(), Duration::from_millis(60)).unwrap();
        let echo = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut bytes = [0; 5];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        });
        let mut client = std::net::TcpStream::connect(proxy.address()).unwrap();
        let started = std::time::Instant::now();
        client.write_all(b"hello").unwrap();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"hello");
        // A connection and an answer take at least two round trips.
        assert!(started.elapsed() >= Duration::from_millis(115));
        echo.join().unwrap();
    }
}
