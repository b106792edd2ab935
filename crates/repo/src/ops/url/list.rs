//! `list-url`: show what lies under a URL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use haul_storage::CancellationToken;
use haul_storage::source::{Source, SourceEntry, SourceKind};

use super::{Surroundings, look};
use crate::{Error, Result};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListUrlOptions {
    /// The URL, or a path.
    pub url: String,
    /// Go into folders.
    pub recursive: bool,
    /// How deep to go; the URL itself is 0.
    pub level: Option<usize>,
    /// Options of the URL (`--fs-config`).
    pub fs_config: Vec<(String, String)>,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// A file or folder with what was listed in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedNode {
    /// The path as DVC shows it: of the root as its file system knows it, else below the root.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Size in bytes, if it is known.
    pub size_bytes: Option<u64>,
    /// Whether it is a folder that was not gone into, because that would have been too deep.
    pub is_end: bool,
    /// What lies in it, in the order of the source.
    pub children: Vec<Self>,
}

/// Lists what lies under a URL.
///
/// # Errors
///
/// [`Error::NoUrl`] if there is nothing.
pub async fn list_url(surroundings: &Surroundings<'_>, options: &ListUrlOptions) -> Result<ListedNode> {
    let (remote, source) = surroundings.open(&options.url, &options.fs_config)?;
    let detail = match source.kind() {
        SourceKind::Local => format!("[Errno 2] No such file or directory: '{}'", source.path()),
        _ => haul_config::mask_urls(&source.path()),
    };
    let root = look(source.as_ref(), &options.url, Some(detail)).await?;
    let path = match source.kind() {
        SourceKind::Local => options.url.clone(),
        SourceKind::S3 => {
            remote.url.value.split_once("://").map(|(_, path)| path.to_owned()).unwrap_or_default()
        }
        SourceKind::Http | SourceKind::Https => haul_config::mask_urls(&source.path()),
    };
    let path = match source.kind() {
        // As DVC: what stands alone is named in full.
        SourceKind::Local if !root.is_dir || options.level == Some(0) => {
            surroundings.env.current_dir().join(&path).display().to_string()
        }
        SourceKind::S3 if options.level == Some(0) => path.trim_end_matches('/').to_owned(),
        _ => path,
    };
    let node = ListedNode { path, is_dir: root.is_dir, size_bytes: root.size_bytes, ..ListedNode::default() };
    let level = if options.recursive { options.level } else { Some(options.level.unwrap_or(1).min(1)) };
    if !root.is_dir || level == Some(0) {
        return Ok(node);
    }
    // One listing of all is less than one for each folder.
    let is_whole = source.kind() == SourceKind::S3 && level.is_none();
    let known = if is_whole { Some(by_folder(source.walk().await?)) } else { None };
    let lister = Lister { source, known, cancel: options.cancel.clone() };
    Ok(ListedNode { children: lister.below(String::new(), level).await?, ..node })
}

struct Lister {
    source: Arc<dyn Source>,
    /// What lies in each folder, if all was listed.
    known: Option<BTreeMap<String, Vec<SourceEntry>>>,
    cancel: CancellationToken,
}

impl Lister {
    fn below(&self, folder: String, level: Option<usize>) -> BoxFuture<'_, Result<Vec<ListedNode>>> {
        async move {
            let entries = if let Some(known) = &self.known {
                known.get(&folder).cloned().unwrap_or_default()
            } else {
                tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => return Err(Error::Interrupted),
                    entries = self.source.children(&folder) => entries?,
                }
            };
            let mut nodes = Vec::with_capacity(entries.len());
            for entry in entries {
                let goes_on = entry.is_dir && level.is_none_or(|level| level > 1);
                let children = if goes_on {
                    self.below(entry.path.clone(), level.map(|level| level - 1)).await?
                } else {
                    Vec::new()
                };
                let SourceEntry { path, is_dir, size_bytes, .. } = entry;
                nodes.push(ListedNode { path, is_dir, size_bytes, is_end: is_dir && !goes_on, children });
            }
            Ok(nodes)
        }
        .boxed()
    }
}

/// Sorts files into the folders that their paths name.
fn by_folder(files: Vec<SourceEntry>) -> BTreeMap<String, Vec<SourceEntry>> {
    let mut folders: BTreeMap<String, Vec<SourceEntry>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    // A name that is empty can be no file or directory.
    for file in files.into_iter().filter(|file| !file.path.split('/').any(str::is_empty)) {
        let ends: Vec<usize> = file.path.match_indices('/').map(|(at, _)| at).collect();
        for end in ends {
            let folder = &file.path[..end];
            if known.insert(folder.to_owned()) {
                let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
                let entry = SourceEntry {
                    path: folder.to_owned(),
                    is_dir: true,
                    size_bytes: Some(0),
                    ..SourceEntry::default()
                };
                folders.entry(above.to_owned()).or_default().push(entry);
            }
        }
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        folders.entry(folder).or_default().push(file);
    }
    folders
}
