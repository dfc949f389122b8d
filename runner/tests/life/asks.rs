//! Gated actions: nothing happens without a verdict that verifies here, and then exactly what was decided, once.

use crate::relay::{LIFE, Session};
use crate::runs::printed;
use crate::world::{World, now_ms, shell};
use ostler_core::approval::{Choice, Remark, Risk};
use ostler_core::command::{Asking, ReportedEnd};
use ostler_core::event::Event;
use ostler_core::ids::{Incarnation, LeaseId};
use ostler_identity::{Chain, DeviceKey, Expected, FleetKey, Signer, Verdict};
use ostler_proto::{FromRelay, ToRelay};

fn asking(world: &World, then: &str) -> String {
    let mark = world.dir.path().join("mark");
    let exe = env!("CARGO_BIN_EXE_ostler-runner");
    format!("{exe} ask --kind deploy --risk high -- touch {}; echo code $?; {then}", mark.display())
}

pub(crate) async fn asked(session: &mut Session, lease: LeaseId) -> Asking {
    let ask = |frame: &ToRelay| {
        let ToRelay::Ask(asking) = frame else { return None };
        (asking.lease == lease).then(|| asking.clone())
    };
    let asking = session.hear("a question", ask).await;
    session.say(FromRelay::Asked(asking.id));
    asking
}

pub(crate) fn verdict(
    world: &World,
    signer: &Signer<'_>,
    asking: &Asking,
    life: Incarnation,
    choice: Choice,
) -> FromRelay {
    signed(world, signer, (asking, life), choice, &Remark::words("so be it"))
}

/// The operator's verdict, with this remark.
pub(crate) fn verdict_with(world: &World, asking: &Asking, choice: Choice, remark: &Remark) -> FromRelay {
    signed(world, &world.signer(), (asking, LIFE), choice, remark)
}

fn signed(
    world: &World,
    signer: &Signer<'_>,
    (asking, life): (&Asking, Incarnation),
    choice: Choice,
    remark: &Remark,
) -> FromRelay {
    let question = Expected { incarnation: life, lease: asking.lease, approval: asking.id, digest: asking.digest };
    let verdict = Verdict::sign(signer, &world.ring, &question, choice, remark, now_ms() + 60_000).expect("signs");
    FromRelay::Verdict { approval: asking.id, choice, verdict }
}

fn marked(world: &World) -> bool {
    world.dir.path().join("mark").exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_verdict_of_the_fleets_own_people_opens_the_gate() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&asking(&world, "true"))));
    let asking = asked(&mut session, lease).await;
    assert_eq!(asking.risk, Risk::High);
    let (fleet, key) = (FleetKey::generate(), DeviceKey::generate());
    let chain = Chain::found(&fleet, &key, "stranger", now_ms()).expect("a name");
    let stranger = Signer { fleet: fleet.id(), key: &key, chain: &chain };
    let forged = Signer { fleet: world.fleet.id(), key: &key, chain: &world.chain };
    session.say(verdict(&world, &stranger, &asking, LIFE, Choice::Approve));
    session.say(verdict(&world, &forged, &asking, LIFE, Choice::Approve));
    session.say(verdict(&world, &world.signer(), &asking, Incarnation(8), Choice::Approve));
    let elsewhere = Asking { lease: LeaseId { epoch: 2, ..lease }, ..asking.clone() };
    session.say(verdict(&world, &world.signer(), &elsewhere, LIFE, Choice::Approve));
    session.say(FromRelay::Verdict { approval: asking.id, choice: Choice::Approve, verdict: vec![1, 2, 3] });
    let refused = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::Notice(text) if text.contains("refused"))).count() == 5
    };
    world.relay.until(&world.ring, lease, refused).await;
    assert!(!marked(&world));
    session.say(verdict(&world, &world.signer(), &asking, LIFE, Choice::Approve));
    assert_eq!(session.reported(lease).await.end, ReportedEnd::Succeeded);
    let events = world.relay.events(&world.ring, lease);
    assert_eq!(printed(&events), "code 0\n");
    assert!(marked(&world));
    let answered = |event: &Event| matches!(event, Event::Answered { choice: Choice::Approve, by: Some(by), message, .. } if *by == world.boss.id() && message == "so be it");
    assert!(events.iter().any(answered), "{events:?}");
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_or_denied_is_not_done() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&asking(&world, "true"))));
    let first = asked(&mut session, lease).await;
    session.say(verdict(&world, &world.signer(), &first, LIFE, Choice::Reject));
    session.reported(lease).await;
    assert_eq!(printed(&world.relay.events(&world.ring, lease)), "code 126\n");
    let lease = session.offer(world.boss.id(), world.body(2, &shell(&asking(&world, "true"))));
    let second = asked(&mut session, lease).await;
    session.say(FromRelay::Denied(second.id));
    session.reported(lease).await;
    assert_eq!(printed(&world.relay.events(&world.ring, lease)), "code 126\n");
    assert!(!marked(&world));
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_changed_while_it_waited_is_not_executed() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let (script, exe) = (world.dir.path().join("script"), env!("CARGO_BIN_EXE_ostler-runner"));
    std::fs::write(&script, "echo fine\n").expect("writes");
    let line = format!("{exe} ask -- sh {}; echo code $?", script.display());
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&line)));
    let asking = asked(&mut session, lease).await;
    std::fs::write(&script, "echo other\n").expect("writes");
    session.say(verdict(&world, &world.signer(), &asking, LIFE, Choice::Approve));
    session.reported(lease).await;
    assert_eq!(printed(&world.relay.events(&world.ring, lease)), "code 125\n");
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_survives_the_death_of_its_runner() {
    let world = World::new().await;
    let process = world.spawn();
    let mut session = world.relay.attach_next().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&asking(&world, "echo after"))));
    let first = asked(&mut session, lease).await;
    world.relay.until(&world.ring, lease, |events| events.iter().any(|e| matches!(e, Event::Asked { .. }))).await;
    process.kill();
    let process = world.spawn();
    let mut session = world.relay.attach_next().await;
    assert_eq!((session.held.as_slice(), session.asking.as_slice()), (&[lease][..], &[first.id][..]));
    let again = asked(&mut session, lease).await;
    assert_eq!(again, first, "asked twice is asked once");
    assert!(!marked(&world));
    session.say(verdict(&world, &world.signer(), &first, LIFE, Choice::Approve));
    session.reported(lease).await;
    assert_eq!(printed(&world.relay.events(&world.ring, lease)), "code 0\nafter\n");
    assert!(marked(&world));
    drop(process);
}
