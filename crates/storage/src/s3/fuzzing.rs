//! What must hold for any reply of any server: the fuzz targets `replies` and `listing` (feature `fuzzing`).

use std::fmt::Write as _;

use crate::ListFrom;
use crate::s3::reply::documents;
use crate::s3::reply::documents::{
    DeleteReply, ErrorReply, ListReply, PartsReply, VersionsReply, parse_create_multipart, parse_new_object,
    parse_versioning,
};
use crate::s3::reply::xml::escape_into;
use crate::s3::store::list::{ListRequest, Position, advance};
use crate::s3::store::versions;

/// Reads the body of a reply as each reply there is.
///
/// # Panics
///
/// When a property does not hold: a body is at most one kind of reply; what is read is no longer than the body; what a
/// message will show is short and holds nothing that a terminal obeys; what is read is read again when it is written.
pub fn reply(body: &[u8]) {
    let listing = ListReply::parse(body);
    let kinds = [
        listing.is_ok(),
        VersionsReply::parse(body).is_ok(),
        DeleteReply::parse(body).is_ok(),
        PartsReply::parse(body).is_ok(),
        parse_versioning(body).is_ok(),
        parse_create_multipart(body).is_ok(),
        parse_new_object(body).is_ok(),
        ErrorReply::parse(body).is_some(),
    ];
    assert!(kinds.iter().filter(|is_it| **is_it).count() <= 1, "several replies in one: {kinds:?}");
    if let Some(ErrorReply { code, message, request_id, region, endpoint }) = ErrorReply::parse(body) {
        for text in [code, message, request_id, region, endpoint].into_iter().flatten() {
            assert!(!text.is_empty() && text.chars().count() <= 401 && !text.contains(char::is_control));
        }
    }
    if let Ok(parts) = PartsReply::parse(body) {
        assert!(parts.parts.iter().map(|part| part.etag.len()).sum::<usize>() <= body.len());
    }
    if let Ok(listing) = listing {
        let length: usize = listing.objects.iter().map(|object| object.key.len()).sum();
        assert!(length <= body.len(), "{length} bytes of keys in {} bytes", body.len());
        read_again(&listing);
    }
}

/// Writes a listing as a server would, and reads it.
fn read_again(listing: &ListReply) {
    let texts = listing.objects.iter().map(|object| object.key.as_str());
    if texts
        .chain(listing.common_prefixes.iter().map(String::as_str))
        .any(|text| text.contains(char::is_control))
    {
        return;
    }
    let escaped = |text: &str| {
        let mut xml = String::new();
        escape_into(&mut xml, text);
        xml
    };
    let mut whole = format!("<ListBucketResult><IsTruncated>{}</IsTruncated>", listing.is_truncated);
    for object in &listing.objects {
        let (key, size_bytes) = (escaped(&object.key), object.size_bytes);
        let _ = write!(whole, "<Contents><Key>{key}</Key><Size>{size_bytes}</Size></Contents>");
    }
    for prefix in &listing.common_prefixes {
        let _ = write!(whole, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix));
    }
    whole.push_str("</ListBucketResult>");
    let again = ListReply::parse(whole.as_bytes()).unwrap_or_else(|error| panic!("{error} in {whole:?}"));
    let keys = |reply: &ListReply| -> Vec<(String, u64)> {
        reply.objects.iter().map(|object| (object.key.clone(), object.size_bytes)).collect()
    };
    assert_eq!(keys(&again), keys(listing));
    assert_eq!(again.common_prefixes, listing.common_prefixes);
}

/// Follows a listing whose pages are the bodies between lines of `---`; the line before the first says how: `1`, `2` or
/// `v` for the call, and the key to start behind.
///
/// # Panics
///
/// When a property does not hold: every key is below the prefix, and each page has a greater one than all before it (of
/// versions: none that is less); a page names a next one or is the last; the position of the next page survives being written down.
pub fn listing(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (how, pages) = text.split_once('\n').unwrap_or((text, ""));
    let pages = pages.split("\n---\n");
    match how.as_bytes() {
        [b'v', ..] => follow_versions(pages),
        [call @ (b'1' | b'2'), rest @ ..] => {
            let after = str::from_utf8(rest).unwrap_or_default().trim();
            follow_keys(pages, *call == b'1', after);
        }
        _ => {}
    }
}

const PREFIX: &str = "p/";

fn follow_keys<'page>(pages: impl Iterator<Item = &'page str>, is_v1: bool, after: &str) {
    let request = ListRequest { prefix: PREFIX, ..ListRequest::default() };
    let mut from = match after {
        "" => ListFrom::Start,
        after => ListFrom::AfterKey(after.to_owned()),
    };
    // The key to start behind may lie anywhere: only what the pages show counts.
    let mut last = String::new();
    for page in pages {
        let Ok(reply) = ListReply::parse(page.as_bytes()) else { return };
        let position = Position::new(&from).expect("it is ours");
        let Ok(page) = advance(reply, &request, position, is_v1) else { return };
        let keys = || page.reply.objects.iter().map(|object| &object.key);
        assert!(keys().is_sorted());
        assert!(keys().all(|key| key.starts_with(PREFIX)), "a key is outside");
        // Servers that sort folder by folder give keys that are less than those before, but not only such.
        if let Some(greatest) = keys().chain(&page.reply.common_prefixes).max() {
            assert!(*greatest > last || page.reply.objects.is_empty(), "{greatest} after {last}");
            last = greatest.max(&last).clone();
        }
        let Some(next) = page.next else { return };
        let ListFrom::Token(token) = &next else { panic!("the next page has no token") };
        let again = Position::decode(token).expect("it was just written");
        assert_eq!(again.encode(), *token);
        from = next;
    }
}

fn follow_versions<'page>(pages: impl Iterator<Item = &'page str>) {
    let mut from = None;
    let mut last = String::new();
    for page in pages {
        let Ok(reply) = VersionsReply::parse(page.as_bytes()) else { return };
        let Ok((reply, next)) = versions::advance(reply, PREFIX, from.as_ref()) else { return };
        for documents::ListedVersion { key, version_id, .. } in &reply.versions {
            assert!(key.starts_with(PREFIX) && !version_id.is_empty());
            assert!(*key >= last, "{key} after {last}");
            last.clone_from(key);
        }
        if next.is_none() {
            return;
        }
        from = next;
    }
}
