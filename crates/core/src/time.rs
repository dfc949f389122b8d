//! The one clock's reading. Must not know how it is read.
//!
//! A `Timestamp` is milliseconds on a line that starts at the Unix time seen when the process started and then
//! advances with a clock that counts sleep and never jumps. Within a process a wall-clock jump therefore changes
//! nothing; across processes, readings are comparable only as well as wall clocks are, so that no lease
//! deadline is ever stored or sent: durations are.

use serde::{Deserialize, Serialize};

/// A reading of the clock, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The reading `ms` later; the far future saturates.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
