//! How one actor is brought to its end. Must not know why.
//!
//! ractor tells a supervisor of an end *before* the actor's state is dropped when the actor failed. Only the end of its
//! task means that its sockets, files and locks are free again, so that is what is waited for.

use std::time::Duration;

use crate::child::Running;

/// Longest a killed actor may take to drop its state: a `Drop` closes handles and kills process groups, no more.
const KILL_WITHIN: Duration = Duration::from_secs(2);

/// Stops an actor in good order; kills it when it has not ended within `deadline`.
pub(crate) async fn stop(running: Running, kind: &'static str, deadline: Duration) {
    running.cell.stop(None);
    buried(running, kind, deadline).await;
}

/// Waits until nothing is left of an actor that was told to stop or has ended; kills it past `deadline`.
pub(crate) async fn buried(running: Running, kind: &'static str, deadline: Duration) {
    let Running { cell, mut task } = running;
    if tokio::time::timeout(deadline, &mut task).await.is_ok() {
        return;
    }
    tracing::warn!(kind, deadline_ms = deadline.as_millis(), "did not stop in time and is killed");
    cell.kill();
    if tokio::time::timeout(KILL_WITHIN, &mut task).await.is_err() {
        tracing::error!(kind, "did not die when killed: a handler blocks its thread");
        task.abort();
    }
}
