//! What runner and relay say: hello, control, beats, events.

use crate::closed;
use crate::domain::{advert, asking, failure, report};
use crate::sample::{Table, approval, at, bytes, device, digest, lease, run, session, text};
use ostler_core::approval::Choice;
use ostler_core::decision::{Refusal, Why};
use ostler_core::ids::Incarnation;
use ostler_core::run::Outcome;
use ostler_proto::{
    Beat, Beaten, Event, EventBatch, Farewell, FromRelay, Hello, Intent, Kept, Open, Refused, ToRelay, Welcome,
};

pub(crate) fn add(table: &mut Table) {
    hello(table);
    to_relay(table);
    from_relay(table);
    streams(table);
}

fn greeting() -> Hello {
    Hello { versions: (1, 300), release: text("0.1.0"), chain: bytes(), intent: Intent::Client }
}

fn hello(table: &mut Table) {
    closed!(table, Open:
        Control = Open::Control(greeting()),
        Beats = Open::Beats,
        Events = Open::Events,
        Request = Open::Request,
    );
    table.add("Hello", 0, &greeting());
    closed!(table, Intent: Work = Intent::Work, Client = Intent::Client);
    let welcome = Welcome {
        version: 1,
        release: text("0.1.0"),
        incarnation: Incarnation(u64::MAX),
        session: session(),
        epochs: vec![bytes(), vec![]],
        tombstones: vec![bytes()],
    };
    table.add("Welcome", 0, &welcome);
    closed!(table, Refused:
        Version = Refused::Version(2, 3),
        Device = Refused::Device,
        Role = Refused::Role,
        Busy = Refused::Busy { retry_after_ms: 1_500 },
    );
    table.add("Farewell (welcome)", 0, &Farewell::Ok(welcome));
    table.add("Farewell (refused)", 0, &Farewell::Err(Refused::Device));
}

fn to_relay(table: &mut Table) {
    closed!(table, ToRelay:
        Attach = ToRelay::Attach {
            incarnation: Incarnation(7),
            advert: advert(),
            draining: false,
            held: vec![lease()],
            asking: vec![approval()],
        },
        Advertise = ToRelay::Advertise(advert()),
        Drain = ToRelay::Drain(true),
        Accept = ToRelay::Accept(lease()),
        Decline = ToRelay::Decline(lease(), text("disk")),
        Report = ToRelay::Report(report()),
        Stopped = ToRelay::Stopped(lease()),
        Ask = ToRelay::Ask(asking()),
        Withdraw = ToRelay::Withdraw(approval()),
    );
}

fn from_relay(table: &mut Table) {
    closed!(table, FromRelay:
        Attached = FromRelay::Attached {
            keep: vec![lease()],
            stop: vec![(lease(), Why::Unknown)],
            lease_ttl_ms: 30_000,
            grace_ms: 120_000,
        },
        Offer = FromRelay::Offer { lease: lease(), submitter: device(2), body: bytes() },
        Reported = FromRelay::Reported { lease: lease(), digest: digest(), fenced: Some(Some(Outcome::Failed(failure()))) },
        Stop = FromRelay::Stop { lease: lease(), why: Why::Cancelled, grace_ms: 10_000 },
        Asked = FromRelay::Asked(approval()),
        Verdict = FromRelay::Verdict { approval: approval(), choice: Choice::Reject, verdict: bytes() },
        Denied = FromRelay::Denied(approval()),
        Refused = FromRelay::Refused { lease: Some(lease()), refusal: Refusal::StaleLease },
        Kept = FromRelay::Kept(Kept { lease: lease(), upto: 9 }),
        Fleet = FromRelay::Fleet { epochs: vec![bytes()], tombstones: vec![bytes()] },
        GoingAway = FromRelay::GoingAway { retry_after_ms: 500 },
        Drain = FromRelay::Drain(true),
    );
}

fn streams(table: &mut Table) {
    table.add("Beat", 0, &Beat { seq: 129, leases: vec![lease(), lease()] });
    let beaten = Beaten { seq: 129, renewed: vec![lease()], lost: vec![(lease(), Why::Fenced)], lease_ttl_ms: 30_000 };
    table.add("Beaten", 0, &beaten);
    table.add("EventBatch", 0, &EventBatch { lease: lease(), first: 1, events: vec![bytes(), bytes()] });
    table.add("Kept", 0, &Kept { lease: lease(), upto: u64::MAX });
    table.add("Event", 0, &event());
}

pub(crate) fn event() -> Event {
    Event { run: run(1), seq: 12, epoch: 2, n: 3, at: at(), sealed: bytes(), hash: [0xe5; 32] }
}
