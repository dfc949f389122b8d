//! Measures what a durable commit costs and what a start after a crash costs, for each way of committing, on a file that
//! already holds history: the numbers of docs/adr/0002-durability-of-a-commit.md.
//!
//! ```text
//! cargo run --release -p ostler-store --example durability -- DIRECTORY MEGABYTES
//! ```

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use ostler_core::decision::Change;
use ostler_core::failure::Attempts;
use ostler_core::ids::{DeviceId, Digest, Incarnation, RunId};
use ostler_core::requirements::Requirements;
use ostler_core::run::{Header, Life, Outcome, Settlement, Spec, State};
use ostler_core::time::Timestamp;
use ostler_store::{Durability, LedgerFile, Shelf};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of a sealed body: a prompt of a page.
const BODY_BYTES: usize = 1_024;
/// Runs that wait while a start is measured.
const LIVE: u64 = 10_000;
/// Each figure is taken over at least this long.
const MEASURED: Duration = Duration::from_secs(4);

fn spec(id: RunId, at: Timestamp) -> Spec {
    let header = Header {
        name: "nightly build".to_owned(),
        queue: "default".to_owned(),
        pool: "default".to_owned(),
        priority: 3,
        requirements: Requirements::default(),
        agent: "shell".to_owned(),
        attempts: Attempts { max: 3, ..Attempts::default() },
        hold_ms: None,
        start_within_ms: None,
        slot: ostler_core::approval::SlotPolicy::Stay,
        key: None,
    };
    Spec { id, header, digest: Digest([7; 32]), submitter: DeviceId([9; 32]), created_at: at }
}

/// Ids as many submitters make them: one millisecond, different chance.
fn run(number: u64) -> RunId {
    let chance = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut tail = [0; 10];
    tail[..8].copy_from_slice(&chance);
    RunId::from_parts(1_700_000_000_000 + number / 20, tail)
}

fn submit(number: u64, changes: &mut Vec<Change>) {
    let (id, at) = (run(number), Timestamp(1_700_000_000_000 + number / 20));
    changes.push(Change::Spec(Arc::new(spec(id, at))));
    changes.push(Change::Body(id, vec![number as u8; BODY_BYTES]));
    changes.push(Change::Life(id, Life::new(at, State::Ready)));
}

fn settle(number: u64, changes: &mut Vec<Change>) {
    let at = Timestamp(1_700_000_000_000 + number / 20);
    let settlement = Settlement { outcome: Outcome::Succeeded, at, epoch: Some(1), report: Some(Digest([3; 32])) };
    changes.push(Change::Settle(run(number), Life::new(at, State::Settled(settlement))));
}

/// Fills a file with settled runs until it has this many megabytes; returns how many there are.
fn fill(path: &Path, megabytes: u64) -> Result<u64, Box<dyn Error>> {
    let mut ledger = LedgerFile::create(path, Incarnation(1))?;
    ledger.set_durability(Durability::OnePhase);
    let mut number = 0;
    while path.metadata()?.len() < megabytes << 20 {
        let mut changes = Vec::new();
        for _ in 0..4_000 {
            submit(number, &mut changes);
            settle(number, &mut changes);
            number += 1;
        }
        ledger.commit(&changes)?;
    }
    Ok(number)
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

fn commits(ledger: &mut LedgerFile, batch: u64, next: &mut u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (mut took, began) = (Vec::new(), Instant::now());
    while began.elapsed() < MEASURED || took.len() < 8 {
        let mut changes = Vec::new();
        for _ in 0..batch {
            submit(*next, &mut changes);
            *next += 1;
        }
        let started = Instant::now();
        ledger.commit(&changes)?;
        took.push(started.elapsed());
    }
    let rate = (took.len() as u64 * batch) as f64 / began.elapsed().as_secs_f64();
    took.sort();
    let (p50, p99) = (percentile(&took, 50), percentile(&took, 99));
    writeln!(out, "  batch {batch:>5}: p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  {rate:>8.0} submits/s")?;
    Ok(())
}

fn reopen(path: &Path, word: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let ledger = LedgerFile::open(path)?;
    let opened = started.elapsed();
    let rows = ledger.load(Timestamp(u64::MAX))?;
    let (opened, loaded) = (opened.as_secs_f64() * 1e3, started.elapsed().as_secs_f64() * 1e3);
    writeln!(
        out,
        "  reopen after {word:<6}: open {opened:>8.1} ms, with load {loaded:>8.1} ms, {} live",
        rows.live.len()
    )?;
    Ok(())
}

/// A copy with its ballast, on disk: what is measured next waits for nobody else's writes.
fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::copy(from, to)?;
    File::open(to)?.sync_all()?;
    let ballast = |path: &Path| PathBuf::from(format!("{}.ballast", path.display()));
    std::fs::copy(ballast(from), ballast(to))?;
    Ok(())
}

fn measure(full: &Path, mode: Durability, filled: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (path, crashed) = (full.with_extension("measured"), full.with_extension("crashed"));
    copy(full, &path)?;
    writeln!(out, "{mode:?}, file of {} MB", path.metadata()?.len() >> 20)?;
    let mut ledger = LedgerFile::open(&path)?;
    ledger.set_durability(mode);
    let mut changes = Vec::new();
    (filled..filled + LIVE).for_each(|number| submit(number, &mut changes));
    ledger.commit(&changes)?;
    // What lies on disk while the file is open is what a crash leaves.
    copy(&path, &crashed)?;
    drop(ledger);
    reopen(&path, "close", out)?;
    reopen(&crashed, "crash", out)?;
    let mut ledger = LedgerFile::open(&path)?;
    ledger.set_durability(mode);
    let mut next = filled + LIVE;
    for batch in [1, 64, 256, 1_024] {
        commits(&mut ledger, batch, &mut next, out)?;
    }
    std::fs::remove_file(&path)?;
    Ok(std::fs::remove_file(&crashed)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("give a directory on the disk to measure")?);
    let megabytes: u64 = arguments.next().ok_or("give the megabytes of history")?.parse()?;
    let full = directory.join("history.redb");
    let mut out = std::io::stdout().lock();
    let filled = fill(&full, megabytes)?;
    writeln!(out, "{filled} settled runs, {megabytes} MB")?;
    for mode in [Durability::OnePhase, Durability::TwoPhase, Durability::Quick] {
        measure(&full, mode, filled, &mut out)?;
    }
    Ok(std::fs::remove_file(&full)?)
}
