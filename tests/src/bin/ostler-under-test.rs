//! The ostler binary, under a name that tests of this package find: the same eight lines.

use std::process::ExitCode;

fn main() -> ExitCode {
    ostler_cli::main()
}
