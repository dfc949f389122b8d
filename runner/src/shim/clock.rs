//! The shim's clock: milliseconds since boot, sleep included. Runner and shim read the same one.

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::time::ClockId::Boottime as COUNTS_SLEEP;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use rustix::time::ClockId::Monotonic as COUNTS_SLEEP;
use rustix::time::clock_gettime;

/// The reading now.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(COUNTS_SLEEP);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// The reading `ms` from now; the far future saturates.
pub(crate) fn boot_ms_in(ms: u64) -> u64 {
    boot_ms().saturating_add(ms)
}
