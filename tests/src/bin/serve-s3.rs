//! Starts a server of `tests/servers.toml`, and keeps it running until SIGTERM or the end of stdin.

use anyhow::Result;
use haul_tests::announce::wait_for_stop;
use haul_tests::catalogue::ServerRequest;

xflags::xflags! {
    /// A real S3 server with random keys, on loopback, while this program runs.
    cmd serve-s3 {
        /// Its name in tests/servers.toml; with the suffix `-tls`, over https.
        required name: String
        /// Use https, with a certificate of a private authority.
        optional --tls
        /// A bucket to create (`bucket`).
        repeated --bucket bucket: String
    }
}

fn main() -> Result<()> {
    let flags = ServeS3::from_env_or_exit();
    let mut request = ServerRequest::parse(&flags.name);
    request.tls |= flags.tls;
    if !flags.bucket.is_empty() {
        request.buckets = flags.bucket;
    }
    let server = request.start()?;
    server.announcement().print()?;
    wait_for_stop()
}
