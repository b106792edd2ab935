//! The path of an object below the root of a cache or remote.

use crate::Oid;

/// The two layouts DVC has used. An out without `hash: md5` in its metafile is in the legacy one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// DVC 3: `files/md5/XX/YYY…`.
    Current,
    /// DVC 2: `XX/YYY…`, named by the MD5 of the text with line ends converted to LF (`md5-dos2unix`).
    Legacy,
}

impl Layout {
    /// Returns the directory of all objects: `files/md5/`, or empty for the legacy layout.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Current => "files/md5/",
            Self::Legacy => "",
        }
    }

    /// Returns the path of `oid` below the root, such as `files/md5/9d/d4e461268c8034f5c8564e155c67a6`.
    pub fn object_path(self, oid: &Oid) -> String {
        let name = oid.to_string();
        let (first, rest) = name.split_at(2);
        format!("{}{first}/{rest}", self.folder())
    }

    /// Returns the object at `path` below the root, or `None` if `path` is not exactly the path of an object.
    pub fn parse_path(self, path: &str) -> Option<Oid> {
        let (first, rest) = path.strip_prefix(self.folder())?.split_once('/')?;
        let oid = format!("{first}{rest}").parse().ok()?;
        (self.object_path(&oid) == path).then_some(oid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_path_round_trips() {
        let oid: Oid = "d751713988987e9331980363e24189ce.dir".parse().unwrap();
        assert_eq!(Layout::Current.object_path(&oid), "files/md5/d7/51713988987e9331980363e24189ce.dir");
        assert_eq!(Layout::Legacy.object_path(&oid), "d7/51713988987e9331980363e24189ce.dir");
        for layout in [Layout::Current, Layout::Legacy] {
            assert_eq!(layout.parse_path(&layout.object_path(&oid)), Some(oid));
        }
    }

    #[test]
    fn layout_foreign_path_is_not_an_object() {
        for path in [
            "files/md5/ab/cdef",
            "files/md5/D7/51713988987e9331980363e24189ce",
            "files/md5/d75/1713988987e9331980363e24189ce",
            "files/md5/d7/51713988987e9331980363e24189ce.dir/x",
            "other/d7/51713988987e9331980363e24189ce",
        ] {
            assert_eq!(Layout::Current.parse_path(path), None, "{path}");
        }
    }
}
