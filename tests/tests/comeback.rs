//! What comes back: runners and relays that were killed, cut off or asleep, within the grace and past it; runners that are
//! told to go; and what of an ended attempt may live on, which is nothing.
//!
//! Each run waits for a file the test makes, so that a test decides when a step is taken, and writes a line for every step.

#[path = "comeback/room.rs"]
mod room;

use ostler_client::Question;
use ostler_core::approval::Choice;
use ostler_core::run::AttemptEnd;
use ostler_tests::{Hurt, RELAY, until};
use room::{Room, alive};

/// A lease is orphaned soon, and its runner may take its time to return.
const PATIENT: &str = "[lease]\nttl = '1500ms'\ngrace = '60s'\nreconnect_allowance = '5s'\n";
/// A lease is orphaned soon, and soon another's.
const STRICT: &str = "[lease]\nttl = '1500ms'\ngrace = '1500ms'\nreconnect_allowance = '1s'\nstop_grace = '500ms'\n\
                      [backoff.infra]\nbase = '20ms'\ncap = '100ms'\n";
/// Two steps with a wait between them. An attempt older than its first lease was renewed, and its shim knows.
const TWO_STEPS: &str = "sleep 2; step one; echo one; wait_for go; step two; echo two";
/// Asks, then says what came of it.
const ASKS: &str = "sleep 2; ask deploy; step \"asked $?\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_runner_goes_on_where_it_was() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", &format!("echo $$ > \"$PLACE/agent\"; {TWO_STEPS}")).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt("alpha", Hurt::Kill);
    let agent: u32 = room.read("agent").trim().parse().expect("a process id");
    assert!(alive(agent), "the agent never noticed");
    room.fleet.start_runner("alpha");
    room.is_connected("alpha").await;
    room.make("go");
    room.comes_to(run, "succeeded").await;
    room.went_on_under_its_epoch(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_was_dead_while_its_agent_ended_reports_it() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt("alpha", Hurt::Kill);
    room.comes_to(run, "orphaned").await;
    room.make("go");
    room.comes_to_step("two 1").await;
    room.idle("alpha").await;
    room.fleet.start_runner("alpha");
    room.comes_to(run, "succeeded").await;
    room.went_on_under_its_epoch(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_asleep_for_less_than_the_grace_goes_on() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt_all("alpha", Hurt::Stop);
    room.comes_to(run, "orphaned").await;
    room.fleet.hurt_all("alpha", Hurt::Continue);
    room.comes_to(run, "running").await;
    room.make("go");
    room.comes_to(run, "succeeded").await;
    room.went_on_under_its_epoch(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_relay_slept_or_died_goes_on_and_its_events_arrive() {
    for how in [Hurt::Stop, Hurt::Kill] {
        let mut room = Room::with_runner(PATIENT, "alpha").await;
        // Longer than a lease, with nobody to renew it.
        let run = room.submit("two steps", &TWO_STEPS.replace("wait_for go", "wait_for go; sleep 2")).await;
        room.comes_to_step("one 1").await;
        room.fleet.hurt(RELAY, how);
        room.make("go");
        room.comes_to_step("two 1").await;
        if how == Hurt::Stop {
            room.fleet.hurt(RELAY, Hurt::Continue);
        } else {
            room.fleet.start_relay();
        }
        room.comes_to(run, "succeeded").await;
        room.went_on_under_its_epoch(run).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_wakes_too_late_finds_its_finished_work_kept_as_evidence() {
    let mut room = Room::with_runner(STRICT, "alpha").await;
    let repository = room.repository();
    let script = format!("{TWO_STEPS}; echo \"$epoch\" > result");
    let run = room.submit_in(Some(&repository), "two steps", &script).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt("alpha", Hurt::Stop);
    room.make("go");
    room.comes_to_step("two 1").await;
    room.runner("beta").await;
    room.comes_to(run, "succeeded").await;
    room.fleet.hurt("alpha", Hurt::Continue);
    room.stands_with_late_evidence(run).await;
    room.idle("alpha").await;
    let (branch, commit) = room.saved(run, 2).await.expect("the winner's work came home");
    assert_eq!(room.saved(run, 1).await, None, "the sleeper published nothing");
    assert_eq!(room.git(&["rev-parse", &branch]), commit, "and moved nothing");
    assert_eq!(room.git(&["show", &format!("{branch}:result")]), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_for_a_sleeper_is_not_done_when_it_wakes_too_late() {
    let mut room = Room::with_runner(STRICT, "alpha").await;
    let run = room.submit("asks", ASKS).await;
    let question = room.asked(run).await;
    room.fleet.hurt_all("alpha", Hurt::Stop);
    // Its verdict waits at the door of a runner that sleeps until the run is another's.
    room.fleet.client.decide(&question, Choice::Approve, "").await.expect("its lease still lives");
    room.runner("beta").await;
    let again = room.asked(run).await;
    assert_eq!((question.approval.lease.epoch, again.approval.lease.epoch), (1, 2), "asked anew under its own epoch");
    room.fleet.hurt_all("alpha", Hurt::Continue);
    room.idle("alpha").await;
    room.fleet.client.decide(&again, Choice::Approve, "").await.expect("decided");
    room.comes_to(run, "succeeded").await;
    room.stands_with_late_evidence(run).await;
    assert_eq!(room.steps("deploy"), ["deploy 2"], "only under the epoch it was approved for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_out_of_the_relays_sight_lengthens_no_lease() {
    let mut room = Room::with_runner(STRICT, "alpha").await;
    room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt(RELAY, Hurt::Kill);
    room.fleet.hurt("alpha", Hurt::Kill);
    room.fleet.start_runner("alpha");
    // Nobody confirmed anything: the agent is gone when its lease is, whatever its runner's new life hopes for.
    room.idle("alpha").await;
    assert_eq!(room.steps("two"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_outlives_its_relay_and_its_runner() {
    for dead in [&[RELAY][..], &["alpha"], &[RELAY, "alpha"]] {
        let mut room = Room::with_runner(PATIENT, "alpha").await;
        let run = room.submit("asks", ASKS).await;
        let before = room.asked(run).await;
        dead.iter().for_each(|name| room.fleet.hurt(name, Hurt::Kill));
        dead.iter()
            .for_each(|name| if *name == RELAY { room.fleet.start_relay() } else { room.fleet.start_runner(name) });
        let question: Question = room.asked(run).await;
        assert_eq!(question.approval, before.approval, "{dead:?}: the same question");
        room.fleet.client.decide(&question, Choice::Approve, "").await.expect("decided");
        room.comes_to(run, "succeeded").await;
        assert_eq!(room.steps("deploy"), ["deploy 1"], "{dead:?}: done once");
        assert_eq!(room.epochs(run).await, [1], "{dead:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_told_to_go_ends_what_it_has_and_takes_nothing_new() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt("alpha", Hurt::Term);
    room.drains("alpha").await;
    let waiting = room.submit("too late", "step late").await;
    room.make("go");
    room.comes_to(run, "succeeded").await;
    assert!(room.fleet.ended("alpha").await.success(), "{}", room.fleet.log("alpha"));
    assert_eq!(room.word(waiting).await, "ready");
    assert_eq!(room.steps("late"), Vec::<String>::new());
    room.went_on_under_its_epoch(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_told_twice_goes_at_once_and_its_next_life_goes_on() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    room.fleet.hurt("alpha", Hurt::Term);
    room.drains("alpha").await;
    room.fleet.hurt("alpha", Hurt::Term);
    room.fleet.ended("alpha").await;
    assert!(!room.fleet.offspring("alpha").is_empty(), "what runs is left to its shim");
    room.fleet.start_runner("alpha");
    room.is_connected("alpha").await;
    room.make("go");
    room.comes_to(run, "succeeded").await;
    room.went_on_under_its_epoch(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descendant_survives_an_ended_attempt() {
    // A daemon as daemons are: a session of its own, an empty environment, deaf to SIGTERM, its parent gone.
    let stray = "setsid env -i /bin/sh -c 'trap \"\" TERM HUP; echo $$ > \"$0\".half; mv \"$0\".half \"$0\"; \
                 while :; do sleep 1; done' \"$PLACE/stray\" >/dev/null 2>&1 & wait_for stray; step begun; wait_for go";
    for cancelled in [false, true] {
        let room = Room::with_runner(STRICT, "alpha").await;
        let run = room.submit("forks", stray).await;
        room.comes_to_step("begun 1").await;
        let daemon: u32 = room.read("stray").trim().parse().expect("a process id");
        assert!(alive(daemon));
        if cancelled {
            room.fleet.client.cancel(run).await.expect("cancelled");
        } else {
            room.make("go");
            room.comes_to(run, "succeeded").await;
        }
        until("the daemon is gone", || async { (!alive(daemon)).then_some(()) }).await;
        room.idle("alpha").await;
        let history = room.fleet.client.run(run).await.expect("known").view.life.history;
        let end = if cancelled { AttemptEnd::Stopped } else { AttemptEnd::Succeeded };
        assert_eq!(history.iter().map(|attempt| attempt.end.clone()).collect::<Vec<_>>(), [end]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_while_it_starts_is_no_hindrance_to_the_next() {
    let mut room = Room::with_runner(PATIENT, "alpha").await;
    let run = room.submit("two steps", TWO_STEPS).await;
    room.comes_to_step("one 1").await;
    // At each of these the child that looks at the files first is at another line, and may be left behind with them open.
    for after_ms in (0..120).step_by(4) {
        room.fleet.hurt(RELAY, Hurt::Kill);
        room.fleet.start_relay();
        tokio::time::sleep(std::time::Duration::from_millis(after_ms)).await;
    }
    room.make("go");
    room.comes_to(run, "succeeded").await;
    assert!(!room.fleet.log(RELAY).contains("in use by another process"), "{}", room.fleet.log(RELAY));
    room.went_on_under_its_epoch(run).await;
}
