//! The load generator's process entry; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ostler_benches::scenario::main()
}
