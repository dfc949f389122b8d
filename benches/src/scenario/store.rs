//! Durable submits per second: the ledger decides, the writer commits, as in a relay but without one.
//!
//! ```text
//! a window of submits in flight ─▶ staged while a commit is under way ─▶ one transaction ─▶ answered, the next ones staged
//! ```

use crate::disk::Probe;
use crate::figure::{Figure, percentiles};
use crate::yard::Yard;
use crate::{Error, Options, clock};
use ostler_core::decision::Change;
use ostler_core::ids::Incarnation;
use ostler_store::{Committed, LedgerFile, Shelf, StoreError, Writer};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Commits without a probe of the disk between them.
const COMMITS_PER_PROBE: usize = 8;

pub(super) fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let (count, window) = (options.number("count", 60_000), options.number("inflight", 4_096).max(2));
    let directory = tempfile::tempdir_in(&options.dir)?;
    let mut shelf = LedgerFile::create(&directory.path().join("ledger.redb"), Incarnation(1))?;
    let mut probe = Probe::beside(directory.path())?;
    let writer: Writer<Vec<Change>, ()> = Writer::start("ledger", move |changes: Vec<Change>| shelf.commit(&changes))?;
    let (tell, told) = channel::<Result<Committed<()>, StoreError>>();
    let mut yard = Yard::new(0, 0);
    let first = window / 2;
    let mut staged = stage(&mut yard, first);
    let (mut submitted, mut kept, mut commits, mut fsyncs) = (first, 0, Vec::new(), Vec::new());
    let mut probing = Duration::ZERO;
    let started = clock::now();
    while kept < count {
        let (batch, size) = std::mem::take(&mut staged);
        let tell = tell.clone();
        // The channel outlives every commit.
        writer.submit(batch, move |done| drop(tell.send(done)));
        // What the answers of the last commit let in is decided while this one is under way.
        let next = window.saturating_sub(size).min(count.saturating_sub(submitted));
        staged = stage(&mut yard, next);
        submitted += next;
        commits.push(told.recv()??.took);
        kept += size;
        if commits.len().is_multiple_of(COMMITS_PER_PROBE) {
            let began = clock::now();
            fsyncs.push(probe.fsync()?);
            probing += began.elapsed();
        }
    }
    let took = started.elapsed() - probing;
    let mut figures = vec![Figure::rate("durable submits", kept, took)];
    figures.push(Figure::new("submits in a commit", "", kept as f64 / commits.len() as f64));
    figures.extend(percentiles("commit", commits));
    figures.extend(percentiles("fsync", fsyncs));
    Ok(figures)
}

/// Decides so many submits; their rows, and how many they are.
fn stage(yard: &mut Yard, count: u64) -> (Vec<Change>, u64) {
    let commands = yard.submissions(count);
    (commands.into_iter().flat_map(|command| yard.apply(command).changes).collect(), count)
}
