//! What was written into the workspace and may not be on the disk yet.
//!
//! A checkout does not wait for the disk: everything it writes is in the cache. After a power failure its files may be
//! empty, short or full of zeros, and must not be taken for work of the user. So before the first of them is written, a
//! note of all of them is put on the disk; and each file gets the same time of its last write, which no other file has.
//! An edit gives a file another time. A file with that time, and nothing in it but bytes of its object and
//! zeros, was cut by a power failure, and may be written again.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haul_config::atomic::{new_temp_file, sync_file, sync_folder};
use haul_storage::{Cache, Layout, Oid};

use super::epoch::epoch_of;
use super::{FileClock, FileStamp, WRITTEN_OUT_NS};

const FOLDER: &str = "writes";
const HEAD: &[u8] = b"haul writes 1\0";
/// Notes of before a power failure are kept for so long.
const KEEP_NS: i64 = 90 * 86_400 * 1_000_000_000;
/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;
const CHUNK_BYTES: usize = 64 << 10;

/// The time of the last write that files get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteMark {
    mtime_ns: i64,
}

impl WriteMark {
    /// Returns the time.
    pub fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.mtime_ns.unsigned_abs())
    }
}

/// A file that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedWrite {
    /// Its path below the root of the repository, with `/`.
    pub path: String,
    /// Where its object lies.
    pub layout: Layout,
    /// Its object.
    pub oid: Oid,
}

/// Notes on the disk, in `dir` (`.dvc/tmp/haul`), which files will be written. Returns the time that they have to get.
/// The caller holds the repository lock.
pub fn note_writes(dir: &Path, writes: impl Iterator<Item = NotedWrite>) -> io::Result<WriteMark> {
    let folder = dir.join(FOLDER);
    if !folder.is_dir() {
        fs_err::create_dir_all(&folder)?;
        for above in folder.ancestors().skip(1).take(2) {
            sync_folder(above)?;
        }
    }
    let now_ns = FileClock::probe(dir)?.now_ns();
    let epoch = epoch_of(dir);
    remove_old_notes(&folder, &epoch, now_ns);
    // What another program writes at this moment gets the time of the clock, which moves in ticks of milliseconds.
    let mtime_ns = now_ns - i64::from(rand::random::<u32>() % 1_000_000) - 1;
    let mut temp = new_temp_file(&folder)?;
    let mut out = BufWriter::new(temp.as_file_mut());
    out.write_all(HEAD)?;
    for NotedWrite { path, layout, oid } in writes {
        let legacy = if layout == Layout::Legacy { "legacy " } else { "" };
        write!(out, "{oid} {legacy}/{path}\0")?;
    }
    out.flush()?;
    drop(out);
    sync_file(temp.as_file())?;
    temp.persist(folder.join(format!("{epoch}-{mtime_ns}"))).map_err(|error| error.error)?;
    sync_folder(&folder)?;
    Ok(WriteMark { mtime_ns })
}

/// Removes notes of files that are on the disk by now, or that the next checkout should have mended long ago.
fn remove_old_notes(folder: &Path, epoch: &str, now_ns: i64) {
    for (path, of, mtime_ns) in notes_in(folder) {
        let keep_ns = if of == epoch { WRITTEN_OUT_NS } else { KEEP_NS };
        if mtime_ns.saturating_add(keep_ns) < now_ns
            && let Err(error) = fs_err::remove_file(&path)
        {
            tracing::debug!(%error, "an old note of written files stays");
        }
    }
}

/// Returns the notes with their epochs and times.
fn notes_in(folder: &Path) -> Vec<(PathBuf, String, i64)> {
    let names = fs_err::read_dir(folder).into_iter().flatten().flatten();
    names
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (epoch, mtime_ns) = name.split_once('-')?;
            Some((entry.path(), epoch.to_owned(), mtime_ns.parse().ok()?))
        })
        .collect()
}

/// The objects by the path of the file that was written from them.
type Objects = HashMap<String, (Layout, Oid)>;

/// The files that were written and noted.
#[derive(Debug, Default)]
pub struct Writes {
    notes: Vec<(i64, Objects)>,
}

impl Writes {
    /// Reads the notes in `dir`; what is damaged counts as not noted.
    pub fn load(dir: &Path) -> Self {
        let read = |path: &Path| match fs_err::read(path) {
            Ok(bytes) => parse(&bytes),
            Err(error) => {
                tracing::debug!(%error, "a note of written files cannot be read");
                HashMap::new()
            }
        };
        let notes = notes_in(&dir.join(FOLDER));
        Self { notes: notes.into_iter().map(|(path, _, mtime_ns)| (mtime_ns, read(&path))).collect() }
    }

    /// Returns whether `path`, below `root`, is a file of ours that was not touched since and that a power failure cut: it
    /// holds nothing but bytes of the object it was made from, and zeros.
    pub fn is_cut(&self, root: &Path, path: &Path, cache: &Cache) -> bool {
        let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str) else { return false };
        let Ok(metadata) = fs_err::symlink_metadata(path) else { return false };
        let mtime_ns = FileStamp::of(&metadata).mtime_ns;
        metadata.is_file()
            && self.notes.iter().filter(|(mark_ns, _)| is_marked(mtime_ns, *mark_ns)).any(|(_, files)| {
                files.get(key).is_some_and(|(layout, oid)| {
                    let is_stored = cache.check(*layout, oid).is_ok_and(|size| size.is_some());
                    is_stored && is_cut_from(path, &cache.object_path(*layout, oid)).unwrap_or(false)
                })
            })
    }
}

/// Tells whether a file has the time of a note; some file systems keep whole seconds.
fn is_marked(mtime_ns: i64, mark_ns: i64) -> bool {
    const SECOND: i64 = 1_000_000_000;
    mtime_ns == mark_ns || (mtime_ns % SECOND == 0 && mtime_ns / SECOND == mark_ns / SECOND)
}

fn parse(bytes: &[u8]) -> HashMap<String, (Layout, Oid)> {
    let Some(bytes) = bytes.strip_prefix(HEAD) else { return HashMap::new() };
    let lines = bytes.split_inclusive(|byte| *byte == 0).filter_map(|line| line.strip_suffix(&[0]));
    lines
        .filter_map(|line| {
            let (object, path) = std::str::from_utf8(line).ok()?.split_once('/')?;
            let object = object.strip_suffix(' ')?;
            let (oid, layout) = match object.strip_suffix(" legacy") {
                Some(oid) => (oid, Layout::Legacy),
                None => (object, Layout::Current),
            };
            Some((path.to_owned(), (layout, oid.parse().ok()?)))
        })
        .collect()
}

/// Compares a file with its object, sector by sector.
fn is_cut_from(path: &Path, object: &Path) -> io::Result<bool> {
    let (mut file, mut object) = (fs_err::File::open(path)?, fs_err::File::open(object)?);
    if file.metadata()?.len() > object.metadata()?.len() {
        return Ok(false);
    }
    let (mut found, mut wanted) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    loop {
        let n_bytes = read_chunk(&mut file, &mut found)?;
        if n_bytes == 0 {
            return Ok(true);
        }
        object.read_exact(&mut wanted[..n_bytes])?;
        let mut sectors = found[..n_bytes].chunks(SECTOR_BYTES).zip(wanted[..n_bytes].chunks(SECTOR_BYTES));
        if !sectors.all(|(found, wanted)| found == wanted || found.iter().all(|byte| *byte == 0)) {
            return Ok(false);
        }
    }
}

fn read_chunk(file: &mut fs_err::File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match file.read(&mut buffer[n_read..])? {
            0 => break,
            n_bytes => n_read += n_bytes,
        }
    }
    Ok(n_read)
}

#[cfg(test)]
mod tests {
    use haul_storage::{CacheOptions, OidKind};

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        cache: Cache,
        content: Vec<u8>,
        mark: WriteMark,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::new(folder.path().join("cache"), CacheOptions::default());
            let content: Vec<u8> = (1..=u8::MAX).cycle().take(200_000).collect();
            let oid = cache.store_bytes(Layout::Current, OidKind::File, &content).unwrap();
            let noted = |path: &str| NotedWrite { path: path.into(), layout: Layout::Current, oid };
            let mark = note_writes(folder.path(), ["d/é", "f"].map(noted).into_iter()).unwrap();
            Self { folder, cache, content, mark }
        }

        fn is_cut(&self, name: &str, content: &[u8], time: SystemTime) -> bool {
            let path = self.folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, content).unwrap();
            fs_err::OpenOptions::new().write(true).open(&path).unwrap().file().set_modified(time).unwrap();
            Writes::load(self.folder.path()).is_cut(self.folder.path(), &path, &self.cache)
        }
    }

    #[test]
    fn file_that_was_cut_is_known_by_its_time_and_its_bytes() {
        let fixture = Fixture::new();
        let time = fixture.mark.time();
        let content = &fixture.content;
        let zeroed = |from: usize, to: usize| {
            let mut zeroed = content.clone();
            zeroed[from..to].fill(0);
            zeroed
        };
        for cut in [Vec::new(), content[..70_001].to_vec(), vec![0; content.len()], zeroed(4096, 8192)] {
            assert!(fixture.is_cut("f", &cut, time));
            assert!(fixture.is_cut("d/é", &cut, time));
            assert!(!fixture.is_cut("g", &cut, time), "not noted");
            assert!(!fixture.is_cut("f", &cut, time + Duration::from_nanos(1)), "written to since");
        }
        let mut longer = content.clone();
        longer.push(0);
        for edited in [longer, b"x".to_vec(), zeroed(4000, 8192)] {
            assert!(!fixture.is_cut("f", &edited, time), "no disk leaves that behind");
        }
    }

    #[test]
    fn note_that_is_empty_or_cut_or_garbage_is_as_if_it_were_not_there() {
        let fixture = Fixture::new();
        let note = notes_in(&fixture.folder.path().join(FOLDER)).remove(0).0;
        let whole = fs_err::read(&note).unwrap();
        for damaged in [Vec::new(), whole[..HEAD.len() + 5].to_vec(), vec![0; 99], b"\xff/\0".to_vec()] {
            fs_err::write(&note, damaged).unwrap();
            assert!(!fixture.is_cut("f", b"", fixture.mark.time()));
        }
        // Its first line is whole.
        fs_err::write(&note, &whole[..whole.len() - 1]).unwrap();
        assert!(fixture.is_cut("d/é", b"", fixture.mark.time()));
        assert!(!fixture.is_cut("f", b"", fixture.mark.time()));
    }

    #[test]
    fn notes_of_files_that_are_on_the_disk_go() {
        let fixture = Fixture::new();
        let folder = fixture.folder.path().join(FOLDER);
        let (note, epoch, mtime_ns) = notes_in(&folder).remove(0);
        remove_old_notes(&folder, &epoch, mtime_ns + WRITTEN_OUT_NS);
        remove_old_notes(&folder, "another", mtime_ns + 2 * WRITTEN_OUT_NS);
        assert!(note.exists());
        remove_old_notes(&folder, &epoch, mtime_ns + 2 * WRITTEN_OUT_NS);
        assert!(!note.exists());
    }
}
