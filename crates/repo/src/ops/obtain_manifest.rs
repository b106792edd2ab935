//! Lists of files that only a remote has, for commands that otherwise need no network.

use haul_storage::{Oid, OidKind, RemoteOdb, open_remote_with};

use super::session::{Session, bad_manifest};
use crate::{DirManifest, Error, Out, Result};

impl Session<'_> {
    /// Returns the manifest of a directory as [`manifest_of`](Self::manifest_of) does; one that the cache lacks is fetched from
    /// the remote of the out into the cache, as DVC does. `None` if no remote has it.
    ///
    /// Blocks for the network, so it must not be called from a task.
    pub(super) fn obtain_manifest(&self, out: &Out, oid: &Oid) -> Result<Option<DirManifest>> {
        if let Some(manifest) = self.manifest_of(out, oid)? {
            return Ok(Some(manifest));
        }
        // Without a remote, the caller says what is missing.
        let Ok(remote) = self.repo.config().remote(out.remote.as_deref()) else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("cannot start the network", error))?;
        let bytes = runtime.block_on(async {
            let remote = RemoteOdb::new(open_remote_with(&remote, self.repo.env(), self.repo.contact())?);
            let fetch = remote.fetch_object(out.layout, oid, RemoteOdb::MAX_MANIFEST_BYTES);
            tokio::select! {
                bytes = fetch => Ok(bytes?),
                () = self.cancel.cancelled() => Err(Error::Interrupted),
            }
        })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let manifest = DirManifest::parse(&bytes).map_err(|error| bad_manifest(oid, &error))?;
        self.cache.store_bytes(out.layout, OidKind::Dir, &bytes)?;
        Ok(Some(manifest))
    }
}
