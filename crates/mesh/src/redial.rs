//! How long to wait before dialling again.
//!
//! ```text
//! failed │ 1       2       3        …   8 and later
//! wait   │ 50–100  100–200 200–400      7.5–15 s
//! ```
//!
//! Pure: chance is an argument. Must not know who dials, or why it failed.

/// The first wait: a relay that restarts is back within a second.
const FIRST_MS: u64 = 100;
/// No wait is longer: offline is normal, and a relay that returns finds its runners within this.
const LONGEST_MS: u64 = 15_000;

/// Capped exponential backoff with jitter, so that a thousand runners of one restarted relay come back spread out.
#[derive(Debug, Clone, Default)]
pub struct Redial {
    failures: u32,
}

impl Redial {
    /// Milliseconds to wait after one more failure: between half and all of a step that doubles up to 15 s. `dice` is
    /// any random number.
    pub fn next_delay_ms(&mut self, dice: u64) -> u64 {
        let step = FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        step / 2 + dice % (step / 2 + 1)
    }

    /// A connection was welcomed: the next failure starts from the first step.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_cap_within_their_jitter() {
        let (mut low, mut high) = (Redial::default(), Redial::default());
        let lows: Vec<u64> = (0..10).map(|_| low.next_delay_ms(0)).collect();
        assert_eq!(lows, [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 7_500, 7_500]);
        for low in lows {
            let top = high.next_delay_ms(low);
            assert!((low..=2 * low).contains(&top), "{top} within {low} and its double");
        }
        for dice in 0..100_000 {
            assert!((7_500..=15_000).contains(&low.next_delay_ms(dice)));
        }
        low.failures = u32::MAX;
        assert!(low.next_delay_ms(u64::MAX) <= LONGEST_MS);
    }

    #[test]
    fn a_success_starts_over() {
        let mut redial = Redial::default();
        for _ in 0..30 {
            redial.next_delay_ms(1);
        }
        redial.reset();
        assert!(redial.next_delay_ms(u64::MAX) <= FIRST_MS);
    }
}
