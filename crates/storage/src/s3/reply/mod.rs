//! What a server answers, and what it means.
//!
//! | module | |
//! |---|---|
//! | `xml`, `documents` | what S3 servers write |
//! | `error_body`, `web_page` | what other servers write |
//! | `checksum`, `etags` | whether the bytes are those of the object |
//! | `failure`, `describe`, `remedies` | what a failure is; in words; what to type |

pub(super) mod checksum;
pub(super) mod describe;
pub(super) mod documents;
mod error_body;
pub(super) mod etags;
pub(super) mod failure;
mod remedies;
pub(super) mod web_page;
pub(super) mod xml;
