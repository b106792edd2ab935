//! Times as AWS writes them.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::Offset;

/// Parses a time with an offset, as `2026-01-31T12:00:00Z`; old caches of the AWS CLI end in `UTC`.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let zulu = text.strip_suffix("UTC").map(|time| format!("{}Z", time.trim_end()));
    zulu.as_deref().unwrap_or(text).parse::<Timestamp>().ok().map(SystemTime::from)
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
        ] {
            assert_eq!(format(parse(text).unwrap()), "2026-01-31T12:00:00Z", "{text}");
        }
        assert_eq!(parse("tomorrow"), None);
        assert_eq!(parse("2026-01-31T12:00:00"), None);
        assert_eq!(format(from_milliseconds(1_769_860_800_999).unwrap()), "2026-01-31T12:00:00Z");
    }
}
