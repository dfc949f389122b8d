//! Events that are on disk here and not yet in the relay's log: first and last number by lease.
//!
//! Owns the marks. The events themselves are in the journal, so that a flood costs disk and never memory.

use ostler_core::ids::LeaseId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Numbers of one lease's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The last that the relay has.
    pub(crate) kept: u64,
    /// The last on disk here.
    pub(crate) last: u64,
}

/// All leases' marks.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    marks: Mutex<BTreeMap<LeaseId, Marks>>,
    news: Notify,
}

impl Pending {
    /// Forgets everything and starts from what the journal says.
    pub(crate) fn reload(&self, marks: impl IntoIterator<Item = (LeaseId, Marks)>) {
        *self.lock() = marks.into_iter().collect();
        self.news.notify_one();
    }

    /// Events up to `last` are on disk.
    pub(crate) fn recorded(&self, lease: LeaseId, last: u64) {
        self.lock().entry(lease).or_insert(Marks { kept: 0, last }).last = last;
        self.news.notify_one();
    }

    /// The relay has events up to `upto`; true when that is all there are.
    pub(crate) fn kept(&self, lease: LeaseId, upto: u64) -> bool {
        let mut marks = self.lock();
        let Some(marks) = marks.get_mut(&lease) else { return true };
        marks.kept = marks.kept.max(upto);
        marks.kept >= marks.last
    }

    /// True when the relay has every event of the lease.
    pub(crate) fn is_through(&self, lease: LeaseId) -> bool {
        self.lock().get(&lease).is_none_or(|marks| marks.kept >= marks.last)
    }

    /// The lease's marks.
    pub(crate) fn of(&self, lease: LeaseId) -> Option<Marks> {
        self.lock().get(&lease).copied()
    }

    /// The lease is over.
    pub(crate) fn forget(&self, lease: LeaseId) {
        self.lock().remove(&lease);
    }

    /// A lease with events after the last that `sent` names, and the number to go on from.
    pub(crate) fn next(&self, sent: impl Fn(&LeaseId) -> Option<u64>) -> Option<(LeaseId, u64)> {
        let marks = self.lock();
        let from = |(lease, marks): (&LeaseId, &Marks)| (*lease, sent(lease).unwrap_or(marks.kept) + 1, marks.last);
        marks.iter().map(from).find(|(_, from, last)| from <= last).map(|(lease, from, _)| (lease, from))
    }

    /// Waits until there may be more.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    /// Events the relay does not have.
    pub(crate) fn count(&self) -> u64 {
        self.lock().values().map(|marks| marks.last - marks.kept.min(marks.last)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LeaseId, Marks>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
