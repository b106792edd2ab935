//! What a store tells while a server keeps it waiting, and to whom.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use haul_auth::PromptMfa;

/// A call that goes on although the server does not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The server, as `https://minio.example.org:9000`.
    pub server: String,
    /// What it says or does, as the rest of a sentence that starts with the server.
    pub reason: String,
    /// The attempt that is under way or has failed last, counted from 1.
    pub attempt: u32,
    /// How the wait ends if nothing changes.
    pub end: WaitEnd,
}

/// When a call is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// When so much time has passed.
    After(Duration),
    /// When so many attempts have failed.
    Attempts(u32),
}

/// Hears of calls that take patience.
pub trait WaitListener: Debug + Send + Sync {
    /// Takes note that a store has been in trouble for seconds. Told once, until a call succeeds again.
    fn on_wait(&self, wait: &Wait);
}

/// How a store reaches the person who waits for it. The default is that there is none.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    /// Is asked for the codes of MFA devices.
    pub mfa_prompt: Option<Arc<dyn PromptMfa>>,
    /// Hears of servers that keep the program waiting.
    pub wait_listener: Option<Arc<dyn WaitListener>>,
}
