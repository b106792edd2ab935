//! The protocol between the server binaries of this package and the programs that start them.

use std::io::Write;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The one line of JSON that a server binary prints when it is ready.
#[derive(Clone, Serialize, Deserialize)]
pub struct Announcement {
    /// The kind of server: `embedded`, `minio`, ….
    pub name: String,
    /// Its URL, without a slash at the end.
    pub endpoint: String,
    /// The access key id of the owner, who may do everything.
    pub access_key: String,
    /// The secret key of the owner.
    pub secret_key: String,
    /// The region of its buckets.
    pub region: String,
    /// The buckets it was started with.
    pub buckets: Vec<String>,
    /// The PEM file of the authority of its certificate, if it uses TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// The id of a KMS key of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The access key id of a user who may only list, read and write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_access_key: Option<String>,
    /// The secret key of the limited user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_secret_key: Option<String>,
    /// The bucket that the limited user may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_bucket: Option<String>,
    /// The URL at which recorded requests can be read and cleared: `GET` and `DELETE` on `/-/requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
}

/// Omits the secrets.
impl std::fmt::Debug for Announcement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Announcement")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Announcement {
    /// Prints the line on stdout.
    pub fn print(&self) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer(&mut stdout, self)?;
        writeln!(stdout)?;
        stdout.flush()?;
        Ok(())
    }
}

/// Waits for SIGTERM, SIGINT, or the end of stdin if stdin is a pipe.
///
/// A program that starts a server keeps the other end of the pipe, so that the server ends with it, however it ends.
pub fn wait_for_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let watches_stdin = {
        let mode = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(std::io::stdin())?.st_mode);
        matches!(mode, rustix::fs::FileType::Fifo | rustix::fs::FileType::Socket)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stdin_end = async {
            if watches_stdin {
                let read = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                drop(tokio::task::spawn_blocking(read).await);
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_end => {}
        }
        Ok(())
    });
    // The thread that reads stdin may never end.
    runtime.shutdown_background();
    result
}
