//! The relay's supervision tree, first to last: whoever falls takes down those that stand on it.

use crate::event_log::{self, EventLogActor};
use crate::gate::GateActor;
use crate::gateway::{Bind, GatewayActor};
use crate::hub::Shared;
use crate::ledger::pulse::PulseActor;
use crate::ledger::{self, LedgerActor};
use crate::session::watch::WatchActor;
use metrics::counter;
use ostler_boot::Http;
use ostler_mesh::Listener;
use ostler_supervise::{Child, Door, Notice, Plan, Strategy};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sessions say goodbye and answers under way leave.
const STOP_BRANCH: Duration = Duration::from_secs(5);

/// What the tree is made of besides the hub.
pub(crate) struct Seeds {
    pub(crate) load: ledger::Load,
    pub(crate) listener: Arc<Listener>,
    pub(crate) http: Option<(Http, Bind)>,
    pub(crate) dice_seed: u64,
    pub(crate) retention: event_log::Keep,
}

/// The whole tree.
pub(crate) fn plan(hub: &Shared, seeds: Seeds) -> Plan {
    let Seeds { load, listener, http, dice_seed, retention } = seeds;
    let h = |hub: &Shared| Arc::clone(hub);
    let (for_ledger, for_log, for_gate, for_pulse) = (h(hub), h(hub), h(hub), h(hub));
    let ledger = Child::new("ledger", &hub.ledger, move || {
        let start = ledger::Start { hub: Arc::clone(&for_ledger), load: Arc::clone(&load), seed: dice_seed };
        (LedgerActor, start)
    });
    let broken = Arc::new(AtomicBool::new(false));
    let log = Child::new("event_log", &hub.log, move || {
        (EventLogActor, event_log::Start { hub: Arc::clone(&for_log), retention, broken: Arc::clone(&broken) })
    });
    let branch = |kind, branch| Child::branch(kind, branch, || Plan::new(Strategy::OneForOne)).stop_within(STOP_BRANCH);
    let mut plan = Plan::new(Strategy::RestForOne)
        .observer(Arc::new(observe))
        .child(ledger.stop_within(STOP_BRANCH))
        .child(log.stop_within(STOP_BRANCH))
        .child(branch("runs", &hub.runs))
        .child(branch("workers", &hub.workers))
        .child(Child::new("watch", &hub.watch, || (WatchActor, ())))
        .child(branch("sessions", &hub.sessions))
        .child(Child::new("gate", &Door::new(), move || {
            (GateActor { hub: Arc::clone(&for_gate), listener: Arc::clone(&listener) }, ())
        }));
    if let Some((first, bind)) = http {
        let first = Arc::new(Mutex::new(Some(first)));
        plan = plan.child(Child::new("gateway", &Door::new(), move || {
            let taken = first.lock().map(|mut first| first.take()).unwrap_or_default();
            (GatewayActor { bind: Arc::clone(&bind), first: Mutex::new(taken) }, ())
        }));
    }
    plan.child(Child::new("pulse", &Door::new(), move || (PulseActor { hub: Arc::clone(&for_pulse) }, ())))
}

fn observe(notice: &Notice) {
    match notice {
        Notice::Restarted { kind } => counter!("ostler_actor_restarts_total", "kind" => *kind).increment(1),
        Notice::GaveUp { kind, cause } => tracing::error!(kind, %cause, "an actor was given up"),
        Notice::Escalated { kind, cause } => tracing::error!(kind, %cause, "an actor fell too often"),
        Notice::Started { .. } | Notice::Ended { .. } => {}
    }
}
