//! `%(name)s` in values, as Python's ConfigParser has it.

use super::{Document, Outline, Value};

/// How deep values may refer to values; Python gives up at about a thousand.
const MAX_DEPTH: usize = 200;
/// How long a value may become, in bytes, and how many names may be replaced on the way: ten lines that each name
/// the next one twice make a thousand copies of the last.
const MAX_LENGTH: usize = 64 * 1024;
const MAX_REPLACEMENTS: usize = 10_000;

/// The names that are being replaced, from the outermost inwards, and how many were so far.
#[derive(Default)]
struct Trail {
    open: Vec<(String, String)>,
    replacements: usize,
}

/// Why a value can't be completed, in ConfigObj's words where it has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterpolationError {
    /// The item of the value.
    pub(crate) item: usize,
    pub(crate) message: String,
}

impl Document {
    /// Returns the value of an entry with all its `%(name)s` replaced.
    ///
    /// A name is looked up in the section of the value, in its `DEFAULT` section, and then in the sections around it.
    pub(crate) fn interpolated(
        &self,
        outline: &Outline,
        section: usize,
        item: usize,
    ) -> Result<Value, InterpolationError> {
        let replace = |text: &String| {
            let mut trail = Trail::default();
            self.replace(outline, section, self.key(item), text, &mut trail)
                .map_err(|message| InterpolationError { item, message })
        };
        match self.value(item) {
            Some(Value::Text(text)) => replace(text).map(Value::Text),
            Some(Value::List(items)) => items.iter().map(replace).collect::<Result<_, _>>().map(Value::List),
            None => Ok(Value::Text(String::new())),
        }
    }

    fn replace(
        &self,
        outline: &Outline,
        section: usize,
        key: &str,
        text: &str,
        trail: &mut Trail,
    ) -> Result<String, String> {
        if !text.contains("%(") {
            return Ok(text.to_owned());
        }
        let visit = (key.to_owned(), outline[section].name.clone());
        if trail.open.contains(&visit) || trail.open.len() >= MAX_DEPTH {
            return Err(format!("interpolation loop detected in value \"{key}\"."));
        }
        trail.open.push(visit);
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_reference(rest) {
            replaced.push_str(before);
            let (found, at) = self.look_up(outline, section, name)?;
            replaced.push_str(&self.replace(outline, at, name, found, trail)?);
            trail.replacements += 1;
            if replaced.len() > MAX_LENGTH || trail.replacements > MAX_REPLACEMENTS {
                return Err(format!("interpolation makes value \"{key}\" too long."));
            }
            rest = after;
        }
        replaced.push_str(rest);
        trail.open.pop();
        Ok(replaced)
    }

    /// Returns the text of an option, and the section it counts as a part of.
    fn look_up(&self, outline: &Outline, section: usize, name: &str) -> Result<(&str, usize), String> {
        let mut current = section;
        loop {
            let default = outline[current].sections.iter().find(|&&inner| outline[inner].name == "DEFAULT");
            for holder in [Some(current), default.copied()].into_iter().flatten() {
                let found = outline[holder].entries.iter().find(|&&item| self.key(item) == name);
                match found.and_then(|&item| self.value(item)) {
                    Some(Value::Text(text)) => return Ok((text, current)),
                    Some(Value::List(_)) => {
                        return Err(format!("option \"{name}\" in interpolation is a list."));
                    }
                    None => {}
                }
            }
            let parent = outline[current].parent;
            if parent == current {
                return Err(format!("missing option \"{name}\" in interpolation."));
            }
            current = parent;
        }
    }
}

/// Splits a text at its first `%(name)s`.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    while let Some(offset) = text[start..].find("%(") {
        let opening = start + offset;
        let name_start = opening + 2;
        let closing = name_start + text[name_start..].find(')')?;
        if let Some(after) = text[closing + 1..].strip_prefix('s') {
            return Some((&text[..opening], &text[name_start..closing], after));
        }
        start = opening + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let document = Document::parse(text).unwrap();
        let outline = document.outline();
        let (section, item) = (1..outline.len())
            .flat_map(|section| outline[section].entries.iter().map(move |&item| (section, item)))
            .find(|&(_, item)| document.key(item) == "k")
            .unwrap();
        let found = document.interpolated(&outline, section, item).map(|value| value.to_string());
        assert_eq!(found.as_deref().map_err(|error| error.message.as_str()), expected, "{text}");
    }

    #[test]
    fn names_are_replaced_from_the_section_then_default_then_outside() {
        check("[s]\nk = a%(x)sb\nx = 1", Ok("a1b"));
        check("x = 0\n[s]\nk = %(x)s%(x)s", Ok("00"));
        check("[DEFAULT]\nx = d\n[s]\nk = %(x)s", Ok("d"));
        check("x = out\n[DEFAULT]\nx = d\n[s]\nk = %(x)s\n[[DEFAULT]]\nx = in", Ok("in"));
        check("[s]\nk = %(x)s\nx = %(y)s\ny = end", Ok("end"));
    }

    #[test]
    fn what_is_no_reference_stays() {
        check("[s]\nk = 100%", Ok("100%"));
        check("[s]\nk = %20%(", Ok("%20%("));
        check("[s]\nk = %(x)d %(a)", Ok("%(x)d %(a)"));
    }

    #[test]
    fn missing_and_circular_names_are_errors() {
        check("[s]\nk = %(X)s\nx = 1", Err("missing option \"X\" in interpolation."));
        check("[s]\nk = %(k)s", Err("interpolation loop detected in value \"k\"."));
        check("[s]\nk = %(x)s\nx = %(k)s", Err("interpolation loop detected in value \"k\"."));
    }

    #[test]
    fn exponential_growth_is_cut_off() {
        let lines: Vec<String> =
            (0..40).map(|index| format!("a{index} = %(a{next})s%(a{next})s\n", next = index + 1)).collect();
        for last in ["0123456789", "\"\""] {
            let text = format!("[s]\nk = %(a0)s\n{}a40 = {last}\n", lines.concat());
            let document = Document::parse(&text).unwrap();
            let outline = document.outline();
            assert!(document.interpolated(&outline, 1, outline[1].entries[0]).is_err());
        }
    }
}
