//! The gate: accepts QUIC connections and gives each one a session.
//!
//! Must not wait for a peer: a handshake that hangs hangs alone, and only so many at once.

use crate::hub::Shared;
use crate::session;
use metrics::counter;
use ostler_mesh::{Close, Listener};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Handshakes under way: above what the mesh lets begin while it is loaded, so that its own gate, which asks strangers to prove
/// their address first, is the one that acts.
const HANDSHAKES_MAX: usize = 1_024;
/// Connections that were let in: runners, people and followers of one fleet.
pub(crate) const CONNECTIONS_MAX: usize = 16 * 1024;

pub(crate) struct GateActor {
    pub(crate) hub: Shared,
    pub(crate) listener: Arc<Listener>,
}

impl Actor for GateActor {
    type Msg = ();
    type State = JoinSet<()>;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<JoinSet<()>, ActorProcessingErr> {
        let (hub, listener) = (Arc::clone(&self.hub), Arc::clone(&self.listener));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            admit(hub, listener).await;
            // The listener is gone: the gate falls, and with it the relay.
            me.kill();
        });
        Ok(tasks)
    }
}

async fn admit(hub: Shared, listener: Arc<Listener>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut greetings = JoinSet::new();
    while let Some(arriving) = listener.accept().await {
        while greetings.try_join_next().is_some() {}
        let Ok(handshake) = Arc::clone(&handshakes).try_acquire_owned() else {
            counter!("ostler_connections_refused_total", "why" => "handshakes").increment(1);
            continue;
        };
        let hub = Arc::clone(&hub);
        greetings.spawn(async move {
            let connection = match arriving.finish().await {
                Ok(connection) => connection,
                Err(error) => {
                    counter!("ostler_connections_refused_total", "why" => "handshake").increment(1);
                    tracing::debug!(%error, "a handshake failed");
                    return;
                }
            };
            drop(handshake);
            match Arc::clone(&hub.places).try_acquire_owned() {
                Ok(place) => session::open(&hub, connection, place),
                Err(_) => connection.close(Close::Busy),
            }
        });
    }
}
