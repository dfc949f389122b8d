//! Agents that are spoken to: what they may do, who is asked, and what becomes of them.

use crate::asks::{asked, verdict, verdict_with};
use crate::relay::{LIFE, Session, soon};
use crate::runs::failed;
use crate::world::{Process, World, now_ms};
use ostler_core::approval::{Choice, Remark};
use ostler_core::command::ReportedEnd;
use ostler_core::decision::Why;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::guard::{Effect, Rule};
use ostler_core::ids::LeaseId;
use ostler_core::task::{Task, Work};
use ostler_proto::{FromRelay, ToRelay};
use std::path::PathBuf;
use std::time::Duration;

fn rule(effect: Effect, program: &[&str]) -> Rule {
    let program = program.iter().map(|name| (*name).to_owned()).collect();
    Rule { kind: vec!["command".to_owned()], program, ..Rule::new(effect) }
}

/// A task whose agent does what `script` says. `true` is allowed, `false` is denied, everything else is asked about.
pub(crate) fn claude(world: &World, script: &str) -> Task {
    let rules = vec![rule(Effect::Allow, &["true"]), rule(Effect::Deny, &["false"]), rule(Effect::Ask, &[])];
    let env = vec![
        ("A".to_owned(), world.dir.path().display().to_string()),
        ("MY_TOKEN".to_owned(), "hunter2-hunter2".to_owned()),
    ];
    Task { rules, env, ..Task::new("claude", Work::Prompt(script.to_owned())) }
}

struct Talk {
    world: World,
    process: Process,
    session: Session,
    lease: LeaseId,
}

impl Talk {
    async fn begin(script: &str) -> Self {
        Self::begin_with("", script).await
    }

    async fn begin_with(config: &str, script: &str) -> Self {
        let world = World::new().await;
        let process = world.spawn_with(config);
        let session = world.relay.attach_next().await;
        let lease = session.offer(world.boss.id(), world.body(1, &claude(&world, script)));
        Self { world, process, session, lease }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.dir.path().join(name)
    }

    async fn until(&self, wanted: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        self.world.relay.until(&self.world.ring, self.lease, wanted).await
    }

    /// Its whole text so far.
    fn said(&self) -> String {
        said(&self.world.relay.events(&self.world.ring, self.lease))
    }

    async fn pid(&self, name: &str) -> u32 {
        let path = self.path(name);
        eventually("a pid", || std::fs::read_to_string(&path).is_ok()).await;
        std::fs::read_to_string(path).expect("reads").trim().parse().expect("a pid")
    }
}

fn said(events: &[Event]) -> String {
    events.iter().filter_map(|e| if let Event::Message(text) = e { Some(format!("{text}\n")) } else { None }).collect()
}

fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_answers_at_once_and_people_answer_the_rest() {
    let script = "try true; try false; try 'touch $A/one'; try 'touch $A/two'; over fine";
    let mut talk = Talk::begin(script).await;
    let first = asked(&mut talk.session, talk.lease).await;
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &first, LIFE, Choice::Approve));
    let second = asked(&mut talk.session, talk.lease).await;
    assert!(talk.path("one").exists());
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &second, LIFE, Choice::Reject));
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(report.end, ReportedEnd::Succeeded);
    assert!(!talk.path("two").exists());
    let conclusion = talk.world.conclusion(&report);
    assert_eq!(conclusion.words, "fine");
    assert!(conclusion.session.is_some_and(|session| session.starts_with("s-")));
    let usage = conclusion.usage.expect("it was counted");
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost_micros), (10, 2, Some(250_000)));
    let lines = talk.said();
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].starts_with("allow") && lines[1].starts_with("deny"), "{lines:?}");
    assert!(lines[2].starts_with("allow") && lines[3] == "deny: so be it", "{lines:?}");
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    let ruled = events.iter().filter_map(|e| if let Event::Ruled { effect, .. } = e { Some(*effect) } else { None });
    assert_eq!(ruled.collect::<Vec<_>>(), [Effect::Allow, Effect::Deny]);
    assert!(matches!(&events[0], Event::Started { agent, .. } if agent == "claude"), "{events:?}");
    assert!(matches!(events.last(), Some(Event::Ended { .. })), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_executed_exactly_and_told_nowhere() {
    let mut talk =
        Talk::begin("say key hunter2-; say hunter2 is it; try 'echo hunter2-hunter2 > $A/one'; over hunter2-hunter2")
            .await;
    let asking = asked(&mut talk.session, talk.lease).await;
    let action = talk.world.action(&asking);
    assert_eq!(action.deed.line(), "echo hunter2-hunter2 > $A/one", "people decide what would be executed");
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &asking, LIFE, Choice::Approve));
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(std::fs::read_to_string(talk.path("one")).expect("it was done"), "hunter2-hunter2\n");
    assert_eq!(talk.world.conclusion(&report).words, "[redacted]");
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    assert!(!format!("{events:?}").contains("hunter2-hunter2"), "{events:?}");
    let told = |event: &Event| matches!(event, Event::Asked { action, .. } if action.deed.line() == "echo [redacted] > $A/one");
    assert!(events.iter().any(told), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_allows_for_the_run_is_allowed_in_its_next_attempt_too() {
    let script = "try 'make one'; try 'make two'; over fine";
    let mut talk = Talk::begin(script).await;
    let asking = asked(&mut talk.session, talk.lease).await;
    let allow = Some(rule(Effect::Allow, &["make"]));
    let remark = Remark { text: "go on".to_owned(), option: None, allow };
    talk.session.say(verdict_with(&talk.world, &asking, Choice::Approve, &remark));
    talk.session.reported(talk.lease).await;
    assert_eq!(talk.said().lines().filter(|line| line.starts_with("allow")).count(), 2);
    let next = LeaseId { epoch: 2, ..talk.lease };
    let body = talk.world.body_of(next, &claude(&talk.world, script));
    talk.lease = talk.session.offer(talk.world.boss.id(), (next, body));
    assert_eq!(talk.session.reported(next).await.end, ReportedEnd::Succeeded);
    let events = talk.world.relay.events(&talk.world.ring, next);
    let ruled = events.iter().filter(|event| matches!(event, Event::Ruled { effect: Effect::Allow, .. }));
    assert_eq!(ruled.count(), 2, "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Asked { .. })), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_comes_when_the_agent_gave_up_does_nothing_and_that_is_said() {
    let wait = |file: &str| format!("while ! [ -e $A/{file} ]; do sleep 0.02; done");
    let script = format!("request q1 'touch $A/one'; {}; give_up q1; {}; over fine", wait("go"), wait("end"));
    let mut talk = Talk::begin(&script).await;
    let asking = asked(&mut talk.session, talk.lease).await;
    std::fs::write(talk.path("go"), "").expect("writes");
    let withdraw = |frame: &ToRelay| matches!(frame, ToRelay::Withdraw(id) if *id == asking.id).then_some(());
    talk.session.hear("a withdrawal", withdraw).await;
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &asking, LIFE, Choice::Approve));
    let noticed = |event: &Event| matches!(event, Event::Notice(text) if text.contains("nothing was done"));
    let events = talk.until(|events| events.iter().any(noticed)).await;
    assert!(events.iter().any(|event| matches!(event, Event::Withdrawn { approval, .. } if *approval == asking.id)));
    std::fs::write(talk.path("end"), "").expect("writes");
    assert_eq!(talk.session.reported(talk.lease).await.end, ReportedEnd::Succeeded);
    assert!(!talk.path("one").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_twice_while_it_waits_is_one_question() {
    let script = "request q1 'make it'; request q2 'make it'; hear; say $answer; hear; say $answer; over fine";
    let mut talk = Talk::begin(script).await;
    let asking = asked(&mut talk.session, talk.lease).await;
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &asking, LIFE, Choice::Approve));
    assert_eq!(talk.session.reported(talk.lease).await.end, ReportedEnd::Succeeded);
    assert_eq!(talk.said(), "allow\nallow\n");
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Asked { .. })).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_survives_the_loss_of_its_relay() {
    let mut talk = Talk::begin("try 'touch $A/one'; over fine").await;
    let asking = asked(&mut talk.session, talk.lease).await;
    talk.session.connection.close(ostler_mesh::Close::Restarting);
    talk.session = talk.world.relay.attach_next().await;
    assert_eq!(talk.session.asking, [asking.id]);
    let again = asked(&mut talk.session, talk.lease).await;
    assert_eq!(again, asking);
    talk.session.say(verdict(&talk.world, &talk.world.signer(), &again, LIFE, Choice::Approve));
    assert_eq!(talk.session.reported(talk.lease).await.end, ReportedEnd::Succeeded);
    assert!(talk.path("one").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_agent_is_interrupted_asked_nothing_more_and_leaves_nothing() {
    let script = "tool; stray; call t1 'sleep 1000'; hear; say $answer; request q1 'touch $A/one'; hear; say $answer: $words; failed";
    let mut talk = Talk::begin(script).await;
    let (tool, stray) = (talk.pid("tool").await, talk.pid("stray").await);
    talk.until(|events| events.iter().any(|event| matches!(event, Event::ToolCalled { .. }))).await;
    talk.session.say(FromRelay::Stop { lease: talk.lease, why: Why::Cancelled, grace_ms: 5_000 });
    talk.session.hear("a confirmation", |frame| matches!(frame, ToRelay::Stopped(_)).then_some(())).await;
    assert!(!lives(tool) && !lives(stray), "it is confirmed when nothing runs any more");
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(failed(&report.end), (FailureClass::User, "cancelled"));
    let text = talk.said();
    assert!(text.starts_with("interrupt\ndeny: the run is being ended"), "{text}");
    assert!(!talk.path("one").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_ignores_its_interrupt_and_sigterm_is_killed_in_time() {
    let mut talk = Talk::begin("trap : TERM; here agent; while :; do sleep 1000 & wait; done").await;
    let agent = talk.pid("agent").await;
    talk.session.say(FromRelay::Stop { lease: talk.lease, why: Why::Cancelled, grace_ms: 1_500 });
    talk.session.hear("a confirmation", |frame| matches!(frame, ToRelay::Stopped(_)).then_some(())).await;
    assert!(!lives(agent));
    assert_eq!(failed(&talk.session.reported(talk.lease).await.end), (FailureClass::User, "cancelled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_conversation_outlives_its_runner_and_the_next_life_says_so() {
    let script = "here agent; tool; stray; call t1 'make it'; request q1 'make it'; say working; sleep 1000";
    let mut talk = Talk::begin(script).await;
    let asking = asked(&mut talk.session, talk.lease).await;
    let pids = [talk.pid("agent").await, talk.pid("tool").await, talk.pid("stray").await];
    talk.until(|events| said(events) == "working\n").await;
    talk.process.kill();
    let killed_at = now_ms();
    eventually("nobody lives", || !pids.into_iter().any(lives)).await;
    assert!(now_ms() - killed_at < 10_000, "it took {} ms", now_ms() - killed_at);
    talk.process = talk.world.spawn();
    talk.session = talk.world.relay.attach_next().await;
    assert_eq!(talk.session.held, [talk.lease]);
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(failed(&report.end), (FailureClass::Infra, "agent lost with its runner"));
    assert!(matches!(&report.end, ReportedEnd::Failed(failure) if failure.retry_after_ms == Some(0)));
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    assert_eq!(said(&events), "working\n", "told once");
    assert!(events.iter().any(|event| matches!(event, Event::Withdrawn { approval, .. } if *approval == asking.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_holding_a_permission_waits_for_nobody() {
    let mut talk = Talk::begin("request q1 'make it'; sleep 0.2; exit 7").await;
    let asking = asked(&mut talk.session, talk.lease).await;
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(failed(&report.end).0, FailureClass::Agent);
    let withdrawn = |event: &Event| matches!(event, Event::Withdrawn { approval, .. } if *approval == asking.id);
    assert!(talk.world.relay.events(&talk.world.ring, talk.lease).iter().any(withdrawn));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_before_its_first_word_has_failed_as_an_agent() {
    let world = World::new().await;
    let _process = world.spawn();
    let mut session = world.relay.attach_next().await;
    let mut task = claude(&world, "over fine");
    task.env.push(("DIES".to_owned(), "1".to_owned()));
    let lease = session.offer(world.boss.id(), world.body(1, &task));
    assert_eq!(failed(&session.reported(lease).await.end).0, FailureClass::Agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_told_and_a_line_without_end_is_told_in_pieces() {
    let script = "echo garbage; echo {{{; head -c 300 /dev/urandom; echo; head -c 5000000 /dev/zero | tr '[:cntrl:]' x; echo; over fine";
    let mut talk = Talk::begin(script).await;
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(report.end, ReportedEnd::Succeeded);
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    let printed: usize =
        events.iter().map(|event| if let Event::Output { bytes, .. } = event { bytes.len() } else { 0 }).sum();
    assert!(printed >= 5_000_000, "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_of_which_a_part_is_lost_does_not_go_on() {
    let script = "head -c 300000 /dev/zero | tr '[:cntrl:]' x; echo; sleep 1000";
    let mut talk = Talk::begin_with("[spool]\nbytes_max = \"64KiB\"\n", script).await;
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(failed(&report.end), (FailureClass::Infra, "output lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_leaves_behind_when_it_is_done_ends_with_it() {
    let mut talk = Talk::begin("tool; stray; sleep 0.3; over fine").await;
    let pids = [talk.pid("tool").await, talk.pid("stray").await];
    assert_eq!(talk.session.reported(talk.lease).await.end, ReportedEnd::Succeeded);
    assert!(!pids.into_iter().any(lives));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_asked_about_and_only_a_person_ends_it() {
    let mut talk = Talk::begin_with("[stall]\nafter = \"1s\"\n", "here agent; exec sleep 1000").await;
    let agent = talk.pid("agent").await;
    let first = asked(&mut talk.session, talk.lease).await;
    assert_eq!(talk.world.action(&first).kind, "question");
    talk.session.say(verdict_with(
        &talk.world,
        &first,
        Choice::Approve,
        &Remark { option: Some(0), ..Remark::default() },
    ));
    let second = asked(&mut talk.session, talk.lease).await;
    assert!(lives(agent) && second.id != first.id);
    talk.session.say(verdict_with(
        &talk.world,
        &second,
        Choice::Approve,
        &Remark { option: Some(1), ..Remark::default() },
    ));
    assert_eq!(failed(&talk.session.reported(talk.lease).await.end), (FailureClass::Agent, "stalled"));
    assert!(!lives(agent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talkative_agent_is_heard_to_its_last_word_in_order() {
    let script = "i=0; while [ $i -lt 3000 ]; do say n$i; i=$((i+1)); done; over fine";
    let mut talk = Talk::begin(script).await;
    assert_eq!(talk.session.reported(talk.lease).await.end, ReportedEnd::Succeeded);
    let expected: String = (0..3_000).map(|n| format!("n{n}\n")).collect();
    assert!(talk.said() == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_that_was_let_go_of_is_not_told_twice_by_a_later_life() {
    let script = "head -c 4000000 /dev/zero | tr '[:cntrl:]' x; echo; say before; request q1 'make it'; sleep 1000";
    let mut talk = Talk::begin(script).await;
    asked(&mut talk.session, talk.lease).await;
    talk.process.kill();
    talk.process = talk.world.spawn();
    talk.session = talk.world.relay.attach_next().await;
    let report = talk.session.reported(talk.lease).await;
    assert_eq!(failed(&report.end), (FailureClass::Infra, "agent lost with its runner"));
    let events = talk.world.relay.events(&talk.world.ring, talk.lease);
    let noise =
        events.iter().filter_map(|event| if let Event::Output { bytes, .. } = event { Some(bytes) } else { None });
    assert_eq!(noise.flatten().filter(|byte| **byte == b'x').count(), 4_000_000);
    assert!(!events.iter().any(|event| matches!(event, Event::Notice(_))), "nothing is missing");
    assert_eq!(said(&events), "before\n");
}
