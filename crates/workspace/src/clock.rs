//! The one door to the clock: how long a call may take, and whether it should stop.
//!
//! Must not know git. A [`Stop`] is polled between small steps; nothing here interrupts a system call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why a call stopped before its end. What it had written is either whole or ignored by the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The caller raised the cancel flag.
    #[error("stopped because the run was cancelled")]
    Cancelled,
    /// The time given to the call passed.
    #[error("stopped because its time was over; give it more time, or look at why the disk or network is slow")]
    TimedOut,
}

/// A cancel flag and an optional deadline, handed to every call that can be long.
#[derive(Debug, Clone, Copy)]
pub struct Stop<'a> {
    cancel: &'a AtomicBool,
    deadline: Option<Instant>,
}

impl<'a> Stop<'a> {
    /// Stops when `cancel` becomes true, or when `within` has passed from now (`None`: no deadline).
    pub fn new(cancel: &'a AtomicBool, within: Option<Duration>) -> Self {
        Self { cancel, deadline: within.and_then(|time| now().checked_add(time)) }
    }

    /// The same stop, ending no later than `time` from now.
    pub(crate) fn within(&self, time: Duration) -> Self {
        let limit = now().checked_add(time);
        let deadline = match (self.deadline, limit) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { cancel: self.cancel, deadline }
    }

    /// Says whether to go on. Cheap enough to be asked for every object.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Stopped::Cancelled);
        }
        match self.deadline {
            Some(deadline) if now() >= deadline => Err(Stopped::TimedOut),
            Some(_) | None => Ok(()),
        }
    }

    /// Waits one polling step, then checks.
    pub(crate) fn pause(&self) -> Result<(), Stopped> {
        self.check()?;
        std::thread::sleep(POLL);
        self.check()
    }
}

/// How often a wait for a lock or a child looks again: short to a person, long to a processor.
const POLL: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "this file is the crate's door to the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A commit signature dated now.
pub(crate) fn signature(name: &str, email: &str) -> Result<git2::Signature<'static>, git2::Error> {
    git2::Signature::now(name, email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_why() {
        let flag = AtomicBool::new(false);
        assert_eq!(Stop::new(&flag, None).check(), Ok(()));
        assert_eq!(Stop::new(&flag, Some(Duration::ZERO)).check(), Err(Stopped::TimedOut));
        assert_eq!(Stop::new(&flag, None).within(Duration::ZERO).check(), Err(Stopped::TimedOut));
        flag.store(true, Ordering::Relaxed);
        assert_eq!(Stop::new(&flag, Some(Duration::ZERO)).check(), Err(Stopped::Cancelled));
    }
}
