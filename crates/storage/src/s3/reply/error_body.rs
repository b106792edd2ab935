//! What a reply that is no error of S3 says: the page of a proxy, the sentence of a web server.

use haul_config::mask_urls;

use super::documents::shown;

/// Characters that are shown.
const MAX_CHARS: usize = 160;
/// Bytes that are looked at: the words of a page come first.
const MAX_BYTES: usize = 16 << 10;
/// A word of so many characters is no word: it may be a token that the server repeats.
const MAX_WORD_CHARS: usize = 40;

/// Returns the first words of a body, if it is text: those of the title for a page of HTML.
pub(crate) fn first_words(body: &[u8]) -> Option<String> {
    let body = &body[..body.len().min(MAX_BYTES)];
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = if text.trim_start().starts_with('<') { words_of_page(text) } else { text.to_owned() };
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| {
            let is_long = word.chars().count() >= MAX_WORD_CHARS && !word.contains("://");
            if is_long { "****".to_owned() } else { mask_urls(word) }
        })
        .collect();
    let mut line = shown(&words.join(" "))?;
    if let Some((end, _)) = line.char_indices().nth(MAX_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    Some(line)
}

/// Takes the tags off a page, and what is no text in it.
fn words_of_page(page: &str) -> String {
    // Lower case of ASCII alone, so that places in both are the same.
    let lower = page.to_ascii_lowercase();
    let between = |open: &str, close: &str| {
        let start = lower.find(open)?;
        let start = start + lower[start..].find('>')? + 1;
        Some(&page[start..start + lower[start..].find(close)?])
    };
    if let Some(title) = between("<title", "</title").filter(|title| !title.trim().is_empty()) {
        return title.to_owned();
    }
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        rest = after.split_once('>').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_are_those_a_person_would_read() {
        for (body, words) in [
            (
                &b"upstream connect error\r\nor   disconnect\n"[..],
                Some("upstream connect error or disconnect"),
            ),
            (b"<html>\n<head><title>502 Bad Gateway</title></head><body>x</body>", Some("502 Bad Gateway")),
            (b"<HTML><Title lang=\"en\">No</TITLE>", Some("No")),
            (b"<html><body><h1>It <b>broke</b></h1>\n</body>", Some("It broke")),
            (b"{\"error\": \"no such tenant\"}", Some("{\"error\": \"no such tenant\"}")),
            (b"token IQoJb3JpZ2luX2VjEIr1234567890123456789012345678901234567890", Some("token ****")),
            (b"see https://me:pw@host/x?sig=abc", Some("see https://me:****@host/x?sig=****")),
            (b"bad \x1b[31mred\x1b[0m", Some("bad [31mred [0m")),
            (b"\xff\xfe\x00", None),
            (b"caf\xc3", Some("caf")),
            (b"", None),
            (b" \n", None),
        ] {
            assert_eq!(first_words(body).as_deref(), words, "{}", body.escape_ascii());
        }
        let long = first_words("word ".repeat(1000).as_bytes()).expect("it is text");
        assert!(long.ends_with('…') && long.chars().count() == MAX_CHARS + 1, "{long}");
    }
}
