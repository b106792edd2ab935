//! The reference of errors that tables of the code declare: exit codes, codes of S3, and what a machine runs out of.
//!
//! `cargo xtask generate` adds those that are declared one by one.

use haul_config::Exhausted;
use haul_storage::s3::REFUSALS;

use crate::exit::ExitStatus;

/// Returns the page, as Markdown.
pub(crate) fn reference() -> String {
    let mut page =
        String::from("# Errors and what helps\n\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for status in ExitStatus::ALL {
        page.extend(["| ", &status.code().to_string(), " | ", status.meaning(), " |\n"]);
    }
    page.push_str(
        "\n## Codes of S3\n\nThe code stands in the message, as in `… (NoSuchBucket, HTTP 404)`. Words in capitals stand for \
         what the message names.\n\n| Code | Cause | Next step |\n|---|---|---|\n",
    );
    for refusal in REFUSALS {
        let codes: Vec<String> = refusal.codes.iter().map(|code| format!("`{code}`")).collect();
        let next = refusal.next.map_or_else(|| "-".to_owned(), named);
        page.extend(["| ", &codes.join(", "), " | ", refusal.cause, " | ", &next, " |\n"]);
    }
    page.push_str("\n## What the machine has run out of\n\n| What | Next step |\n|---|---|\n");
    for exhausted in Exhausted::ALL {
        page.extend(["| ", exhausted.meaning(), " | ", exhausted.hint(), " |\n"]);
    }
    page
}

/// Puts words in the place of what is filled in.
fn named(next: &str) -> String {
    [
        ("{remote}", "NAME"),
        ("{bucket}", "BUCKET"),
        ("{endpoint}", "ENDPOINT"),
        ("{region}", "name the region with `haul remote modify NAME region REGION`, or the endpoint"),
        ("{keys}", "put them right where they come from, which the message names"),
        ("{key}", "the access key"),
    ]
    .iter()
    .fold(next.to_owned(), |text, (placeholder, word)| text.replace(placeholder, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_every_code_and_no_placeholder() {
        let page = reference();
        for text in [
            "| 251 | configuration error |",
            "`SignatureDoesNotMatch`",
            "`haul remote modify NAME url",
            "ulimit -n",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains('{'), "{page}");
    }

    #[test]
    fn no_code_of_s3_stands_twice() {
        let mut codes: Vec<&str> = REFUSALS.iter().flat_map(|refusal| refusal.codes).copied().collect();
        codes.sort_unstable();
        let n_codes = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), n_codes);
    }
}
