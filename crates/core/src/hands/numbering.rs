//! Event numbers: per run and epoch they start at 1 and grow by exactly one, on both sides of the wire.
//!
//! ```text
//! runner: Numbers::take ─▶ 1, 2, 3 …  (kept in its journal)      relay: accept(last, n) ─▶ Next | Duplicate | Gap
//! ```
//!
//! Owns the rule and the runner's counters. Must not know events, journals or connections: a number outlives them all.

use crate::ids::LeaseId;
use crate::mutant::Mutant;
use std::collections::BTreeMap;

/// The number of a lease's first event.
pub const FIRST: u64 = 1;

/// What the log makes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// The one expected: keep it.
    Next,
    /// Kept already: its acknowledgement was lost, not the event. Acknowledge it again.
    Duplicate,
    /// Something before it is missing: refuse it, and ask for `expected`.
    Gap {
        /// The number that must come first.
        expected: u64,
    },
}

/// What the log makes of event `n` of a lease whose last kept event is `last`.
#[must_use]
pub const fn accept(last: Option<u64>, n: u64) -> Numbered {
    let expected = match last {
        Some(last) => last + 1,
        None => FIRST,
    };
    if n == expected {
        Numbered::Next
    } else if n < expected {
        Numbered::Duplicate
    } else {
        Numbered::Gap { expected }
    }
}

/// [`accept`] with a planted defect.
#[cfg(feature = "mutants")]
#[must_use]
pub fn accept_infected(last: Option<u64>, n: u64, mutant: Option<Mutant>) -> Numbered {
    match accept(last, n) {
        Numbered::Gap { .. } if mutant == Some(Mutant::GapAccepted) => Numbered::Next,
        kept @ (Numbered::Next | Numbered::Duplicate | Numbered::Gap { .. }) => kept,
    }
}

/// A runner's counters: the next number of each lease it holds.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    last: BTreeMap<LeaseId, u64>,
    mutant: Option<Mutant>,
}

impl Numbers {
    /// Goes on after `last`, read from the journal when the runner starts.
    pub fn resume(&mut self, lease: LeaseId, last: u64) {
        let known = self.last.entry(lease).or_insert(last);
        *known = last.max(*known);
        assert!(*known >= last, "numbers never go back");
    }

    /// The next number of the lease's events.
    pub fn take(&mut self, lease: LeaseId) -> u64 {
        let last = self.last.entry(lease).or_insert(FIRST - 1);
        *last += 1;
        assert!(*last >= FIRST, "event numbers start at the first");
        *last
    }

    /// The number taken last, if any was.
    #[must_use]
    pub fn last(&self, lease: LeaseId) -> Option<u64> {
        self.last.get(&lease).copied().filter(|last| *last >= FIRST)
    }

    /// The lease is over and everything of it is acknowledged.
    pub fn forget(&mut self, lease: LeaseId) {
        self.last.remove(&lease);
    }

    /// A connection was made again: numbers belong to leases, so nothing changes.
    pub fn reconnected(&mut self) {
        if cfg!(feature = "mutants") && self.mutant == Some(Mutant::NumbersRestart) {
            self.last.clear();
        }
    }

    /// Plants a defect: the simulator proves that it would be found.
    #[cfg(feature = "mutants")]
    pub const fn infect(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    #[test]
    fn a_number_is_next_kept_or_too_far() {
        let cases = [
            (None, 1, Numbered::Next),
            (None, 0, Numbered::Duplicate),
            (None, 2, Numbered::Gap { expected: 1 }),
            (Some(4), 5, Numbered::Next),
            (Some(4), 4, Numbered::Duplicate),
            (Some(4), 1, Numbered::Duplicate),
            (Some(4), 7, Numbered::Gap { expected: 5 }),
        ];
        for (last, n, expected) in cases {
            assert_eq!(accept(last, n), expected, "{n} after {last:?}");
        }
    }

    #[test]
    fn counters_survive_reconnects_and_restarts_and_never_go_back() {
        let lease = |epoch| LeaseId { run: RunId([7; 16]), epoch };
        let mut numbers = Numbers::default();
        assert_eq!((numbers.take(lease(1)), numbers.take(lease(1)), numbers.take(lease(2))), (1, 2, 1));
        numbers.reconnected();
        assert_eq!((numbers.take(lease(1)), numbers.last(lease(1)), numbers.last(lease(3))), (3, Some(3), None));
        let mut restarted = Numbers::default();
        restarted.resume(lease(1), 3);
        assert_eq!(restarted.take(lease(1)), 4);
        restarted.resume(lease(1), 2);
        assert_eq!(restarted.take(lease(1)), 5);
        restarted.forget(lease(1));
        assert_eq!(restarted.take(lease(1)), 1, "a forgotten lease never comes back; a new one starts at the first");
    }
}
