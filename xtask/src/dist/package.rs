//! The archive, the Debian package, and the checksums.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

use super::build::Settings;
use super::contents::Contents;
use crate::project::Project;
use crate::tools;

/// Writes `haul-VERSION-x86_64-linux.tar.gz`.
pub(super) fn archive(
    project: &Project,
    settings: &Settings,
    contents: &Contents,
    out: &Path,
) -> Result<PathBuf> {
    let name = format!("haul-{}-x86_64-linux", settings.version);
    let stage = project.scratch_dir("archive")?;
    let dir = stage.join(&name);
    put(&contents.binary, &dir.join("haul"), 0o755)?;
    for path in contents.documents.iter().chain([&contents.sbom]) {
        put(path, &dir.join(name_of(path)?), 0o644)?;
    }
    for path in &contents.manual {
        put(path, &dir.join("man").join(name_of(path)?), 0o644)?;
    }
    for (path, _) in &contents.completions {
        put(path, &dir.join("completions").join(name_of(path)?), 0o644)?;
    }
    let (shell, tar) = (&project.shell, stage.join("haul.tar"));
    let time = format!("@{}", settings.epoch);
    cmd!(shell, "tar --create --file {tar} --directory {stage} --sort=name --owner=0 --group=0 --numeric-owner --mtime={time} {name}").quiet().run()?;
    cmd!(shell, "gzip --best --no-name {tar}").quiet().run()?;
    let archive = out.join(format!("{name}.tar.gz"));
    std::fs::rename(stage.join("haul.tar.gz"), &archive)?;
    Ok(archive)
}

/// Writes `haul_VERSION_amd64.deb`, if this is a system that can.
pub(super) fn debian(
    project: &Project,
    settings: &Settings,
    contents: &Contents,
    out: &Path,
) -> Result<Option<PathBuf>> {
    if tools::find_on_path("dpkg-deb").is_none() {
        println!("no Debian package: there is no dpkg-deb");
        return Ok(None);
    }
    let version = &settings.version;
    let dir = project.scratch_dir("debian")?;
    put(&contents.binary, &dir.join("usr/bin/haul"), 0o755)?;
    let share = dir.join("usr/share");
    for path in contents.documents.iter().chain([&contents.sbom]) {
        put(path, &share.join("doc/haul").join(name_of(path)?), 0o644)?;
    }
    // Debian's name for it (<https://www.debian.org/doc/debian-policy/ch-docs.html#copyright-information>).
    put(&project.root.join("LICENSE"), &share.join("doc/haul/copyright"), 0o644)?;
    let shell = &project.shell;
    for path in &contents.manual {
        let page = share.join("man/man1").join(name_of(path)?);
        put(path, &page, 0o644)?;
        cmd!(shell, "gzip --best --no-name {page}").quiet().run()?;
    }
    for (path, place) in &contents.completions {
        put(path, &share.join(place), 0o644)?;
    }
    let kib = kibibytes(shell, &dir)?;
    let control = format!(
        "Package: haul\nVersion: {version}\nArchitecture: amd64\nSection: vcs\nPriority: optional\nInstalled-Size: {kib}\n\
         Maintainer: The haul developers <haul@example.org>\nSuggests: git\nHomepage: https://github.com/haul-rs/haul\n\
         Description: client for DVC repositories on S3\n A drop-in client for the data of DVC repositories on Amazon S3 and\n \
         S3-compatible servers: init, add, push, pull, fetch, status, checkout,\n gc and the rest, in one static binary.\n"
    );
    std::fs::create_dir_all(dir.join("DEBIAN"))?;
    std::fs::write(dir.join("DEBIAN/control"), control)?;
    let package = out.join(format!("haul_{version}_amd64.deb"));
    let _epoch = shell.push_env("SOURCE_DATE_EPOCH", &settings.epoch);
    cmd!(shell, "chmod -R u=rwX,go=rX {dir}").quiet().run()?;
    cmd!(shell, "dpkg-deb --root-owner-group --build {dir} {package}").quiet().ignore_stdout().run()?;
    Ok(Some(package))
}

/// Writes `SHA256SUMS` for what is in `out`, as `sha256sum --check` reads it.
pub(super) fn checksums(project: &Project, out: &Path) -> Result<()> {
    let mut names =
        std::fs::read_dir(out)?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort();
    let shell = &project.shell;
    let _dir = shell.push_dir(out);
    std::fs::write(out.join("SHA256SUMS"), cmd!(shell, "sha256sum {names...}").quiet().read()? + "\n")?;
    Ok(())
}

fn put(from: &Path, to: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = to.parent().context("a file without a directory")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    std::fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn name_of(path: &Path) -> Result<&Path> {
    path.file_name().map(Path::new).with_context(|| format!("{} has no name", path.display()))
}

fn kibibytes(shell: &Shell, dir: &Path) -> Result<String> {
    let size = cmd!(shell, "du --summarize --apparent-size --block-size=1024 {dir}").quiet().read()?;
    Ok(size.split_whitespace().next().unwrap_or("0").to_owned())
}
