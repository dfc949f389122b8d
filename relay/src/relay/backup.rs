//! Backup: a consistent copy of log and ledger, made while the relay works.

use crate::hub::Shared;
use ostler_store::StoreError;

/// Where copies are put, under the data directory.
const DIRECTORY: &str = "backups";

/// Writes both files of a backup; returns its directory and size in bytes. The log is copied first, so that the copy never
/// holds events of an epoch that the copied ledger would grant again.
pub(crate) fn write(hub: &Shared) -> Result<(String, u64), StoreError> {
    let directory = hub.data_dir.join(DIRECTORY).join(hub.now().0.to_string());
    let io = |error: std::io::Error| StoreError::Corrupt(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(&directory).map_err(io)?;
    let (log, ledger) = (directory.join("events.redb"), directory.join("ledger.redb"));
    let failed = |error: ostler_store::OpenError| StoreError::Corrupt(error.to_string());
    hub.events.backup(&log).map_err(failed)?;
    hub.reader.backup(&ledger).map_err(failed)?;
    let bytes = [log, ledger].iter().map(|path| std::fs::metadata(path).map_or(0, |m| m.len())).sum();
    Ok((directory.display().to_string(), bytes))
}
