//! Parses and prints times in AWS's formats.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;

/// Parses a time with an offset, such as `2026-01-31T12:00:00Z`, in the formats that caches, services and programs write.
///
/// Deviation: botocore accepts an expiry in almost any format (`Jan 1 2099 UTC`, for example); haul accepts what RFC 3339,
/// ISO 8601 and RFC 2822 allow, and `UTC` at the end, as in old caches of the AWS CLI.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let zulu = text.strip_suffix("UTC").map(|time| format!("{}Z", time.trim_end()));
    let text = zulu.as_deref().unwrap_or(text);
    // No standard allows a blank before the offset, but some programs print one.
    let tight = text.rsplit_once(' ').filter(|(_, offset)| offset.starts_with(['+', '-']));
    let tight = tight.map(|(time, offset)| format!("{}{offset}", time.trim_end()));
    let parsed = text.parse::<Timestamp>().ok();
    let parsed = parsed.or_else(|| tight?.parse().ok());
    parsed.or_else(|| rfc2822::parse(text).ok().map(|time| time.timestamp())).map(SystemTime::from)
}

/// Parses a time as [`parse`] does, or a number of seconds after 1970; services write both.
pub(crate) fn parse_or_seconds(text: &str) -> Option<SystemTime> {
    match text.trim().parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok().map(SystemTime::from),
        Err(_) => parse(text),
    }
}

/// Prints a time in UTC, to the second.
pub(crate) fn format(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => Offset::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => "an unknown time".to_owned(),
    }
}

/// Returns the time `milliseconds` after 1970.
pub(crate) fn from_milliseconds(milliseconds: i64) -> Option<SystemTime> {
    Timestamp::from_millisecond(milliseconds).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_aws_are_read_and_written() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00UTC",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T12:00:00.000Z",
            "2026-01-31T12:00:00+0000",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00Z",
            "20260131T120000Z",
            "2026-01-31T13:00:00+01",
            "2026-01-31T12:00:00 +0000",
            "Sat, 31 Jan 2026 12:00:00 GMT",
        ] {
            assert_eq!(format(parse(text).unwrap()), "2026-01-31T12:00:00Z", "{text}");
        }
        assert_eq!(parse("tomorrow"), None);
        assert_eq!(parse("2026-01-31T12:00:00"), None);
        assert_eq!(parse("1769860800"), None);
        assert_eq!(format(parse_or_seconds("1769860800").unwrap()), "2026-01-31T12:00:00Z");
        assert_eq!(format(from_milliseconds(1_769_860_800_999).unwrap()), "2026-01-31T12:00:00Z");
    }
}
