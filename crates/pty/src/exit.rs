//! How a child ended, and the one place where children are reaped.
//!
//! Owns the translation from a wait status. Must not know which child matters.

use rustix::io::Errno;
use rustix::process::{WaitOptions, WaitStatus, wait};
use std::io;

/// How a process ended: by itself with a code, or by a signal. Exactly one of the two is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The code it exited with, 0 to 255.
    pub code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
}

impl Exit {
    /// True when it exited by itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self.code == Some(0)
    }

    fn of(status: WaitStatus) -> Option<Self> {
        let (code, signal) = (status.exit_status(), status.terminating_signal());
        (code.is_some() || signal.is_some()).then_some(Self { code, signal })
    }
}

/// Blocks until any child of this process has ended and reaps it: its pid and how it ended. `None` means that there is
/// no child left, which for a subreaper (see [`crate::become_subreaper`]) proves that no descendant is left either.
///
/// # Errors
/// What `waitpid` says besides `ECHILD` and `EINTR`.
pub fn reap() -> io::Result<Option<(u32, Exit)>> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                if let Some(exit) = Exit::of(status) {
                    return Ok(Some((pid.as_raw_nonzero().get().unsigned_abs(), exit)));
                }
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(None),
            Err(other) => return Err(other.into()),
        }
    }
}
