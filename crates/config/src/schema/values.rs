//! From text to a type, as DVC's schema converts.

use crate::ini::Value;
use crate::keys::Kind;
use crate::schema::LinkType;

/// Returns what is wrong with a value, in the words of DVC's schema library.
pub(super) fn problem(kind: Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Text | Kind::Path => value.as_text().is_none().then(|| "expected str".to_owned()),
        Kind::LowerCase => None,
        Kind::Bool => boolean(value).is_none().then(|| "expected true or false".to_owned()),
        // Of both alternatives, DVC reports the first.
        Kind::BoolOrPath => value.as_text().is_none().then(|| "expected true or false".to_owned()),
        Kind::Integer(least, most) => match (integer(value), least, most) {
            (None, ..) => Some("expected int".to_owned()),
            (Some(number), Some(least), _) if number < least => {
                Some(format!("value must be at least {least}"))
            }
            (Some(number), _, Some(most)) if number > most => Some(format!("value must be at most {most}")),
            _ => None,
        },
        Kind::Number(least) => match (number(value), least) {
            (None, _) => Some("expected float".to_owned()),
            (Some(number), Some(least)) if number < least || number.is_nan() => {
                Some(format!("value must be at least {least}"))
            }
            _ => None,
        },
        Kind::Choice(words) => (!words.contains(&value.to_string().to_lowercase().as_str()))
            .then(|| format!("expected one of {}", words.join(", "))),
        Kind::LinkTypes => {
            let unknown: Vec<String> =
                words(value).into_iter().filter(|word| LinkType::from_name(word).is_none()).collect();
            (!unknown.is_empty()).then(|| format!("Unsupported cache type(s): {}", unknown.join(", ")))
        }
        Kind::Unsettable(expected) => Some(format!("expected {expected}")),
    }
}

/// Only `true` and `false` are booleans, in any case.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value.as_text()?.to_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads a whole number as Python's `int` does: blanks around it, a sign, single `_` between digits.
///
/// What does not fit is the greatest or smallest number that does.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    let text = value.as_text()?.trim();
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let groups: Vec<&str> = digits.split('_').collect();
    let is_valid =
        groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_valid {
        return None;
    }
    let limit = if is_negative { i64::MIN } else { i64::MAX };
    let sign = if is_negative { "-" } else { "" };
    Some(format!("{sign}{}", groups.concat()).parse().unwrap_or(limit))
}

fn number(value: &Value) -> Option<f64> {
    let text = value.as_text()?.trim();
    let is_grouped_well = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    is_grouped_well.then(|| text.replace('_', "").parse().ok()).flatten()
}

/// Reads the link types; the value has been checked.
pub(crate) fn link_types(value: &Value) -> Vec<LinkType> {
    words(value).iter().filter_map(|word| LinkType::from_name(word)).collect()
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Value::List(items) => items.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(integer(&Value::Text(text.to_owned())), expected, "{text:?}");
        };
        check("8", Some(8));
        check(" +1_000 ", Some(1000));
        check("-3", Some(-3));
        check("1.5", None);
        check("", None);
        check("1__0", None);
        check("_1", None);
        check("--1", None);
        check("99999999999999999999", Some(i64::MAX));
    }
}
