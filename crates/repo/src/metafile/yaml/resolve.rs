//! Resolves plain scalars to values, by the rules of ruamel.yaml for YAML 1.2.

use super::node::Scalar;

/// Returns the value of a plain scalar.
pub(crate) fn resolve(text: &str) -> Scalar {
    let first = text.bytes().next();
    match first {
        None => Scalar::Null,
        Some(b'~' | b'n' | b'N') if matches!(text, "~" | "null" | "Null" | "NULL") => Scalar::Null,
        Some(b't' | b'T') if matches!(text, "true" | "True" | "TRUE") => Scalar::Bool(true),
        Some(b'f' | b'F') if matches!(text, "false" | "False" | "FALSE") => Scalar::Bool(false),
        Some(b'=') if text == "=" => Scalar::Other,
        Some(b'<') if text == "<<" => Scalar::Merge,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        Some(_) => Scalar::Text(text.to_owned()),
    }
}

/// Returns whether a text that is written plain would not be read back as a text.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    !matches!(resolve(text), Scalar::Text(_))
}

fn number(text: &str) -> Scalar {
    if is_float(text) {
        // By these rules, a float has a dot or an exponent.
        return Scalar::Float(text.to_owned());
    }
    if is_int(text) {
        return parse_int(text).map_or(Scalar::Other, Scalar::Int);
    }
    if is_timestamp(text) { Scalar::Other } else { Scalar::Text(text.to_owned()) }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_int(text: &str) -> bool {
    let digits = unsigned(text);
    let all = |digits: &str, allowed: fn(u8) -> bool| {
        !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || allowed(byte))
    };
    // The order and the optional `o` are the resolver's: `0o17` is octal, `017` matches the decimal form too.
    digits.strip_prefix("0b").is_some_and(|digits| all(digits, |byte| matches!(byte, b'0' | b'1')))
        || digits.strip_prefix("0o").is_some_and(|digits| all(digits, |byte| matches!(byte, b'0'..=b'7')))
        || all(digits, |byte| byte.is_ascii_digit())
        || digits.strip_prefix("0x").is_some_and(|digits| all(digits, |byte| byte.is_ascii_hexdigit()))
}

fn parse_int(text: &str) -> Option<i128> {
    let digits = unsigned(text).replace('_', "");
    let (radix, digits) = match digits.get(..2) {
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0x") => (16, &digits[2..]),
        _ => (10, &*digits),
    };
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let number = unsigned(text);
    if matches!(number, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    let is_exponent = |text: &str, sign_needed: bool| {
        let digits = unsigned(text);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !(sign_needed && digits.len() == text.len())
    };
    let (mantissa, exponent) = match number.find(['e', 'E']) {
        Some(position) => (&number[..position], Some(&number[position + 1..])),
        None => (number, None),
    };
    match mantissa.split_once('.') {
        // After a number such as `.5`, an exponent needs a sign.
        Some(("", fraction)) => {
            !fraction.is_empty()
                && is_digits(fraction)
                && exponent.is_none_or(|exponent| is_exponent(exponent, true))
        }
        Some((whole, fraction)) => {
            whole.starts_with(|first: char| first.is_ascii_digit())
                && is_digits(whole)
                && is_digits(fraction)
                && exponent.is_none_or(|exponent| is_exponent(exponent, false))
        }
        None => {
            mantissa.starts_with(|first: char| first.is_ascii_digit())
                && is_digits(mantissa)
                && exponent.is_some_and(|exponent| is_exponent(exponent, false))
        }
    }
}

/// `2020-01-01`, or a date and a time with an optional zone.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ', '\t']) {
        Some(position) => (&text[..position], Some(&text[position..])),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let is_number = |text: &str, from: usize, to: usize| {
        (from..=to).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let [year, month, day] = parts[..] else { return false };
    let shortest = if time.is_some() { 1 } else { 2 };
    if !(is_number(year, 4, 4) && is_number(month, shortest, 2) && is_number(day, shortest, 2)) {
        return false;
    }
    let Some(time) = time else { return true };
    let time = match time.strip_prefix(['T', 't']) {
        Some(rest) => rest,
        None => time.trim_start_matches([' ', '\t']),
    };
    let Some((hours, rest)) = time.split_once(':') else { return false };
    let Some((minutes, rest)) = rest.split_once(':') else { return false };
    let Some((seconds, mut rest)) = rest.split_at_checked(2) else { return false };
    if !(is_number(hours, 1, 2) && is_number(minutes, 2, 2) && is_number(seconds, 2, 2)) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
    }
    let zone = rest.trim_start_matches([' ', '\t']);
    if zone.is_empty() {
        return rest.is_empty();
    }
    let Some(offset) = zone.strip_prefix(['+', '-']) else { return zone == "Z" };
    match offset.split_once(':') {
        Some((hours, minutes)) => is_number(hours, 1, 2) && is_number(minutes, 2, 2),
        None => is_number(offset, 1, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalar_has_the_type_of_yaml_1_2() {
        for (text, expected) in [
            ("yes", Scalar::Text("yes".into())),
            ("true", Scalar::Bool(true)),
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("010", Scalar::Int(10)),
            ("0o10", Scalar::Int(8)),
            ("-0x1F", Scalar::Int(-31)),
            ("1_000", Scalar::Int(1000)),
            ("1:30", Scalar::Text("1:30".into())),
            ("1.5", Scalar::Float("1.5".into())),
            ("1e3", Scalar::Float("1e3".into())),
            ("-", Scalar::Text("-".into())),
            ("1.2.3", Scalar::Text("1.2.3".into())),
            ("2020-01-01", Scalar::Other),
            ("2020-1-1 1:00:00.5 +01:00", Scalar::Other),
            ("2020-1-1", Scalar::Text("2020-1-1".into())),
            ("d41d8cd98f00b204e9800998ecf8427e", Scalar::Text("d41d8cd98f00b204e9800998ecf8427e".into())),
            ("12345678901234567890123456789012", Scalar::Int(12_345_678_901_234_567_890_123_456_789_012)),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }
}
