//! The command line of the simulator, and what it prints.
//!
//! ```text
//! ostler-sim seed N [-v] [--mutant NAME]
//! ostler-sim campaign [--seeds 10000] [--from 0] [--threads 2]
//! ostler-sim mutants [--seeds 2000] [--from 0] [--threads 2]
//! ```
//!
//! Owns words for people. Exit codes: 0 all is well, 1 a law was broken, a situation never met or a defect not found, 2 usage.

use crate::options::Options;
use crate::{Defect, Outcome, campaign, live};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: ostler-sim seed N [-v] [--mutant NAME] | campaign [--seeds N] [--from N] [--threads N] | \
                     mutants [--seeds N] [--from N] [--threads N]";
/// Seeds of a campaign when nothing is said: what every push must survive.
const CAMPAIGN_SEEDS: u64 = 10_000;
/// Seeds within which a planted defect must be found.
const MUTANT_SEEDS: u64 = 2_000;
/// Threads when nothing is said.
const THREADS: u64 = 2;
/// Broken worlds that are printed; the rest is counted.
const SHOWN_MAX: usize = 10;

/// Runs the command line and says how it went.
#[must_use]
pub fn main(arguments: Vec<String>) -> ExitCode {
    crate::keep_panics_quiet();
    let mut out = io::stdout().lock();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["seed", seed, rest @ ..] => seed.parse().ok().map(|seed| show(&mut out, seed, rest)),
        ["campaign", rest @ ..] => Some(campaign(&mut out, rest)),
        ["mutants", rest @ ..] => Some(mutants(&mut out, rest)),
        _ => None,
    };
    match done {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false) | Err(_)) => ExitCode::FAILURE,
        None => {
            let told = writeln!(out, "{USAGE}");
            if told.is_ok() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn number(words: &[&str], name: &str, otherwise: u64) -> u64 {
    let at = words.iter().position(|word| *word == name);
    at.and_then(|at| words.get(at + 1)).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn show(out: &mut impl Write, seed: u64, words: &[&str]) -> io::Result<bool> {
    let named = words.iter().position(|word| *word == "--mutant").and_then(|at| words.get(at + 1));
    let defect = named.and_then(|name| Defect::all().find(|defect| defect.to_string() == **name));
    let outcome = live(seed, defect, words.contains(&"-v"));
    writeln!(out, "{:?}", Options::draw(seed))?;
    for line in &outcome.lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} steps, {} simulated ms, trace {:016x}", outcome.steps, outcome.simulated_ms, outcome.trace)?;
    match &outcome.violation {
        Some(violation) => writeln!(out, "BROKEN {violation}")?,
        None => writeln!(out, "no law broken")?,
    }
    Ok(outcome.violation.is_none())
}

fn campaign(out: &mut impl Write, words: &[&str]) -> io::Result<bool> {
    let (seeds, from) = (number(words, "--seeds", CAMPAIGN_SEEDS), number(words, "--from", 0));
    let begun = stopwatch();
    let whole = campaign::run_many(from, seeds, number(words, "--threads", THREADS), None);
    let took = begun().as_secs_f64().max(0.001);
    for (words, count) in whole.seen.lines() {
        writeln!(out, "{count:>10}  {words}")?;
    }
    for outcome in whole.broken.iter().take(SHOWN_MAX) {
        broken(out, outcome)?;
    }
    let never: Vec<&str> = whole.never_met().collect();
    for words in &never {
        writeln!(out, "NEVER MET: {words}")?;
    }
    let rate = whole.seeds as f64 / took;
    writeln!(out, "{} seeds in {took:.1} s ({rate:.0} a second), {} steps", whole.seeds, whole.steps)?;
    writeln!(out, "{:.1} simulated hours, {} violations", whole.simulated_ms as f64 / 3.6e6, whole.broken.len())?;
    Ok(whole.broken.is_empty() && never.is_empty())
}

fn broken(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    if let Some(violation) = &outcome.violation {
        writeln!(out, "BROKEN seed {}: {violation}", outcome.seed)?;
        writeln!(out, "  {:?}", Options::draw(outcome.seed))?;
        writeln!(out, "  replay: cargo run --release -p ostler-sim -- seed {} -v", outcome.seed)?;
    }
    Ok(())
}

fn mutants(out: &mut impl Write, words: &[&str]) -> io::Result<bool> {
    let (seeds, from) = (number(words, "--seeds", MUTANT_SEEDS), number(words, "--from", 0));
    let threads = number(words, "--threads", THREADS);
    let mut survivors = 0;
    writeln!(out, "{:<22} {:>6}  law    what was seen", "defect", "seed")?;
    for defect in Defect::all() {
        let killed = campaign::kill(defect, from, seeds, threads);
        match killed.by.as_ref().and_then(|outcome| Some((outcome.seed, outcome.violation.as_ref()?))) {
            Some((seed, violation)) => {
                let law = format!("{:?}", violation.law);
                writeln!(out, "{:<22} {seed:>6}  {law:<6} {}", defect.to_string(), violation.what)?;
            }
            None => {
                survivors += 1;
                writeln!(out, "{:<22} {:>6}  SURVIVED {seeds} seeds", defect.to_string(), "-")?;
            }
        }
    }
    writeln!(out, "{survivors} survived")?;
    Ok(survivors == 0)
}

/// The one reading of a real clock: seeds per second, for people.
#[expect(clippy::disallowed_methods, reason = "the door to the clock: only the printed speed depends on it")]
fn stopwatch() -> impl Fn() -> Duration {
    let begun = std::time::Instant::now();
    move || begun.elapsed()
}
