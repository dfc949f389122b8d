//! An alarm: the actor that stands for a run, a lease or an approval while something is owed a prompt.
//!
//! It only prompts: state decides what an elapsed time means, so early, late and double prompts are harmless. One that falls
//! is born again and asks what is owed; one that falls again and again makes its run a dead letter.

use crate::hub::{Hub, Shared};
use crate::ledger;
use ostler_core::command::{Command, Whom};
use ostler_core::ids::RunId;
use ostler_core::time::Timestamp;
use ostler_supervise::{Budget, Child, Door, Restart};
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Falls within the window after which a run is given up (DESIGN: supervision).
const FALLS: usize = 3;
const WINDOW_MS: u64 = 60_000;
/// How long an alarm waits before it prompts again when nobody took the prompt.
const AGAIN: Duration = Duration::from_millis(200);

/// What an alarm is told.
pub(crate) enum Msg {
    /// Prompt at this time, instead of any earlier one.
    Ring(Timestamp),
    /// The time has come.
    Rang,
}

type Timer = JoinHandle<Result<(), MessagingErr<Msg>>>;

pub(crate) struct Alarm {
    hub: Shared,
    whom: Whom,
}

pub(crate) struct State {
    timer: Option<Timer>,
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }
}

/// The alarm of `whom`, which belongs to `run`, to prompt at `at` first.
pub(crate) fn child(hub: Shared, whom: Whom, run: RunId, at: Timestamp, door: &Door<Msg>) -> Child {
    let kind = match whom {
        Whom::Run(_) => "run",
        Whom::Lease(_) => "lease",
        Whom::Approval(_) => "approval",
    };
    let fallen = Arc::clone(&hub);
    let born = AtomicBool::new(false);
    let make = move || {
        if born.swap(true, Ordering::Relaxed) {
            owe(&hub, run);
        }
        (Alarm { hub: Arc::clone(&hub), whom }, at)
    };
    Child::new(kind, door, make).restart(Restart::Transient).give_up_after(Budget::new(FALLS, WINDOW_MS)).on_end(
        move |end| {
            if end.gave_up {
                drop(fallen.ledger.send(ledger::Msg::Note(Command::Poisoned(run))));
            }
        },
    )
}

fn owe(hub: &Hub, run: RunId) {
    // A ledger that is down owes everything again when it is back.
    drop(hub.ledger.send(ledger::Msg::Owed(run)));
}

impl Actor for Alarm {
    type Msg = Msg;
    type State = State;
    type Arguments = Timestamp;

    async fn pre_start(&self, me: ActorRef<Msg>, at: Timestamp) -> Result<State, ActorProcessingErr> {
        let mut state = State { timer: None };
        self.set(&me, at, &mut state);
        Ok(state)
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Ring(at) => self.set(&me, at, state),
            Msg::Rang => {
                if self.hub.ledger.send(ledger::Msg::Note(Command::Elapsed(self.whom))).is_err() {
                    let again = me.send_after(AGAIN, || Msg::Rang);
                    state.timer = Some(again);
                }
            }
        }
        Ok(())
    }
}

impl Alarm {
    fn set(&self, me: &ActorRef<Msg>, at: Timestamp, state: &mut State) {
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        let wait = Duration::from_millis(at.since(self.hub.now()));
        state.timer = Some(me.send_after(wait, || Msg::Rang));
    }
}
