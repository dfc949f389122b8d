//! A runner that does what a test says, on the real wire: it answers nothing by itself.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one frame and passes over the others")]

use crate::wait::WAIT;
use ostler_core::approval::{LapsePolicy, Risk};
use ostler_core::command::{Asking, Report, ReportedEnd};
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId, RelayId};
use ostler_core::requirements::{Offers, Value};
use ostler_core::worker::Advert;
use ostler_identity::{Chain, DeviceKey, Keyring, Ticket, Trust};
use ostler_mesh::{Connection, Dialer, FrameReceiver, FrameSender};
use ostler_proto::{
    ANSWER_BYTES_MAX, Beat, Beaten, EventBatch, Farewell, FromRelay, Hello, Intent, Open, Refused, ToRelay, VERSIONS,
    Welcome,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// A run that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Under which lease.
    pub lease: LeaseId,
    /// The sealed task.
    pub body: Vec<u8>,
}

/// The runner.
pub struct Puppet {
    /// Its key.
    pub key: DeviceKey,
    /// Its grants.
    pub chain: Chain,
    /// The fleet's keys.
    pub keyring: Keyring,
    /// What the relay said at the last hello.
    pub welcome: Welcome,
    /// What it says it can do.
    pub advert: Advert,
    addresses: Vec<String>,
    relay: RelayId,
    incarnation: Incarnation,
    wire: Wire,
}

struct Wire {
    connection: Connection,
    out: FrameSender,
    into: FrameReceiver,
    beats: Option<(FrameSender, FrameReceiver)>,
    events: Option<FrameSender>,
    seq: u64,
}

fn unix_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test's runner reads the wall clock only to join")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 584556019")
}

/// Dials and says hello.
///
/// # Errors
/// The relay's own words when it sends the device away.
pub(crate) async fn greet(
    key: &DeviceKey,
    chain: &Chain,
    addresses: &[String],
    relay: RelayId,
) -> Result<(Connection, FrameSender, FrameReceiver, Welcome), Refused> {
    let dialer = Dialer::new(key).expect("a dialer");
    let connection = dialer.dial(addresses, relay).await.expect("the relay is there");
    let (mut out, mut into) = connection.open_bi().await.expect("a stream");
    let versions = (*VERSIONS.start(), *VERSIONS.end());
    let hello = Hello { versions, release: "test".to_owned(), chain: chain.encode(), intent: Intent::Work };
    out.send(&Open::Control(hello)).await.expect("sent");
    let answer = into.recv::<Farewell>(ANSWER_BYTES_MAX).await.expect("an answer").expect("an answer");
    answer.map(|welcome| (connection, out, into, welcome))
}

impl Puppet {
    /// Joins with a ticket and attaches with nothing held.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn join(ticket: &Ticket, name: &str, slots: u32) -> Self {
        let key = DeviceKey::generate();
        let chain = ticket.accept(&key, name, unix_ms()).expect("a good ticket");
        let addresses: Vec<String> = ticket.relays().iter().map(|r| r.authority().to_owned()).collect();
        let relay = ticket.relays()[0].relay();
        let (connection, out, into, welcome) = greet(&key, &chain, &addresses, relay).await.expect("let in");
        let newest = welcome.epochs.last().expect("a fleet has keys");
        let keyring = ticket.keyring(newest, &Trust::new(ticket.fleet(), unix_ms())).expect("the keys open");
        let offers = Offers::from([("os".to_owned(), Value::Text("linux".to_owned()))]);
        let wire = Wire { connection, out, into, beats: None, events: None, seq: 0 };
        let (advert, incarnation) = (Advert { offers, slots }, Incarnation(1));
        let mut puppet = Self { key, chain, keyring, welcome, advert, addresses, relay, incarnation, wire };
        puppet.attach(&[], &[]).await;
        puppet
    }

    /// Its device.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// Its connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.wire.connection
    }

    /// Its connection and both halves of its control stream: to hear while it speaks.
    #[must_use]
    pub fn split(self) -> (Connection, FrameSender, FrameReceiver) {
        (self.wire.connection, self.wire.out, self.wire.into)
    }

    /// Cuts the connection without a word, and comes back as the same process, or a new one.
    ///
    /// # Panics
    /// When it is not let in again.
    pub async fn reconnect(&mut self, reborn: bool) {
        self.wire.connection.close(ostler_mesh::Close::Done);
        self.dial_again().await.expect("let in again");
        self.incarnation.0 += u64::from(reborn);
    }

    /// Dials again.
    ///
    /// # Errors
    /// The relay's own words when it sends the device away.
    pub async fn dial_again(&mut self) -> Result<(), Refused> {
        let (connection, out, into, welcome) = greet(&self.key, &self.chain, &self.addresses, self.relay).await?;
        self.wire = Wire { connection, out, into, beats: None, events: None, seq: 0 };
        self.welcome = welcome;
        Ok(())
    }

    /// Says what it holds; returns what it may keep and must stop.
    pub async fn attach(&mut self, held: &[LeaseId], asking: &[ApprovalId]) -> (Vec<LeaseId>, Vec<LeaseId>) {
        let attach = ToRelay::Attach {
            incarnation: self.incarnation,
            advert: self.advert.clone(),
            draining: false,
            held: held.to_vec(),
            asking: asking.to_vec(),
        };
        self.send(attach).await;
        self.expect("attached", |frame| match frame {
            FromRelay::Attached { keep, stop, .. } => Some((keep, stop.into_iter().map(|(lease, _)| lease).collect())),
            _ => None,
        })
        .await
    }

    /// Says something.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, frame: ToRelay) {
        self.wire.out.send(&frame).await.expect("the relay listens");
    }

    /// The next frame, within the deadline.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> FromRelay {
        let next = tokio::time::timeout(WAIT, self.wire.into.recv::<FromRelay>(ANSWER_BYTES_MAX)).await;
        next.expect("a frame in time").expect("a whole frame").expect("the relay is there")
    }

    /// Reads on until a frame is what the test waits for.
    pub async fn expect<T>(&mut self, what: &str, wanted: impl Fn(FromRelay) -> Option<T>) -> T {
        loop {
            let frame = self.next().await;
            let shown = format!("{frame:?}");
            match wanted(frame) {
                Some(found) => return found,
                None => assert!(!shown.contains("Refused"), "waiting for {what}: {shown}"),
            }
        }
    }

    /// Waits for an offer.
    pub async fn offered(&mut self) -> Offered {
        self.expect("an offer", |frame| match frame {
            FromRelay::Offer { lease, body, .. } => Some(Offered { lease, body }),
            _ => None,
        })
        .await
    }

    /// Waits for an offer and accepts it.
    pub async fn take(&mut self) -> LeaseId {
        let lease = self.offered().await.lease;
        self.send(ToRelay::Accept(lease)).await;
        lease
    }

    /// Reports success, and returns whether it was too late.
    pub async fn succeed(&mut self, lease: LeaseId) -> bool {
        self.report(lease, ReportedEnd::Succeeded).await
    }

    /// Reports a failure of this class.
    pub async fn fail(&mut self, lease: LeaseId, class: FailureClass) -> bool {
        self.report(lease, ReportedEnd::Failed(Failure::new(class, "as told"))).await
    }

    async fn report(&mut self, lease: LeaseId, end: ReportedEnd) -> bool {
        let digest = Digest([u8::from(end == ReportedEnd::Succeeded); 32]);
        self.send(ToRelay::Report(Report { lease, end, digest, result: b"sealed".to_vec() })).await;
        self.expect("an answer to a report", |frame| match frame {
            FromRelay::Reported { lease: told, fenced, .. } if told == lease => Some(fenced.is_some()),
            _ => None,
        })
        .await
    }

    /// Asks about one action, and waits until the question is kept.
    pub async fn ask(&mut self, lease: LeaseId, lapse: LapsePolicy) -> ApprovalId {
        let mut chance = [0; 10];
        getrandom::fill(&mut chance).expect("the system has randomness");
        let id = ApprovalId::from_parts(unix_ms(), chance);
        let asking = Asking { id, lease, digest: Digest([7; 32]), risk: Risk::High, lapse, sealed: b"sealed".to_vec() };
        self.send(ToRelay::Ask(asking)).await;
        self.expect("the question is kept", |frame| (frame == FromRelay::Asked(id)).then_some(id)).await
    }

    /// One heartbeat.
    ///
    /// # Panics
    /// When it is not answered.
    pub async fn beat(&mut self, leases: &[LeaseId]) -> Beaten {
        if self.wire.beats.is_none() {
            let (mut out, into) = self.wire.connection.open_bi().await.expect("a stream");
            out.send(&Open::Beats).await.expect("sent");
            self.wire.beats = Some((out, into));
        }
        self.wire.seq += 1;
        let (out, into) = self.wire.beats.as_mut().expect("opened above");
        out.send(&Beat { seq: self.wire.seq, leases: leases.to_vec() }).await.expect("sent");
        let answer = tokio::time::timeout(WAIT, into.recv(ANSWER_BYTES_MAX)).await;
        answer.expect("in time").expect("a whole frame").expect("the relay is there")
    }

    /// Sends events; how far they are kept comes as [`FromRelay::Kept`].
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn events(&mut self, lease: LeaseId, first: u64, events: &[&[u8]]) {
        if self.wire.events.is_none() {
            let mut out = self.wire.connection.open_uni().await.expect("a stream");
            out.send(&Open::Events).await.expect("sent");
            self.wire.events = Some(out);
        }
        let batch = EventBatch { lease, first, events: events.iter().map(|e| e.to_vec()).collect() };
        self.wire.events.as_mut().expect("opened above").send(&batch).await.expect("sent");
    }
}
