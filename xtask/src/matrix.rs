//! The compatibility matrix: the results of the integration tests on each server, as data.
//!
//! Each test appends one line of JSON for each server to the file that `HAUL_MATRIX` names (`tests/it/integration`). The
//! results of a run are kept below the target directory; `--record` writes them to `tests/compatibility.json`, which is
//! tracked and from which `cargo xtask generate` makes a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::project::Project;

/// Results by subject, then by server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// The servers, in the order of their columns.
    servers: Vec<String>,
    rows: BTreeMap<String, Row>,
    /// Whether every test ran.
    is_complete: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    /// How the test proves it.
    proof: String,
    /// `passed`, `unsupported`, `failed` or `passed-unexpectedly`, by server.
    results: BTreeMap<String, String>,
    /// What was read back from each server on which it passed.
    read_back: BTreeMap<String, String>,
}

impl Matrix {
    /// Reads the lines of one run.
    pub(crate) fn of_lines(text: &str, servers: &[&str], is_complete: bool) -> Result<Self> {
        let servers = servers.iter().map(ToString::to_string).collect();
        let mut matrix = Self { servers, rows: BTreeMap::new(), is_complete };
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| format!("not a result: {line}"))?;
            let field = |name: &str| {
                value[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {line}"))
            };
            let row = matrix.rows.entry(field("subject")?).or_default();
            row.proof = field("proof")?;
            row.results.insert(field("server")?, field("result")?);
            let read_back: Vec<&str> =
                value["read_back"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !read_back.is_empty() {
                row.read_back.insert(field("server")?, read_back.join(", "));
            }
        }
        Ok(matrix)
    }

    fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        let texts = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let malformed = || format!("{} is no table of results", path.display());
        let mut rows = BTreeMap::new();
        for (subject, row) in value["subjects"].as_object().with_context(malformed)? {
            let by_server = |cells: &Value| -> Option<BTreeMap<String, String>> {
                let cells = cells.as_object()?.iter();
                cells.map(|(server, cell)| Some((server.clone(), cell.as_str()?.to_owned()))).collect()
            };
            let results = by_server(&row["results"]).with_context(malformed)?;
            // The results of older runs do not have this field.
            let read_back = by_server(&row["read_back"]).unwrap_or_default();
            let proof = row["proof"].as_str().with_context(malformed)?.to_owned();
            rows.insert(subject.clone(), Row { proof, results, read_back });
        }
        Ok(Self {
            servers: texts(&value["servers"]).with_context(malformed)?,
            rows,
            is_complete: value["complete"].as_bool().unwrap_or(true),
        })
    }

    fn to_json(&self) -> Value {
        let rows: BTreeMap<&String, Value> = self
            .rows
            .iter()
            .map(|(subject, row)| {
                let Row { proof, results, read_back } = row;
                (subject, json!({"proof": proof, "results": results, "read_back": read_back}))
            })
            .collect();
        json!({"servers": self.servers, "subjects": rows, "complete": self.is_complete})
    }

    /// Writes it to a file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(&self.to_json())?);
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads the tracked results.
    pub(crate) fn tracked(project: &Project) -> Result<Self> {
        Self::read(&tracked_path(project))
    }

    /// Reads the results of the last run, if there was one.
    pub(crate) fn seen(project: &Project) -> Result<Option<Self>> {
        let path = seen_path(project);
        if path.exists() { Self::read(&path).map(Some) } else { Ok(None) }
    }

    /// Merges the results of a run into the tracked ones; those of a complete run replace them.
    pub(crate) fn record(self, project: &Project, all_servers: &[&str]) -> Result<()> {
        if self.words().any(|word| word.starts_with("failed") || word.starts_with("passed-")) {
            bail!("results with failures are not recorded");
        }
        let path = tracked_path(project);
        let replaces = self.is_complete && all_servers.iter().all(|server| self.has_server(server));
        let mut matrix = if replaces || !path.exists() { Self::default() } else { Self::read(&path)? };
        matrix.is_complete = true;
        matrix.servers = all_servers.iter().map(ToString::to_string).collect();
        for (subject, row) in self.rows {
            let known = matrix.rows.entry(subject).or_default();
            known.proof = row.proof;
            known.results.extend(row.results);
            known.read_back.extend(row.read_back);
        }
        matrix.write(&path)
    }

    /// Returns the differences between the results of a run and the tracked ones.
    pub(crate) fn differences(&self, seen: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let subjects: BTreeSet<&String> = self.rows.keys().chain(seen.rows.keys()).collect();
        for subject in subjects {
            for server in &seen.servers {
                let cell =
                    |matrix: &Self| matrix.rows.get(subject).and_then(|row| row.results.get(server).cloned());
                let (tracked, seen_there) = (cell(self), cell(seen));
                if tracked == seen_there || (seen_there.is_none() && !seen.is_complete) {
                    continue;
                }
                let word = |cell: Option<String>| cell.unwrap_or_else(|| "nothing".to_owned());
                differences.push(format!(
                    "`{subject}` on {server}: tracked {}, seen {}",
                    word(tracked),
                    word(seen_there)
                ));
            }
        }
        differences
    }

    /// Renders it for a terminal.
    pub(crate) fn to_text(&self) -> String {
        let width = self.rows.keys().map(String::len).max().unwrap_or(0);
        let mut text = format!("{:width$}", "");
        for server in &self.servers {
            let _ = write!(text, "  {server:>13}");
        }
        for (subject, row) in &self.rows {
            let _ = write!(text, "\n{subject:width$}");
            for server in &self.servers {
                let word = row.results.get(server).map_or("-", |word| shown(word));
                let _ = write!(text, "  {word:>13}");
            }
        }
        text.push('\n');
        text
    }

    /// Renders it as a table in Markdown.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::from("| option or case | seen to work by |");
        for server in &self.servers {
            let _ = write!(text, " {} |", title(server));
        }
        text.push_str("\n|---|---|");
        text.push_str(&"---|".repeat(self.servers.len()));
        for (subject, row) in &self.rows {
            let _ = write!(text, "\n| `{subject}` | {} |", row.proof);
            for server in &self.servers {
                let word = row.results.get(server).map_or("-", |word| shown(word));
                let _ = match row.read_back.get(server).filter(|_| word == "passed") {
                    Some(read_back) => write!(text, " {word}: {read_back} |"),
                    None => write!(text, " {word} |"),
                };
            }
        }
        text.push('\n');
        text
    }

    fn has_server(&self, server: &str) -> bool {
        self.servers.iter().any(|known| known == server)
    }

    fn words(&self) -> impl Iterator<Item = &String> {
        self.rows.values().flat_map(|row| row.results.values())
    }
}

/// Returns the path of the tracked results.
fn tracked_path(project: &Project) -> PathBuf {
    project.root.join("tests/compatibility.json")
}

/// Returns the path of the results of the last run.
pub(crate) fn seen_path(project: &Project) -> PathBuf {
    project.target.join("xtask/integration.json")
}

fn shown(word: &str) -> &str {
    match word {
        "unsupported" => "not supported",
        "failed" => "FAILED",
        "passed-unexpectedly" => "UNEXPECTED",
        word => word,
    }
}

fn title(server: &str) -> String {
    let (name, suffix) = server.strip_suffix("-tls").map_or((server, ""), |name| (name, ", TLS"));
    let name = match name {
        "minio" => "MinIO",
        "seaweedfs" => "SeaweedFS",
        "moto" => "moto",
        "ceph" => "Ceph RGW",
        "versitygw" => "versitygw",
        name => name,
    };
    format!("{name}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(lines: &[(&str, &str, &str)], is_complete: bool) -> Matrix {
        let line = |(subject, server, result): &(&str, &str, &str)| {
            json!({"subject": subject, "proof": "HEAD", "server": server, "result": result}).to_string()
        };
        let text: Vec<String> = lines.iter().map(line).collect();
        Matrix::of_lines(&text.join("\n"), &["minio", "ceph"], is_complete).unwrap()
    }

    #[test]
    fn table_has_a_row_for_each_subject_and_a_column_for_each_server() {
        let matrix = matrix(&[("sse", "minio", "passed"), ("acl", "minio", "unsupported")], true);
        assert_eq!(
            matrix.to_text(),
            "             minio           ceph\nacl  not supported              -\nsse         passed              -\n"
        );
        assert!(
            matrix
                .to_markdown()
                .ends_with("| `acl` | HEAD | not supported | - |\n| `sse` | HEAD | passed | - |\n")
        );
    }

    #[test]
    fn cell_names_what_was_read_back() {
        let line = json!({
            "subject": "sse", "proof": "HEAD", "server": "minio", "result": "passed", "read_back": ["HEAD etag", "listing"],
        });
        let matrix = Matrix::of_lines(&line.to_string(), &["minio"], true).unwrap();
        assert!(matrix.to_markdown().ends_with("| `sse` | HEAD | passed: HEAD etag, listing |\n"));
    }

    #[test]
    fn cell_that_a_run_saw_otherwise_is_a_difference() {
        let tracked = matrix(&[("acl", "minio", "unsupported"), ("acl", "ceph", "passed")], true);
        assert!(tracked.differences(&tracked).is_empty());
        let partial = matrix(&[("acl", "minio", "passed")], false);
        assert_eq!(tracked.differences(&partial), ["`acl` on minio: tracked unsupported, seen passed"]);
        let whole = matrix(&[("acl", "minio", "unsupported")], true);
        assert_eq!(tracked.differences(&whole), ["`acl` on ceph: tracked passed, seen nothing"]);
    }

    #[test]
    fn json_comes_back_as_it_was() {
        let folder = std::env::temp_dir().join(format!("haul-matrix-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let matrix = matrix(&[("acl", "minio", "unsupported")], false);
        matrix.write(&folder.join("m.json")).unwrap();
        assert_eq!(Matrix::read(&folder.join("m.json")).unwrap(), matrix);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
