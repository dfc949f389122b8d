//! The `ostler-runner` process entry.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    match words.as_slice() {
        [_, word, dir] if word == "__shim" => ostler_runner::shim::main(dir.as_ref()),
        _ => ExitCode::from(2),
    }
}
