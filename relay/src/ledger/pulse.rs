//! The pulse: housekeeping by the clock.
//!
//! It is the last child of the root, so that it is started again whenever anything above it fell: its first word is always that
//! everything owed be prompted again. It notices when the whole relay stood still, and sees that nobody pays for it.

use crate::event_log;
use crate::gate::CONNECTIONS_MAX;
use crate::hub::Shared;
use crate::ledger;
use crate::session::views;
use metrics::gauge;
use ostler_core::command::Command;
use ostler_core::ledger::Tally;
use ostler_core::limits::GAP_MS;
use ostler_core::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Often enough to tell a suspension from a slow turn.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between looks at the gauges.
const GAUGES_EVERY: u64 = 5;
/// Ticks between sweeps of what is long over.
const SWEEP_EVERY: u64 = 60;

/// Time passed.
pub(crate) struct Tick;

pub(crate) struct PulseActor {
    pub(crate) hub: Shared,
}

pub(crate) struct State {
    last: Timestamp,
    ticks: u64,
    /// What the counters were told last; the ledger counts anew whenever this actor does.
    told: Arc<Mutex<Tally>>,
}

impl Actor for PulseActor {
    type Msg = Tick;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Tick>, (): ()) -> Result<State, ActorProcessingErr> {
        self.note(ledger::Msg::Resume);
        // The interval ends with the actor.
        drop(me.send_interval(TICK, || Tick));
        Ok(State { last: self.hub.now(), ticks: 0, told: Arc::default() })
    }

    async fn handle(&self, _: ActorRef<Tick>, _: Tick, state: &mut State) -> Result<(), ActorProcessingErr> {
        let now = self.hub.now();
        let gap_ms = now.since(state.last);
        state.last = now;
        state.ticks += 1;
        if gap_ms > GAP_MS {
            tracing::warn!(gap_ms, "the relay stood still: every lease is given that time");
            self.note(ledger::Msg::Note(Command::Gap(gap_ms)));
        }
        if state.ticks.is_multiple_of(GAUGES_EVERY) {
            self.gauges(&state.told);
        }
        if state.ticks.is_multiple_of(SWEEP_EVERY) {
            self.note(ledger::Msg::Note(Command::Sweep));
            // A log that is down sweeps next time.
            drop(self.hub.log.send(event_log::Msg::Sweep));
        }
        Ok(())
    }
}

impl PulseActor {
    fn note(&self, message: ledger::Msg) {
        // Without a ledger the root is restarting everything, this actor included.
        drop(self.hub.ledger.send(message));
    }

    fn gauges(&self, told: &Arc<Mutex<Tally>>) {
        let now = self.hub.now();
        let open = CONNECTIONS_MAX.saturating_sub(self.hub.places.available_permits());
        gauge!("ostler_connections").set(open as f64);
        gauge!("ostler_ledger_waiting").set(f64::from(self.hub.credit.in_use()));
        let told = Arc::clone(told);
        self.note(ledger::Msg::Look(Box::new(move |ledger| {
            let counted = views::Counted::of(ledger, now);
            Box::new(move || {
                let mut before = told.lock().unwrap_or_else(PoisonError::into_inner);
                counted.publish(std::mem::replace(&mut *before, counted.tally));
            })
        })));
    }
}
