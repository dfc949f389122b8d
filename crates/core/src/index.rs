//! What the ledger derives and never stores: the order of ready runs, who could take them, deadlines, open questions.
//!
//! Rebuilt at load and kept in step by transitions. Must not decide anything.
//!
//! Ready runs wait by *shape* (pool and requirements): a worker matches a shape once, and a grant looks at the head of each
//! shape it matches, so that its cost depends on the number of shapes, never on the number of runs.

use crate::ids::{ApprovalId, DeviceId, LeaseId, RunId};
use crate::requirements::Requirements;
use crate::run::{Run, State};
use crate::time::Timestamp;
use crate::worker::Worker;
use std::collections::{BTreeMap, BTreeSet};

/// Shapes remembered while nothing waits in them, so that a steady stream of like runs is matched once.
const IDLE_SHAPES_MAX: usize = 256;

/// Where a ready run stands: urgency, then age, then id.
pub(crate) type Place = (u8, Timestamp, RunId);
type Shape = (String, Requirements);

#[derive(Debug, Clone, Default)]
struct Lane {
    waiting: BTreeSet<Place>,
    workers: BTreeSet<DeviceId>,
}

/// The derived side of a ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    lanes: BTreeMap<Shape, Lane>,
    deadlines: BTreeMap<LeaseId, Timestamp>,
    asked: BTreeMap<RunId, BTreeSet<ApprovalId>>,
    live: usize,
    lapses: Vec<(Timestamp, DeviceId)>,
}

fn place(run: &Run) -> Place {
    (run.spec.header.priority, run.life.queued_at, run.spec.id)
}

/// True when a worker could ever take runs of this shape.
fn fits(worker: &Worker, pool: &str, requirements: &Requirements) -> bool {
    worker.pools.iter().any(|p| p == pool) && requirements.matches(&worker.advert.offers)
}

impl Index {
    /// Takes a run out of the order, before it moves.
    pub(crate) fn leave(&mut self, run: &Run) {
        if !run.life.is_settled() {
            assert!(self.live > 0, "a run that leaves was counted when it joined");
            self.live -= 1;
        }
        if matches!(run.life.state(), State::Ready) {
            let key = (run.spec.header.pool.clone(), run.spec.header.requirements.clone());
            let removed = self.lanes.get_mut(&key).is_some_and(|lane| lane.waiting.remove(&place(run)));
            assert!(removed, "a ready run waits in its lane");
        }
    }

    /// Puts a run into the order, after it moved.
    pub(crate) fn join(&mut self, run: &Run) {
        if !run.life.is_settled() {
            self.live += 1;
        }
        if matches!(run.life.state(), State::Ready) {
            let key = (run.spec.header.pool.clone(), run.spec.header.requirements.clone());
            let lane = self.lanes.get_mut(&key).expect("a lane is opened before a run joins it");
            let fresh = lane.waiting.insert(place(run));
            assert!(fresh, "a run waits once");
        }
    }

    /// Runs that are not settled.
    pub(crate) const fn live(&self) -> usize {
        self.live
    }

    /// Makes sure the shape of `run` knows who could take it.
    pub(crate) fn open_lane<'a>(&mut self, run: &Run, workers: impl Iterator<Item = &'a Worker>) {
        let header = &run.spec.header;
        let key = (header.pool.clone(), header.requirements.clone());
        if self.lanes.contains_key(&key) {
            return;
        }
        if self.lanes.len() > IDLE_SHAPES_MAX {
            self.lanes.retain(|_, lane| !lane.waiting.is_empty());
        }
        let able = workers.filter(|w| fits(w, &header.pool, &header.requirements)).map(|w| w.id).collect();
        self.lanes.insert(key, Lane { waiting: BTreeSet::new(), workers: able });
    }

    /// Matches a worker against every shape, after what it offers changed.
    pub(crate) fn rematch(&mut self, worker: &Worker) {
        for ((pool, requirements), lane) in &mut self.lanes {
            if fits(worker, pool, requirements) {
                lane.workers.insert(worker.id);
            } else {
                lane.workers.remove(&worker.id);
            }
        }
    }

    /// Workers that could take `run`, connected or not.
    pub(crate) fn able(&self, run: &Run) -> impl Iterator<Item = DeviceId> {
        let key = (run.spec.header.pool.clone(), run.spec.header.requirements.clone());
        self.lanes.get(&key).into_iter().flat_map(|lane| lane.workers.iter().copied())
    }

    /// The heads of all lanes that `worker` could serve, most urgent first.
    pub(crate) fn heads(&self, worker: DeviceId, any: bool) -> BTreeSet<Place> {
        let serves = |lane: &&Lane| any || lane.workers.contains(&worker);
        self.lanes.values().filter(serves).filter_map(|lane| lane.waiting.first().copied()).collect()
    }

    /// When a lease must be looked at.
    pub(crate) fn deadline(&self, lease: LeaseId) -> Option<Timestamp> {
        self.deadlines.get(&lease).copied()
    }

    pub(crate) fn set_deadline(&mut self, lease: LeaseId, at: Timestamp) {
        self.deadlines.insert(lease, at);
    }

    pub(crate) fn clear_deadline(&mut self, lease: LeaseId) {
        self.deadlines.remove(&lease);
    }

    /// The relay did not run for `gap_ms`: nobody could renew, so nobody loses that time.
    pub(crate) fn postpone(&mut self, gap_ms: u64, now: Timestamp) {
        for at in self.deadlines.values_mut() {
            *at = at.plus(gap_ms).max(now);
        }
    }

    pub(crate) fn asked(&self, run: RunId) -> impl Iterator<Item = ApprovalId> {
        self.asked.get(&run).into_iter().flatten().copied()
    }

    pub(crate) fn note_asked(&mut self, run: RunId, approval: ApprovalId) {
        self.asked.entry(run).or_default().insert(approval);
    }

    pub(crate) fn forget_run(&mut self, run: RunId) {
        self.asked.remove(&run);
    }

    /// Notes that a lease of `worker` lapsed, and counts the workers that did within `window_ms`.
    pub(crate) fn lapsing(&mut self, now: Timestamp, worker: DeviceId, window_ms: u64) -> usize {
        self.lapses.retain(|(at, _)| now.since(*at) <= window_ms);
        if !self.lapses.iter().any(|(_, w)| *w == worker) {
            self.lapses.push((now, worker));
        }
        assert!(!self.lapses.is_empty(), "the lapse just noted is counted");
        self.lapses.len()
    }
}
