//! Values that must never be shown.

use std::fmt;

use zeroize::Zeroize;

/// A value that is masked wherever it could be printed and wiped from memory when dropped.
///
/// There is no `Display`, no `Serialize` and no `Deref`: [`Secret::expose`] is the only way out, so that
/// every place that handles the bare value can be found by searching for that one word.
///
/// ```
/// let key = haul_config::Secret::new(String::from("wJalrXUtnFEMI"));
/// assert_eq!(format!("{key:?}"), "Secret(***)");
/// assert_eq!(key.expose(), "wJalrXUtnFEMI");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the hidden value; the caller is responsible for where it goes from here.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self::new(value.to_owned())
    }
}
