//! Runs the conformance suite on every store that needs no server.

use std::sync::Arc;

use haul_storage::testing::{FaultStore, MemoryStore, conformance};
use haul_storage::{CountingStore, FolderStore, ObjectStoreAdapter, RemoteStore};

#[tokio::test]
async fn memory_store_conforms() {
    for page_objects in [1, 3, 1000] {
        conformance::check_store(&MemoryStore::new().with_page_objects(page_objects), "", 1000).await;
    }
}

#[tokio::test]
async fn folder_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check_store(&FolderStore::new(folder.path().join("remote")), "", 0).await;
    conformance::check_store(&FolderStore::new(folder.path().join("remote")), "below/", 0).await;
}

#[tokio::test]
async fn object_store_adapter_conforms() {
    let store = ObjectStoreAdapter::new(object_store::memory::InMemory::new());
    conformance::check_store(&store, "", 1000).await;
}

#[tokio::test]
async fn decorators_conform() {
    let memory: Arc<dyn RemoteStore> = Arc::new(MemoryStore::new());
    conformance::check_store(&CountingStore::new(Arc::clone(&memory)), "", 1000).await;
    conformance::check_store(&FaultStore::new(memory), "", 1000).await;
}
