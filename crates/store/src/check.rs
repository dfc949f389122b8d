//! Does a file hold what was written to it? Every page by redb's checksums, every record by our own.
//!
//! A damaged file can make redb panic or abort, so this runs in a process of its own, before the file is opened in earnest:
//!
//! ```text
//! exit 0  sound              exit 2  not a file that this release can open (foreign, newer, of another kind)
//! exit 1  damaged            exit 3  could not look: missing, in use, denied, the disk failed
//! any other end (a panic is 101, an abort a signal): damaged
//! ```

use crate::error::{OpenError, StoreError};
use crate::file::{layout, open_any};
use crate::tables::Walk;
use crate::tables::meta::Kind;
use crate::{events, ledger};
use ostler_core::ids::Incarnation;
use redb::{Database, ReadableDatabase};
use std::path::Path;

/// Findings kept: past it a file is damaged all over, and the count says so.
const FINDINGS_MAX: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `ledger`, `event log` or `journal`.
    pub kind: &'static str,
    /// Which life of the database it is.
    pub incarnation: Incarnation,
    /// Records looked at.
    pub records: u64,
    /// False when redb's own structure is damaged.
    pub pages_sound: bool,
    /// How many records are damaged.
    pub damaged: u64,
    /// The first of them, at most a hundred.
    pub findings: Vec<StoreError>,
}

impl Report {
    /// Nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.pages_sound && self.damaged == 0
    }
}

/// Walks a whole file of any kind, which no process may have open. Repairs after a crash, as opening does.
///
/// # Errors
/// When the file cannot be looked at; [`OpenError::exit_code`] tells a damaged one from others.
pub fn check(path: &Path) -> Result<Report, OpenError> {
    let (mut db, meta) = open_any(path)?;
    let pages_sound = db.check_integrity().map_err(|error| OpenError::redb(path, error))?;
    let walk = walk(&db, meta.kind).map_err(|error| OpenError::store(path, error))?;
    Ok(Report {
        kind: meta.kind.word(),
        incarnation: meta.incarnation,
        records: walk.records,
        pages_sound,
        damaged: walk.damaged.len() as u64,
        findings: walk.damaged.into_iter().take(FINDINGS_MAX).collect(),
    })
}

fn walk(db: &Database, kind: Kind) -> Result<Walk, StoreError> {
    let txn = db.begin_read()?;
    let mut walk = Walk::default();
    layout::walk(kind, &txn, &mut walk)?;
    match kind {
        Kind::Ledger => ledger::verify_whole(&txn, &mut walk)?,
        Kind::Events => events::verify_all(&txn, &mut walk)?,
        Kind::Journal => {}
    }
    Ok(walk)
}

impl Report {
    /// The exit code of a checking process.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        if self.is_sound() { 0 } else { 1 }
    }
}

impl OpenError {
    /// The exit code of a checking process that could not finish.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Foreign { .. } | Self::Kind { .. } | Self::Newer { .. } => 2,
            Self::Missing(_) | Self::Exists(_) | Self::InUse(_) | Self::Denied(_) => 3,
            Self::Store { source, .. } => match source {
                StoreError::DiskFull | StoreError::Disk(_) | StoreError::Closed => 3,
                StoreError::Damaged { .. } | StoreError::BrokenChain { .. } | StoreError::Corrupt(_) => 1,
            },
        }
    }
}
