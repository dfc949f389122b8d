//! `ostler runner start`: executes runs in front.
//!
//! ```text
//! Working ── first signal ─▶ Draining ── idle, or drain_timeout, or second signal ─▶ stopped
//! ```
//!
//! When the time to drain is over, what still runs is given back to the relay. A second signal leaves it to its shims: a runner
//! started again within the relay's grace goes on with it.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use ostler_boot::Signals;
use ostler_runner::{Runner, RunnerOptions};
use std::path::PathBuf;
use std::time::Duration;

/// How to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration; `runner.toml` in the data directory when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let (config, home) = super::configured(context, args.config.as_deref())?;
    config.log.init().map_err(|error| Fault::Daemon(error.to_string()))?;
    let drain = config.drain_timeout.duration();
    let exe = std::env::current_exe().map_err(Fault::io("this executable"))?;
    let mut signals = Signals::listen().map_err(Fault::Runtime)?;
    let runner = Runner::start(RunnerOptions { home, config, exe }).await;
    let mut runner = runner.map_err(|error| Fault::Daemon(error.to_string()))?;
    out::line("the runner is up; ctrl-c drains, a second ctrl-c stops at once");
    tokio::select! {
        _ = signals.next() => {}
        exit = runner.ended() => return Err(Fault::Daemon(format!("the runner ended by itself: {exit}"))),
    }
    drained(&runner, &mut signals, drain).await;
    runner.stop().await;
    Ok(Exit::Success)
}

/// Takes nothing new and waits until nothing runs, for at most `timeout` or until the next signal.
pub(crate) async fn drained(runner: &Runner, signals: &mut Signals, timeout: Duration) {
    runner.drain(true);
    out::note("draining: no new work; ctrl-c again stops at once, and what runs is taken up by the next start");
    tokio::select! {
        () = runner.idle() => {}
        () = tokio::time::sleep(timeout) => {
            out::note("the time to drain is over: what still runs is given back to the relay");
            runner.hand_back().await;
        }
        _ = signals.next() => {}
    }
}
