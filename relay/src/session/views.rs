//! What people are shown, made from the ledger's maps. Must not change anything.

use metrics::{counter, gauge};
use ostler_core::approval::Approval;
use ostler_core::ids::RunId;
use ostler_core::ledger::{Ledger, Tally};
use ostler_core::requirements::Miss;
use ostler_core::run::{Run, State};
use ostler_core::time::Timestamp;
use ostler_core::worker::Worker;
use ostler_proto::{Listing, RunView, WorkerView};
use std::collections::BTreeMap;

/// Every state's word.
const WORDS: [&str; 11] = [
    "held",
    "ready",
    "offered",
    "running",
    "orphaned",
    "parked",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "dead",
];
/// Runs in one listing: what fits a frame.
pub(crate) const LISTING_MAX: u32 = 1_000;

/// The newest key epoch, which opens to all before it, and every tombstone, as every member is told them.
pub(crate) fn fleet(ledger: &Ledger) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let epochs = ledger.epochs().last().map(|epoch| epoch.bytes.clone()).into_iter().collect();
    let tombstones = ledger.devices().filter_map(|device| device.revoked.clone()).collect();
    (epochs, tombstones)
}

/// One run in a listing.
pub(crate) fn run(ledger: &Ledger, run: &Run) -> RunView {
    let asking = ledger.asked_by(run.spec.id).filter(|a| a.is_pending()).map(|a| a.id).collect();
    RunView { spec: (*run.spec).clone(), life: run.life.clone(), asking }
}

/// Live and lately settled runs of a listing, newest first, and the oldest id that memory knows.
pub(crate) fn runs(ledger: &Ledger, listing: &Listing) -> Vec<RunView> {
    let limit = listing.limit.min(LISTING_MAX) as usize;
    let before = |id: RunId| listing.before.is_none_or(|before| id < before);
    let wanted = |state: &State| listing.states.is_empty() || listing.states.iter().any(|word| word == state.word());
    let chosen = ledger.runs().rev().filter(|r| before(r.spec.id) && wanted(r.life.state()));
    chosen.take(limit).map(|r| run(ledger, r)).collect()
}

/// Ids whose printed form starts, after its prefix, or ends with `text`.
pub(crate) fn is_called(id: RunId, text: &str) -> bool {
    let (full, bare) = (id.to_string(), text.strip_prefix("run_").unwrap_or(text));
    full.strip_prefix("run_").is_some_and(|body| !bare.is_empty() && (body.starts_with(bare) || body.ends_with(bare)))
}

/// Approvals that wait, oldest first.
pub(crate) fn inbox(ledger: &Ledger) -> Vec<Approval> {
    ledger.approvals().filter(|a| a.is_pending()).cloned().collect()
}

/// Every known runner.
pub(crate) fn workers(ledger: &Ledger) -> Vec<WorkerView> {
    ledger.workers().map(worker).collect()
}

fn worker(worker: &Worker) -> WorkerView {
    WorkerView {
        id: worker.id,
        name: worker.name.clone(),
        pools: worker.pools.clone(),
        offers: worker.advert.offers.clone(),
        slots: worker.advert.slots,
        free: worker.free(),
        connected: worker.session.is_some(),
        draining: worker.draining,
        seen_at: worker.seen_at,
        runs: worker.seated.union(&worker.parked).copied().collect(),
    }
}

/// For a run that waits: each runner and what it misses, nearest first; what they miss may be only room.
pub(crate) fn unmet(ledger: &Ledger, run: &Run) -> Vec<(String, Vec<String>)> {
    if !matches!(run.life.state(), State::Ready | State::Held { .. }) {
        return vec![];
    }
    let header = &run.spec.header;
    let mut all: Vec<(String, Vec<String>)> = ledger.workers().map(|w| (w.name.clone(), missed(w, header))).collect();
    all.sort_by_key(|(_, misses)| misses.len());
    all
}

fn missed(worker: &Worker, header: &ostler_core::run::Header) -> Vec<String> {
    let mut misses = words(&header.requirements.misses(&worker.advert.offers));
    if !worker.pools.contains(&header.pool) {
        misses.push(format!("needs pool {}, serves {}", header.pool, worker.pools.join(", ")));
    }
    if worker.session.is_none() {
        misses.push("is not connected".to_owned());
    } else if worker.draining {
        misses.push("takes no new work".to_owned());
    } else if worker.free() == 0 {
        misses.push(format!("has no free slot (of {})", worker.advert.slots));
    }
    misses
}

/// Misses in words.
pub(crate) fn words(misses: &[Miss]) -> Vec<String> {
    misses.iter().map(Miss::to_string).collect()
}

/// What the metrics and the status say about the ledger.
pub(crate) struct Counted {
    /// Runs by state word.
    pub(crate) states: BTreeMap<&'static str, u64>,
    /// Depth and age (ms) of the oldest ready run, by queue.
    pub(crate) queues: BTreeMap<String, (u64, u64)>,
    /// Connected and paired runners.
    pub(crate) workers: (u32, u32),
    /// Slots in use and offered by connected runners.
    pub(crate) slots: (u32, u32),
    /// Approvals that wait.
    pub(crate) inbox: u32,
    /// What happened since the start.
    pub(crate) tally: Tally,
}

impl Counted {
    pub(crate) fn of(ledger: &Ledger, now: Timestamp) -> Self {
        // Every word and queue is there, if only with zero: a gauge that is not set again would stand still.
        let mut states: BTreeMap<&'static str, u64> = WORDS.iter().map(|word| (*word, 0)).collect();
        let mut queues: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for run in ledger.runs() {
            *states.entry(run.life.state().word()).or_default() += 1;
            let queue = &run.spec.header.queue;
            if !queues.contains_key(queue) {
                queues.insert(queue.clone(), (0, 0));
            }
            if matches!(run.life.state(), State::Ready)
                && let Some((depth, oldest)) = queues.get_mut(queue)
            {
                *depth += 1;
                *oldest = (*oldest).max(now.since(run.life.queued_at));
            }
        }
        let connected: Vec<&Worker> = ledger.workers().filter(|w| w.session.is_some()).collect();
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let offered: u32 = connected.iter().map(|w| w.advert.slots).sum();
        let free: u32 = connected.iter().map(|w| w.free()).sum();
        Self {
            states,
            queues,
            workers: (small(connected.len()), small(ledger.workers().count())),
            slots: (offered.saturating_sub(free), offered),
            inbox: small(ledger.approvals().filter(|a| a.is_pending()).count()),
            tally: ledger.tally(),
        }
    }

    /// Sets the gauges, and adds what happened since `before` to the counters.
    pub(crate) fn publish(&self, before: Tally) {
        for (state, count) in &self.states {
            gauge!("ostler_runs", "state" => *state).set(*count as f64);
        }
        for (queue, (depth, oldest_ms)) in &self.queues {
            gauge!("ostler_queue_depth", "queue" => queue.clone()).set(*depth as f64);
            gauge!("ostler_queue_oldest_ready_seconds", "queue" => queue.clone()).set(*oldest_ms as f64 / 1000.0);
        }
        gauge!("ostler_runners", "state" => "connected").set(f64::from(self.workers.0));
        gauge!("ostler_runners", "state" => "paired").set(f64::from(self.workers.1));
        gauge!("ostler_slots", "state" => "used").set(f64::from(self.slots.0));
        gauge!("ostler_slots", "state" => "offered").set(f64::from(self.slots.1));
        gauge!("ostler_approvals_pending").set(f64::from(self.inbox));
        let now = self.tally;
        let counts = [
            ("ostler_leases_granted_total", now.granted, before.granted),
            ("ostler_leases_lapsed_total", now.lapsed, before.lapsed),
            ("ostler_leases_returned_total", now.returned, before.returned),
            ("ostler_attempts_lost_total", now.lost, before.lost),
            ("ostler_retries_total", now.retried, before.retried),
            ("ostler_dead_letters_total", now.buried, before.buried),
            ("ostler_reports_fenced_total", now.fenced, before.fenced),
        ];
        for (name, now, before) in counts {
            counter!(name).increment(now.saturating_sub(before));
        }
    }
}
