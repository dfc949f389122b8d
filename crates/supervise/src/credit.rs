//! Admission to a mailbox. ractor's mailboxes are unbounded, so whoever lets outside input in takes a permit first,
//! and the message carries it until it is handled. Must not know what the message says.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bound on what may wait in front of an actor, counted in units of the caller's choice (messages or bytes).
#[derive(Debug, Clone)]
pub struct Credit {
    free: Arc<Semaphore>,
    units: u32,
    retry_after_ms: u64,
}

/// The right to occupy part of a mailbox. Put it into the message: dropping it, handled or not, gives it back.
#[derive(Debug)]
pub struct Permit {
    _held: OwnedSemaphorePermit,
}

/// The mailbox is full. Nothing was queued; the caller still holds what it wanted to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("busy: try again in {retry_after_ms} ms")]
pub struct Busy {
    /// How long the sender should wait before it tries again, in milliseconds.
    pub retry_after_ms: u64,
}

impl Credit {
    /// Credit for `units` (at least one), telling the refused to come back after `retry_after_ms`.
    #[must_use]
    pub fn new(units: u32, retry_after_ms: u64) -> Self {
        let units = units.max(1);
        let free = Semaphore::new(usize::try_from(units).expect("a u32 fits a usize on every supported target"));
        Self { free: Arc::new(free), units, retry_after_ms }
    }

    /// Takes one unit, without waiting.
    ///
    /// # Errors
    /// [`Busy`] when none is free.
    pub fn take(&self) -> Result<Permit, Busy> {
        self.take_many(1)
    }

    /// Takes `units` at once, without waiting. A demand above the whole credit is met by the whole credit, so that
    /// one large message is slow rather than impossible.
    ///
    /// # Errors
    /// [`Busy`] when fewer are free.
    pub fn take_many(&self, units: u32) -> Result<Permit, Busy> {
        Arc::clone(&self.free)
            .try_acquire_many_owned(units.min(self.units))
            .map(|held| Permit { _held: held })
            .map_err(|_| Busy { retry_after_ms: self.retry_after_ms })
    }

    /// Waits for `units`, first come first served: backpressure where the peer has flow control of its own.
    pub async fn wait_many(&self, units: u32) -> Permit {
        let held = Arc::clone(&self.free).acquire_many_owned(units.min(self.units)).await;
        Permit { _held: held.expect("a credit never closes its semaphore") }
    }

    /// Units in use now.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).expect("never more free than were made");
        self.units.saturating_sub(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_says_when_to_come_back() {
        let credit = Credit::new(2, 250);
        let _first = credit.take().expect("one of two");
        let second = credit.take().expect("two of two");
        assert_eq!(credit.take().map(drop), Err(Busy { retry_after_ms: 250 }));
        drop(second);
        assert_eq!(credit.in_use(), 1);
        credit.take().expect("a returned permit is free again");
    }

    #[test]
    fn a_message_larger_than_the_credit_takes_all_of_it() {
        let credit = Credit::new(10, 1);
        let all = credit.take_many(1_000).expect("an idle credit admits anything, alone");
        assert!(credit.take().is_err());
        drop(all);
        assert_eq!(credit.in_use(), 0);
    }
}
