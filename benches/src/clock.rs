//! The door to time: a measurement reads a clock that never jumps.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "measuring is reading the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for what is dated rather than timed.
#[expect(clippy::disallowed_methods, reason = "history is dated by the wall clock")]
pub(crate) fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
