//! The door to time, for measuring how long a commit took. Must not know what is timed, and never decides anything.

use std::time::{Duration, Instant};

/// A moment from which a duration is measured.
pub(crate) struct Started(Instant);

impl Started {
    #[expect(clippy::disallowed_methods, reason = "this file is the crate's clock door")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
