//! What a server answers, and what it means.
//!
//! | module | |
//! |---|---|
//! | `xml`, `documents`, `bucket` | what S3 servers write |
//! | `error_body`, `web_page` | what other servers write |
//! | `checksum`, `etags` | whether the bytes are those of the object |
//! | `failure`, `describe`, `no_reply` | what a failure is; in words |
//! | `refusals`, `remedies`, `signer` | what to type; the codes of S3; whose keys were refused |

pub(super) mod bucket;
pub(super) mod checksum;
pub(super) mod describe;
pub(super) mod documents;
mod error_body;
pub(super) mod etags;
pub(super) mod failure;
mod no_reply;
pub(super) mod refusals;
mod remedies;
mod signer;
pub(super) mod web_page;
pub(super) mod xml;

pub(crate) use error_body::first_words;
