//! The scenarios of the load generator: one file each, one round at a time. And the actor that two of them need, which is a
//! process of its own.

mod agents;
mod idle;
mod latency;
mod noop;
mod queued;
mod real;
mod reopen;
mod store;
mod stream;
mod submits;
mod transitions;

use crate::figure::{Figure, Table};
use crate::soak::actor;
use crate::{Error, Options, USAGE};
use std::io::Write;
use std::process::ExitCode;

pub use transitions::{Mill, Milled};

/// Rounds when nothing is said: enough for a median.
const ROUNDS: u64 = 3;
/// What is long, or weighs rather than times, is done once.
const ONCE: [&str; 2] = ["stream", "agents"];

/// Runs the process to its end.
#[must_use]
pub fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{error}\n")));
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<(), Error> {
    let scenario = words.next().ok_or(USAGE)?;
    if scenario == "--version" {
        // A runner asks every agent.
        return Ok(writeln!(std::io::stdout(), "ostler-load {}", env!("CARGO_PKG_VERSION"))?);
    }
    let options = Options::read(words)?;
    if scenario == "act" {
        return actor::act(&options);
    }
    let rounds = if ONCE.contains(&scenario.as_str()) { 1 } else { ROUNDS };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut table = Table::default();
    for number in 1..=options.number("rounds", rounds) {
        let figures = runtime.block_on(round(&scenario, &options))?;
        table.round(number, figures)?;
    }
    table.finish()
}

async fn round(scenario: &str, options: &Options) -> Result<Vec<Figure>, Error> {
    match scenario {
        "transitions" => transitions::round(options),
        "store" => store::round(options),
        "submits" => submits::round(options).await,
        "latency" => latency::round(options).await,
        "noop" => noop::round(options).await,
        "real" => real::round(options).await,
        "idle" => idle::round(options).await,
        "queued" => queued::round(options).await,
        "reopen" => reopen::round(options).await,
        "stream" => stream::round(options).await,
        "agents" => agents::round(options).await,
        other => Err(format!("unknown scenario {other}\n{USAGE}").into()),
    }
}
