//! A relay that says what a test tells it: it has the relay's key, and everything the relay ever saw.
//!
//! ```text
//! Impostor ─welcome─▶ Guest: attached on its own word, heartbeats and events answered; everything else is the test's
//! ```
//!
//! Owns sockets and scripts. Must not know the fleet's secrets: it is given bytes.

use crate::wait::WAIT;
use ostler_core::ids::{Incarnation, LeaseId, SessionId};
use ostler_identity::{RelayAddress, RelayKey};
use ostler_mesh::{Connection, FrameReceiver, FrameSender, Listener, Secrets};
use ostler_proto::{
    Beat, Beaten, EventBatch, FRAME_BYTES_MAX, Farewell, FromRelay, Hello, Kept, Open, Request, Response, ToRelay,
    Welcome,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Leases of the impostor last long: no test here is about lapses.
const TTL_MS: u64 = 60_000;

/// The relay.
#[derive(Debug)]
pub struct Impostor {
    listener: Listener,
    address: RelayAddress,
    /// The life of its database, as it says.
    pub incarnation: Incarnation,
    /// Key records it shows.
    pub epochs: Vec<Vec<u8>>,
    /// Tombstones it shows.
    pub tombstones: Vec<Vec<u8>>,
}

/// Sealed events by lease and number.
pub type Sealed = BTreeMap<(LeaseId, u64), Vec<u8>>;

/// A peer that was let in.
pub struct Guest {
    /// The connection, to be cut.
    pub connection: Connection,
    out: mpsc::UnboundedSender<FromRelay>,
    frames: mpsc::UnboundedReceiver<ToRelay>,
    events: Arc<Mutex<Sealed>>,
    _tasks: JoinSet<()>,
}

impl Impostor {
    /// Listens with this key.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn listen(key: &RelayKey) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::bind(any, key, &Secrets::generate()).expect("a free port");
        let address = RelayAddress::new(&listener.local_addr().to_string(), key.id()).expect("an address");
        Self { listener, address, incarnation: Incarnation(7), epochs: vec![], tombstones: vec![] }
    }

    /// Where it is, with its pin.
    #[must_use]
    pub const fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// Lets the next one in, whoever it is.
    ///
    /// # Panics
    /// When nobody comes, or says no hello.
    pub async fn greet(&self) -> (Connection, FrameSender, FrameReceiver, Hello) {
        let arriving = tokio::time::timeout(WAIT, self.listener.accept()).await.expect("somebody comes");
        let connection = arriving.expect("it listens").finish().await.expect("a handshake");
        connection.trusted();
        let (mut out, mut into) = connection.accept_bi().await.expect("a stream");
        let Some(Open::Control(hello)) = into.recv(FRAME_BYTES_MAX).await.expect("a frame") else { panic!("no hello") };
        let welcome = Welcome {
            version: 1,
            release: "impostor".to_owned(),
            incarnation: self.incarnation,
            session: SessionId([1; 16]),
            epochs: self.epochs.clone(),
            tombstones: self.tombstones.clone(),
        };
        out.send::<Farewell>(&Ok(welcome)).await.expect("sent");
        (connection, out, into, hello)
    }

    /// Lets a runner in, keeps all it holds, and renews whatever it beats for.
    ///
    /// # Panics
    /// When none comes.
    pub async fn welcome(&self) -> Guest {
        let (connection, out, into, _) = self.greet().await;
        Guest::new(connection, out, into)
    }

    /// Answers a person's requests by `script` until the person goes.
    ///
    /// # Panics
    /// When the person says something that is no request.
    pub async fn answer(&self, script: impl Fn(Request) -> Response) {
        let (connection, _out, _into, _) = self.greet().await;
        while let Ok((mut out, mut into)) = connection.accept_bi().await {
            let Some(Open::Request) = into.recv(FRAME_BYTES_MAX).await.expect("a frame") else { panic!("no request") };
            let asked = into.recv(FRAME_BYTES_MAX).await.expect("a frame").expect("a request");
            out.send(&script(asked)).await.expect("sent");
            out.finish();
        }
    }
}

impl Guest {
    fn new(connection: Connection, mut out: FrameSender, mut into: FrameReceiver) -> Self {
        let mut tasks = JoinSet::new();
        let (say, mut said) = mpsc::unbounded_channel::<FromRelay>();
        let (hear, frames) = mpsc::unbounded_channel();
        let events = Arc::new(Mutex::new(Sealed::new()));
        tasks.spawn(async move {
            while let Some(frame) = said.recv().await {
                if out.send(&frame).await.is_err() {
                    return;
                }
            }
        });
        let reply = say.clone();
        tasks.spawn(async move {
            while let Ok(Some(frame)) = into.recv::<ToRelay>(FRAME_BYTES_MAX).await {
                if let ToRelay::Attach { held, .. } = &frame {
                    let attached = FromRelay::Attached {
                        keep: held.clone(),
                        stop: vec![],
                        lease_ttl_ms: TTL_MS,
                        grace_ms: TTL_MS,
                    };
                    reply.send(attached).unwrap_or_default();
                }
                hear.send(frame).unwrap_or_default();
            }
        });
        tasks.spawn(beats(connection.clone()));
        tasks.spawn(keep(connection.clone(), Arc::clone(&events), say.clone()));
        Self { connection, out: say, frames, events, _tasks: tasks }
    }

    /// Says something.
    pub fn say(&self, frame: FromRelay) {
        // A guest that left hears nothing: the test waits for what it does next.
        self.out.send(frame).unwrap_or_default();
    }

    /// The next frame of which `wanted` makes something, within the deadline.
    ///
    /// # Panics
    /// When none comes.
    pub async fn hear<T>(&mut self, what: &str, wanted: impl Fn(ToRelay) -> Option<T>) -> T {
        let heard = tokio::time::timeout(WAIT, async {
            loop {
                let frame = self.frames.recv().await.unwrap_or_else(|| panic!("it left before: {what}"));
                if let Some(found) = wanted(frame) {
                    return found;
                }
            }
        });
        heard.await.unwrap_or_else(|_| panic!("never said: {what}"))
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Sealed {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn beats(connection: Connection) {
    let Ok((mut out, mut into)) = connection.accept_bi().await else { return };
    let Ok(Some(Open::Beats)) = into.recv(FRAME_BYTES_MAX).await else { return };
    while let Ok(Some(Beat { seq, leases })) = into.recv(FRAME_BYTES_MAX).await {
        let beaten = Beaten { seq, renewed: leases, lost: vec![], lease_ttl_ms: TTL_MS };
        if out.send(&beaten).await.is_err() {
            return;
        }
    }
}

async fn keep(connection: Connection, events: Arc<Mutex<Sealed>>, say: mpsc::UnboundedSender<FromRelay>) {
    let Ok(mut into) = connection.accept_uni().await else { return };
    let Ok(Some(Open::Events)) = into.recv(FRAME_BYTES_MAX).await else { return };
    while let Ok(Some(EventBatch { lease, first, events: batch })) = into.recv(FRAME_BYTES_MAX).await {
        let mut upto = first.saturating_sub(1);
        for (n, sealed) in (first..).zip(batch) {
            upto = n;
            events.lock().unwrap_or_else(PoisonError::into_inner).insert((lease, n), sealed);
        }
        say.send(FromRelay::Kept(Kept { lease, upto })).unwrap_or_default();
    }
}
