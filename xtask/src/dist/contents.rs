//! What belongs into a package besides the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use xshell::cmd;

use super::build::{Settings, TARGET};
use crate::project::Project;

/// The files of a package.
pub(super) struct Contents {
    pub(super) binary: PathBuf,
    /// README, changes and licence of haul, and the licences of others.
    pub(super) documents: Vec<PathBuf>,
    /// Manual pages, one for each command.
    pub(super) manual: Vec<PathBuf>,
    /// Completions, with where Debian wants them below `/usr/share`.
    pub(super) completions: Vec<(PathBuf, &'static str)>,
    /// The list of parts (<https://cyclonedx.org/docs/1.5/json/>).
    pub(super) sbom: PathBuf,
}

/// The shells, and the names under which they look for completions.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    ("bash", "haul.bash", "bash-completion/completions/haul"),
    ("zsh", "_haul", "zsh/vendor-completions/_haul"),
    ("fish", "haul.fish", "fish/vendor_completions.d/haul.fish"),
];

/// Writes all files into `stage`.
pub(super) fn prepare(
    project: &Project,
    settings: &Settings,
    binary: &Path,
    stage: &Path,
) -> Result<Contents> {
    let shell = &project.shell;
    let mut documents: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "LICENSE"].map(|name| project.root.join(name)).to_vec();
    let crates = Crate::of_binary(project)?;
    let licences = stage.join("THIRD-PARTY-LICENSES.txt");
    std::fs::write(&licences, licence_texts(&crates)?)?;
    documents.push(licences);
    let sbom = stage.join("haul.cdx.json");
    std::fs::write(&sbom, serde_json::to_string_pretty(&bill_of_materials(settings, &crates))? + "\n")?;

    let man = stage.join("man");
    std::fs::create_dir(&man)?;
    cmd!(shell, "{binary} util man {man}").quiet().run()?;
    let mut manual =
        std::fs::read_dir(&man)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    manual.sort();
    let mut completions = Vec::new();
    for (name, file, place) in COMPLETIONS {
        let path = stage.join(file);
        std::fs::write(&path, cmd!(shell, "{binary} completion --shell {name}").quiet().read()? + "\n")?;
        completions.push((path, place));
    }
    Ok(Contents { binary: binary.to_owned(), documents, manual, completions, sbom })
}

/// A package of crates.io that is compiled into the binary.
struct Crate {
    name: String,
    version: String,
    licence: String,
    /// The SHA-256 of its archive, as Cargo.lock has it.
    checksum: String,
    source: PathBuf,
}

impl Crate {
    /// Lists what is compiled into the binary, by name; what only builds or tests it is not among them.
    fn of_binary(project: &Project) -> Result<Vec<Self>> {
        let shell = &project.shell;
        let format = "{p}";
        let tree = cmd!(
            shell,
            "cargo tree --locked --package haul --edges normal,no-proc-macro --target {TARGET} --prefix none --format {format}"
        );
        let tree = tree.quiet().read()?;
        // `name v1.2.3`, and behind it a path if it is one of ours.
        let used: BTreeSet<(&str, &str)> = tree
            .lines()
            .filter(|line| !line.contains('('))
            .filter_map(|line| line.split_once(" v"))
            .collect();

        let lock: toml::Table = std::fs::read_to_string(project.root.join("Cargo.lock"))?.parse()?;
        let mut checksums = BTreeMap::new();
        for package in lock["package"].as_array().context("Cargo.lock has no packages")? {
            if let Some(checksum) = package.get("checksum").and_then(toml::Value::as_str) {
                let field = |name: &str| package.get(name).and_then(toml::Value::as_str).unwrap_or_default();
                checksums
                    .insert((field("name").to_owned(), field("version").to_owned()), checksum.to_owned());
            }
        }
        let metadata = cmd!(shell, "cargo metadata --locked --format-version 1").quiet().read()?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let mut crates = Vec::new();
        for package in metadata["packages"].as_array().context("cargo metadata has no packages")? {
            let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
            let (name, version) = (field("name"), field("version"));
            if !used.contains(&(name.as_str(), version.as_str())) {
                continue;
            }
            let checksum = checksums.get(&(name.clone(), version.clone()));
            let checksum =
                checksum.with_context(|| format!("{name} {version} is not in Cargo.lock"))?.clone();
            let manifest = PathBuf::from(field("manifest_path"));
            let source = manifest.parent().context("a manifest without a directory")?.to_owned();
            crates.push(Self { name, version, licence: field("license"), checksum, source });
        }
        if crates.len() != used.len() {
            bail!("{} packages are compiled in, {} are known to cargo metadata", used.len(), crates.len());
        }
        crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(crates)
    }

    /// Returns the texts that its licences want to be passed on.
    fn licence_texts(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.source)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            let is_text = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if is_text && path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())).collect()
    }
}

/// Returns the licences of all packages; a text that several packages have stands there once.
fn licence_texts(crates: &[Crate]) -> Result<String> {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::from(
        "haul contains the following packages of crates.io, under these licences (SPDX expressions).\n\n",
    );
    for package in crates {
        let Crate { name, version, licence, .. } = package;
        writeln!(list, "{name} {version}: {licence}")?;
        for text in package.licence_texts()? {
            by_text.entry(text.trim().to_owned()).or_default().push(format!("{name} {version}"));
        }
    }
    for (text, names) in by_text {
        write!(list, "\n{}\n{}:\n\n{text}\n", "=".repeat(80), names.join(", "))?;
    }
    Ok(list)
}

fn bill_of_materials(settings: &Settings, crates: &[Crate]) -> Value {
    let components: Vec<Value> = crates
        .iter()
        .map(|Crate { name, version, licence, checksum, .. }| {
            let purl = format!("pkg:cargo/{name}@{version}");
            json!({
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                // Of old, `/` stood for `OR`.
                "licenses": [{ "expression": licence.replace('/', " OR ") }],
                "hashes": [{ "alg": "SHA-256", "content": checksum }],
            })
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "haul",
                "version": settings.version,
                "licenses": [{ "expression": "Apache-2.0" }],
            },
        },
        "components": components,
    })
}
