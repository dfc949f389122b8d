//! Campaigns: many worlds on a few threads, and the hunt for planted defects.
//!
//! Owns how seeds are shared out and what is added up. The result does not depend on the number of threads.

use crate::seen::Seen;
use crate::{Defect, Outcome, live};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// What many worlds have shown.
#[derive(Debug, Default)]
pub struct Campaign {
    /// Worlds lived.
    pub seeds: u64,
    /// Worlds that broke a law, by seed.
    pub broken: Vec<Outcome>,
    /// Situations met.
    pub seen: Seen,
    /// Steps taken.
    pub steps: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
}

impl Campaign {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.seen.add(&outcome.seen);
        self.steps += outcome.steps;
        self.simulated_ms += outcome.simulated_ms;
        if outcome.violation.is_some() {
            self.broken.push(outcome);
        }
    }

    fn join(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.seen.add(&other.seen);
        self.steps += other.steps;
        self.simulated_ms += other.simulated_ms;
        self.broken.extend(other.broken);
    }

    /// Situations that were never met.
    pub fn never_met(&self) -> impl Iterator<Item = &'static str> {
        self.seen.lines().filter(|(_, count)| *count == 0).map(|(words, _)| words)
    }
}

/// Lives `seeds` worlds from `first` on, on `threads` threads.
#[must_use]
pub fn run_many(first: u64, seeds: u64, threads: u64, defect: Option<Defect>) -> Campaign {
    let next = AtomicU64::new(first);
    let work = || {
        let mut part = Campaign::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return part;
            }
            part.add(live(seed, defect, false));
        }
    };
    let mut whole = Campaign::default();
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        for part in parts {
            whole.join(part.join().expect("a world ends with an outcome, not a panic"));
        }
    });
    whole.broken.sort_by_key(|outcome| outcome.seed);
    whole
}

/// A planted defect and the world that found it.
#[derive(Debug)]
pub struct Killed {
    /// The defect.
    pub defect: Defect,
    /// The world that broke a law, if one did.
    pub by: Option<Outcome>,
}

/// Lives worlds from `first` on until one finds the defect, at most `seeds`.
#[must_use]
pub fn kill(defect: Defect, first: u64, seeds: u64, threads: u64) -> Killed {
    let (next, found) = (AtomicU64::new(first), AtomicBool::new(false));
    let work = || {
        while !found.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return None;
            }
            let outcome = live(seed, Some(defect), false);
            if outcome.violation.is_some() {
                found.store(true, Ordering::Relaxed);
                return Some(outcome);
            }
        }
        None
    };
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let found =
            parts.into_iter().filter_map(|part| part.join().expect("a world ends with an outcome, not a panic"));
        Killed { defect, by: found.min_by_key(|outcome| outcome.seed) }
    })
}
