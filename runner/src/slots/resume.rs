//! Taking up again what an earlier life left, and starting attempts: always from the journal.
//!
//! ```text
//! journal ─▶ rows without a report ─▶ Attempt (adopts its shim)        rows with a report ─▶ Owed
//! attempt crashed ─▶ started again from the journal ─ too often ─▶ its agent is ended, its report says so
//! ```

use super::owed::Owed;
use super::{Msg, State};
use crate::attempt::{self, AttemptActor, agent::Agent, question};
use crate::journal;
use crate::runner::pending::Marks;
use crate::runner::stable::Shared;
use metrics::counter;
use ostler_core::command::ReportedEnd;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::LeaseId;
use ostler_core::policy::Policy;
use ostler_store::{JournalChange, JournalRows};
use ostler_supervise::{Budget, CallError, Cause, Child, Door, End, Restart};
use ractor::ActorRef;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The journal is small: reading all of it takes milliseconds.
pub(crate) const LOAD_WITHIN: Duration = Duration::from_secs(10);
/// Crashes of one attempt's actor that are healed; one more is a defect that another try does not heal.
const CRASHES_MAX: usize = 3;
/// The window they are counted in, in milliseconds.
const CRASHES_WITHIN_MS: u64 = 60_000;
/// An attempt that ends hands its agent this long, and its shim and sockets a moment more.
const ATTEMPT_STOP: Duration = Duration::from_secs(5);

/// The state that the journal holds.
pub(super) async fn load(stable: &Shared) -> Result<State, CallError> {
    let rows: JournalRows = stable.journal.call(LOAD_WITHIN, journal::Msg::Load).await?;
    let reports = rows.reports.iter().filter_map(|(lease, bytes)| Some((*lease, Owed::decode(bytes)?)));
    let owed: BTreeMap<LeaseId, Owed> = reports.collect();
    let under_way = rows.leases.iter().map(|held| held.lease).filter(|lease| !owed.contains_key(lease));
    let attempts: BTreeMap<LeaseId, Door<attempt::Msg>> = under_way.map(|lease| (lease, Door::new())).collect();
    let waiting = rows.asks.iter().filter(|(_, _, bytes)| question::is_waiting(bytes));
    let asking = waiting.map(|(approval, lease, _)| (*approval, *lease)).collect();
    stable.pending.reload(marks(&rows));
    adopt(stable, attempts.keys().chain(owed.keys()).copied().collect());
    Ok(State { attempts, owed, asking, ..State::default() })
}

fn marks(rows: &JournalRows) -> BTreeMap<LeaseId, Marks> {
    let through = rows.cursors.iter().map(|(lease, cursor)| {
        let last = cursor.next_n.saturating_sub(1);
        (*lease, Marks { kept: last, last })
    });
    let open = rows.pending.iter().map(|(lease, first, last)| (*lease, Marks { kept: first - 1, last: *last }));
    through.chain(open).collect()
}

/// Deadlines of what is held: the shims know the true ones and keep them; nothing may be acted on before an attach.
fn adopt(stable: &Shared, leases: Vec<LeaseId>) {
    let now = stable.now();
    let mut holding = stable.holding();
    let gone: Vec<LeaseId> = holding.leases().filter(|lease| !leases.contains(lease)).collect();
    gone.into_iter().for_each(|lease| holding.remove(lease));
    leases.into_iter().for_each(|lease| holding.adopted(lease, now.plus(Policy::default().grace_ms)));
}

/// Starts the attempts that an earlier life left.
pub(super) fn resume(stable: &Shared, me: &ActorRef<Msg>, state: &State) {
    for (lease, door) in &state.attempts {
        tracing::info!(run = %lease.run, lease = %lease, "taking an attempt up again");
        cast(stable, me, *lease, door);
    }
}

/// Starts an attempt.
pub(super) fn start(stable: &Shared, me: &ActorRef<Msg>, lease: LeaseId) -> Door<attempt::Msg> {
    let door = Door::new();
    cast(stable, me, lease, &door);
    door
}

fn cast(stable: &Shared, me: &ActorRef<Msg>, lease: LeaseId, door: &Door<attempt::Msg>) {
    let (makes, tells) = (Arc::clone(stable), me.clone());
    let child = Child::new("attempt", door, move || (AttemptActor { stable: Arc::clone(&makes), lease }, ()))
        .restart(Restart::Transient)
        .stop_within(ATTEMPT_STOP)
        .give_up_after(Budget::new(CRASHES_MAX, CRASHES_WITHIN_MS))
        .on_end(move |end| drop(tells.send_message(Msg::Gone(lease, end))));
    // A branch that is down takes the slots with it; they come back and start every attempt.
    drop(stable.attempts.cast(child));
}

/// An attempt's actor ended for good. In order, it has handed its report over; else it crashed too often.
pub(super) fn gone(stable: &Shared, me: &ActorRef<Msg>, state: &mut State, (lease, end): (LeaseId, End)) {
    state.clearing.remove(&lease);
    if !state.attempts.contains_key(&lease) || matches!(end.cause, Cause::Stopped(_)) {
        return;
    }
    counter!("ostler_attempts_crashed_total").increment(1);
    tracing::error!(run = %lease.run, lease = %lease, cause = %end.cause, "an attempt was given up");
    let (stable, me) = (Arc::clone(stable), me.clone());
    state.tasks.spawn(async move {
        Agent::end(&stable.shim_dir(lease)).await;
        let failure = Failure::new(FailureClass::Infra, "attempt crashed");
        let words = "the runner could not go on with this attempt; its agent was ended";
        let owed = Owed::new(&stable.member.keyring(), lease, ReportedEnd::Failed(failure), words, true);
        let (row, told) = (owed.encode(), Box::new(owed));
        let done = move || drop(me.send_message(Msg::Finished(lease, told)));
        stable.write(vec![JournalChange::Report(lease, row)], done);
    });
}
