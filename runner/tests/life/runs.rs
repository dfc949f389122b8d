//! From an offer to its report: what runs, what does not, and what is said about it.

use crate::relay::soon;
use crate::world::{World, shell};
use ostler_core::command::ReportedEnd;
use ostler_core::decision::Why;
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::guard::{Effect, Rule};
use ostler_core::ids::{DeviceId, RunId};
use ostler_core::task::Source;
use ostler_identity::{DeviceKey, Purpose};
use ostler_proto::{FromRelay, ToRelay};
use std::process::Command;

pub(crate) fn printed(events: &[Event]) -> String {
    let out = events.iter().filter_map(|event| {
        let Event::Output { stream: Stream::Out, bytes } = event else { return None };
        Some(bytes.clone())
    });
    String::from_utf8_lossy(&out.flatten().collect::<Vec<_>>()).into_owned()
}

pub(crate) fn failed(end: &ReportedEnd) -> (FailureClass, &str) {
    match end {
        ReportedEnd::Failed(failure) => (failure.class, &failure.code),
        ReportedEnd::Succeeded => panic!("succeeded"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_accepted_followed_and_reported() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let status = ostler_runner::status(&world.home()).await.expect("answers");
    assert_eq!((status.name.as_str(), status.slots, status.draining), ("box", 4, false));
    let task = ostler_core::task::Task {
        env: vec![("MY_TOKEN".into(), "hunter2-hunter2".into())],
        ..shell("echo hello $MY_TOKEN; echo bad >&2; exit 3")
    };
    let lease = session.offer(world.boss.id(), world.body(1, &task));
    session.accepted(lease).await;
    let report = session.reported(lease).await;
    assert_eq!(failed(&report.end), (FailureClass::Task, "exit 3"));
    let conclusion = world.conclusion(&report);
    assert_eq!((conclusion.words.as_str(), conclusion.usage, conclusion.session), ("exited with 3", None, None));
    let events = world.relay.events(&world.ring, lease);
    assert!(matches!(&events[0], Event::Started { agent, .. } if agent == "shell"), "{events:?}");
    assert_eq!(printed(&events), "hello [redacted]\n");
    assert!(events.iter().any(|event| matches!(event, Event::Ended { code: Some(3), .. })), "{events:?}");
    soon("idle", runner.idle()).await;
    runner.stop().await;
    let left = |name: &str| std::fs::read_dir(world.home().join(name)).map_or(0, Iterator::count);
    assert_eq!((left("attempts"), left("trees"), left("sockets")), (0, 0, 1), "the control socket's name alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_comes_home_as_commits_and_a_diff() {
    let world = World::new().await;
    let repository = world.dir.path().join("repository");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&repository).args(["-c", "user.name=x", "-c", "user.email=x@x"]).args(arguments);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    std::fs::create_dir(&repository).expect("makes");
    git(&["init", "-q"]);
    std::fs::write(repository.join("file"), "one\n").expect("writes");
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let (runner, mut session) = world.start().await;
    let source = Some(Source { repository: repository.display().to_string(), reference: None });
    let task = ostler_core::task::Task { source, ..shell("echo two >> file; echo new > other") };
    let lease = session.offer(world.boss.id(), world.body(1, &task));
    assert_eq!(session.reported(lease).await.end, ReportedEnd::Succeeded);
    let events = world.relay.events(&world.ring, lease);
    let branch = format!("ostler/{}", lease.run);
    let saved = |event: &Event| matches!(event, Event::Saved { branch: b, uncommitted: true, .. } if *b == branch);
    assert!(events.iter().any(saved), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Diff { stat: (2, 2, 0), .. })), "{events:?}");
    assert_eq!(git(&["show", &format!("{branch}:file")]), "one\ntwo\n");
    soon("idle", runner.idle()).await;
    runner.stop().await;
    assert_eq!(std::fs::read_dir(world.home().join("trees")).map_or(0, Iterator::count), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_reported_with_its_reason_and_never_loops() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let unsigned = {
        let run = RunId::from_parts(1, [1; 10]);
        let task = postcard::to_allocvec(&shell("true")).expect("encodes");
        (ostler_core::ids::LeaseId { run, epoch: 1 }, world.ring.seal(&Purpose::Body { run }, &task))
    };
    let missing = Some(Source { repository: "/no/such/repository".to_owned(), reference: None });
    let unknown = ostler_core::task::Task { agent: "nobody".to_owned(), ..shell("true") };
    let absent = ostler_core::task::Task { requirements: "gpu>=1".parse().expect("reads"), ..shell("true") };
    let rule = Rule { kind: vec!["everything".to_owned()], ..Rule::new(Effect::Allow) };
    let odd = ostler_core::task::Task { rules: vec![rule], ..shell("true") };
    let cases = [
        (unsigned, (FailureClass::Policy, "unsigned")),
        (
            world.body(2, &ostler_core::task::Task { source: missing, ..shell("true") }),
            (FailureClass::Task, "repository missing"),
        ),
        (world.body(3, &unknown), (FailureClass::Task, "agent unknown")),
        (world.body(4, &absent), (FailureClass::Infra, "requirements not met")),
        (world.body(6, &odd), (FailureClass::Task, "policy refused")),
    ];
    for (body, expected) in cases {
        let lease = session.offer(world.boss.id(), body);
        session.accepted(lease).await;
        assert_eq!(failed(&session.reported(lease).await.end), expected);
    }
    let (lease, body) = world.body(5, &shell("true"));
    session.offer(DeviceId([1; 32]), (lease, body));
    assert_eq!(failed(&session.reported(lease).await.end).0, FailureClass::Policy, "the relay named another submitter");
    let stranger = DeviceKey::generate();
    assert_ne!(stranger.id(), world.boss.id());
    runner.drain(true);
    session.hear("a drain", |frame| matches!(frame, ToRelay::Drain(true)).then_some(())).await;
    let lease = session.offer(world.boss.id(), world.body(6, &shell("true")));
    let declined = |frame: &ToRelay| {
        matches!(frame, ToRelay::Decline(of, code) if *of == lease && code == "draining").then_some(())
    };
    session.hear("a decline", declined).await;
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_ends_confirms_and_leaves_its_evidence() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell("echo ready; sleep 600")));
    world.relay.until(&world.ring, lease, |events| printed(events) == "ready\n").await;
    session.say(FromRelay::Stop { lease, why: Why::Cancelled, grace_ms: 500 });
    session.hear("a confirmation", |frame| matches!(frame, ToRelay::Stopped(of) if *of == lease).then_some(())).await;
    let report = session.reported(lease).await;
    assert_eq!(failed(&report.end), (FailureClass::User, "cancelled"));
    soon("idle", runner.idle()).await;
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_time_is_over_is_ended() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let task = ostler_core::task::Task { timeout_ms: Some(500), ..shell("sleep 600") };
    let lease = session.offer(world.boss.id(), world.body(1, &task));
    assert_eq!(failed(&session.reported(lease).await.end), (FailureClass::Task, "timeout"));
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_not_renewed_ends_its_agent_and_publishes_nothing() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    world.relay.renew_nothing(true);
    // Never confirmed: the lease is its own for one TTL and not a moment longer.
    let lease = session.offer(world.boss.id(), world.body(1, &shell("echo work > done; sleep 600")));
    let report = session.reported(lease).await;
    assert_eq!(failed(&report.end), (FailureClass::Infra, "lease not renewed"));
    let events = world.relay.events(&world.ring, lease);
    assert!(!events.iter().any(|event| matches!(event, Event::Saved { .. })), "{events:?}");
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noop_runs_are_over_at_once_and_many() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let task = ostler_core::task::Task { agent: "noop".to_owned(), ..shell("true") };
    let mut offers = (0..50).map(|n| world.body(n, &task));
    // A relay never offers more than the free slots.
    for body in offers.by_ref().take(4) {
        session.offer(world.boss.id(), body);
    }
    for _ in 0..50 {
        let report = session.report(|_| true).await;
        assert_eq!(report.end, ReportedEnd::Succeeded);
        session.say(FromRelay::Reported { lease: report.lease, digest: report.digest, fenced: None });
        if let Some(body) = offers.next() {
            session.offer(world.boss.id(), body);
        }
    }
    soon("idle", runner.idle()).await;
    runner.stop().await;
}
