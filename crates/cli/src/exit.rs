//! Every exit code of `ostler`, in one place. Scripts may rely on them; `ostler help exit-codes` prints this table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// It did what was asked; a followed run succeeded.
    Success,
    /// Something failed that has no code of its own: the disk, the relay itself.
    Failure,
    /// The command line is not understood.
    Usage,
    /// No run, approval, device or agent of that name, or several.
    NotFound,
    /// The relay refused, or this device may not.
    Refused,
    /// No relay answers.
    Unreachable,
    /// This device belongs to no fleet yet.
    NotSetUp,
    /// The run failed.
    RunFailed,
    /// The run was cancelled.
    Cancelled,
    /// The run is a dead letter.
    Dead,
    /// The run was not started in time.
    Expired,
    /// `wait` ran out of time; the run goes on.
    StillRunning,
    /// `policy test`: a person would be asked.
    WouldAsk,
    /// `policy test`: it would be denied.
    WouldDeny,
    /// Ctrl-c; what was submitted goes on.
    Interrupted,
}

impl Exit {
    const ALL: [Self; 15] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Unreachable,
        Self::NotSetUp,
        Self::RunFailed,
        Self::Cancelled,
        Self::Dead,
        Self::Expired,
        Self::StillRunning,
        Self::WouldAsk,
        Self::WouldDeny,
        Self::Interrupted,
    ];

    /// The number and what it means, for people.
    const fn entry(self) -> (u8, &'static str) {
        match self {
            Self::Success => (0, "done; a followed run succeeded"),
            Self::Failure => (1, "something failed: the message says what"),
            Self::Usage => (2, "the command line is not understood"),
            Self::NotFound => (3, "no run, approval, device or agent of that name, or several"),
            Self::Refused => (4, "refused by the relay, or not allowed for this device"),
            Self::Unreachable => (5, "no relay answers"),
            Self::NotSetUp => (6, "this device belongs to no fleet yet"),
            Self::RunFailed => (10, "the run failed"),
            Self::Cancelled => (11, "the run was cancelled"),
            Self::Dead => (12, "the run is a dead letter"),
            Self::Expired => (13, "the run was not started in time"),
            Self::StillRunning => (14, "wait ran out of time; the run goes on"),
            Self::WouldAsk => (20, "`policy test`: a person would be asked"),
            Self::WouldDeny => (21, "`policy test`: it would be denied"),
            Self::Interrupted => (130, "interrupted; what was submitted goes on"),
        }
    }

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self.entry().0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table, as help shows it.
pub(crate) fn table() -> String {
    let line = |exit: Exit| format!("  {:>3}  {}\n", exit.code(), exit.entry().1);
    std::iter::once("Exit codes:\n".to_owned()).chain(Exit::ALL.into_iter().map(line)).collect()
}

/// Prints what clap says: help and versions are no mistakes.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is nobody to tell.
    drop(error.print());
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_all_are_documented() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 20, 21, 130], "published: never renumber");
        assert_eq!(table().lines().count(), Exit::ALL.len() + 1);
    }
}
