//! What the operating system asks of the process. Must not know how a drain or a stop is done.
//!
//! ```text
//!   Running ──1st──▶ Draining (Ask::Drain) ──2nd──▶ Stopping (Ask::Stop) ──3rd──▶ Ask::Stop again
//! ```

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The first SIGTERM, SIGINT or SIGHUP: take nothing new, finish or hand over what runs, then end.
    Drain,
    /// Any later one: end now, in good order.
    Stop,
}

/// The process's signals, from the moment it is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    asked: bool,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT (ctrl-c) and SIGHUP (the terminal is gone): none of them kills the process any more.
    ///
    /// # Errors
    /// The system's, when a signal cannot be taken over.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            asked: false,
        })
    }

    /// Waits for the next signal and says what it asks for. Safe to drop and call again.
    pub async fn next(&mut self) -> Ask {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
        if std::mem::replace(&mut self.asked, true) { Ask::Stop } else { Ask::Drain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_drains_and_the_second_stops() {
        let mut signals = Signals::listen().expect("signals can be taken over");
        let me = rustix::process::getpid();
        for expected in [Ask::Drain, Ask::Stop, Ask::Stop] {
            rustix::process::kill_process(me, rustix::process::Signal::TERM).expect("we may signal ourselves");
            assert_eq!(signals.next().await, expected);
        }
    }
}
