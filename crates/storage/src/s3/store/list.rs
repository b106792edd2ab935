//! Listings of a bucket, by either call.

use http::Method;

use crate::s3::client::{Call, Client, Expect};
use crate::s3::reply::documents::ListReply;
use crate::s3::reply::xml::MalformedXml;
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::Op;
use crate::s3::request::options::ListApi;
use crate::{Error, ErrorKind, ListFrom, Result};

/// So many pages without an object may follow each other; servers that skip deleted versions give a few.
const MAX_EMPTY_PAGES: u32 = 1000;

/// What to list; keys are whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListRequest<'a> {
    pub prefix: &'a str,
    pub delimiter: Option<&'a str>,
    pub max_keys: Option<usize>,
}

/// A page, and where the next one starts.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub reply: ListReply,
    pub next: Option<ListFrom>,
}

/// Where a page starts, together with what is needed to see that a listing moves on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::s3) struct Position {
    /// The server's token (V2) or marker (V1), or the key to start behind.
    from: Option<String>,
    is_token: bool,
    /// The greatest key of the pages so far.
    last_key: Option<String>,
    n_empty_pages: u32,
}

impl Position {
    pub(in crate::s3) fn new(from: &ListFrom) -> Result<Self> {
        match from {
            ListFrom::Start => Ok(Self::default()),
            // A given key may lie anywhere; only what the pages themselves show counts for moving on.
            ListFrom::AfterKey(key) => Ok(Self { from: Some(key.clone()), ..Self::default() }),
            ListFrom::Token(token) => Self::decode(token).ok_or_else(|| {
                Error::new(ErrorKind::Config, "this is not a position in a listing of this store")
            }),
        }
    }

    pub(in crate::s3) fn encode(&self) -> String {
        let last = self.last_key.as_deref();
        format!(
            "{}:{}:{}{}",
            self.n_empty_pages,
            last.map_or(String::new(), |key| key.len().to_string()),
            last.unwrap_or_default(),
            self.from.as_deref().unwrap_or_default()
        )
    }

    pub(in crate::s3) fn decode(token: &str) -> Option<Self> {
        let (n_empty_pages, rest) = token.split_once(':')?;
        let (length, rest) = rest.split_once(':')?;
        let (last_key, from) = match length {
            "" => (None, rest),
            length => {
                let (last, from) = rest.split_at_checked(length.parse().ok()?)?;
                (Some(last.to_owned()), from)
            }
        };
        Some(Self {
            from: Some(from.to_owned()),
            is_token: true,
            last_key,
            n_empty_pages: n_empty_pages.parse().ok()?,
        })
    }
}

/// Asks for one page.
pub(crate) async fn list_page(client: &Client, request: &ListRequest<'_>, from: &ListFrom) -> Result<Page> {
    let position = Position::new(from)?;
    let is_v1 = client.options.list_api == ListApi::V1;
    let mut query = Query::default().with("encoding-type", "url");
    if !is_v1 {
        query = query.with("list-type", "2");
    }
    if !request.prefix.is_empty() {
        query = query.with("prefix", request.prefix);
    }
    if let Some(delimiter) = request.delimiter {
        query = query.with("delimiter", delimiter);
    }
    if let Some(max_keys) = request.max_keys {
        query = query.with("max-keys", &max_keys.to_string());
    }
    if let Some(from) = &position.from {
        let name = match (is_v1, position.is_token) {
            (true, _) => "marker",
            (false, true) => "continuation-token",
            (false, false) => "start-after",
        };
        query = query.with(name, from);
    }
    let call = Call { query, expect: Expect::Xml, ..Call::new(Op::List, Method::GET, None) };
    let answer = client.send(&call).await?;
    let page = ListReply::parse(&answer.body)
        .and_then(|reply| advance(reply, request, position, is_v1))
        .map_err(|malformed| client.malformed(&call, malformed))?;
    Ok(page)
}

/// Checks that a page belongs to the listing and moves it on, and finds where the next one starts.
pub(in crate::s3) fn advance(
    mut reply: ListReply,
    request: &ListRequest<'_>,
    position: Position,
    is_v1: bool,
) -> Result<Page, MalformedXml> {
    if let Some(stray) = reply.objects.iter().find(|object| !object.key.starts_with(request.prefix)) {
        return Err(MalformedXml(format!("the listing has a key outside the prefix: `{}`", stray.key)));
    }
    if let (Some(after), false) = (&position.from, position.is_token) {
        // Some servers include the key to start behind.
        reply.objects.retain(|object| object.key > *after);
    }
    // Some servers sort folder by folder, which differs from the order of the keys around `-`, `.` and `/`.
    reply.objects.sort_by(|one, other| one.key.cmp(&other.key));
    let last_object = reply.objects.last().map(|object| &object.key);
    let last = last_object.into_iter().chain(reply.common_prefixes.iter().max()).max().cloned();
    if let (Some(before), Some(last)) = (&position.last_key, &last)
        && last <= before
    {
        return Err(MalformedXml(format!("the listing does not move on behind `{before}`")));
    }
    if !reply.is_truncated {
        return Ok(Page { reply, next: None });
    }
    let from = if is_v1 {
        // Only listings with a delimiter must have a NextMarker; the last key serves as well.
        reply.next_marker.clone().or_else(|| last.clone())
    } else {
        reply.next_continuation_token.clone()
    };
    let from =
        from.ok_or_else(|| MalformedXml("the listing is cut off and does not say where it goes on".into()))?;
    let n_empty_pages = if last.is_some() { 0 } else { position.n_empty_pages + 1 };
    if (position.from.as_ref() == Some(&from) && (position.is_token || is_v1))
        || n_empty_pages > MAX_EMPTY_PAGES
    {
        return Err(MalformedXml("the listing does not move on".into()));
    }
    let next =
        Position { from: Some(from), is_token: true, last_key: last.or(position.last_key), n_empty_pages };
    Ok(Page { reply, next: Some(ListFrom::Token(next.encode())) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::reply::documents::Listed;

    fn reply(keys: &[&str], next: Option<&str>) -> ListReply {
        ListReply {
            objects: keys.iter().map(|key| Listed { key: (*key).into(), ..Listed::default() }).collect(),
            is_truncated: next.is_some(),
            next_continuation_token: next.map(str::to_owned).filter(|next| !next.is_empty()),
            ..ListReply::default()
        }
    }

    fn step(reply: ListReply, from: &ListFrom, is_v1: bool) -> Result<Page, MalformedXml> {
        let request = ListRequest { prefix: "p/", ..ListRequest::default() };
        advance(reply, &request, Position::new(from).unwrap(), is_v1)
    }

    #[test]
    fn position_survives_its_token() {
        for last_key in [None, Some("p/é:1".to_owned()), Some(String::new())] {
            let position =
                Position { from: Some("a:b:é".into()), is_token: true, last_key, n_empty_pages: 3 };
            assert_eq!(Position::decode(&position.encode()), Some(position));
        }
        assert!(Position::new(&ListFrom::Token("nonsense".into())).is_err());
    }

    #[test]
    fn listing_that_stands_still_is_an_error() {
        let first = step(reply(&["p/a", "p/b"], Some("t1")), &ListFrom::Start, false).unwrap();
        let next = first.next.unwrap();
        assert!(step(reply(&["p/a", "p/b"], Some("t2")), &next, false).is_err(), "the same keys again");
        assert!(step(reply(&[], Some("t1")), &next, false).is_err(), "the same token again");
        assert!(step(reply(&["p/c"], Some("")), &next, false).is_err(), "no token");
        let empty = step(reply(&[], Some("t2")), &next, false).unwrap();
        assert!(
            step(reply(&["p/b"], None), &empty.next.unwrap(), false).is_err(),
            "back behind an empty page"
        );
        let mut from = ListFrom::Start;
        let endless = (0..2 * MAX_EMPTY_PAGES).find(|index| {
            match step(reply(&[], Some(&index.to_string())), &from, false) {
                Ok(page) => from = page.next.unwrap(),
                Err(_) => return true,
            }
            false
        });
        assert!(endless.is_some());
    }

    #[test]
    fn key_outside_the_prefix_is_an_error() {
        assert!(step(reply(&["q/a"], None), &ListFrom::Start, false).is_err());
    }

    #[test]
    fn v1_without_next_marker_goes_on_behind_the_last_key() {
        let page = step(reply(&["p/b", "p/a"], Some("")), &ListFrom::Start, true).unwrap();
        let Some(ListFrom::Token(token)) = page.next else { panic!("no next page") };
        assert_eq!(Position::decode(&token).unwrap().from.as_deref(), Some("p/b"));
        assert_eq!(page.reply.objects[0].key, "p/a", "sorted");
    }

    #[test]
    fn start_key_itself_is_left_out() {
        let page = step(reply(&["p/a", "p/b"], None), &ListFrom::AfterKey("p/a".into()), false).unwrap();
        assert_eq!(page.reply.objects.len(), 1);
    }
}
