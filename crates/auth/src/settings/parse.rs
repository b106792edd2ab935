//! Parsers of the values of settings; the error of each is a text that says what was expected.

use super::{AddressingStyle, ChecksumMode, RetryMode};

type Parsed<T> = std::result::Result<T, &'static str>;

/// Parses `true` or `false` in any case.
///
/// Deviation: botocore reads every value other than `true` as false; haul refuses what is neither `true` nor `false`.
pub(crate) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("`true` or `false`"),
    }
}

/// Parses a whole number.
pub(crate) fn integer<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| "a whole number")
}

/// Parses a whole number above zero.
pub(crate) fn positive<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Parsed<T> {
    text.parse().ok().filter(|number| *number >= T::from(1)).ok_or("a whole number above 0")
}

/// Parses a size: a number of bytes, or one followed by `KB`, `MB`, `GB`, `TB` (or `KiB`, …), powers of 1024.
///
/// Source: <https://docs.aws.amazon.com/cli/latest/topic/s3-config.html>.
pub(crate) fn size(text: &str) -> Parsed<u64> {
    const EXPECTED: &str = "a size above 0, as `8MB` or `1048576`";
    let lower = text.to_ascii_lowercase();
    let (digits, shift) = [("k", 10), ("m", 20), ("g", 30), ("t", 40)]
        .into_iter()
        .find_map(|(letter, shift)| {
            let number =
                lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b'))?.strip_suffix(letter)?;
            Some((number, shift))
        })
        .unwrap_or((&lower, 0));
    let number: u64 = digits.trim().parse().map_err(|_| EXPECTED)?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or(EXPECTED)
}

/// Parses a rate into bytes per second: bytes (`50MB/s`), bits (`800Kb/s`), or a bare number of bytes.
///
/// Source: <https://docs.aws.amazon.com/cli/latest/topic/s3-config.html>; powers of 1024, as there.
pub(crate) fn rate(text: &str) -> Parsed<u64> {
    const EXPECTED: &str = "a rate above 0, as `50MB/s` (bytes), `100Mb/s` (bits) or `1048576` (bytes)";
    if let Ok(bytes) = text.parse::<u64>() {
        return if bytes > 0 { Ok(bytes) } else { Err(EXPECTED) };
    }
    let amount = text.strip_suffix("/s").ok_or(EXPECTED)?;
    let (amount, divisor) = match (amount.strip_suffix('B'), amount.strip_suffix('b')) {
        (Some(bytes), _) => (bytes, 1),
        (None, Some(bits)) => (bits, 8),
        (None, None) => return Err(EXPECTED),
    };
    let amount = amount.strip_suffix('i').unwrap_or(amount);
    let (digits, shift) = match amount.chars().last().map(|letter| letter.to_ascii_uppercase()) {
        Some('K') => (&amount[..amount.len() - 1], 10),
        Some('M') => (&amount[..amount.len() - 1], 20),
        Some('G') => (&amount[..amount.len() - 1], 30),
        Some('T') => (&amount[..amount.len() - 1], 40),
        _ => (amount, 0),
    };
    let number: u64 = digits.trim().parse().map_err(|_| EXPECTED)?;
    number.checked_mul(1 << shift).map(|amount| amount / divisor).filter(|rate| *rate > 0).ok_or(EXPECTED)
}

/// Parses the addressing style.
pub(crate) fn addressing_style(text: &str) -> Parsed<AddressingStyle> {
    match text {
        "auto" => Ok(AddressingStyle::Auto),
        "virtual" => Ok(AddressingStyle::Virtual),
        "path" => Ok(AddressingStyle::Path),
        _ => Err("`auto`, `virtual` or `path`"),
    }
}

/// Which endpoints of STS are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StsEndpoints {
    /// The global one for regions that are old enough.
    Legacy,
    /// The one of the region.
    Regional,
}

/// Parses `sts_regional_endpoints`.
pub(crate) fn sts_endpoints(text: &str) -> Parsed<StsEndpoints> {
    match text {
        "legacy" => Ok(StsEndpoints::Legacy),
        "regional" => Ok(StsEndpoints::Regional),
        _ => Err("`legacy` or `regional`"),
    }
}

/// Parses the IP version used for the instance metadata service, `IPv4` or `IPv6` in any case.
pub(crate) fn uses_ipv6(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "ipv4" => Ok(false),
        "ipv6" => Ok(true),
        _ => Err("`IPv4` or `IPv6`"),
    }
}

/// Parses the retry mode.
pub(crate) fn retry_mode(text: &str) -> Parsed<RetryMode> {
    match text {
        "legacy" => Ok(RetryMode::Legacy),
        "standard" => Ok(RetryMode::Standard),
        "adaptive" => Ok(RetryMode::Adaptive),
        _ => Err("`legacy`, `standard` or `adaptive`"),
    }
}

/// Parses a checksum mode, in any case.
pub(crate) fn checksum_mode(text: &str) -> Parsed<ChecksumMode> {
    match text.to_ascii_lowercase().as_str() {
        "when_supported" => Ok(ChecksumMode::WhenSupported),
        "when_required" => Ok(ChecksumMode::WhenRequired),
        _ => Err("`when_supported` or `when_required`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_aws_command() {
        for (text, bytes) in [
            ("1", 1),
            ("8MB", 8 << 20),
            ("8 MiB", 8 << 20),
            ("64kb", 64 << 10),
            ("2TB", 2 << 40),
            ("1gib", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "8M", "8b", "MB", "-1", "1.5GB", "0", "99999999999TB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_tell_bits_from_bytes() {
        for (text, bytes) in
            [("1048576", 1 << 20), ("50MB/s", 50 << 20), ("8Mb/s", 1 << 20), ("16 Kib/s", 2048), ("7B/s", 7)]
        {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "50MB", "50M/s", "B/s", "1b/s", "fast"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn switches_are_true_or_false() {
        assert_eq!((switch("True"), switch("FALSE")), (Ok(true), Ok(false)));
        assert!(switch("yes").is_err());
        assert!(positive::<u32>("0").is_err());
        assert_eq!(positive::<u32>("10"), Ok(10));
    }
}
