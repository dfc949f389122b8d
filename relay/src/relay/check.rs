//! Are the files whole? In full for `relay check`; in a child process, as far as serving needs it, before every start.
//!
//! A damaged file can panic or abort its reader, so nothing opens one in the serving process that a child has not opened
//! before. The child reads every row a ledger starts from; only the full check walks all of history.

use crate::relay::RelayError;
use ostler_core::time::Timestamp;
use ostler_store::{EventLog, LedgerFile, OpenError, Report, Shelf};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::Duration;

/// The argument that makes this executable open a data directory's files once, and say whether they can be served.
pub const CHECK_ARGUMENT: &str = "__check";
pub(crate) const LEDGER_FILE: &str = "ledger.redb";
pub(crate) const EVENTS_FILE: &str = "events.redb";

/// The child's exit code when another process has the files.
const IN_USE: u8 = 3;
/// A relay that is killed while its child looks leaves that child behind with the files open, for as long as looking takes.
const IN_USE_LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Has a child process open the files first. Files in use are looked at again for some seconds.
pub(crate) fn open_first(checker: &Path, directory: &Path) -> Result<(), RelayError> {
    if !directory.join(LEDGER_FILE).exists() {
        return Ok(());
    }
    let failed = |report: String| RelayError::Check { directory: directory.to_owned(), report };
    let look = || Command::new(checker).arg(CHECK_ARGUMENT).arg(directory).output();
    let started = |output: std::io::Result<Output>| {
        output.map_err(|error| failed(format!("the check could not be started: {error}")))
    };
    let mut output = started(look())?;
    for _ in 0..IN_USE_LOOKS {
        if output.status.code() != Some(i32::from(IN_USE)) {
            break;
        }
        std::thread::sleep(LOOK_AGAIN);
        output = started(look())?;
    }
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Err(failed(if said.trim().is_empty() { format!("the check ended with {}", output.status) } else { said }))
}

/// The child process's side of it.
#[must_use]
pub fn check_main(directory: &Path) -> ExitCode {
    match open_both(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(damage) => {
            // Whoever started the check may have gone; the code says it all.
            drop(writeln!(std::io::stdout(), "{damage}"));
            if matches!(damage, OpenError::InUse(_)) { ExitCode::from(IN_USE) } else { ExitCode::FAILURE }
        }
    }
}

fn open_both(directory: &Path) -> Result<(), OpenError> {
    let ledger = directory.join(LEDGER_FILE);
    let store = |source| OpenError::Store { path: ledger.clone(), source };
    LedgerFile::open(&ledger)?.load(Timestamp::default()).map_err(store)?;
    let events = directory.join(EVENTS_FILE);
    if events.exists() { EventLog::open(&events).map(drop) } else { Ok(()) }
}

/// Checks every page and record of both files in a data directory that no relay serves. One report for each file there is.
///
/// # Errors
/// When a file cannot be looked at.
pub fn check(directory: &Path) -> Result<Vec<Report>, OpenError> {
    let files = [LEDGER_FILE, EVENTS_FILE].map(|file| directory.join(file));
    files.iter().filter(|path| path.exists()).map(|path| ostler_store::check(path)).collect()
}
