//! A relay that does what its script says: it greets, answers heartbeats, and keeps events unless told otherwise.

use ostler_core::command::Report;
use ostler_core::event::Event;
use ostler_core::ids::{DeviceId, Incarnation, LeaseId, RelayId, SessionId};
use ostler_identity::{Keyring, Purpose, RelayKey};
use ostler_mesh::{Connection, FrameReceiver, FrameSender, Listener, Secrets};
use ostler_proto::{Beat, Beaten, EventBatch, FRAME_BYTES_MAX, Farewell, FromRelay, Kept, Open, ToRelay, Welcome};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// Anything that takes longer on a loaded machine has failed.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const TTL_MS: u64 = 3_000;
const GRACE_MS: u64 = 120_000;
pub(crate) const LIFE: Incarnation = Incarnation(7);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// What the relay has of all leases' events, over all connections.
#[derive(Default)]
struct Log {
    events: Mutex<BTreeMap<LeaseId, Vec<Vec<u8>>>>,
    grew: Notify,
    deaf: AtomicBool,
    stingy: AtomicBool,
}

pub(crate) struct Relay {
    listener: Listener,
    key: RelayKey,
    record: Vec<u8>,
    log: Arc<Log>,
}

impl Relay {
    pub(crate) fn start(record: Vec<u8>) -> Self {
        let key = RelayKey::generate();
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), &key, &Secrets::generate()).expect("a port");
        Self { listener, key, record, log: Arc::default() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    pub(crate) fn id(&self) -> RelayId {
        self.key.id()
    }

    /// Acknowledges no events while true.
    pub(crate) fn keep_nothing(&self, deaf: bool) {
        self.log.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Renews nothing while true: heartbeats are read and not answered.
    pub(crate) fn renew_nothing(&self, stingy: bool) {
        self.log.stingy.store(stingy, Ordering::SeqCst);
    }

    /// Greets the next peer and waits until it has left.
    pub(crate) async fn greet_next(&self) {
        let (connection, _control) = soon("a greeting", self.greet()).await;
        soon("a farewell", connection.closed()).await;
    }

    async fn greet(&self) -> (Connection, (FrameSender, FrameReceiver)) {
        let connection = self.listener.accept().await.expect("open").finish().await.expect("shakes hands");
        let (mut out, mut into) = connection.accept_bi().await.expect("a stream");
        let Some(Open::Control(_)) = into.recv(FRAME_BYTES_MAX).await.expect("a frame") else { panic!("no hello") };
        let (version, epochs) = (1, vec![self.record.clone()]);
        let session = SessionId([9; 16]);
        let welcome =
            Welcome { version, release: String::new(), incarnation: LIFE, session, epochs, tombstones: vec![] };
        out.send::<Farewell>(&Ok(welcome)).await.expect("sends");
        connection.trusted();
        (connection, (out, into))
    }

    /// Greets the next runner, and has it go on with whatever it holds.
    pub(crate) async fn attach_next(&self) -> Session {
        self.attach_stopping(&[]).await
    }

    /// The same, but these leases are over.
    pub(crate) async fn attach_stopping(&self, over: &[LeaseId]) -> Session {
        let (connection, (mut out, mut into)) = soon("a runner", self.greet()).await;
        let first = soon("an attach", into.recv::<ToRelay>(FRAME_BYTES_MAX)).await.expect("a frame");
        let Some(ToRelay::Attach { held, asking, advert, .. }) = first else { panic!("{first:?}") };
        let stop = held.iter().filter(|lease| over.contains(lease));
        let stop = stop.map(|lease| (*lease, ostler_core::decision::Why::Fenced)).collect();
        let keep = held.iter().filter(|lease| !over.contains(lease)).copied().collect();
        out.send(&FromRelay::Attached { keep, stop, lease_ttl_ms: TTL_MS, grace_ms: GRACE_MS }).await.expect("sends");
        assert!(advert.slots > 0 && advert.offers.contains_key("os"));
        let (say, said) = mpsc::unbounded_channel();
        let (hear, frames) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(write(out, said));
        tasks.spawn(read(into, hear));
        tasks.spawn(serve(connection.clone(), Arc::clone(&self.log), say.clone()));
        Session { connection, say, frames, held, asking, aside: Vec::new(), _tasks: tasks }
    }

    /// All events of a lease so far, numbered from 1, opened.
    pub(crate) fn events(&self, ring: &Keyring, lease: LeaseId) -> Vec<Event> {
        let log = self.log.events.lock().expect("whole");
        let open = |(index, sealed): (usize, &Vec<u8>)| {
            let n = u64::try_from(index).expect("few") + 1;
            let plain = ring.open(&Purpose::Event { run: lease.run, epoch: lease.epoch, n }, sealed).expect("opens");
            postcard::from_bytes(&plain).expect("an event")
        };
        log.get(&lease).into_iter().flatten().enumerate().map(open).collect()
    }

    /// Waits until the lease's events are as wanted.
    pub(crate) async fn until(&self, ring: &Keyring, lease: LeaseId, wanted: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let waited = async {
            loop {
                let grew = self.log.grew.notified();
                let events = self.events(ring, lease);
                if wanted(&events) {
                    return events;
                }
                grew.await;
            }
        };
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(events) => events,
            Err(_) => panic!("in vain: {:?}", self.events(ring, lease)),
        }
    }
}

/// One runner's connection.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    say: mpsc::UnboundedSender<FromRelay>,
    frames: mpsc::UnboundedReceiver<ToRelay>,
    pub(crate) held: Vec<LeaseId>,
    pub(crate) asking: Vec<ostler_core::ids::ApprovalId>,
    /// Frames that came while others were waited for.
    aside: Vec<ToRelay>,
    _tasks: JoinSet<()>,
}

impl Session {
    pub(crate) fn say(&self, frame: FromRelay) {
        self.say.send(frame).expect("connected");
    }

    pub(crate) fn offer(&self, submitter: DeviceId, (lease, body): (LeaseId, Vec<u8>)) -> LeaseId {
        self.say(FromRelay::Offer { lease, submitter, body });
        lease
    }

    /// The first frame, past or to come, from which `pick` takes something.
    pub(crate) async fn hear<T>(&mut self, what: &str, pick: impl Fn(&ToRelay) -> Option<T>) -> T {
        if let Some(at) = self.aside.iter().position(|frame| pick(frame).is_some()) {
            return pick(&self.aside.remove(at)).expect("it was there");
        }
        loop {
            let frame = soon(what, self.frames.recv()).await.unwrap_or_else(|| panic!("gone before {what}"));
            match pick(&frame) {
                Some(picked) => return picked,
                None => self.aside.push(frame),
            }
        }
    }

    pub(crate) async fn accepted(&mut self, lease: LeaseId) {
        let accept = |frame: &ToRelay| matches!(frame, ToRelay::Accept(of) if *of == lease).then_some(());
        self.hear("an accept", accept).await;
    }

    /// The first report that is wanted.
    pub(crate) async fn report(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        let pick = |frame: &ToRelay| {
            let ToRelay::Report(report) = frame else { return None };
            wanted(report).then(|| report.clone())
        };
        self.hear("a report", pick).await
    }

    /// Waits for the lease's report and says that it was taken.
    pub(crate) async fn reported(&mut self, lease: LeaseId) -> Report {
        let report = self.report(|report| report.lease == lease).await;
        self.say(FromRelay::Reported { lease, digest: report.digest, fenced: None });
        report
    }
}

async fn write(mut out: FrameSender, mut said: mpsc::UnboundedReceiver<FromRelay>) {
    while let Some(frame) = said.recv().await {
        if out.send(&frame).await.is_err() {
            return;
        }
    }
}

async fn read(mut into: FrameReceiver, hear: mpsc::UnboundedSender<ToRelay>) {
    while let Ok(Some(frame)) = into.recv::<ToRelay>(FRAME_BYTES_MAX).await {
        if hear.send(frame).is_err() {
            return;
        }
    }
}

async fn serve(connection: Connection, log: Arc<Log>, say: mpsc::UnboundedSender<FromRelay>) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((out, into)) => drop(tasks.spawn(beats(out, into, Arc::clone(&log)))),
                Err(_) => return,
            },
            stream = connection.accept_uni() => match stream {
                Ok(into) => drop(tasks.spawn(keep(into, Arc::clone(&log), say.clone()))),
                Err(_) => return,
            },
        }
    }
}

async fn beats(mut out: FrameSender, mut into: FrameReceiver, log: Arc<Log>) {
    let Ok(Some(Open::Beats)) = into.recv(FRAME_BYTES_MAX).await else { panic!("not beats") };
    while let Ok(Some(Beat { seq, leases })) = into.recv(FRAME_BYTES_MAX).await {
        if log.stingy.load(Ordering::SeqCst) {
            continue;
        }
        let beaten = Beaten { seq, renewed: leases, lost: Vec::new(), lease_ttl_ms: TTL_MS };
        if out.send(&beaten).await.is_err() {
            return;
        }
    }
}

async fn keep(mut into: FrameReceiver, log: Arc<Log>, say: mpsc::UnboundedSender<FromRelay>) {
    let Ok(Some(Open::Events)) = into.recv(FRAME_BYTES_MAX).await else { panic!("not events") };
    while let Ok(Some(EventBatch { lease, first, events })) = into.recv::<EventBatch>(FRAME_BYTES_MAX).await {
        if log.deaf.load(Ordering::SeqCst) {
            continue;
        }
        let upto = {
            let mut all = log.events.lock().expect("whole");
            let kept = all.entry(lease).or_default();
            let have = u64::try_from(kept.len()).expect("few");
            if first <= have + 1 {
                let known = usize::try_from(have + 1 - first).expect("few");
                kept.extend(events.into_iter().skip(known));
            }
            u64::try_from(kept.len()).expect("few")
        };
        log.grew.notify_waiters();
        drop(say.send(FromRelay::Kept(Kept { lease, upto })));
    }
}
