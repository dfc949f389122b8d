//! The door to wall time and chance. Must not know what ids or deadlines are made of them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by this machine's clock; zero when it is set before that.
#[expect(clippy::disallowed_methods, reason = "this is the crate's door to wall time")]
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `N` bytes nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives randomness once it has booted");
    out
}

/// Spreads a delay over its upper half, so that many clients do not come back at once.
pub(crate) fn jittered(delay_ms: u64) -> u64 {
    let half = delay_ms / 2;
    half + u64::from(u16::from_be_bytes(bytes())) * (delay_ms - half) / u64::from(u16::MAX)
}
