//! The door to time. Must not know what is timed.
//!
//! ```text
//!   now_ms = Unix ms at start + (CLOCK_BOOTTIME now − CLOCK_BOOTTIME at start)
//! ```

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The process's one line of time, in milliseconds.
///
/// It starts at the Unix time seen when the process started and advances with a clock that counts sleep and never
/// jumps (`CLOCK_BOOTTIME`; on systems without it `CLOCK_MONOTONIC`, which on macOS counts sleep as well). A wall clock set forward or
/// back by a day changes nothing; a suspended laptop finds on waking that the time has passed.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start_unix_ms: u64,
    start_boot_ms: u64,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: ClockId = ClockId::Monotonic;

impl Clock {
    /// Starts the line. Make one per process and copy it.
    #[must_use]
    pub fn start() -> Self {
        Self { start_unix_ms: millis(clock_gettime(ClockId::Realtime)), start_boot_ms: millis(clock_gettime(STEADY)) }
    }

    /// Milliseconds on the line; never smaller than an earlier reading.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.at(millis(clock_gettime(STEADY)))
    }

    fn at(&self, boot_ms: u64) -> u64 {
        self.start_unix_ms.saturating_add(boot_ms.saturating_sub(self.start_boot_ms))
    }
}

fn millis(reading: Timespec) -> u64 {
    let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(reading.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_starts_at_unix_time_and_advances_with_the_boot_clock() {
        let clock = Clock { start_unix_ms: 1_000_000, start_boot_ms: 500 };
        assert_eq!(clock.at(500), 1_000_000);
        assert_eq!(clock.at(1_750), 1_001_250);
        assert_eq!(clock.at(0), 1_000_000, "a boot clock never steps back; if it did, time would stand");
    }

    #[test]
    fn a_real_reading_is_after_the_year_2020_and_does_not_go_back() {
        let clock = Clock::start();
        let first = clock.now_ms();
        assert!(first > 1_577_836_800_000);
        assert!(clock.now_ms() >= first);
    }
}
