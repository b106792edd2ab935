//! Lists all objects of a remote; only the directories that can contain objects are listed.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::RemoteOdb;
use crate::{CancellationToken, Error, ErrorKind, Layout, ListFrom, ListPage, ListStore as _, Oid, Result};

/// An object that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Seconds since the Unix epoch, if known.
    pub last_modified: Option<i64>,
}

impl RemoteOdb {
    /// Calls `visitor` for every object of a layout, once and in no order, with at most `jobs` concurrent requests.
    ///
    /// A key that is not exactly the path of an object is skipped; so are whole directories without objects, without
    /// listing them. So a layout without objects takes one request, however many other keys there are.
    ///
    /// # Errors
    ///
    /// If a page cannot be listed; the objects visited by then are not all.
    pub async fn for_each_object(
        &self,
        layout: Layout,
        jobs: usize,
        cancel: &CancellationToken,
        visitor: &(dyn Fn(RemoteObject) + Sync),
    ) -> Result<()> {
        let listing = Listing { odb: self, layout, cancel, visitor };
        let mut from = ListFrom::Start;
        let last = loop {
            let page = listing.page(layout.folder(), &from).await?;
            let Some(next) = page.next else { return Ok(()) };
            match page.objects.last() {
                Some(object) => break object.key.clone(),
                None => from = next,
            }
        };
        let folder = layout.folder();
        let (begun, from) = match next_folder(&last[folder.len()..]) {
            Position::Inside => (last[folder.len()..].to_owned(), ListFrom::AfterKey(last)),
            Position::Before(name) => (name.clone(), ListFrom::AfterKey(format!("{folder}{name}/"))),
            Position::After => return Ok(()),
        };
        // The pages of one listing must be read one after the other, so there is a listing for each of the 16 first digits.
        let digits = "0123456789abcdef".chars().skip_while(|digit| !begun.starts_with(*digit));
        let partitions = digits.map(|digit| {
            let from = if begun.starts_with(digit) { from.clone() } else { ListFrom::Start };
            (format!("{folder}{digit}"), from)
        });
        stream::iter(partitions)
            .map(|(prefix, from)| listing.partition(prefix, from))
            .buffer_unordered(jobs.clamp(1, 16))
            .try_collect()
            .await
    }
}

struct Listing<'a> {
    odb: &'a RemoteOdb,
    layout: Layout,
    cancel: &'a CancellationToken,
    visitor: &'a (dyn Fn(RemoteObject) + Sync),
}

impl Listing<'_> {
    /// Lists what starts with `prefix`: the directory of the layout and one digit.
    async fn partition(&self, prefix: String, mut from: ListFrom) -> Result<()> {
        let folder = self.layout.folder();
        loop {
            let page = self.page(&prefix, &from).await?;
            let Some(next) = page.next else { return Ok(()) };
            let position = page.objects.last().map(|last| next_folder(&last.key[folder.len()..]));
            from = match position {
                None | Some(Position::Inside) => next,
                Some(Position::Before(name)) if format!("{folder}{name}").starts_with(&prefix) => {
                    ListFrom::AfterKey(format!("{folder}{name}/"))
                }
                Some(_) => return Ok(()),
            };
        }
    }

    async fn page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        let page = self.odb.store.list_page(prefix, from).await?;
        if page.is_truncated && page.next.is_none() {
            let message = format!(
                "the listing of `{}` is truncated, but does not say where to continue",
                self.odb.location()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        for object in &page.objects {
            if let Some(oid) = self.layout.parse_path(&object.key) {
                let (size_bytes, last_modified) = (object.size_bytes, object.last_modified);
                (self.visitor)(RemoteObject { oid, size_bytes, last_modified });
            }
        }
        Ok(page)
    }
}

/// The position of a key among the directories of objects.
#[derive(Debug, PartialEq, Eq)]
enum Position {
    /// In one of them.
    Inside,
    /// Before this one.
    Before(String),
    /// After the last one.
    After,
}

/// Returns the position of `key`, a path below the layout's directory, among the directories of two hex digits.
fn next_folder(key: &str) -> Position {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if let [one, two, b'/', ..] = key.as_bytes()
        && is_hex(*one)
        && is_hex(*two)
    {
        return Position::Inside;
    }
    let folder =
        (0..=u8::MAX).map(|first| format!("{first:02x}")).find(|folder| format!("{folder}/").as_str() > key);
    folder.map_or(Position::After, Position::Before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_among_the_folders_of_objects_is_found() {
        let before = |folder: &str| Position::Before(folder.to_owned());
        for (key, expected) in [
            ("00/x", Position::Inside),
            ("ab/", Position::Inside),
            ("!", before("00")),
            ("0", before("00")),
            ("000", before("01")),
            ("09", before("09")),
            ("0A/x", before("0a")),
            ("9z/x", before("a0")),
            ("AB/x", before("a0")),
            ("abc", before("ac")),
            ("fe0", before("ff")),
            ("ff0", Position::After),
            ("files/md5/00/x", Position::After),
        ] {
            assert_eq!(next_folder(key), expected, "{key}");
        }
    }
}
