//! What the values of the flags mean.

use std::time::Duration;

/// Reads a number in the words of DVC's parser.
pub(super) fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| String::from("invalid int value"))
}

/// Reads an age: a number and one of `m`, `h`, `d`, `w`.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let invalid = || String::from("expected a number and a unit, as 30m, 12h, 7d or 2w");
    let unit = text.chars().last().ok_or_else(invalid)?;
    let n_minutes: u64 = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return Err(invalid()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
    let seconds = count.checked_mul(n_minutes * 60).ok_or_else(invalid)?;
    Ok(Duration::from_secs(seconds))
}

/// Reads a day and returns how many days after the Unix epoch it is.
///
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
pub(super) fn day(text: &str) -> Result<i64, String> {
    let invalid = || format!("`{text}` is not a day: expected yyyy-mm-dd, as 2026-01-31");
    let mut parts = text.split('-').map(|part| part.parse::<u16>().ok());
    let (Some(Some(year)), Some(Some(month)), Some(Some(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(invalid());
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let n_days = match month {
        2 => 28 + u16::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(invalid()),
    };
    if !(1..=9999).contains(&year) || !(1..=n_days).contains(&day) {
        return Err(invalid());
    }
    // Years begin in March, so that the odd day comes last.
    let (year, month, day) = (i64::from(year) - i64::from(month <= 2), i64::from(month), i64::from(day));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(era * 146_097 + day_of_era - 719_468)
}

/// Writes a time as people read it; the counterpart of [`day`].
///
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
pub(super) fn utc(seconds: i64) -> String {
    let (days, second_of_day) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(age("90m"), Ok(Duration::from_mins(90)));
        assert_eq!(age("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(age("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(age("2w"), Ok(Duration::from_hours(14 * 24)));
        for text in ["", "7", "d", "-1d", "1.5d", "7é", "99999999999999999999w", "9999999999999999w"] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_the_epoch() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-1-2", 1),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-11-25", 20_782),
        ] {
            assert_eq!(day(text), Ok(expected), "{text}");
        }
        for text in
            ["foo", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-32", "2026-01", "2026-01-01-01", ""]
        {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
        for (text, days) in [("2024-12-31", 20_088), ("2025-01-01", 20_089), ("2025-03-01", 20_148)] {
            assert_eq!(day(text), Ok(days));
            assert_eq!(utc(days * 86_400), format!("{text}T00:00:00Z"));
        }
    }
}
