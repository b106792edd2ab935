//! Tables and sizes as DVC prints them.

/// Returns the lines of a table: columns are two blanks apart, and what is missing is a `-`. With `is_first_right`, the first
/// column ends at one edge.
pub(crate) fn table(rows: &[Vec<Option<String>>], is_first_right: bool) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| String::from("-"));
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| Some(length(row.get(column)?))).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, text) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column].saturating_sub(length(text)));
            let gap = if column == 0 { "" } else { "  " };
            line.push_str(gap);
            if column == 0 && is_first_right {
                line.push_str(&padding);
                line.push_str(text);
            } else {
                line.push_str(text);
                line.push_str(&padding);
            }
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Returns the lines of a table in Markdown, with a blank line at its end as DVC leaves it.
pub(crate) fn markdown(headers: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| Some(length(row.get(column)?)));
        cells.max().unwrap_or_default().max(length(headers[column]) + 2)
    };
    let widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded =
            cells.zip(&widths).map(|(text, width)| format!(" {text}{} ", " ".repeat(width - length(&text))));
        format!("|{}|", padded.collect::<Vec<_>>().join("|"))
    };
    let mut lines = vec![line(&mut headers.iter().map(|header| (*header).to_owned()))];
    lines.push(format!(
        "|{}|",
        widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|")
    ));
    lines.extend(rows.iter().map(|row| line(&mut row.iter().cloned())));
    lines.push(String::new());
    lines
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Returns a size for people, as DVC writes it: `12`, `4.00k`, `1.5M` by steps of 1024.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return bytes.to_string();
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    for unit in ["", "k", "M", "G", "T", "P", "E"] {
        let precision = match value {
            _ if value < 9.995 => 2,
            _ if value < 99.95 => 1,
            _ if value < 999.5 => 0,
            _ => {
                value /= 1024.0;
                continue;
            }
        };
        return format!("{value:.precision$}{unit}");
    }
    format!("{value:.1}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_by_dvc() {
        let cases = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.00k"),
            (4096, "4.00k"),
            (10_234, "9.99k"),
            (10_240, "10.0k"),
            (1_023_000, "999k"),
            (1_048_576, "1.00M"),
            (30_000_000, "28.6M"),
            (999 << 20, "999M"),
            (1_500_000_000, "1.40G"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn columns_are_two_blanks_apart_and_nothing_follows_the_last() {
        let row = |size: &str, hash: Option<&str>, path: &str| {
            vec![Some(size.to_owned()), hash.map(str::to_owned), Some(path.to_owned())]
        };
        let rows = [row("4.00k", None, "a"), row("2", Some("abcd"), "long"), row("", None, "")];
        assert_eq!(table(&rows, true), ["4.00k  -     a", "    2  abcd  long", "       -"]);
        assert_eq!(table(&rows, false), ["4.00k  -     a", "2      abcd  long", "       -"]);
    }

    #[test]
    fn markdown_is_that_of_github() {
        let lines = markdown(&["Status", "Path"], &[vec![String::from("added"), String::from("a")]]);
        assert_eq!(lines, ["| Status   | Path   |", "|----------|--------|", "| added    | a      |", ""]);
    }
}
