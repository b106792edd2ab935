//! Makes commits, branches and tags without a `git` process.

use std::path::Path;

use gix::ObjectId;
use gix::object::tree::EntryKind;
use gix::refs::transaction::PreviousValue;

use crate::environment::Folder;

impl Folder<'_> {
    /// Commits the files of a DVC repository that Git does not ignore (metafiles, ignore files, the configuration) to
    /// `branch`; returns the commit. The time is in seconds since the Unix epoch.
    ///
    /// # Panics
    /// If Git's files cannot be read or written.
    pub fn commit_to(&self, branch: &str, seconds: i64) -> String {
        let repo = self.git();
        let parent =
            repo.try_find_reference(&format!("refs/heads/{branch}")).expect("references can be read");
        let parents: Vec<ObjectId> = parent.map(|parent| parent.id().detach()).into_iter().collect();
        let tree = self.write_tree(&repo);
        self.commit_tree(&format!("refs/heads/{branch}"), tree, parents, seconds)
    }

    /// Makes a commit of a tree; returns it.
    ///
    /// # Panics
    /// If Git's files cannot be read or written.
    pub fn commit_tree(
        &self,
        reference: &str,
        tree: ObjectId,
        parents: Vec<ObjectId>,
        seconds: i64,
    ) -> String {
        let time = format!("{seconds} +0000");
        let who = gix::actor::SignatureRef { name: "A".into(), email: "a@example.com".into(), time: &time };
        let repo = self.git();
        let commit = repo.commit_as(who, who, reference, "a step", tree, parents);
        commit.expect("a commit can be made").to_string()
    }

    /// Commits to the current branch.
    pub fn commit(&self) -> String {
        self.commit_to("main", 1_700_000_000)
    }

    /// Writes a file into the index, whatever the ignore files say.
    ///
    /// # Panics
    /// If Git's files cannot be read or written.
    pub fn stage_file(&self, path: &str) {
        let repo = self.git();
        let mut index = if repo.index_path().exists() {
            repo.open_index().expect("the index can be read")
        } else {
            gix::index::File::from_state(gix::index::State::new(repo.object_hash()), repo.index_path())
        };
        let blob = repo.write_blob(self.read(path)).expect("a blob can be written").detach();
        let (stat, flags) = (gix::index::entry::Stat::default(), gix::index::entry::Flags::empty());
        index.dangerously_push_entry(stat, blob, flags, gix::index::entry::Mode::FILE, path.into());
        index.sort_entries();
        let _trees = index.remove_tree();
        index.write(gix::index::write::Options::default()).expect("the index can be written");
    }

    /// Sets a reference, such as `refs/tags/v1`, to a commit.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn point(&self, reference: &str, commit: &str) {
        let id = ObjectId::from_hex(commit.as_bytes()).expect("it is the id of a commit");
        self.git().reference(reference, id, PreviousValue::Any, "").expect("a reference can be made");
    }

    /// Removes an object from Git's database, as in a damaged or partial clone.
    ///
    /// # Panics
    /// If it is not there.
    pub fn lose_git_object(&self, id: &str) {
        self.remove(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    }

    /// Returns the id of the tree or blob at `path` of a commit; the whole tree for an empty path.
    ///
    /// # Panics
    /// If it is not there.
    pub fn git_object(&self, commit: &str, path: &str) -> String {
        let repo = self.git();
        let spec = format!("{commit}:{path}");
        repo.rev_parse_single(spec.as_str()).expect("the commit has it").to_string()
    }

    /// Stages the files that [`commit`](Self::commit_to) would commit, as `git add --force` does.
    ///
    /// # Panics
    /// If Git's files cannot be read or written.
    pub fn stage(&self) {
        self.write_index(|_| false);
    }

    /// Removes a tracked file from the workspace, as a sparse checkout does.
    ///
    /// # Panics
    /// If Git's files cannot be read or written.
    pub fn leave_out(&self, path: &str) {
        self.write_index(|name| name == path);
        self.remove(path);
    }

    /// Returns the blob of a file that Git tracks.
    ///
    /// # Panics
    /// If Git does not track it.
    pub fn tracked_blob(&self, path: &str) -> String {
        let index = self.git().open_index().expect("the index can be read");
        let entry = index.entry_by_path(path.into()).expect("Git tracks the file");
        entry.id.to_string()
    }

    fn write_index(&self, is_left_out: impl Fn(&str) -> bool) {
        use gix::index::entry::Flags;
        let repo = self.git();
        let tree = self.write_tree(&repo);
        let mut index = repo.index_from_tree(&tree).expect("an index can be made of a tree");
        let names: Vec<String> = index.entries().iter().map(|entry| entry.path(&index).to_string()).collect();
        for (entry, name) in index.entries_mut().iter_mut().zip(names) {
            if is_left_out(&name) {
                entry.flags.insert(Flags::EXTENDED | Flags::SKIP_WORKTREE);
            }
        }
        index.write(gix::index::write::Options::default()).expect("the index can be written");
    }

    fn git(&self) -> gix::Repository {
        gix::open(self.path()).expect("it is a Git repository")
    }

    fn write_tree(&self, repo: &gix::Repository) -> ObjectId {
        let mut editor =
            repo.edit_tree(ObjectId::empty_tree(repo.object_hash())).expect("a tree can be edited");
        let mut pending = vec![self.path().to_owned()];
        while let Some(folder) = pending.pop() {
            for entry in fs_err::read_dir(&folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                let name = path.strip_prefix(self.path()).expect("it is in the folder").to_owned();
                if path.is_dir() && !path.is_symlink() {
                    if name != Path::new(".git") && name != Path::new(".dvc") {
                        pending.push(path);
                    }
                } else if is_committed(&name) {
                    let blob = repo.write_blob(fs_err::read(&path).expect("the file can be read"));
                    let name = name.to_str().expect("the name is text");
                    editor
                        .upsert(name, EntryKind::Blob, blob.expect("a blob can be written").detach())
                        .expect("a tree can be edited");
                }
            }
        }
        for name in [".dvc/config", ".dvc/.gitignore"].into_iter().filter(|name| self.join(name).exists()) {
            let blob = repo.write_blob(self.read(name)).expect("a blob can be written").detach();
            editor.upsert(name, EntryKind::Blob, blob).expect("a tree can be edited");
        }
        editor.write().expect("a tree can be written").detach()
    }
}

fn is_committed(name: &Path) -> bool {
    let is_metafile = name.extension().is_some_and(|extension| extension == "dvc");
    let names = [".gitignore", ".dvcignore", "dvc.yaml", "dvc.lock", "params.yaml"];
    is_metafile || name.file_name().is_some_and(|name| names.iter().any(|known| name == *known))
}
