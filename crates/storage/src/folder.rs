//! A folder as a remote.

/// A folder of the local file system as a remote, written as DVC writes a local remote: objects are 0444,
/// new ones appear by a rename.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: std::path::PathBuf,
    location: String,
}

impl FolderStore {
    /// Names the store in the folder `root`, which need not exist yet.
    pub fn new(root: impl Into<std::path::PathBuf>) -> Self {
        let root = root.into();
        Self { location: root.display().to_string(), root }
    }

    /// Returns the folder.
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Names the store for messages.
    pub fn location(&self) -> &str {
        &self.location
    }
}
