//! How many restarts are too many. A pure value: time is an argument, in milliseconds on any line that only grows.

use std::collections::VecDeque;

/// At most `restarts` restarts within any window of `window_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    restarts: usize,
    window_ms: u64,
    spent: VecDeque<u64>,
}

/// The budget is spent: one more restart would exceed it. What that means is for the caller to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {restarts} restarts within {window_ms} ms")]
pub struct Spent {
    /// Restarts the budget allows in one window.
    pub restarts: usize,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
}

impl Budget {
    /// A full budget. `Budget::new(0, _)` allows no restart at all.
    #[must_use]
    pub const fn new(restarts: usize, window_ms: u64) -> Self {
        Self { restarts, window_ms, spent: VecDeque::new() }
    }

    /// Takes one restart at `now_ms`.
    ///
    /// A restart counts for `window_ms` from its own moment: one made exactly that long ago is forgotten.
    ///
    /// # Errors
    /// [`Spent`] when the window already holds all the restarts it may; the refused one is not recorded.
    pub fn spend(&mut self, now_ms: u64) -> Result<(), Spent> {
        while self.spent.front().is_some_and(|at| now_ms.saturating_sub(*at) >= self.window_ms) {
            self.spent.pop_front();
        }
        if self.spent.len() >= self.restarts {
            return Err(Spent { restarts: self.restarts, window_ms: self.window_ms });
        }
        self.spent.push_back(now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(restarts: usize, window_ms: u64, moments: &[(u64, bool)]) {
        let mut budget = Budget::new(restarts, window_ms);
        for (now_ms, allowed) in moments {
            assert_eq!(budget.spend(*now_ms).is_ok(), *allowed, "at {now_ms} ms");
        }
    }

    #[test]
    fn the_restart_past_the_budget_is_refused() {
        check(3, 60_000, &[(0, true), (1, true), (2, true), (3, false), (59_999, false)]);
    }

    #[test]
    fn a_restart_is_forgotten_once_its_window_has_passed() {
        check(2, 1_000, &[(0, true), (500, true), (999, false), (1_000, true), (1_499, false), (1_500, true)]);
    }

    #[test]
    fn a_refused_restart_does_not_lengthen_the_wait() {
        check(1, 1_000, &[(0, true), (999, false), (1_000, true)]);
    }

    #[test]
    fn an_empty_budget_allows_nothing() {
        check(0, 1_000, &[(0, false), (5_000, false)]);
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing() {
        check(1, 1_000, &[(5_000, true), (100, false), (5_999, false), (6_000, true)]);
    }
}
