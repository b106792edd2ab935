//! The name of an object: the MD5 of its bytes, and whether it is a directory manifest.

use std::fmt;
use std::str::FromStr;

/// An MD5 digest.
pub type Md5Digest = [u8; 16];

/// What an object contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OidKind {
    /// The bytes of a file.
    File,
    /// A directory manifest: a JSON list of the directory's files; the object's name has the suffix `.dir`.
    Dir,
}

/// The identifier of an object in a DVC cache or remote.
///
/// Written as 32 lower-case hex digits, followed by `.dir` for a directory manifest. The order of
/// [`Oid`]s is the lexicographic order of that text, which is the order in which S3 lists objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    digest: Md5Digest,
    kind: OidKind,
}

impl Oid {
    /// Names a file object.
    pub fn file(digest: Md5Digest) -> Self {
        Self { digest, kind: OidKind::File }
    }

    /// Names a directory manifest.
    pub fn dir(digest: Md5Digest) -> Self {
        Self { digest, kind: OidKind::Dir }
    }

    /// Returns the digest.
    pub fn digest(&self) -> &Md5Digest {
        &self.digest
    }

    /// Returns what the object contains.
    pub fn kind(&self) -> OidKind {
        self.kind
    }

    /// Returns whether the object is a directory manifest.
    pub fn is_dir(&self) -> bool {
        self.kind == OidKind::Dir
    }
}

/// A text that is not the name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an object name: expected 32 hex digits, with `.dir` for a directory")]
pub struct InvalidOid(pub String);

impl FromStr for Oid {
    type Err = InvalidOid;

    /// Parses `9dd4e461268c8034f5c8564e155c67a6` or `….dir`; upper-case digits are accepted, as in DVC.
    fn from_str(text: &str) -> Result<Self, InvalidOid> {
        let (digits, kind) = match text.strip_suffix(".dir") {
            Some(digits) => (digits, OidKind::Dir),
            None => (text, OidKind::File),
        };
        let mut digest = Md5Digest::default();
        hex::decode_to_slice(digits, &mut digest).map_err(|_| InvalidOid(text.to_owned()))?;
        Ok(Self { digest, kind })
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hex::encode_to_slice(self.digest, &mut digits).map_err(|_| fmt::Error)?;
        formatter.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)?;
        formatter.write_str(if self.is_dir() { ".dir" } else { "" })
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oid_text_round_trips() {
        for text in ["9dd4e461268c8034f5c8564e155c67a6", "d751713988987e9331980363e24189ce.dir"] {
            assert_eq!(text.parse::<Oid>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn oid_with_wrong_form_is_refused() {
        for text in ["", "9dd4", "9dd4e461268c8034f5c8564e155c67ag", "9dd4e461268c8034f5c8564e155c67a6.DIR"] {
            assert!(text.parse::<Oid>().is_err(), "{text}");
        }
    }

    #[test]
    fn oids_sort_as_their_texts() {
        let mut oids: Vec<Oid> = ["b0", "00", "ff", "0a"]
            .iter()
            .flat_map(|end| {
                let digits = format!("9dd4e461268c8034f5c8564e155c67{end}");
                [digits.clone() + ".dir", digits]
            })
            .map(|text| text.parse().unwrap())
            .collect();
        oids.sort();
        let texts: Vec<String> = oids.iter().map(Oid::to_string).collect();
        assert!(texts.is_sorted(), "{texts:?}");
    }
}
