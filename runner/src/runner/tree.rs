//! The runner's supervision tree, first to last: whoever falls takes down those that stand on it.

use super::control::{self, ControlActor};
use super::pulse::PulseActor;
use super::stable::Shared;
use crate::journal::{self, JournalActor};
use crate::slots::SlotsActor;
use crate::uplink::UplinkActor;
use metrics::counter;
use ostler_store::Journal;
use ostler_supervise::{Branch, Budget, Child, Door, Notice, Plan, Strategy};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Attempts leave their agents to the shims; that takes a moment.
const STOP_BRANCH: Duration = Duration::from_secs(8);
/// The last batch is written before the journal's file is given back.
const STOP_JOURNAL: Duration = Duration::from_secs(10);
/// Attempts that crash are healed or given up one by one: the branch as a whole never is.
const ATTEMPT_CRASHES_MAX: usize = 10_000;

/// The whole tree.
pub(super) fn plan(stable: &Shared, journal: Journal) -> Plan {
    let of = || Arc::clone(stable);
    let (path, first) = (stable.home.join(journal::FILE), Mutex::new(Some(journal)));
    let (uplink, works, control, pulse) = (of(), of(), of(), of());
    let keeps = Child::new("journal", &stable.journal, move || {
        let first = Mutex::new(first.lock().map(|mut first| first.take()).unwrap_or_default());
        (JournalActor { path: path.clone(), first }, ())
    });
    Plan::new(Strategy::RestForOne)
        .observer(Arc::new(observe))
        .child(keeps.stop_within(STOP_JOURNAL))
        .child(Child::new("uplink", &stable.uplink, move || (UplinkActor { stable: Arc::clone(&uplink) }, ())))
        .child(Child::branch("work", &Branch::new(), move || work(&works)).stop_within(STOP_BRANCH))
        .child(Child::new("control", &Door::<control::Msg>::new(), move || {
            (ControlActor { stable: Arc::clone(&control) }, ())
        }))
        .child(Child::new("pulse", &Door::new(), move || (PulseActor { stable: Arc::clone(&pulse) }, ())))
}

/// Slots and attempts stand and fall together: slots that begin anew start every attempt, so that none may run already.
fn work(stable: &Shared) -> Plan {
    let slots = Arc::clone(stable);
    let branch = || Plan::new(Strategy::OneForOne).budget(Budget::new(ATTEMPT_CRASHES_MAX, 60_000));
    Plan::new(Strategy::OneForAll)
        .child(Child::branch("attempts", &stable.attempts, branch).stop_within(STOP_BRANCH))
        .child(Child::new("slots", &stable.slots, move || (SlotsActor { stable: Arc::clone(&slots) }, ())))
}

fn observe(notice: &Notice) {
    match notice {
        Notice::Restarted { kind } => {
            counter!("ostler_actor_restarts_total", "kind" => *kind).increment(1);
            tracing::warn!(kind, "an actor was started again");
        }
        Notice::GaveUp { kind, cause } => tracing::error!(kind, %cause, "an actor was given up"),
        Notice::Escalated { kind, cause } => tracing::error!(kind, %cause, "an actor fell too often"),
        Notice::Started { .. } | Notice::Ended { .. } => {}
    }
}
