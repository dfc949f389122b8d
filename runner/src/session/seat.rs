//! Seats: two attempts never work in one directory.
//!
//! ```text
//! free ─ take ─▶ taken by a lease ─ its attempt is over, its tree cleared ─▶ free
//! ```
//!
//! A directory is free when nobody here sits in it *and* no other lease that this runner still holds works in it: an attempt whose
//! actor fell has an agent that goes on, and takes its seat again. Leases that wait for a seat work nowhere yet.

use crate::runner::stable::Stable;
use ostler_core::ids::{LeaseId, RunId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// An attempt that ends saves and removes its tree, which takes seconds; one that lost its lease has its grace besides.
const FREE_WITHIN: Duration = Duration::from_secs(90);
/// Nothing tells when a lease is forgotten, and it is rarely waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who sits where, and who waits.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    by: BTreeMap<RunId, (LeaseId, Weak<Seat>)>,
    waiting: BTreeSet<LeaseId>,
}

/// A directory taken; it is free again when the last of these is dropped.
#[derive(Debug)]
pub(crate) struct Seat;

/// A lease that waits, until it is dropped.
struct Waiting<'a>(&'a Seats, LeaseId);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting.remove(&self.1);
    }
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the directory of `root` for `lease`, unless another has it.
    fn take(&self, root: RunId, lease: LeaseId) -> Option<Arc<Seat>> {
        let mut taken = self.lock();
        taken.by.retain(|_, (_, seat)| seat.strong_count() > 0);
        match taken.by.get(&root).map(|(holder, seat)| (*holder, seat.upgrade())) {
            Some((holder, Some(seat))) => (holder == lease).then_some(seat),
            Some((_, None)) | None => {
                let seat = Arc::new(Seat);
                taken.by.insert(root, (lease, Arc::downgrade(&seat)));
                Some(seat)
            }
        }
    }
}

/// Takes the run's directory for `lease`, unless it is in use.
pub(super) fn take(stable: &Stable, lease: LeaseId) -> Option<Arc<Seat>> {
    let runs = &stable.runs;
    let root = runs.root_of(lease.run);
    let mut others: BTreeSet<LeaseId> = stable.holding().leases().filter(|other| *other != lease).collect();
    others.retain(|other| runs.root_of(other.run) == root);
    others.retain(|other| !runs.seats.lock().waiting.contains(other));
    if others.is_empty() { runs.seats.take(root, lease) } else { None }
}

/// Takes the run's directory again for a lease that works in it already.
pub(crate) fn again(stable: &Stable, lease: LeaseId) -> Option<Arc<Seat>> {
    stable.runs.seats.take(stable.runs.root_of(lease.run), lease)
}

/// Takes the run's directory for `lease` as soon as whoever has it is gone; none when that takes too long.
pub(crate) async fn wait(stable: &Stable, lease: LeaseId) -> Option<Arc<Seat>> {
    stable.runs.seats.lock().waiting.insert(lease);
    let _waiting = Waiting(&stable.runs.seats, lease);
    let seated = async {
        loop {
            if let Some(seat) = take(stable, lease) {
                return seat;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(FREE_WITHIN, seated).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_lease_at_a_time_which_may_come_back() {
        let (seats, root) = (Seats::default(), RunId([1; 16]));
        let lease = |run: u8, epoch| LeaseId { run: RunId([run; 16]), epoch };
        let first = seats.take(root, lease(1, 1)).expect("free");
        assert!(seats.take(root, lease(1, 2)).is_none() && seats.take(root, lease(2, 1)).is_none());
        let again = seats.take(root, lease(1, 1)).expect("its own");
        drop(first);
        assert!(seats.take(root, lease(1, 2)).is_none(), "still sat on");
        assert!(seats.take(RunId([2; 16]), lease(2, 1)).is_some(), "another directory is another");
        drop(again);
        assert!(seats.take(root, lease(2, 1)).is_some());
    }
}
