//! Backup: a consistent copy of log and ledger, made while the relay works; and the way back.

use crate::hub::Shared;
use crate::relay::RelayError;
use crate::relay::check::{EVENTS_FILE, LEDGER_FILE};
use ostler_boot::private_dir;
use ostler_core::ids::Incarnation;
use ostler_store::StoreError;
use std::path::Path;

/// Where copies are put, under the data directory.
const DIRECTORY: &str = "backups";

/// Writes both files of a backup; returns its directory and size in bytes. The log is copied first, so that the copy never
/// holds events of an epoch that the copied ledger would grant again.
pub(crate) fn write(hub: &Shared) -> Result<(String, u64), StoreError> {
    let directory = hub.data_dir.join(DIRECTORY).join(hub.now().0.to_string());
    let io = |error: std::io::Error| StoreError::Corrupt(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(&directory).map_err(io)?;
    let (log, ledger) = (directory.join(EVENTS_FILE), directory.join(LEDGER_FILE));
    let failed = |error: ostler_store::OpenError| StoreError::Corrupt(error.to_string());
    hub.events.backup(&log).map_err(failed)?;
    hub.reader.backup(&ledger).map_err(failed)?;
    let bytes = [log, ledger].iter().map(|path| std::fs::metadata(path).map_or(0, |m| m.len())).sum();
    Ok((directory.display().to_string(), bytes))
}

/// Makes a data directory's database from a backup's directory, as a new life: runners and people notice that the clock was
/// turned back, and no lease or verdict of the time in between is taken for one of now.
///
/// # Errors
/// A backup that cannot be trusted, or a directory that has a database already: move that away first.
pub fn restore(backup: &Path, data_dir: &Path) -> Result<(), RelayError> {
    private_dir(data_dir)?;
    let life = Incarnation(u64::from_be_bytes(super::chance()));
    for file in [LEDGER_FILE, EVENTS_FILE] {
        ostler_store::restore(&backup.join(file), &data_dir.join(file), life)?;
    }
    Ok(())
}
