//! What is asked of a server: operation, address, headers and body. Nothing here is sent.
//!
//! | module | |
//! |---|---|
//! | `options` | what can be set |
//! | `endpoint` | host and path of a bucket and its keys |
//! | `op` | the operations and the headers of each |
//! | `payload` | bodies, made anew for every attempt |

pub(super) mod endpoint;
pub(super) mod op;
pub(super) mod options;
pub(crate) mod payload;
