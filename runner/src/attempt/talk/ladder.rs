//! How a conversation ends: asked first, then left without input, then signalled, then killed.
//!
//! ```text
//! Standing ─ order ─▶ Interrupting (its own protocol) ─ turn over | late ─▶ Closing (end of file) ─ late ─▶ Stopping
//!     └─ its work is done ──────────────────────────────────▶ Closing                        SIGTERM, grace, SIGKILL
//! ```
//!
//! Owns the steps and their time, which is the relay's grace. Must not know how any of them is done.

use ostler_core::time::Timestamp;

/// An agent ends its turn within this once it is interrupted, or not at all: the slowest that did needed two seconds.
const INTERRUPT_MS_MAX: u64 = 3_000;
/// An agent that is told to end while it is in the middle of something exits within this once its input ends.
const CLOSE_MS_MAX: u64 = 2_000;
/// An agent whose work is done may take longer: it writes its session down.
const EXIT_MS_MAX: u64 = 5_000;
/// Each step before the signals has at most this part of the grace.
const STEPS: u64 = 3;

/// Where a conversation is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ladder {
    /// It goes on.
    Standing,
    /// It was interrupted; its input is closed at `until`, or as soon as its turn is over.
    Interrupting { until: Timestamp, kill_at: Timestamp },
    /// Its input has ended; it is signalled at `until`.
    Closing { until: Timestamp, kill_at: Timestamp },
    /// The shim ends it.
    Stopping,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// Nothing.
    Wait,
    /// Close its input.
    Close,
    /// Signal it; milliseconds until it is killed.
    Stop(u64),
}

impl Ladder {
    /// Told to end, killed `grace_ms` from now at the latest; `listens` when its protocol has a word for it.
    pub(super) fn interrupted(now: Timestamp, grace_ms: u64, listens: bool) -> Self {
        let until = if listens { now.plus(INTERRUPT_MS_MAX.min(grace_ms / STEPS)) } else { now };
        Self::Interrupting { until, kill_at: now.plus(grace_ms) }
    }

    /// Its work is done, and its input has ended.
    pub(super) fn closed(now: Timestamp, grace_ms: u64) -> Self {
        let until = now.plus(EXIT_MS_MAX);
        Self::Closing { until, kill_at: until.plus(grace_ms) }
    }

    /// The next step, if it is time for one.
    pub(super) fn step(&mut self, is_idle: bool, now: Timestamp) -> Rung {
        match *self {
            Self::Interrupting { until, kill_at } if is_idle || until <= now => {
                let until = now.plus(CLOSE_MS_MAX.min(kill_at.since(now) / STEPS));
                *self = Self::Closing { until, kill_at };
                Rung::Close
            }
            Self::Closing { until, kill_at } if until <= now => {
                *self = Self::Stopping;
                Rung::Stop(kill_at.since(now))
            }
            Self::Standing | Self::Interrupting { .. } | Self::Closing { .. } | Self::Stopping => Rung::Wait,
        }
    }

    /// When [`Self::step`] is to be called next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Interrupting { until, .. } | Self::Closing { until, .. } => Some(*until),
            Self::Standing | Self::Stopping => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_time_and_all_of_them_fit_the_grace() {
        for grace_ms in [0, 1, 90, 10_000, 600_000] {
            let mut ladder = Ladder::interrupted(Timestamp(1_000), grace_ms, true);
            let at = ladder.due().expect("interrupting");
            assert!(at.since(Timestamp(1_000)) <= grace_ms.min(INTERRUPT_MS_MAX));
            assert_eq!(ladder.step(false, at), Rung::Close);
            let later = ladder.due().expect("closing");
            assert!(later.since(at) <= CLOSE_MS_MAX);
            let Rung::Stop(left_ms) = ladder.step(false, later) else { panic!("{grace_ms}") };
            assert_eq!(later.plus(left_ms), Timestamp(1_000 + grace_ms));
            assert_eq!((ladder.step(false, later), ladder.due()), (Rung::Wait, None));
        }
    }

    #[test]
    fn a_turn_that_ends_early_is_not_waited_for() {
        let mut ladder = Ladder::interrupted(Timestamp(0), 9_000, true);
        assert_eq!(ladder.step(false, Timestamp(1)), Rung::Wait);
        assert_eq!(ladder.step(true, Timestamp(2)), Rung::Close);
        assert_eq!(Ladder::interrupted(Timestamp(2), 9_000, false).step(false, Timestamp(2)), Rung::Close);
        assert_eq!(Ladder::Standing.step(true, Timestamp(2)), Rung::Wait);
        assert_eq!(
            Ladder::closed(Timestamp(0), 100).step(true, Timestamp(1)),
            Rung::Wait,
            "idle before its input ended"
        );
    }
}
