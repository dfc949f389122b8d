//! Verdicts that the relay forges, flips, replays or borrows open no gate.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one frame and passes over the others")]

use crate::hands::{Hands, run};
use ostler_core::approval::{Choice, Remark};
use ostler_core::command::{Asking, ReportedEnd};
use ostler_core::device::Role;
use ostler_core::ids::{ApprovalId, Digest, Incarnation, LeaseId};
use ostler_identity::{Expected, Verdict};
use ostler_proto::{FromRelay, ToRelay};
use ostler_tests::{Operator, until};

/// Starts a run that asks before it acts, and returns its question.
async fn question(hands: &mut Hands) -> Expected {
    let lease = LeaseId { run: run(), epoch: 1 };
    let body = hands.founder.sealed(lease.run, &hands.asking());
    hands.guest.say(FromRelay::Offer { lease, submitter: hands.founder.id(), body });
    asked(hands, lease).await
}

/// Waits for the lease's question, and keeps it.
async fn asked(hands: &mut Hands, lease: LeaseId) -> Expected {
    let Asking { id, digest, .. } = hands
        .guest
        .hear("a question", |frame| match frame {
            ToRelay::Ask(asking) if asking.lease == lease => Some(asking),
            _ => None,
        })
        .await;
    hands.guest.say(FromRelay::Asked(id));
    Expected { incarnation: hands.impostor.incarnation, lease, approval: id, digest }
}

fn tell(hands: &Hands, approval: ApprovalId, choice: Choice, verdict: Vec<u8>) {
    hands.guest.say(FromRelay::Verdict { approval, choice, verdict });
}

/// Everything that is not the founder's yes to exactly this question.
fn forgeries(founder: &Operator, gone: &Operator, question: &Expected) -> Vec<(&'static str, Vec<u8>)> {
    let yes = |by: &Operator, to: Expected| by.verdict(&to, Choice::Approve);
    let Expected { incarnation, lease, approval, digest } = *question;
    let borrowed = Operator { keyring: founder.keyring.clone(), ..Operator::found() };
    let stale = Verdict::sign(&founder.signer(), &founder.keyring, question, Choice::Approve, &Remark::default(), 1)
        .expect("short");
    let mut cases = vec![
        ("nothing", vec![]),
        ("garbage", vec![0xa5; 300]),
        ("the relay's own signature", yes(&borrowed, *question)),
        ("a runner's signature", yes(&founder.enrol(Role::Runner), *question)),
        ("a viewer's signature", yes(&founder.enrol(Role::Viewer), *question)),
        ("a gateway's signature", yes(&founder.enrol(Role::Gateway), *question)),
        ("a revoked operator's signature", yes(gone, *question)),
        ("for another approval", yes(founder, Expected { approval: ApprovalId([9; 16]), ..*question })),
        ("for another run", yes(founder, Expected { lease: LeaseId { run: run(), ..lease }, ..*question })),
        ("for an earlier attempt", yes(founder, Expected { lease: LeaseId { epoch: 0, ..lease }, ..*question })),
        ("for another action", yes(founder, Expected { digest: Digest([9; 32]), ..*question })),
        ("from before a restore", yes(founder, Expected { incarnation: Incarnation(incarnation.0 + 1), ..*question })),
        ("expired", stale),
    ];
    assert_ne!((approval, digest), (ApprovalId([9; 16]), Digest([9; 32])));
    let no = founder.verdict(question, Choice::Reject);
    // The chain is the same in both, and so is all of the question: the first byte that differs is the choice.
    let said = no.iter().zip(&yes(founder, *question)).position(|(no, yes)| no != yes).expect("they differ");
    for at in (0..no.len()).step_by(29).chain([said]) {
        let mut flipped = no.clone();
        flipped[at] ^= 1;
        cases.push(("one bit of a rejection flipped", flipped));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_signed_yes_of_an_operator_to_this_very_question_opens_its_gate_once() {
    let mut hands = Hands::new().await;
    let gone = hands.founder.enrol(Role::Operator);
    let tombstones = vec![hands.founder.tombstone(gone.id())];
    hands.guest.say(FromRelay::Fleet { epochs: vec![], tombstones });
    let question = question(&mut hands).await;
    let forged = forgeries(&hands.founder, &gone, &question);
    for (at, (what, verdict)) in forged.iter().enumerate() {
        tell(&hands, question.approval, Choice::Approve, verdict.clone());
        until(&format!("{what} is refused in words for people"), || {
            let heard = hands.refused_verdicts().len();
            async move { (heard > at).then_some(()) }
        })
        .await;
    }
    assert_eq!(hands.refused_verdicts().len(), forged.len());
    assert_eq!(hands.marks(), 0, "nothing was executed");
    let yes = hands.founder.verdict(&question, Choice::Approve);
    // Told as often as the relay likes, and whatever word it puts beside it: the signature is what counts.
    for word in [Choice::Reject, Choice::Approve, Choice::Approve] {
        tell(&hands, question.approval, word, yes.clone());
    }
    assert_eq!(hands.ended(question.lease).await, ReportedEnd::Succeeded);
    assert_eq!(hands.marks(), 1, "executed once");
    hands.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_stays_a_no_and_a_yes_to_one_run_is_none_to_another() {
    let mut hands = Hands::new().await;
    let first = question(&mut hands).await;
    let yes = hands.founder.verdict(&first, Choice::Approve);
    tell(&hands, first.approval, Choice::Approve, yes.clone());
    assert_eq!(hands.ended(first.lease).await, ReportedEnd::Succeeded);
    let second = question(&mut hands).await;
    assert_ne!(second.digest, first.digest, "the same command in another directory is another action");
    tell(&hands, second.approval, Choice::Approve, yes);
    until("the replay is refused", || {
        let heard = hands.refused_verdicts().len();
        async move { (heard == 1).then_some(()) }
    })
    .await;
    let no = hands.founder.verdict(&second, Choice::Reject);
    tell(&hands, second.approval, Choice::Approve, no);
    let end = hands.ended(second.lease).await;
    assert!(matches!(end, ReportedEnd::Failed(_)), "{end:?}");
    assert_eq!(hands.marks(), 1, "the relay said approve; the person did not");
    hands.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_from_before_a_restore_is_not_good_after_it() {
    let mut hands = Hands::new().await;
    let before = question(&mut hands).await;
    let yes = hands.founder.verdict(&before, Choice::Approve);
    hands.impostor.incarnation = Incarnation(before.incarnation.0 + 1);
    hands.guest.connection.close(ostler_mesh::Close::Restarting);
    hands.guest = hands.impostor.welcome().await;
    let after = asked(&mut hands, before.lease).await;
    assert_eq!((after.approval, after.digest), (before.approval, before.digest), "the same question is asked again");
    tell(&hands, before.approval, Choice::Approve, yes);
    until("the old verdict is refused", || {
        let heard = hands.refused_verdicts();
        async move { heard.iter().any(|words| words.contains("restored")).then_some(()) }
    })
    .await;
    assert_eq!(hands.marks(), 0);
    tell(&hands, after.approval, Choice::Approve, hands.founder.verdict(&after, Choice::Approve));
    assert_eq!(hands.ended(after.lease).await, ReportedEnd::Succeeded);
    assert_eq!(hands.marks(), 1);
    hands.stop().await;
}
