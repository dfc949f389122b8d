//! Members beyond their role, their lease or the bounds: refused in words, and nothing changes.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one frame and passes over the others")]

use crate::raw::{Raw, frame, read};
use crate::serves;
use ostler_client::{Client, ClientError, Draft, Offer};
use ostler_core::approval::{Action, Choice, Deed, LapsePolicy, Program, Risk};
use ostler_core::command::{Asking, Report, ReportedEnd};
use ostler_core::decision::Refusal;
use ostler_core::device::Role;
use ostler_core::ids::{ApprovalId, Digest, LeaseId, RunId};
use ostler_core::limits::{ACTION_BYTES_MAX, BODY_BYTES_MAX, RESULT_BYTES_MAX};
use ostler_core::requirements::{Requirements, Term};
use ostler_core::run::Header;
use ostler_identity::{Expected, Purpose, action_digest};
use ostler_proto::{FromRelay, Intent, Open, Request, Response, ToRelay, encode};
use ostler_tests::{Fleet, Operator, Puppet, chance, draft, unix_ms, until};

async fn ask(raw: &Raw, request: &Request) -> Response {
    let bytes = [frame(&encode(&Open::Request)), frame(&encode(request))].concat();
    let (_out, mut into) = raw.say(&bytes).await;
    read(&mut into).await.expect("an answer")
}

/// A connection of somebody with this role, that asks whatever it likes.
async fn member(fleet: &Fleet, role: Role) -> (Client, Raw) {
    let ticket = fleet.client.invite(&Offer { role, pools: vec![], lasts_ms: 600_000 }).await.expect("a ticket");
    let client =
        Client::join(&fleet.directory().join(format!("member-{role}")), &ticket, "member").await.expect("paired");
    let keys = Operator::of(&client);
    let (raw, out, into) = Raw::member(fleet.relay().local_addr(), &keys.key, &keys.chain, Intent::Client).await;
    // The control stream lives as long as the connection.
    std::mem::forget((out, into));
    (client, raw)
}

fn header() -> Header {
    let Draft { name, queue, pool, priority, attempts, slot, task, .. } = draft("raw");
    let (requirements, agent) = (Requirements::default(), task.agent);
    Header {
        name,
        queue,
        pool,
        priority,
        requirements,
        agent,
        attempts,
        hold_ms: None,
        start_within_ms: None,
        slot,
        key: None,
    }
}

fn submit(header: Header, body: Vec<u8>) -> Request {
    Request::Submit { id: RunId::from_parts(unix_ms(), chance()), header, digest: Digest([1; 32]), body }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_is_no_person_and_a_person_no_runner() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let runner = fleet.puppet("alpha", 1).await;
    for (what, key, chain, intent) in [
        ("a runner comes to ask", &runner.key, &runner.chain, Intent::Client),
        ("a person comes to work", &founder.key, &founder.chain, Intent::Work),
    ] {
        let answer = crate::strangers::greeted(&fleet, key, &chain.encode(), intent).await;
        assert_eq!(answer, Err(ostler_proto::Refused::Role), "{what}");
    }
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_and_changes_nothing_and_a_gateway_decides_nothing() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let run = fleet.client.submit(&draft("asks")).await.expect("kept").run;
    let lease = runner.take().await;
    let approval = runner.ask(lease, LapsePolicy::Hold).await;
    let (id, digest, verdict) = (approval, Digest([7; 32]), vec![1]);
    let answer = Request::Answer { id, digest, choice: Choice::Approve, verdict };
    let revoke = Request::Revoke { device: runner.id(), tombstone: Operator::of(&fleet.client).tombstone(runner.id()) };
    let decides = [answer, revoke, Request::Drain(runner.id(), true), Request::Discard(run), Request::Backup];
    let submits = [submit(header(), vec![1]), Request::Cancel(run), Request::Revive(run)];
    let (viewer, raw) = member(&fleet, Role::Viewer).await;
    for request in submits.iter().chain(&decides) {
        let answer = ask(&raw, request).await;
        assert!(matches!(answer, Response::Refused(_)), "a viewer said {request:?} and was told {answer:?}");
    }
    assert!(viewer.submit(&draft("by a viewer")).await.is_err());
    assert_eq!(viewer.runs(&[], None, 10).await.expect("a viewer reads").len(), 1);
    let (gateway, raw) = member(&fleet, Role::Gateway).await;
    for request in &decides {
        let answer = ask(&raw, request).await;
        assert!(matches!(answer, Response::Refused(_)), "a gateway said {request:?} and was told {answer:?}");
    }
    gateway.submit(&draft("by a gateway")).await.expect("a gateway submits");
    let detail = fleet.client.run(run).await.expect("known");
    assert_eq!((detail.view.life.state().word(), detail.view.asking), ("running", vec![approval]), "nothing changed");
}

/// Everything a runner can say about a lease.
fn about(lease: LeaseId) -> Vec<ToRelay> {
    let report = Report { lease, end: ReportedEnd::Succeeded, digest: Digest([6; 32]), result: b"forged".to_vec() };
    let id = ApprovalId::from_parts(unix_ms(), chance());
    let (risk, lapse, sealed) = (Risk::Low, LapsePolicy::Hold, vec![1]);
    let asking = Asking { id, lease, digest: Digest([5; 32]), risk, lapse, sealed };
    vec![
        ToRelay::Accept(lease),
        ToRelay::Decline(lease, "no".to_owned()),
        ToRelay::Report(report),
        ToRelay::Ask(asking),
    ]
}

/// Says it, and hears that it was refused or came too late.
async fn is_turned_down(runner: &mut Puppet, frame: ToRelay) {
    let said = format!("{frame:?}");
    runner.send(frame).await;
    hears_no(runner, &said).await;
}

async fn hears_no(runner: &mut Puppet, said: &str) {
    let answer = loop {
        match runner.next().await {
            FromRelay::Offer { .. } | FromRelay::Stop { .. } | FromRelay::Fleet { .. } => {}
            answer => break answer,
        }
    };
    let down = matches!(
        answer,
        FromRelay::Refused { refusal: Refusal::StaleLease, .. } | FromRelay::Reported { fenced: Some(_), .. }
    );
    assert!(down, "{said} was answered {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_under_a_lease_of_somebody_else_or_of_another_epoch() {
    let fleet = Fleet::start().await;
    let mut owner = fleet.puppet("owner", 1).await;
    let run = fleet.client.submit(&draft("owned")).await.expect("kept").run;
    let lease = owner.take().await;
    until("it runs", || async {
        let word = fleet.client.run(run).await.expect("known").view.life.state().word();
        (word == "running").then_some(())
    })
    .await;
    let mut thief = fleet.puppet("thief", 1).await;
    let before = fleet.client.run(run).await.expect("known").view;
    let stale = [LeaseId { run, epoch: 0 }, LeaseId { run, epoch: 2 }, LeaseId { run, epoch: u64::MAX }];
    for frame in about(lease) {
        is_turned_down(&mut thief, frame).await;
    }
    for lease in stale {
        for frame in about(lease) {
            is_turned_down(&mut owner, frame).await;
        }
        owner.events(lease, 1, &[b"forged"]).await;
        hears_no(&mut owner, "events of another epoch").await;
    }
    thief.events(lease, 1, &[b"forged"]).await;
    hears_no(&mut thief, "another runner's events").await;
    let beaten = thief.beat(&[lease]).await;
    assert_eq!((beaten.renewed.len(), beaten.lost.len()), (0, 1), "a heartbeat renews nobody else's lease");
    let after = fleet.client.run(run).await.expect("known");
    assert_eq!((after.view, after.last_seq), (before, 0), "nothing changed");
    assert!(!owner.succeed(lease).await, "and its owner's report is in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_race_to_decide_and_both_are_told_of_one_winner() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let (rival, _raw) = member(&fleet, Role::Operator).await;
    let mut wins = [0, 0];
    fleet.client.submit(&draft("races")).await.expect("kept");
    let lease = runner.take().await;
    for round in 0..100 {
        let id = question(&mut runner, lease).await;
        let (ours, theirs) = (fleet.client.approval(id), rival.approval(id));
        let (ours, theirs) = (ours.await.expect("there"), theirs.await.expect("there"));
        let (first, second) =
            tokio::join!(fleet.client.decide(&ours, Choice::Approve, ""), rival.decide(&theirs, Choice::Reject, "no"));
        let (winner, loser) = match (first, second) {
            (Ok(()), Err(lost)) => (0, lost),
            (Err(lost), Ok(())) => (1, lost),
            both => panic!("round {round}: one winner: {both:?}"),
        };
        wins[winner] += 1;
        let (by, choice) =
            [(fleet.client.home().device(), Choice::Approve), (rival.home().device(), Choice::Reject)][winner];
        let ClientError::Refusal(Refusal::AlreadyDecided(decided)) = loser else { panic!("{loser}") };
        assert_eq!((decided.by, decided.choice), (by, choice), "the loser is told who won, and how");
        let told = runner.expect("the verdict", |frame| match frame {
            FromRelay::Verdict { approval, choice, .. } if approval == id => Some(choice),
            _ => None,
        });
        assert_eq!(told.await, choice, "and the runner hears the same");
    }
    assert!(wins[0] + wins[1] == 100, "{wins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_would_open_nothing_decides_nothing() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let (client, raw) = member(&fleet, Role::Operator).await;
    let (founder, own) = (Operator::of(&fleet.client), Operator::of(&client));
    fleet.client.submit(&draft("asks")).await.expect("kept");
    let lease = runner.take().await;
    let id = question(&mut runner, lease).await;
    let asked = fleet.client.approval(id).await.expect("there");
    let (digest, incarnation) = (asked.approval.digest, runner.welcome.incarnation);
    let expected = Expected { incarnation, lease, approval: id, digest };
    let other = Expected { lease: LeaseId { epoch: 9, ..lease }, ..expected };
    let runners = Operator { key: ostler_identity::DeviceKey::generate(), ..Operator::of(&fleet.client) };
    for (what, verdict) in [
        ("garbage", vec![0xa5; 200]),
        ("for another attempt", founder.verdict(&other, Choice::Approve)),
        ("signed by another key than its chain's", runners.verdict(&expected, Choice::Approve)),
        ("another person's", founder.verdict(&expected, Choice::Approve)),
        ("a no that is said to be a yes", own.verdict(&expected, Choice::Reject)),
    ] {
        let answer = ask(&raw, &Request::Answer { id, digest, choice: Choice::Approve, verdict }).await;
        assert!(matches!(answer, Response::Refused(_)), "{what}: {answer:?}");
        assert!(fleet.client.approval(id).await.expect("there").approval.is_pending(), "{what}");
    }
    fleet.client.decide(&asked, Choice::Approve, "").await.expect("the question still waits for a good one");
}

/// A question with an action that people can read.
async fn question(runner: &mut Puppet, lease: LeaseId) -> ApprovalId {
    let action = Action {
        kind: "deploy".to_owned(),
        risk: Risk::High,
        deed: Deed::Program(Program {
            path: "/bin/true".to_owned(),
            digest: Digest([2; 32]),
            argv: vec!["true".to_owned()],
            files: vec![],
            env_names: vec![],
        }),
        directory: "/".to_owned(),
        title: String::new(),
    };
    let id = ApprovalId::from_parts(unix_ms(), chance());
    let purpose = Purpose::Ask { run: lease.run, epoch: lease.epoch, approval: id };
    let sealed = runner.keyring.seal(&purpose, &encode(&action));
    let (digest, risk, lapse) = (action_digest(&action), Risk::High, LapsePolicy::Hold);
    runner.send(ToRelay::Ask(Asking { id, lease, digest, risk, lapse, sealed })).await;
    runner.expect("the question is kept", |frame| (frame == FromRelay::Asked(id)).then_some(id)).await
}

/// Requirements as no text could say them: they come off the wire unparsed.
fn requirements(terms: &[Term]) -> Requirements {
    postcard::from_bytes(&encode(&terms.to_vec())).expect("a list of terms")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_bounds_is_refused_by_name_and_not_kept() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let relay = fleet.relay().local_addr();
    let (raw, _out, _into) = Raw::member(relay, &founder.key, &founder.chain, Intent::Client).await;
    let term = |n: usize| Term::Has(format!("feature-{n:09}"));
    let many: Vec<Term> = (0..10_000).map(term).collect();
    let headers = [
        ("priority", Header { priority: 0, ..header() }),
        ("name", Header { name: String::new(), ..header() }),
        ("name", Header { name: "x".repeat(65), ..header() }),
        ("name", Header { name: "a\u{1b}[2J".to_owned(), ..header() }),
        ("queue", Header { queue: "q\u{202e}".to_owned(), ..header() }),
        ("pool", Header { pool: "p".repeat(100_000), ..header() }),
        ("attempts", Header { attempts: ostler_core::failure::Attempts { max: 0, of_task: true }, ..header() }),
        ("attempts", Header { attempts: ostler_core::failure::Attempts { max: u32::MAX, of_task: true }, ..header() }),
        ("key", Header { key: Some("k".repeat(129)), ..header() }),
        ("requirements", Header { requirements: requirements(&many), ..header() }),
        ("requirements", Header { requirements: requirements(&[Term::Has("x".repeat(100_000))]), ..header() }),
    ];
    for (what, header) in headers {
        let answer = ask(&raw, &submit(header, vec![1])).await;
        let Response::Refused(refusal) = &answer else { panic!("{what}: {answer:?}") };
        assert!(refusal.to_string().contains(what), "{what}: {refusal}");
        assert!(refusal.to_string().len() < 1_000, "{what}: a refusal does not echo what it refuses");
    }
    let answer = ask(&raw, &submit(header(), vec![1; BODY_BYTES_MAX + 1])).await;
    assert!(matches!(answer, Response::Refused(Refusal::TooLarge { .. })), "{answer:?}");
    assert!(fleet.client.runs(&[], None, 10).await.expect("listed").is_empty(), "nothing of it was kept");
    let answer = ask(&raw, &submit(header(), vec![1; BODY_BYTES_MAX])).await;
    assert!(matches!(answer, Response::Submitted { .. }), "exactly at the limit: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runners_words_have_bounds_too() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let run = fleet.client.submit(&draft("verbose")).await.expect("kept").run;
    let lease = runner.take().await;
    let (end, digest) = (ReportedEnd::Succeeded, Digest([1; 32]));
    let report = Report { lease, end, digest, result: vec![0; RESULT_BYTES_MAX + 1] };
    let (id, lapse) = (ApprovalId::from_parts(unix_ms(), chance()), LapsePolicy::Hold);
    let sealed = vec![0; ACTION_BYTES_MAX + 1];
    let asking = Asking { id, lease, digest: Digest([1; 32]), risk: Risk::Low, lapse, sealed };
    for frame in [ToRelay::Report(report), ToRelay::Ask(asking)] {
        runner.send(frame).await;
        let refused = |frame| matches!(frame, FromRelay::Refused { refusal: Refusal::TooLarge { .. }, .. });
        assert!(refused(runner.next().await));
    }
    assert!(!fleet.client.run(run).await.expect("known").view.life.is_settled());
    assert!(!runner.succeed(lease).await);
}
