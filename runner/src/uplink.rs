//! The uplink: one connection to the relay, for ever made again. Offline is normal.
//!
//! ```text
//! dial ─▶ greet ─▶ attach ─▶ Attached ─▶ talk: control, beats, events, each a task of its own ─▶ over
//!   ▲                                                                                             │
//!   └──────────────────────────── wait, with backoff and jitter ◀─────────────────────────────────┘
//! ```
//!
//! Owns the connection. Must not know what an attempt is: frames go to the slots, marks to the pending events, deadlines to
//! the holding. What was said while nobody listened is not kept here: whoever owes it says it again after the attach.

mod beats;
pub(crate) mod events;
pub(crate) mod greet;
mod session;

use crate::runner::stable::Shared;
use ostler_mesh::{Close, DialError, Dialer, Redial};
use ostler_proto::{Refused, ToRelay};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use session::Ended;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Frames that wait for the connection: what a thousand attempts say in one turn.
const FRAMES_MAX: usize = 4_096;
/// A relay that turned this device away may be told otherwise by an operator: asked again, seldom.
const TURNED_AWAY: Duration = Duration::from_secs(60);

/// What the uplink is asked.
pub(crate) enum Msg {
    /// Say this to the relay, if it is there.
    Frame(ToRelay),
}

pub(crate) struct UplinkActor {
    pub(crate) stable: Shared,
}

pub(crate) struct State {
    out: mpsc::Sender<ToRelay>,
    _task: JoinSet<()>,
}

impl Actor for UplinkActor {
    type Msg = Msg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Msg>, (): ()) -> Result<State, ActorProcessingErr> {
        let (out, frames) = mpsc::channel(FRAMES_MAX);
        let dialer = Dialer::new(self.stable.member.key())?;
        let stable = Arc::clone(&self.stable);
        let mut task = JoinSet::new();
        task.spawn(async move {
            keep_connected(stable, dialer, frames).await;
            me.kill();
        });
        Ok(State { out, _task: task })
    }

    async fn handle(&self, _: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        let Msg::Frame(frame) = message;
        if self.stable.relay.borrow().is_some() && state.out.try_send(frame).is_err() {
            // What is owed is said again after the next attach; a connection this slow is better made anew.
            return Err("the relay does not read".into());
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Msg>, _: &mut State) -> Result<(), ActorProcessingErr> {
        self.stable.relay.send_replace(None);
        Ok(())
    }
}

async fn keep_connected(stable: Shared, dialer: Dialer, mut frames: mpsc::Receiver<ToRelay>) {
    let relays = stable.member.relays();
    let relay = relays.first().expect("a profile names a relay").relay();
    let addresses: Vec<String> = relays.iter().map(|relay| relay.authority().to_owned()).collect();
    let mut redial = Redial::default();
    loop {
        let ended = once(&stable, &dialer, (&addresses, relay), &mut frames, &mut redial).await;
        stable.relay.send_replace(None);
        let wait_ms = match &ended {
            Ended::Dial(DialError::WrongRelay { .. }) | Ended::Refused(Refused::Device | Refused::Role) => {
                let all = u64::try_from(TURNED_AWAY.as_millis()).expect("a minute fits");
                all / 2 + dice() % (all / 2)
            }
            Ended::Refused(Refused::Busy { retry_after_ms }) | Ended::GoingAway(retry_after_ms) => {
                let most = (*retry_after_ms).min(60_000);
                most + dice() % (most / 2 + 100)
            }
            Ended::Refused(Refused::Version(..)) | Ended::Dial(_) | Ended::Broken(_) => redial.next_delay_ms(dice()),
        };
        tracing::warn!(why = %ended, wait_ms, "not connected to the relay");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// One connection, from the dial to its end.
async fn once(
    stable: &Shared,
    dialer: &Dialer,
    (addresses, relay): (&[String], ostler_core::ids::RelayId),
    frames: &mut mpsc::Receiver<ToRelay>,
    redial: &mut Redial,
) -> Ended {
    let connection = match dialer.dial(addresses, relay).await {
        Ok(connection) => connection,
        Err(error) => return Ended::Dial(error),
    };
    let ended = session::talk(stable, &connection, frames, redial).await;
    connection.close(Close::Done);
    ended
}

fn dice() -> u64 {
    getrandom::u64().expect("the system has randomness")
}
