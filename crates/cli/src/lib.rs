//! The front desk: the ostler binary.
//!
//! ```text
//! argv ─▶ hidden words (__shim, __check, ask) ─▶ their owners
//!     └─▶ clap ─▶ command/… ─▶ Client ─▶ render/… ─▶ stdout;  progress, warnings and errors ─▶ stderr;  exit.rs
//! ```
//!
//! Owns the terminal: arguments, tables, colours, progress, exit codes. Must not decide anything: a command is a few
//! requests and a page of text. Whatever came over the wire is made printable before it is shown.

mod command;
mod context;
mod exit;
mod fault;
mod out;
mod progress;
mod render;

use clap::Parser;
use command::Ostler;
use context::Context;
use exit::Exit;
use fault::Fault;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// The whole process.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = hidden(&words) {
        return code;
    }
    let parsed = match Ostler::try_parse_from(words) {
        Ok(parsed) => parsed,
        Err(error) => return exit::usage(&error),
    };
    match work(parsed) {
        Ok(exit) => exit.into(),
        Err(fault) => fault.report(),
    }
}

/// Words that other parts of Ostler say to this executable; people never type them, except `ask` inside a run.
fn hidden(words: &[OsString]) -> Option<ExitCode> {
    let mut rest = words.iter().skip(1);
    match (rest.next().and_then(|word| word.to_str()), rest.next()) {
        (Some("__shim"), Some(dir)) => Some(ostler_runner::shim::main(Path::new(dir))),
        (Some(ostler_relay::CHECK_ARGUMENT), Some(dir)) => Some(ostler_relay::check_main(Path::new(dir))),
        (Some("ask"), _) => Some(ostler_runner::ask::main(words[2..].to_vec())),
        (Some(_) | None, _) => None,
    }
}

fn work(parsed: Ostler) -> Result<Exit, Fault> {
    let context = Context::new(parsed.json)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Fault::Runtime)?;
    let done = runtime.block_on(parsed.command.perform(&context));
    // Whatever still runs in the background (a resolver, a reader of stdin) must not keep a finished command.
    runtime.shutdown_background();
    done
}
