//! How one actor is brought to its end. Must not know why.
//!
//! Two facts of ractor decide this file (pinned in `tests/tests/supervision/ground.rs`). A supervisor is told of a failure
//! *before* the failed actor's state is dropped; and the state of an actor that stopped in good order travels to the
//! supervisor inside the event, so that it lives until that event is handled. Sockets, files and locks are free
//! again only when the actor's task has ended and nobody holds its state: so a child that is stopped on purpose is
//! unlinked first, and its task is what is waited for.

use std::time::Duration;

use ractor::ActorCell;

use crate::child::Running;

/// Longest a killed actor may take to drop its state: a `Drop` closes handles and kills process groups, no more.
const KILL_WITHIN: Duration = Duration::from_secs(2);

/// Tells an actor to stop in good order. Its end is nobody's event any more; wait for it with [`buried`].
pub(crate) fn tell(running: &Running, supervisor: ActorCell) {
    running.cell.unlink(supervisor);
    running.cell.stop(None);
}

/// Waits until nothing is left of an actor that was told to stop or has ended; kills it past `deadline`.
pub(crate) async fn buried(mut running: Running, kind: &'static str, deadline: Duration) {
    if tokio::time::timeout(deadline, &mut running.task).await.is_ok() {
        return;
    }
    tracing::warn!(kind, deadline_ms = deadline.as_millis(), "did not stop in time and is killed");
    running.cell.kill();
    if tokio::time::timeout(KILL_WITHIN, &mut running.task).await.is_err() {
        tracing::error!(kind, "did not die when killed: a handler blocks its thread");
        running.task.abort();
    }
}
