//! What goes wrong with a file, and what a person can do about it.
//!
//! Owns the translation from redb's errors. An error never says that something was kept when it was not.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

/// Why an open file could not be read or written. After it from a write, the file must be closed: nothing is retried on
/// the same handle, because a failed fsync leaves no way to know what the disk holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A record's bytes are not those that were written.
    #[error("record {key} of table {table} is damaged: stop, keep the file, and restore the last backup")]
    Damaged {
        /// The table's name.
        table: &'static str,
        /// The record's key, in hex.
        key: String,
    },
    /// A link of an event chain does not follow from the one before.
    #[error("event {seq} of {run} is damaged: stop, keep the file, and restore the last backup")]
    BrokenChain {
        /// Whose events.
        run: ostler_core::ids::RunId,
        /// The first record that cannot be trusted.
        seq: u64,
    },
    /// redb found its own pages damaged.
    #[error("the database is damaged ({0}): stop, keep the file, and restore the last backup")]
    Corrupt(String),
    /// No room left.
    #[error("the disk is full: free some space and start again; nothing that was acknowledged is lost")]
    DiskFull,
    /// The disk failed.
    #[error("the disk failed ({0}): look at the system's log, then start again; nothing that was acknowledged is lost")]
    Disk(String),
    /// An earlier error closed this file.
    #[error("the database was closed after an earlier error: start again")]
    Closed,
}

/// Why a file could not be created, opened, copied or restored.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("{0} does not exist: create it, or name another")]
    Missing(PathBuf),
    /// There is one already.
    #[error("{0} already exists and is not overwritten: move it away first")]
    Exists(PathBuf),
    /// Not a database of ours, or cut off.
    #[error("{path} is not an Ostler database ({detail}): name another file, or restore a backup")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What was found instead.
        detail: String,
    },
    /// A database of ours, of another kind.
    #[error("{path} is Ostler's {found} file, not its {wanted} file: name the right one")]
    Kind {
        /// Which file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What was expected.
        wanted: &'static str,
    },
    /// Written by a newer release.
    #[error(
        "{path} has schema {found}, this release knows up to {known}: use the newer release, or restore an older backup"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this release knows.
        known: u32,
    },
    /// Another process has it.
    #[error("{0} is in use by another process: stop that one first")]
    InUse(PathBuf),
    /// Not ours to open.
    #[error("{0} may not be opened: it must be readable and writable by this user")]
    Denied(PathBuf),
    /// Anything the open file itself says.
    #[error("{path}: {source}")]
    Store {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: StoreError,
    },
}

#[expect(clippy::wildcard_enum_match_arm, reason = "std's and redb's errors, which grow; ours are told apart")]
impl OpenError {
    pub(crate) fn io(path: &Path, error: &IoError) -> Self {
        let owned = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => Self::Missing(owned),
            ErrorKind::AlreadyExists => Self::Exists(owned),
            ErrorKind::PermissionDenied => Self::Denied(owned),
            _ => Self::store(path, io(error)),
        }
    }

    pub(crate) fn store(path: &Path, source: StoreError) -> Self {
        Self::Store { path: path.to_owned(), source }
    }

    pub(crate) fn redb(path: &Path, error: redb::DatabaseError) -> Self {
        let owned = path.to_owned();
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse(owned),
            redb::DatabaseError::UpgradeRequired(version) => {
                Self::Foreign { path: owned, detail: format!("redb file format {version}") }
            }
            redb::DatabaseError::Storage(redb::StorageError::Io(error)) => Self::io(path, &error),
            other => Self::store(path, redb::Error::from(other).into()),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "std has forty kinds of error; three of them need their own answer")]
fn io(error: &IoError) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::DiskFull,
        // redb reads past the end of a file that was cut off.
        ErrorKind::UnexpectedEof => StoreError::Corrupt("the file is cut off".to_owned()),
        _ => StoreError::Disk(error.to_string()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "redb's errors grow; what is not the disk's fault is damage")]
impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => io(&error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_) => Self::Closed,
            other => Self::Corrupt(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::CompactionError);
