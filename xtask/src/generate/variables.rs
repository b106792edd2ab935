//! Checks that the page of environment variables is complete.

use std::collections::BTreeSet;

use crate::project::Project;
use anyhow::Result;

/// The prefixes by which names of variables are recognised in the sources.
const FAMILIES: &[&str] = &["AWS_", "DVC_", "HAUL_", "XDG_"];

/// Returns the variables of a source that are missing on the page.
pub(super) fn check(project: &Project, page: &str, findings: &mut Vec<String>) -> Result<()> {
    let files = super::product_sources(project)?;
    for name in &files {
        let Ok(text) = std::fs::read_to_string(project.root.join(name)) else { continue };
        for variable in named(&text) {
            if !page.contains(&format!("`{variable}`")) {
                findings.push(format!(
                    "{name} names the variable `{variable}`, which crates/config/src/variables.rs lacks"
                ));
            }
        }
    }
    Ok(())
}

/// Returns the string literals of a source that are names of variables.
fn named(source: &str) -> BTreeSet<&str> {
    let is_name = |text: &&str| {
        FAMILIES.iter().any(|family| text.starts_with(family) && text.len() > family.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    source.split('"').filter(is_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_among_other_texts() {
        let source =
            r#"env.var("AWS_PROFILE"); format!("AWS_ENDPOINT_URL_{}", x); "AWS_"; "aws_x"; ("DVC_A1")"#;
        assert_eq!(named(source).into_iter().collect::<Vec<_>>(), ["AWS_PROFILE", "DVC_A1"]);
    }
}
