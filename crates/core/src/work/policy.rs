//! What an operator may tune: the relay's timings and budgets, with the defaults a fleet starts with.
//!
//! Owns the numbers and the backoff rule. Must not know where they are configured.

use crate::limits::PRIORITIES;
use serde::{Deserialize, Serialize};

/// Capped exponential backoff with full jitter above half (measured rule: jitter in [0.5, 1.0] of the step).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Delay of the first retry, before jitter.
    pub base_ms: u64,
    /// No delay is longer.
    pub cap_ms: u64,
}

impl Backoff {
    /// Delay before retry number `nth` (from 1).
    pub fn delay_ms(self, nth: u32, dice: &mut Dice) -> u64 {
        let step = self.base_ms.saturating_mul(1 << nth.saturating_sub(1).min(32)).min(self.cap_ms);
        let half = step / 2;
        let delay = half + dice.roll(step - half + 1);
        assert!(delay <= self.cap_ms, "no delay is longer than the cap");
        delay
    }
}

/// Timings and budgets of a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A lease not renewed for this long is orphaned.
    pub lease_ttl_ms: u64,
    /// Added to every live lease when the relay starts, so that runners can find it again.
    pub reconnect_allowance_ms: u64,
    /// How long an orphaned lease waits for its runner to return.
    pub grace_ms: u64,
    /// How long a runner may take to accept an offer.
    pub accept_ms: u64,
    /// Infra failures a run may suffer before it is a dead letter.
    pub infra_budget: u32,
    /// Backoff after an infra failure.
    pub infra_backoff: Backoff,
    /// Backoff after a failure of the agent or its task.
    pub agent_backoff: Backoff,
    /// Hold after a provider limit that names no reset time.
    pub limit_hold_ms: u64,
    /// Total time a run may be held by provider limits before it is a dead letter. Plans have windows of hours: a run waits for
    /// several of them, and not for next week.
    pub limit_budget_ms: u64,
    /// How long settled runs and idempotency keys are remembered by the ledger.
    pub settled_retained_ms: u64,
    /// An asked runner has this long to end an agent in an orderly way before it is killed.
    pub stop_grace_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease_ttl_ms: 30_000,
            reconnect_allowance_ms: 60_000,
            grace_ms: 15 * 60_000,
            accept_ms: 5_000,
            infra_budget: 10,
            infra_backoff: Backoff { base_ms: 5_000, cap_ms: 2 * 60_000 },
            agent_backoff: Backoff { base_ms: 30_000, cap_ms: 10 * 60_000 },
            limit_hold_ms: 60_000,
            limit_budget_ms: 24 * 3_600_000,
            settled_retained_ms: 24 * 3_600_000,
            stop_grace_ms: 10_000,
        }
    }
}

/// A seeded source of chance, so that every decision can be replayed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub fn roll(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a die has at least one face");
        self.next() % bound
    }
}

/// The priority a run gets when nothing is said.
pub const PRIORITY_DEFAULT: u8 = (*PRIORITIES.start() + *PRIORITIES.end()) / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_cap_and_keeps_its_jitter() {
        let backoff = Backoff { base_ms: 1_000, cap_ms: 60_000 };
        let mut dice = Dice::new(7);
        for (nth, step) in [(1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (40, 60_000), (u32::MAX, 60_000)] {
            for _ in 0..200 {
                let delay = backoff.delay_ms(nth, &mut dice);
                assert!((step / 2..=step).contains(&delay), "retry {nth}: {delay}");
            }
        }
    }
}
