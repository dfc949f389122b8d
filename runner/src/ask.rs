//! Asking before acting: a process inside a run waits for a person's verdict on one exact action, then executes it.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `ostler ask` with the arguments after that word: `--kind K [--risk low|medium|high] -- CMD…`. Waits until a person
/// decides, however often the runner restarts meanwhile; then becomes exactly the approved command, or says why not.
///
/// Exit codes besides the command's own: 125 when it changed or could not be asked, 126 when it was rejected, 2 for bad usage.
#[must_use]
pub fn main(_arguments: Vec<OsString>) -> ExitCode {
    ExitCode::from(125)
}
