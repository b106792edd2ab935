//! The language of the scenarios.
//!
//! ```text
//! === name of the scenario
//! repo                      git init, and init by the tool
//! remote                    a default S3 remote of this side
//! versioned                 the same, cloud-versioned, in a bucket that keeps versions
//! write FILE TEXT           TEXT with \n, \t, \xNN, \\ escapes; no newline is added
//! fill FILE SIZE            SIZE bytes of noise
//! serve FILE TEXT           TEXT as a file of the web server, below `{web}`; `web.rs` says what it does with names
//! put KEY TEXT              TEXT as an object below the URL of the side's remote
//! sh COMMAND                a shell command in the repository
//! dvc ARGUMENTS             the tool: both must exit with 0
//! dvc= ARGUMENTS            … with the same standard output
//! dvc~ ARGUMENTS            … with the same words on standard output (DVC expands tabs and wraps lines at 80 columns)
//! dvc# ARGUMENTS            … with the same lines, or the same JSON, in whatever order (DVC's is that of a set)
//! dvc! ARGUMENTS            both must fail with the same code and the same words in the first error
//! dvc[1] ARGUMENTS          both must exit with 1; the words of the error differ
//! dvc? ARGUMENTS            the exit codes must be equal, whatever they are
//! dvc?# ARGUMENTS           … and so must the lines, or the JSON, if both succeed
//! dvc[0,1] ARGUMENTS        a deviation: DVC exits with 0, haul with 1
//! dvc[fails,0] ARGUMENTS    … where the code DVC fails with depends on the server
//! swap                      commit, clone, and go on in the clone with the other tool
//! except GLOB               leave these paths out of the comparison
//! ```
//! `{url}` is the URL of the side's remote, `{endpoint}` the server's, `{root}` the folder of the side, `{dvc}` the
//! path of real DVC on both sides, `{web}` the URL of the scenario on the web server, and `{served}` the folder of that.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// One line of a scenario.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Repo,
    Remote,
    Versioned,
    Write { path: String, bytes: Vec<u8> },
    Fill { path: String, size: u64 },
    Serve { path: String, bytes: Vec<u8> },
    Put { key: String, bytes: Vec<u8> },
    Shell(String),
    Tool { arguments: String, expect: Expect },
    Swap,
}

/// What must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Success,
    SuccessAndOutput,
    SuccessAndWords,
    SuccessAndSameSet,
    SameError,
    SameCode,
    SameCodeAndSet,
    /// A deviation: exit code of DVC (`None`: any that is not 0), exit code of haul.
    Codes(Option<i32>, i32),
}

/// What a step left on the terminal.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Output {
    /// Returns the words of the first line of the first error.
    fn first_error(&self) -> Option<Vec<&str>> {
        let error = self.stderr.lines().find_map(|line| line.strip_prefix("ERROR: "))?;
        Some(error.split_whitespace().collect())
    }
}

#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// The name as a folder name and key prefix.
    pub(super) slug: String,
    pub(super) place: String,
    pub(super) steps: Vec<Step>,
    pub(super) except: Vec<String>,
    pub(super) uses_remote: bool,
}

impl Scenario {
    /// Reads all scenario files of a folder.
    pub(super) fn load_all(dir: &Path) -> Result<Vec<Self>> {
        let mut files: Vec<_> = fs::read_dir(dir)
            .with_context(|| format!("cannot read {}", dir.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
        files.sort();
        let mut scenarios: Vec<Self> = Vec::new();
        for file in files {
            let text = fs::read_to_string(&file)?;
            let file = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            scenarios.extend(Self::parse(&file, &text)?);
        }
        for (index, scenario) in scenarios.iter().enumerate() {
            if scenarios[..index].iter().any(|other| other.slug == scenario.slug) {
                bail!("{}: there is another scenario `{}`", scenario.place, scenario.name);
            }
        }
        Ok(scenarios)
    }

    pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Self>> {
        let mut scenarios: Vec<Self> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let place = format!("{file}:{}", index + 1);
            if let Some(name) = line.strip_prefix("=== ") {
                let slug = name
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
                scenarios.push(Self {
                    name: name.to_owned(),
                    slug: slug.collect(),
                    place,
                    steps: Vec::new(),
                    except: Vec::new(),
                    uses_remote: false,
                });
                continue;
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let scenario = scenarios.last_mut().with_context(|| format!("{place}: no `===` line above"))?;
            if let Some(glob) = line.strip_prefix("except ") {
                scenario.except.push(glob.to_owned());
                continue;
            }
            let action = Action::parse(line).with_context(|| place)?;
            scenario.uses_remote |=
                matches!(action, Action::Remote | Action::Versioned) || line.contains("{url}");
            scenario.steps.push(Step { line: index + 1, text: line.to_owned(), action });
        }
        Ok(scenarios)
    }
}

impl Action {
    fn parse(line: &str) -> Result<Self> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        Ok(match verb {
            "repo" => Self::Repo,
            "remote" => Self::Remote,
            "versioned" => Self::Versioned,
            "swap" => Self::Swap,
            "sh" => Self::Shell(rest.to_owned()),
            "write" => {
                let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Write { path: path.replace("\\s", " "), bytes: unescape(text)? }
            }
            "serve" => {
                let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Serve { path: path.to_owned(), bytes: unescape(text)? }
            }
            "put" => {
                let (key, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Put { key: key.to_owned(), bytes: unescape(text)? }
            }
            "fill" => {
                let (path, size) = rest.rsplit_once(' ').context("fill FILE SIZE")?;
                Self::Fill { path: path.to_owned(), size: size.parse()? }
            }
            "dvc" => Self::Tool { arguments: rest.to_owned(), expect: Expect::Success },
            "dvc=" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SuccessAndOutput },
            "dvc~" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SuccessAndWords },
            "dvc#" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SuccessAndSameSet },
            "dvc!" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SameError },
            "dvc?#" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SameCodeAndSet },
            "dvc?" => Self::Tool { arguments: rest.to_owned(), expect: Expect::SameCode },
            _ => {
                let codes = verb.strip_prefix("dvc[").and_then(|codes| codes.strip_suffix(']'));
                let codes = codes.with_context(|| format!("unknown step `{verb}`"))?;
                let (dvc, haul) = codes.split_once(',').unwrap_or((codes, codes));
                let dvc = if dvc == "fails" { None } else { Some(dvc.parse()?) };
                Self::Tool { arguments: rest.to_owned(), expect: Expect::Codes(dvc, haul.parse()?) }
            }
        })
    }
}

impl Step {
    /// Compares what the two tools printed and how they ended.
    pub(super) fn compare(&self, dvc: &Output, haul: &Output) -> Result<()> {
        let Action::Tool { expect, .. } = &self.action else { return Ok(()) };
        let codes = (dvc.code, haul.code);
        let fits = match *expect {
            Expect::Codes(dvc, haul) => codes.1 == haul && dvc.map_or(codes.0 != 0, |dvc| codes.0 == dvc),
            Expect::Success
            | Expect::SuccessAndOutput
            | Expect::SuccessAndWords
            | Expect::SuccessAndSameSet => codes == (0, 0),
            Expect::SameError => codes.0 == codes.1 && codes.0 != 0,
            Expect::SameCode | Expect::SameCodeAndSet => codes.0 == codes.1,
        };
        if !fits {
            bail!(
                "dvc exits with {}, haul with {}\n--- dvc\n{}{}--- haul\n{}{}",
                codes.0,
                codes.1,
                dvc.stdout,
                dvc.stderr,
                haul.stdout,
                haul.stderr
            );
        }
        let is_same_output = match *expect {
            Expect::SuccessAndOutput => dvc.stdout == haul.stdout,
            Expect::SuccessAndWords => dvc.stdout.split_whitespace().eq(haul.stdout.split_whitespace()),
            Expect::SuccessAndSameSet => in_order(&dvc.stdout) == in_order(&haul.stdout),
            Expect::SameCodeAndSet => dvc.code != 0 || in_order(&dvc.stdout) == in_order(&haul.stdout),
            Expect::SameError => dvc
                .first_error()
                .is_some_and(|of_dvc| haul.first_error().is_some_and(|error| error == of_dvc)),
            Expect::Success | Expect::SameCode | Expect::Codes(..) => true,
        };
        if *expect == Expect::SameError && !is_same_output {
            bail!(
                "the error differs\n--- dvc\n{}{}\n--- haul\n{}{}",
                dvc.stdout,
                dvc.stderr,
                haul.stdout,
                haul.stderr
            );
        }
        if !is_same_output {
            bail!("the output differs\n--- dvc\n{}\n--- haul\n{}", dvc.stdout, haul.stdout);
        }
        Ok(())
    }
}

/// Returns JSON with its lists sorted, or else the lines, sorted.
fn in_order(text: &str) -> serde_json::Value {
    fn sort(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(sort);
                items.sort_by_key(ToString::to_string);
            }
            serde_json::Value::Object(members) => members.values_mut().for_each(sort),
            _ => {}
        }
    }
    let lines = || text.lines().map(|line| serde_json::Value::from(line.trim_end())).collect();
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::Array(lines()));
    sort(&mut value);
    value
}

fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.extend(character.to_string().as_bytes());
            continue;
        }
        match characters.next() {
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits: String = characters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).with_context(|| format!("\\x{digits}"))?);
            }
            other => bail!("unknown escape {other:?}"),
        }
    }
    Ok(bytes)
}
