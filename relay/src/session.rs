//! A session: the actor that stands for one connection.
//!
//! ```text
//! arrived ─▶ greeted (hello within 5 s, device known or enrolled) ─▶ runner's talk | client's talk ─▶ left
//! ```
//!
//! Owns the connection and the tasks that talk on it; they end with it. Must not decide. When it ends, however it ends, the
//! connection closes and the ledger is told.

mod client;
mod follow;
mod greet;
mod member;
mod query;
mod runner;
pub(crate) mod views;
pub(crate) mod watch;
pub(crate) mod worker;

pub(crate) use greet::TalkError;

use crate::hub::Shared;
use crate::ledger;
use ostler_core::ids::{DeviceId, SessionId};
use ostler_mesh::{Close, Connection};
use ostler_supervise::{Child, Door, Restart};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::{Arc, Mutex};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

/// What a session is told.
pub(crate) enum Msg {
    /// Close the connection, with this word.
    Close(Close),
}

pub(crate) struct SessionActor;

/// What a session starts with.
pub(crate) struct Arrived {
    hub: Shared,
    connection: Connection,
    door: Door<Msg>,
    place: OwnedSemaphorePermit,
}

pub(crate) struct State {
    hub: Shared,
    connection: Connection,
    device: DeviceId,
    id: SessionId,
    /// The word it closes with: unless it is told another one, it is this relay that goes, and the peer comes back.
    close: Close,
    _talk: JoinSet<()>,
    _place: OwnedSemaphorePermit,
}

impl Drop for State {
    fn drop(&mut self) {
        self.connection.close(self.close);
        // A ledger that is down forgets presence anyway.
        drop(self.hub.ledger.send(ledger::Msg::Left(self.device, self.id)));
    }
}

/// Gives a connection its session.
pub(crate) fn open(hub: &Shared, connection: Connection, place: OwnedSemaphorePermit) {
    let door = Door::new();
    let arrived = Arrived { hub: Arc::clone(hub), connection, door: door.clone(), place };
    let once = Mutex::new(Some(arrived));
    let make = move || {
        let taken = once.lock().map(|mut arrived| arrived.take()).unwrap_or_default();
        (SessionActor, taken)
    };
    let child = Child::new("session", &door, make).restart(Restart::Temporary);
    if hub.sessions.cast(child).is_err() {
        tracing::debug!("a connection came while sessions were restarting: it will come again");
    }
}

impl Actor for SessionActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Option<Arrived>;

    async fn pre_start(&self, me: ActorRef<Msg>, arrived: Option<Arrived>) -> Result<State, ActorProcessingErr> {
        let Arrived { hub, connection, door, place } = arrived.ok_or("a session is never born twice")?;
        let (device, id) = (connection.peer(), greet::session_id(&hub));
        // First of all, so that a revocation finds the connection however early it comes.
        drop(hub.ledger.send(ledger::Msg::Opened(device, id, door)));
        let mut talk = JoinSet::new();
        let (on, with) = (Arc::clone(&hub), connection.clone());
        talk.spawn(async move {
            let talked = greet::talk(on, with, id).await;
            if let Err(error) = &talked {
                tracing::debug!(device = %device.short(), %error, "a session ended");
            }
            drop(me.cast(Msg::Close(talked.map_or_else(|error| error.close(), |()| Close::Done))));
        });
        Ok(State { hub, connection, device, id, close: Close::Restarting, _talk: talk, _place: place })
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        let Msg::Close(why) = message;
        state.close = why;
        state.connection.close(why);
        me.stop(None);
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.connection.close(state.close);
        Ok(())
    }
}
