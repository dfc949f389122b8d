//! Point reads beside the writer: each in a read transaction of its own, never kept open, because an open one pins pages
//! and makes the file grow.

use crate::copy;
use crate::error::{OpenError, StoreError};
use crate::shelf::{LateReport, Page, Reads};
use crate::tables::run::{approval::ApprovalV1, body::BodyV1, late::LateV1, life::LifeV1, run_key, run_unkey};
use crate::tables::run::{result::ResultV1, settled::SettledV1, spec::SpecV1};
use crate::tables::{after, damaged, get, raw, scan, under};
use ostler_core::approval::Approval;
use ostler_core::ids::{ID_CHARS, LeaseId, RunId};
use ostler_core::run::{Life, Run};
use redb::{Database, ReadTransaction, ReadableDatabase};
use std::path::Path;
use std::sync::Arc;

/// Ids looked at when a text is the end of one, as listings print it: milliseconds, and further back than anybody scrolls.
const ENDINGS_MAX: usize = 100_000;
/// Runs to a page at most, whatever is asked: a page is held in memory.
const PAGE_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Points {
    db: Arc<Database>,
}

impl Points {
    pub(super) const fn of(db: Arc<Database>) -> Self {
        Self { db }
    }

    fn txn(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.db.begin_read()?)
    }
}

fn life(txn: &ReadTransaction, run: RunId) -> Result<Life, StoreError> {
    let life = get::<LifeV1>(txn, &run)?.map_or_else(|| get::<SettledV1>(txn, &run), |life| Ok(Some(life)))?;
    life.ok_or_else(|| damaged::<LifeV1>(&run_key(&run)))
}

/// Newest first, the ids whose key lies in `[from, to)` and that `wanted` takes, out of the newest `among`.
fn ids(
    txn: &ReadTransaction,
    (from, to): (&[u8], &[u8]),
    among: usize,
    wanted: impl Fn(RunId) -> bool,
) -> Result<impl Iterator<Item = Result<RunId, StoreError>>, StoreError> {
    let table = txn.open_table(raw::<SpecV1>())?;
    let range = if to.is_empty() { table.range(from..)? } else { table.range(from..to.max(from))? };
    let ids = range.rev().take(among).map(|item| {
        let (key, _) = item?;
        run_unkey(key.value()).ok_or_else(|| damaged::<SpecV1>(key.value()))
    });
    Ok(ids.filter(move |id| id.as_ref().map_or(true, |id| wanted(*id))))
}

/// The least and greatest ids whose printed form starts with `text`.
fn span(text: &str) -> Option<(RunId, RunId)> {
    let missing = ID_CHARS.checked_sub(text.len())?;
    let parse = |body: String| format!("{}_{body}", RunId::PREFIX).parse::<RunId>().ok();
    // The first character carries three bits: 7 is its greatest.
    let greatest =
        if text.is_empty() { format!("7{}", "z".repeat(missing - 1)) } else { text.to_owned() + &"z".repeat(missing) };
    parse(text.to_owned() + &"0".repeat(missing)).zip(parse(greatest))
}

impl Reads for Points {
    fn body(&self, run: RunId) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.txn()?;
        let body = get::<BodyV1>(&txn, &run)?;
        // They were written in one transaction: a run without a body is damage.
        if body.is_none() && get::<SpecV1>(&txn, &run)?.is_some() {
            return Err(damaged::<BodyV1>(&run_key(&run)));
        }
        Ok(body)
    }

    fn result(&self, lease: LeaseId) -> Result<Option<Vec<u8>>, StoreError> {
        get::<ResultV1>(&self.txn()?, &lease)
    }

    fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let txn = self.txn()?;
        let Some(spec) = get::<SpecV1>(&txn, &run)? else { return Ok(None) };
        Ok(Some(Run { spec: Arc::new(spec), life: life(&txn, run)? }))
    }

    fn runs(&self, page: Page) -> Result<Vec<Run>, StoreError> {
        let txn = self.txn()?;
        let from = run_key(&RunId::from_parts(page.since_unix_ms, [0; 10]));
        let to = page.before.map(|run| run_key(&run)).unwrap_or_default();
        let specs = scan::<SpecV1>(&txn, &from, &to)?.rev().take(page.limit.min(PAGE_MAX));
        let runs = specs.map(|row| {
            let (run, spec) = row?;
            Ok(Run { spec: Arc::new(spec), life: life(&txn, run)? })
        });
        runs.collect()
    }

    fn find(&self, text: &str, limit: usize) -> Result<Vec<RunId>, StoreError> {
        let txn = self.txn()?;
        let text = text.strip_prefix("run_").unwrap_or(text).to_ascii_lowercase();
        if let Some((least, greatest)) = span(&text) {
            let (from, to) = (run_key(&least), after(&run_key(&greatest)));
            let found: Vec<_> = ids(&txn, (&from, &to), limit, |_| true)?.collect::<Result<_, _>>()?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let ends = |id: RunId| id.to_string().ends_with(&text);
        ids(&txn, (&[], &[]), ENDINGS_MAX, ends)?.take(limit).collect()
    }

    fn is_live(&self, run: RunId) -> Result<bool, StoreError> {
        let txn = self.txn()?;
        let table = txn.open_table(raw::<LifeV1>())?;
        Ok(table.get(run_key(&run).as_slice())?.is_some())
    }

    fn late(&self, run: RunId) -> Result<Vec<LateReport>, StoreError> {
        let rows = under::<LateV1>(&self.txn()?, &run_key(&run))?;
        let report = |((lease, digest), (worker, sealed))| LateReport { lease, worker, digest, sealed };
        Ok(rows.into_iter().map(report).collect())
    }

    fn approvals(&self, run: RunId) -> Result<Vec<Approval>, StoreError> {
        let rows = under::<ApprovalV1>(&self.txn()?, &run_key(&run))?;
        Ok(rows.into_iter().map(|(_, approval)| approval).collect())
    }

    fn backup(&self, target: &Path) -> Result<(), OpenError> {
        copy::snapshot(&self.db, target)
    }
}
