//! How one of our database files comes to be, is opened, and is written to.
//!
//! ```text
//! create: path.tmp ─▶ schema committed and synced ─▶ rename ─▶ directory synced
//! open:   magic ─▶ redb (repairs after a crash) ─▶ meta_v1 ─▶ migrations ─▶ ready
//! ```
//!
//! A crash during creation leaves only a `.tmp`, which the next creation replaces: redb itself would leave a file that
//! nothing can open. Must not know the tables of any kind beyond `meta_v1`; [`layout`] lists them.

mod ballast;
#[cfg(test)]
pub(crate) mod disk;
pub(crate) mod layout;
mod migration;

use crate::error::{OpenError, StoreError};
use crate::tables::meta::{FILE, Kind, Meta, MetaV1};
use crate::tables::{get, raw, record};
use ostler_core::ids::Incarnation;
use redb::{Builder, Database, ReadableDatabase, StorageBackend, TableError, WriteTransaction};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) use ballast::Ballast;
pub(crate) use migration::NEWEST;

/// What every redb file starts with.
const MAGIC: &[u8; 9] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// redb's page cache for a ledger, and for a file whose kind is not known yet; its own default of 1 GiB is most of a small
/// machine.
const CACHE_BYTES: usize = 64 << 20;
/// Page cache of an event log: it is written and followed at the ends of runs, and the rest is read once. Several threads
/// fill it, and glibc's heap keeps as much again for each of them (docs/performance.md), so that more would only be held.
const EVENTS_CACHE_BYTES: usize = 16 << 20;
/// Page cache of a runner's journal, which stays small.
const JOURNAL_CACHE_BYTES: usize = 8 << 20;

/// How a commit is made durable: docs/adr/0002-durability-of-a-commit.md has the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// One fsync. After a crash the whole file is read at the next start.
    OnePhase,
    /// Two fsyncs: a crash between them cannot leave half a commit that looks whole. Reads the file after a crash too.
    TwoPhase,
    /// Two fsyncs and the allocator's state with each commit: a start after a crash takes milliseconds.
    #[default]
    Quick,
}

/// Begins a transaction that will be as durable as asked.
pub(crate) fn begin(db: &Database, durability: Durability) -> Result<WriteTransaction, StoreError> {
    let mut txn = db.begin_write()?;
    match durability {
        Durability::OnePhase => {}
        Durability::TwoPhase => txn.set_two_phase_commit(true),
        Durability::Quick => txn.set_quick_repair(true),
    }
    Ok(txn)
}

/// A new file at `path`, with every table of its kind, synced. Fails when there is one already.
pub(crate) fn create(path: &Path, meta: Meta) -> Result<Database, OpenError> {
    make(path, |db| found(db, meta))?;
    open(path, meta.kind).map(|(db, _)| db)
}

/// Makes a file at `path` whole or not at all: `fill` writes it under a temporary name.
pub(crate) fn make(path: &Path, fill: impl FnOnce(&Database) -> Result<(), StoreError>) -> Result<(), OpenError> {
    if path.try_exists().map_err(|error| OpenError::io(path, &error))? {
        return Err(OpenError::Exists(path.to_owned()));
    }
    let temporary = beside(path, "tmp");
    let made = fill_temporary(&temporary, path, fill).and_then(|()| publish(&temporary, path));
    if made.is_err() {
        // Best effort: a leftover is replaced by the next creation, and the first error is the one to tell.
        drop(std::fs::remove_file(&temporary));
    }
    made
}

/// Errors name the file that was asked for, or the directory that is missing.
fn fill_temporary(
    temporary: &Path,
    path: &Path,
    fill: impl FnOnce(&Database) -> Result<(), StoreError>,
) -> Result<(), OpenError> {
    if !directory_of(path).is_dir() {
        return Err(OpenError::Missing(directory_of(path).to_owned()));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(temporary).map_err(|error| OpenError::io(path, &error))?;
    let again = file.try_clone().map_err(|error| OpenError::io(path, &error))?;
    let db =
        Builder::new().set_cache_size(CACHE_BYTES).create_file(file).map_err(|error| OpenError::redb(path, error))?;
    fill(&db).map_err(|error| OpenError::store(path, error))?;
    drop(db);
    again.sync_all().map_err(|error| OpenError::io(path, &error))
}

/// Moves a finished file to its name, and makes the name durable.
fn publish(temporary: &Path, path: &Path) -> Result<(), OpenError> {
    std::fs::rename(temporary, path).map_err(|error| OpenError::io(path, &error))?;
    sync_directory(path)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_directory(path: &Path) -> Result<(), OpenError> {
    let directory = directory_of(path);
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| OpenError::io(directory, &error))
}

/// `path` with another ending appended.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Writes the tables of a new file.
fn found(db: &Database, meta: Meta) -> Result<(), StoreError> {
    let txn = begin(db, Durability::Quick)?;
    layout::found(meta.kind, &txn)?;
    write_meta(&txn, meta)?;
    Ok(txn.commit()?)
}

pub(crate) fn write_meta(txn: &WriteTransaction, meta: Meta) -> Result<(), StoreError> {
    let key = <MetaV1 as crate::tables::Table>::key(&FILE);
    let mut table = txn.open_table(raw::<MetaV1>())?;
    table.insert(key.as_slice(), record::<MetaV1>(&key, &meta).as_slice())?;
    Ok(())
}

/// Opens a file of one kind, brings it to the newest schema, and says what it is.
pub(crate) fn open(path: &Path, kind: Kind) -> Result<(Database, Meta), OpenError> {
    let cache_bytes = match kind {
        Kind::Ledger => CACHE_BYTES,
        Kind::Events => EVENTS_CACHE_BYTES,
        Kind::Journal => JOURNAL_CACHE_BYTES,
    };
    let (db, meta) = open_caching(path, cache_bytes)?;
    if meta.kind != kind {
        let (found, wanted) = (meta.kind.word(), kind.word());
        return Err(OpenError::Kind { path: path.to_owned(), found, wanted });
    }
    let meta = migration::migrate(&db, meta, migration::STEPS).map_err(|error| OpenError::store(path, error))?;
    Ok((db, meta))
}

/// Opens a file of any kind, as it is.
pub(crate) fn open_any(path: &Path) -> Result<(Database, Meta), OpenError> {
    open_caching(path, CACHE_BYTES)
}

fn open_caching(path: &Path, cache_bytes: usize) -> Result<(Database, Meta), OpenError> {
    sniff(path)?;
    let db = Builder::new().set_cache_size(cache_bytes).open(path).map_err(|error| OpenError::redb(path, error))?;
    let meta = read_meta(&db, path)?;
    Ok((db, meta))
}

/// Reads what a file says of itself; refuses one from the future.
fn read_meta(db: &Database, path: &Path) -> Result<Meta, OpenError> {
    let read = || -> Result<Option<Meta>, StoreError> {
        let txn = db.begin_read()?;
        match txn.open_table(raw::<MetaV1>()) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => drop(other?),
        }
        get::<MetaV1>(&txn, &FILE)
    };
    let meta = read().map_err(|error| OpenError::store(path, error))?;
    let foreign = || OpenError::Foreign { path: path.to_owned(), detail: "a redb file of another program".to_owned() };
    let meta = meta.ok_or_else(foreign)?;
    if meta.schema > NEWEST {
        return Err(OpenError::Newer { path: path.to_owned(), found: meta.schema, known: NEWEST });
    }
    Ok(meta)
}

/// Refuses what redb should not even be shown.
fn sniff(path: &Path) -> Result<(), OpenError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| OpenError::io(path, &error))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(|error| OpenError::io(path, &error))?;
    if start == MAGIC {
        return Ok(());
    }
    let detail = if start.is_empty() { "the file is empty" } else { "it does not start as one" };
    Err(OpenError::Foreign { path: path.to_owned(), detail: detail.to_owned() })
}

/// A database on any storage: memory, or a test's disk.
pub(crate) fn on_backend(backend: impl StorageBackend, meta: Meta) -> Result<Database, StoreError> {
    let built = Builder::new().set_cache_size(JOURNAL_CACHE_BYTES).create_with_backend(backend);
    let db = built.map_err(redb::Error::from)?;
    found(&db, meta)?;
    Ok(db)
}

pub(crate) const fn new_meta(kind: Kind, incarnation: Incarnation) -> Meta {
    Meta { kind, schema: NEWEST, incarnation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_newer_release_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.redb");
        let newer = Meta { schema: NEWEST + 1, ..new_meta(Kind::Ledger, Incarnation(1)) };
        make(&path, |db| found(db, newer)).expect("a file from the future");
        let error = open(&path, Kind::Ledger).expect_err("an older release must not guess");
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_finished_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.redb");
        let error = make(&path, |_| Err(StoreError::DiskFull)).expect_err("the disk is full");
        assert!(matches!(error, OpenError::Store { source: StoreError::DiskFull, .. }));
        assert_eq!(directory.path().read_dir().expect("a directory").count(), 0);
    }
}
