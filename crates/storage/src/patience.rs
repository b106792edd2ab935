//! Reports of a store to the user while a server keeps it waiting.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use haul_auth::PromptMfa;

/// A call that the store repeats because the server fails or throttles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The server, such as `https://minio.example.org:9000`.
    pub server: String,
    /// What the server replies or does, as the rest of a sentence that starts with the server.
    pub reason: String,
    /// The running attempt, or the last one that failed, counted from 1.
    pub attempt: u32,
    /// When the call fails if nothing changes.
    pub end: WaitEnd,
}

/// When a call that is repeated finally fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// After this time.
    After(Duration),
    /// After this number of attempts.
    Attempts(u32),
}

/// Is notified of calls that are repeated for seconds.
pub trait WaitListener: Debug + Send + Sync {
    /// Called when calls of a store have failed for seconds, and then not again until a call has succeeded.
    fn on_wait(&self, wait: &Wait);
}

/// How a store reaches the user. By default it does not.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    /// Asks the user for the codes of MFA devices.
    pub mfa_prompt: Option<Arc<dyn PromptMfa>>,
    /// Is notified of servers that keep the program waiting.
    pub wait_listener: Option<Arc<dyn WaitListener>>,
}
