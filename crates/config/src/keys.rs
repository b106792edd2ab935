//! Every section and option as data.

use crate::KeyPath;

/// Tells whether the value of an option must not be shown or committed.
pub fn is_secret(key: &KeyPath) -> bool {
    let _ = key;
    unimplemented!()
}
