//! The `ostler-runner` process: arguments, logging, signals.

use std::process::ExitCode;

/// Runs the process to its end.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    match words.as_slice() {
        [_, word, dir] if word == "__shim" => crate::shim::main(dir.as_ref()),
        _ => ExitCode::from(2),
    }
}
