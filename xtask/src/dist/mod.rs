//! `cargo xtask dist`: what is handed to users.
//!
//! | file | |
//! |---|---|
//! | `build` | the static binary, the same bytes wherever it is built |
//! | `contents` | what else belongs into a package: manual pages, completions, licences, the list of parts |
//! | `package` | the archive, the Debian package, the checksums |
//! | `wheel` | the package for `pip` |
//! | `try_out` | each of them, installed and run |

mod build;
mod contents;
mod package;
mod try_out;
mod wheel;

use std::path::Path;

use anyhow::{Result, bail};

use crate::flags;
use crate::project::Project;

use build::{Settings, TARGET};

/// What users load, so it stays small.
const MAX_BINARY_MIB: u64 = 15;
const MAX_WHEEL_MIB: u64 = 8;

pub(crate) fn run(project: &Project, options: &flags::Dist) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("`cargo xtask dist` builds for {TARGET} on such a system alone");
    }
    let settings = Settings::find(project)?;
    // Not `dist`: there cargo puts what it builds with the profile of that name.
    let out = project.target.join("packages");
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;

    // maturin calls the same cargo with the same flags: what it has built is the binary of the other packages as well.
    let wheel = wheel::build(project, &settings, &out)?;
    let binary = build::binary(project, &settings, &project.root, &project.target)?;
    within(&binary, MAX_BINARY_MIB)?;
    within(&wheel, MAX_WHEEL_MIB)?;
    let stage = project.scratch_dir("dist")?;
    let contents = contents::prepare(project, &settings, &binary, &stage)?;
    let archive = package::archive(project, &settings, &contents, &out)?;
    let debian = package::debian(project, &settings, &contents, &out)?;
    std::fs::copy(&contents.sbom, out.join("haul.cdx.json"))?;
    package::checksums(project, &out)?;
    if options.reproduce {
        build::reproduce(project, &settings, &binary)?;
    }
    if options.try_out {
        try_out::run(project, &try_out::Packages { archive, debian, wheel })?;
    }
    println!("dist: {}", out.display());
    Ok(())
}

/// Fails if a file is larger than promised, and prints how large it is.
fn within(path: &Path, max_mib: u64) -> Result<()> {
    let n_bytes = std::fs::metadata(path)?.len();
    let name = path.file_name().unwrap_or_default().display();
    if n_bytes > max_mib << 20 {
        bail!("{name} has {n_bytes} bytes: more than {max_mib} MiB");
    }
    println!("{name}: {n_bytes} bytes");
    Ok(())
}
