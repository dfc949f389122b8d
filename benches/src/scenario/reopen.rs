//! How soon a relay serves with a gigabyte of history: from before its process is made until `/readyz` says so.
//!
//! ```text
//! history of a month ─▶ warm, after a stop ─▶ warm, after a kill under load ─▶ cold, after a stop
//! ```

use crate::crowd::Crowd;
use crate::disk::forget_pages;
use crate::figure::Figure;
use crate::site::Site;
use crate::yard::history;
use crate::{Error, Options, clock};
use ostler_core::ids::Incarnation;
use ostler_store::{Durability, EventLog, LedgerFile, Shelf};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

/// The history's days: what events are kept for when nothing is said.
const DAYS: u64 = 30;
/// Runs in one transaction while history is made.
const RUNS_PER_COMMIT: u64 = 2_000;
/// The life of the database.
const LIFE: Incarnation = Incarnation(1);
/// Runs that are submitted while the relay is killed.
const UNDER_LOAD: u64 = 1_000_000;
const KILLED_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let site = Site::found(options)?;
    let directory = site.data_dir();
    std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
    let (runs, ledger, events) = make(&directory, options.number("megabytes", 1_024) << 20)?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut figures = vec![
        Figure::new("settled runs", "", runs as f64),
        Figure::new("ledger file", "MiB", mib(ledger)),
        Figure::new("event log", "MiB", mib(events)),
    ];
    site.start()?.0.stop()?;
    let (relay, after_stop) = site.start()?;
    figures.push(Figure::ms("start after a stop", after_stop));
    figures.push(Figure::new("relay with it", "MiB", mib(relay.resident()?)));
    let crowd = Crowd::connect(&site, 4).await?;
    let killed = tokio::time::timeout(KILLED_AFTER, crowd.submit(UNDER_LOAD, 48)).await;
    if let Ok(ended) = killed {
        return Err(format!("the load ended before the kill: {:?}", ended.map(|kept| kept.len())).into());
    }
    drop(relay);
    drop(crowd);
    let (relay, after_kill) = site.start()?;
    figures.push(Figure::ms("start after a kill under load", after_kill));
    relay.stop()?;
    for file in ["ledger.redb", "events.redb"] {
        forget_pages(&directory.join(file))?;
    }
    figures.push(Figure::ms("start with a cold cache", site.start()?.1));
    Ok(figures)
}

/// Makes both files until they have so many bytes together.
fn make(directory: &Path, bytes: u64) -> Result<(u64, u64, u64), Error> {
    let paths = ["ledger.redb", "events.redb"].map(|name| directory.join(name));
    let mut ledger = LedgerFile::create(&paths[0], LIFE)?;
    ledger.set_durability(Durability::OnePhase);
    let log = EventLog::create(&paths[1], LIFE)?;
    let size = |path: &Path| path.metadata().map(|meta| meta.len());
    // As many runs as there will be are not known before; their dates are spread as if each took so many bytes.
    let expected = bytes / history::RUN_BYTES;
    let (now, mut runs) = (clock::unix_ms(), 0);
    while size(&paths[0])? + size(&paths[1])? < bytes {
        let (mut changes, mut entries) = (Vec::new(), Vec::new());
        for _ in 0..RUNS_PER_COMMIT {
            let age_ms = DAYS * 86_400_000 * expected.saturating_sub(runs) / expected.max(1);
            let run = history::Past::new(runs, now - age_ms);
            changes.extend(run.changes());
            entries.extend(run.events());
            runs += 1;
        }
        ledger.commit(&changes)?;
        log.append(&entries)?;
    }
    Ok((runs, size(&paths[0])?, size(&paths[1])?))
}
