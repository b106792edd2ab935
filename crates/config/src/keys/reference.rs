//! The reference page of all options.

use std::fmt::Write as _;

use super::{Key, REMOTE_SCHEMES, SECTIONS, Use};

/// Renders the tables as a page in Markdown.
///
/// Storages that haul does not speak to are left out: their options are DVC's.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\nMade from the tables in `crates/config/src/keys`; do not edit.\n\nOptions are set with \
         `haul config SECTION.OPTION VALUE`, those of remotes with\n`haul remote modify NAME OPTION VALUE`. Secrets belong \
         into `.dvc/config.local`: add `--local`.\n",
    );
    for section in SECTIONS.iter().filter(|section| section.name != "remote") {
        let title =
            if section.is_named { format!("{} \"NAME\"", section.name) } else { section.name.to_owned() };
        append(&mut page, &title, section.documentation, section.keys.iter());
    }
    for (scheme, title, documentation) in [
        (
            "s3",
            "remote \"NAME\" on S3 (`s3://bucket/path`)",
            "https://dvc.org/doc/user-guide/data-management/remote-storage/amazon-s3",
        ),
        (
            "",
            "remote \"NAME\" in a folder",
            "https://dvc.org/doc/user-guide/data-management/remote-storage#file-systems-local-remotes",
        ),
    ] {
        let groups =
            REMOTE_SCHEMES.iter().find(|(found, _)| *found == scheme).map_or(&[][..], |(_, groups)| groups);
        append(&mut page, title, documentation, groups.iter().flat_map(|keys| keys.iter()));
    }
    page
}

fn append<'a>(page: &mut String, title: &str, documentation: &str, keys: impl Iterator<Item = &'a Key>) {
    let mut deviations = String::new();
    // Writing to a string can't fail.
    let _ = write!(page, "\n## {title}\n\nDVC: <{documentation}>\n\n");
    page.push_str("| option | value | default | what it is for |\n|---|---|---|---|\n");
    for key in keys {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let note = match key.used {
            Use::Effective => String::new(),
            Use::DvcOnly => " Accepted; concerns DVC only.".to_owned(),
            Use::Obsolete => " Accepted; obsolete in DVC.".to_owned(),
            Use::Idle(reason) => format!(" Accepted; no effect, because {reason}."),
        };
        let secret = if key.is_secret { " **Secret.**" } else { "" };
        let _ = writeln!(page, "| `{}` | {} | {default} | {}{secret}{note} |", key.name, key.kind, key.about);
        if let Some(deviation) = key.deviation {
            let _ = writeln!(deviations, "- `{}`: {deviation}.", key.name);
        }
    }
    if !deviations.is_empty() {
        let _ = write!(page, "\nOn purpose different from DVC:\n\n{deviations}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_that_takes_effect_has_a_row() {
        let page = reference();
        let s3 = REMOTE_SCHEMES.iter().find(|(scheme, _)| *scheme == "s3").unwrap().1;
        let remote = s3.iter().flat_map(|keys| keys.iter());
        for key in SECTIONS.iter().flat_map(|section| section.keys).chain(remote) {
            assert!(page.contains(&format!("| `{}` | {} |", key.name, key.kind)), "{}", key.name);
        }
        assert!(
            page.contains("| `secret_access_key` | text |  | The secret of the access key. **Secret.** |")
        );
        assert!(
            page.contains("kept. Accepted; no effect, because haul keeps its state in `.dvc/tmp/haul`. |")
        );
        assert!(page.contains("- `listobjects`: DVC accepts the option and ignores it.\n"));
        // A `|` in a cell would break the table.
        assert!(page.lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 5));
    }
}
