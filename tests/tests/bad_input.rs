//! Bad input: each kind gets an error that says what to do, and nothing is lost by it. By where it comes in: the command line
//! (`words`), the relay's files and machine (`machine`), and work that cannot be done (`work`).
//!
//! Elsewhere: tickets, revoked devices, frames and bounds in `hostile_peer`; another relay's key in `hostile_relay`; a clock
//! that jumped in the clock's own room, which no wall clock reaches after the start.

#[path = "bad_input/machine.rs"]
mod machine;
#[path = "bad_input/words.rs"]
mod words;
#[path = "bad_input/work.rs"]
mod work;

/// This package's own build of `ostler`.
const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");
