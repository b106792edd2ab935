//! What reads and changes the working directory.
//!
//! | module | |
//! |---|---|
//! | [`lock`] | who may change it now |
//! | [`scan`] | which files it has, and what is in them |
//! | [`state`] | what is remembered of its files: hashes, links, what a checkout was about to write |
//! | [`link`] | how an object becomes a file in it |
//! | [`checkout`] | from what it has to what it should have |

pub mod checkout;
pub mod link;
pub mod lock;
pub mod scan;
pub mod state;
