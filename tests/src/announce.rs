//! How the server binaries of this package speak with the programs that start them.

use std::io::Write;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The one line of JSON that a server binary prints when it is ready.
#[derive(Clone, Serialize, Deserialize)]
pub struct Announcement {
    /// What it is: `embedded`, `minio`, ….
    pub name: String,
    /// Its URL, without a slash at the end.
    pub endpoint: String,
    /// The key pair of who may do everything.
    pub access_key: String,
    /// See `access_key`.
    pub secret_key: String,
    /// The region of its buckets.
    pub region: String,
    /// The buckets it was started with.
    pub buckets: Vec<String>,
    /// The PEM file of the authority behind its certificate, where it speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// A KMS key it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The key pair of a user who may only list, read and write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_access_key: Option<String>,
    /// See `limited_access_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_secret_key: Option<String>,
    /// The bucket that the limited user may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_bucket: Option<String>,
    /// Where the requests can be read and forgotten: `GET` and `DELETE` on `/-/requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
}

/// Leaves the secrets out.
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

/// Waits for SIGTERM, SIGINT, or the end of stdin where stdin is a pipe.
///
/// A program that starts a server keeps the other end of the pipe: the server then ends with it, however it ends.
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
