//! The `ostler-runner` process: arguments, logging, signals. `ostler runner …` does the same at the front desk.
//!
//! ```text
//! 1st SIGTERM: drain ─ nothing left ─▶ end       ─ drain_timeout ─▶ leases given back ─▶ end
//! 2nd SIGTERM: end at once; agents go on in their shims, and the next start takes them up
//! ```

use super::{Runner, RunnerOptions, control};
use crate::config::RunnerConfig;
use crate::member::join::join;
use ostler_boot::Signals;
use std::future::Future;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: ostler-runner [--config FILE] start | status | drain | join NAME < TICKET";
/// Longest ticket that is read.
const TICKET_BYTES_MAX: u64 = 64 * 1024;

/// Runs the process to its end.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    match words.as_slice() {
        [_, word, dir] if word == "__shim" => return crate::shim::main(dir.as_ref()),
        [_, word, rest @ ..] if word == "ask" => return crate::ask::main(rest.to_vec()),
        _ => {}
    }
    let words: Vec<String> = words.into_iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "ostler-runner: {error}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    let (file, words) = match words {
        ["--config", file, rest @ ..] => (Some(PathBuf::from(file)), rest),
        rest => (None, rest),
    };
    let config = RunnerConfig::read(file.as_deref()).map_err(|error| error.to_string())?;
    config.log.init().map_err(|error| error.to_string())?;
    let home = config.directory().map_err(|error| error.to_string())?;
    match words {
        ["start"] | [] => block(serve(home, config)),
        ["status"] => block(status(&home)),
        ["drain"] => block(async { control::drain(&home, true).await.map_err(|error| error.to_string()) }),
        ["join", name] => block(enter(&home, name)),
        _ => Err(USAGE.to_owned()),
    }
}

fn block(task: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(task)
}

async fn serve(home: PathBuf, config: RunnerConfig) -> Result<(), String> {
    let mut signals = Signals::listen().map_err(|error| error.to_string())?;
    let (exe, patience) =
        (std::env::current_exe().map_err(|error| error.to_string())?, config.drain_timeout.duration());
    let options = RunnerOptions { home, config, exe };
    let mut runner = Runner::start(options).await.map_err(|error| error.to_string())?;
    tokio::select! {
        _ = signals.next() => runner.drain(true),
        exit = runner.ended() => return Err(exit.to_string()),
    }
    let orderly = async {
        if tokio::time::timeout(patience, runner.idle()).await.is_err() {
            runner.hand_back().await;
        }
    };
    tokio::select! {
        () = orderly => {}
        _ = signals.next() => tracing::warn!("stopping at once: agents go on in their shims"),
    }
    runner.stop().await;
    Ok(())
}

async fn status(home: &Path) -> Result<(), String> {
    let status = control::status(home).await.map_err(|error| error.to_string())?;
    let word = if status.connected { "connected" } else { "offline" };
    let text = format!("{} ({word}), {} of {} slots used\n", status.name, status.runs.len(), status.slots);
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// The ticket is read from standard input: arguments can be seen by everybody on the machine.
async fn enter(home: &Path, name: &str) -> Result<(), String> {
    let mut text = String::new();
    std::io::stdin().take(TICKET_BYTES_MAX).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let ticket = text.trim().parse().map_err(|error| format!("{error}"))?;
    let joined = join(home, &ticket, name).await.map_err(|error| error.to_string())?;
    tracing::info!(device = %joined.device, fleet = %joined.fleet, "joined");
    Ok(())
}
