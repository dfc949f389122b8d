//! What every actor of the relay is given: the clock, the doors of its siblings, and what can be read without asking.
//!
//! Owns no state. Must not decide or write.

use crate::event_log;
use crate::ledger;
use crate::session::watch;
use ostler_boot::Clock;
use ostler_core::command::Command;
use ostler_core::decision::{Answer, Refusal};
use ostler_core::ids::{FleetId, Incarnation};
use ostler_core::ledger::Ledger;
use ostler_core::time::Timestamp;
use ostler_store::{EventLog, Reads};
use ostler_supervise::{Branch, Credit, Door};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Commands that may wait in the ledger's mailbox, over all connections: past it, peers are told to come back.
const LEDGER_CREDIT: u32 = 16 * 1024;
/// What a peer is told when the ledger is that far behind.
const BUSY_RETRY_MS: u64 = 250;

/// Handed to every actor, whole.
pub(crate) struct Hub {
    pub(crate) clock: Clock,
    pub(crate) fleet: FleetId,
    pub(crate) incarnation: Incarnation,
    pub(crate) grace_ms: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) data_dir: PathBuf,
    pub(crate) ledger: Door<ledger::Msg>,
    pub(crate) log: Door<event_log::Msg>,
    pub(crate) watch: Door<watch::Msg>,
    pub(crate) runs: Branch,
    pub(crate) workers: Branch,
    pub(crate) sessions: Branch,
    pub(crate) reader: Arc<dyn Reads>,
    pub(crate) events: Arc<EventLog>,
    pub(crate) credit: Credit,
    /// Room for connections.
    pub(crate) places: Arc<Semaphore>,
}

/// The relay could not answer: nothing is known to have changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Too much is waiting.
    #[error("the relay is busy: try again in {0} ms")]
    Busy(u64),
    /// The ledger fell while it held the question, or is just starting.
    #[error("the relay is restarting its ledger: ask again, it may or may not have acted")]
    Restarting,
}

impl Hub {
    pub(crate) fn credit() -> Credit {
        Credit::new(LEDGER_CREDIT, BUSY_RETRY_MS)
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_ms())
    }

    /// Has the ledger decide, and returns once the decision is on disk.
    pub(crate) async fn decide(&self, command: Command) -> Result<Result<Answer, Refusal>, Unanswered> {
        let permit = self.credit.take().map_err(|busy| Unanswered::Busy(busy.retry_after_ms))?;
        let (tell, told) = oneshot::channel();
        let reply: ledger::Reply = Box::new(move |answer| {
            drop(permit);
            // Whoever asked may have gone; the decision stands all the same.
            drop(tell.send(answer));
        });
        self.ledger.send(ledger::Msg::Do(command, reply)).map_err(|_| Unanswered::Restarting)?;
        told.await.map_err(|_| Unanswered::Restarting)
    }

    /// Looks at the ledger, and returns once everything seen is on disk.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        view: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let permit = self.credit.take().map_err(|busy| Unanswered::Busy(busy.retry_after_ms))?;
        let (tell, told) = oneshot::channel();
        let look: ledger::Look = Box::new(move |ledger| {
            let seen = view(ledger);
            Box::new(move || {
                drop(permit);
                // Whoever asked may have gone.
                drop(tell.send(seen));
            })
        });
        self.ledger.send(ledger::Msg::Look(look)).map_err(|_| Unanswered::Restarting)?;
        told.await.map_err(|_| Unanswered::Restarting)
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// Shared by all.
pub(crate) type Shared = Arc<Hub>;
