//! Work that the relay invents, changes, swaps or repeats is not executed: only what a member who may submit signed for this
//! very run is.

use crate::hands::{Hands, run};
use ostler_core::command::ReportedEnd;
use ostler_core::device::Role;
use ostler_core::failure::FailureClass;
use ostler_core::ids::{DeviceId, RunId};
use ostler_identity::{Purpose, sign_body};
use ostler_proto::FromRelay;
use ostler_tests::Operator;

type Case = (&'static str, RunId, DeviceId, Vec<u8>);

/// Everything a relay could come up with, some of it with the help of a stolen runner.
fn forgeries(hands: &Hands) -> Vec<Case> {
    let (founder, task) = (&hands.founder, hands.marking());
    let plain = postcard::to_allocvec(&task).expect("tasks encode");
    let seal = |run: RunId, signed: &[u8]| founder.keyring.seal(&Purpose::Body { run }, signed);
    let (boss, one, other) = (founder.id(), run(), run());
    let honest = founder.sealed(one, &task);
    let mut cases: Vec<Case> = vec![
        ("garbage", run(), boss, vec![0xa5; 1024]),
        ("nothing", run(), boss, vec![]),
        ("plain text", run(), boss, plain.clone()),
        ("another run's body", other, boss, honest.clone()),
        ("unsigned", one, boss, seal(one, &plain)),
        ("signed for another run", other, boss, seal(other, &sign_body(&founder.signer(), one, &plain))),
        ("submitted by somebody else than the relay says", one, DeviceId([8; 32]), honest.clone()),
    ];
    for role in [Role::Runner, Role::Viewer] {
        let cheat = founder.enrol(role);
        cases.push(("signed by a member who may not submit", one, cheat.id(), cheat.sealed(one, &task)));
    }
    let foreign = Operator::found();
    let minted = Operator { keyring: founder.keyring.clone(), ..foreign };
    cases.push(("signed by a device the relay made", one, minted.id(), minted.sealed(one, &task)));
    cases.push(("sealed by another fleet", one, boss, Operator::found().sealed(one, &task)));
    for at in [0, 4, 40, honest.len() / 2, honest.len() - 1] {
        let mut flipped = honest.clone();
        flipped[at] ^= 1;
        cases.push(("one byte flipped", one, boss, flipped));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_submitter_signed_for_this_run_is_executed() {
    let mut hands = Hands::new().await;
    for (what, run, submitter, body) in forgeries(&hands) {
        let end = hands.offer(run, submitter, body).await;
        let ReportedEnd::Failed(failure) = &end else { panic!("{what} was executed") };
        let refused = matches!(failure.class, FailureClass::Policy | FailureClass::Infra);
        assert!(refused, "{what}: {failure:?}");
        assert_eq!(hands.marks(), 0, "{what} was executed");
    }
    let (boss, run) = (hands.founder.id(), run());
    let body = hands.founder.sealed(run, &hands.marking());
    assert_eq!(hands.offer(run, boss, body).await, ReportedEnd::Succeeded);
    assert_eq!(hands.marks(), 1, "what the founder signed is executed");
    hands.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_submitters_work_stops_and_a_forged_revocation_or_key_changes_nothing() {
    let mut hands = Hands::new().await;
    let (gone, staying, cheat) =
        (hands.founder.enrol(Role::Operator), hands.founder.enrol(Role::Operator), hands.founder.enrol(Role::Runner));
    let foreign = Operator::found();
    let forged = vec![foreign.tombstone(staying.id()), cheat.tombstone(staying.id()), vec![0xa5; 200]];
    let tombstones = [forged, vec![hands.founder.tombstone(gone.id())]].concat();
    // A key record of the relay's own making would let it read everything sealed from now on.
    hands.guest.say(FromRelay::Fleet { epochs: vec![foreign.record.clone()], tombstones });
    let one = run();
    let end = hands.offer(one, gone.id(), gone.sealed(one, &hands.marking())).await;
    assert!(matches!(end, ReportedEnd::Failed(f) if f.class == FailureClass::Policy), "a revoked operator's work");
    assert_eq!(hands.marks(), 0);
    let two = run();
    assert_eq!(hands.offer(two, staying.id(), staying.sealed(two, &hands.marking())).await, ReportedEnd::Succeeded);
    assert_eq!(hands.marks(), 1);
    let sealed = hands.guest.events();
    let ours = sealed.iter().filter(|((lease, _), _)| lease.run == two);
    let opened = ours.map(|((lease, n), bytes)| {
        let purpose = Purpose::Event { run: two, epoch: lease.epoch, n: *n };
        (hands.founder.keyring.open(&purpose, bytes).is_ok(), foreign.keyring.open(&purpose, bytes).is_ok())
    });
    let opened: Vec<_> = opened.collect();
    assert!(!opened.is_empty() && opened.iter().all(|seen| *seen == (true, false)), "sealed to the fleet's own key");
    hands.stop().await;
}
