//! The relay on the real wire, with runners that do as they are told.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one frame and passes over the others")]

use ostler_client::ClientError;
use ostler_core::approval::LapsePolicy;
use ostler_core::decision::Refusal;
use ostler_core::failure::{Attempts, FailureClass};
use ostler_core::ids::RunId;
use ostler_core::run::Outcome;
use ostler_core::run::State;
use ostler_proto::{FromRelay, ToRelay};
use ostler_tests::{Fleet, Timings, draft, until};

async fn word(fleet: &Fleet, run: RunId) -> &'static str {
    fleet.client.run(run).await.expect("the run is known").view.life.state().word()
}

async fn comes_to(fleet: &Fleet, run: RunId, wanted: &str) {
    until(&format!("{run} is {wanted}"), || async { (word(fleet, run).await == wanted).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_kept_granted_executed_and_settled() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let run = fleet.client.submit(&draft("first")).await.expect("kept").run;
    let lease = runner.take().await;
    assert_eq!((lease.run, lease.epoch), (run, 1));
    comes_to(&fleet, run, "running").await;
    assert!(!runner.succeed(lease).await, "the report of the current lease is in time");
    assert_eq!(word(&fleet, run).await, "succeeded");
    assert!(!runner.succeed(lease).await, "the same report again gets the same answer");
    assert!(runner.fail(lease, FailureClass::Task).await, "another report for a settled run is too late");
    assert_eq!(word(&fleet, run).await, "succeeded");
    assert_eq!(fleet.client.run(run).await.expect("known").late.len(), 1, "and kept as evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_restart_and_the_runner_goes_on_under_its_epoch() {
    let mut fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let running = fleet.client.submit(&draft("running")).await.expect("kept").run;
    let lease = runner.take().await;
    let waiting = fleet.client.submit(&draft("waiting")).await.expect("kept").run;
    comes_to(&fleet, running, "running").await;
    fleet.stop_relay().await;
    fleet.start_relay().await;
    assert_eq!(word(&fleet, running).await, "running");
    assert_eq!(word(&fleet, waiting).await, "ready");
    runner.reconnect(false).await;
    let (keep, stop) = runner.attach(&[lease], &[]).await;
    assert_eq!((keep, stop), (vec![lease], vec![]), "the same epoch");
    assert!(!runner.succeed(lease).await);
    assert_eq!(runner.take().await.run, waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_nobody_renews_moves_on_and_its_late_report_is_evidence() {
    let fleet = Fleet::with(Timings::short()).await;
    let mut silent = fleet.puppet("silent", 1).await;
    let run = fleet.client.submit(&draft("moved")).await.expect("kept").run;
    let old = silent.take().await;
    let mut other = fleet.puppet("other", 1).await;
    let new = other.take().await;
    assert_eq!((new.run, new.epoch), (run, 2));
    assert_eq!(silent.beat(&[old]).await.lost.len(), 1, "its heartbeat says so");
    assert!(silent.succeed(old).await, "too late");
    assert!(!other.succeed(new).await);
    let detail = fleet.client.run(run).await.expect("known");
    assert_eq!(detail.view.life.state().word(), "succeeded");
    assert_eq!(detail.late.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_keep_a_lease_for_many_times_its_length() {
    let fleet = Fleet::with(Timings::short()).await;
    let mut runner = fleet.puppet("steady", 1).await;
    fleet.client.submit(&draft("long")).await.expect("kept");
    let lease = runner.take().await;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    for _ in 0..20 {
        ticks.tick().await;
        assert_eq!(runner.beat(&[lease]).await.renewed, [lease]);
    }
    assert!(!runner.succeed(lease).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_has_one_winner_and_both_are_told() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let run = fleet.client.submit(&draft("cancelled")).await.expect("kept").run;
    let lease = runner.take().await;
    comes_to(&fleet, run, "running").await;
    fleet.client.cancel(run).await.expect("cancelled");
    runner
        .expect("a stop", |frame| matches!(frame, FromRelay::Stop { lease: l, .. } if l == lease).then_some(()))
        .await;
    assert!(runner.succeed(lease).await, "the report lost");
    assert_eq!(word(&fleet, run).await, "cancelled");
    let refused = fleet.client.cancel(run).await.expect_err("over");
    assert!(matches!(refused, ClientError::Refusal(Refusal::Settled(Outcome::Cancelled))), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_free_only_when_its_runner_says_that_it_stopped() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let first = fleet.client.submit(&draft("first")).await.expect("kept").run;
    let lease = runner.take().await;
    let second = fleet.client.submit(&draft("second")).await.expect("kept").run;
    comes_to(&fleet, first, "running").await;
    fleet.client.cancel(first).await.expect("cancelled");
    runner.expect("a stop", |frame| matches!(frame, FromRelay::Stop { .. }).then_some(())).await;
    assert_eq!(word(&fleet, second).await, "ready", "the slot is not free yet");
    runner.send(ToRelay::Stopped(lease)).await;
    assert_eq!(runner.take().await.run, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_attempts_make_a_dead_letter_that_can_be_revived() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let mut twice = draft("twice");
    twice.attempts = Attempts { max: 2, of_task: true };
    let run = fleet.client.submit(&twice).await.expect("kept").run;
    for _ in 0..2 {
        let lease = runner.take().await;
        runner.fail(lease, FailureClass::Task).await;
    }
    comes_to(&fleet, run, "dead").await;
    assert_eq!(fleet.client.run(run).await.expect("known").view.life.history.len(), 2);
    fleet.client.revive(run).await.expect("revived");
    let lease = runner.take().await;
    assert_eq!(lease.epoch, 3, "epochs only grow");
    assert!(!runner.succeed(lease).await);
    assert_eq!(word(&fleet, run).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_run_and_other_work_a_conflict() {
    let fleet = Fleet::start().await;
    let mut keyed = draft("keyed");
    keyed.key = Some("nightly".to_owned());
    let first = fleet.client.submit(&keyed).await.expect("kept");
    let again = fleet.client.submit(&keyed).await.expect("the same");
    assert_eq!((first.fresh, again.fresh, again.run), (true, false, first.run));
    keyed.task = ostler_tests::command(&["false"]);
    let refused = fleet.client.submit(&keyed).await.expect_err("other work");
    assert!(matches!(refused, ClientError::Refusal(Refusal::KeyConflict(run)) if run == first.run), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_runner_is_cut_off_within_a_second_and_never_let_in_again() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("stolen", 1).await;
    let run = fleet.client.submit(&draft("elsewhere")).await.expect("kept").run;
    runner.take().await;
    let closed = runner.connection().clone();
    fleet.client.revoke(runner.id(), "stolen").await.expect("revoked");
    let within = std::time::Duration::from_secs(1);
    tokio::time::timeout(within, closed.closed()).await.expect("closed within a second");
    assert!(runner.dial_again().await.is_err(), "and refused from then on");
    let mut other = fleet.puppet("honest", 1).await;
    assert_eq!(other.take().await.run, run, "its work goes to another");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_once_in_order_and_resent_from_where_a_gap_began() {
    let fleet = Fleet::start().await;
    let mut runner = fleet.puppet("alpha", 1).await;
    let run = fleet.client.submit(&draft("talks")).await.expect("kept").run;
    let lease = runner.take().await;
    let kept = |frame| match frame {
        FromRelay::Kept(kept) => Some(kept.upto),
        _ => None,
    };
    runner.events(lease, 1, &[b"one", b"two"]).await;
    assert_eq!(runner.expect("kept", kept).await, 2);
    runner.events(lease, 4, &[b"four"]).await;
    assert_eq!(runner.expect("kept", kept).await, 2, "a gap is told, not taken");
    runner.events(lease, 2, &[b"two", b"three", b"four"]).await;
    assert_eq!(runner.expect("kept", kept).await, 4);
    assert_eq!(fleet.client.run(run).await.expect("known").last_seq, 4, "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_actor_may_fall_and_nothing_is_lost() {
    let branches = ["runs", "workers", "sessions"];
    let lower = ["run", "lease", "approval", "worker", "session"];
    let actors = ["ledger", "event_log", "watch", "gate", "gateway", "pulse"].into_iter().chain(lower);
    for kind in branches.into_iter().chain(actors) {
        let fleet = Fleet::start().await;
        let mut runner = fleet.puppet("alpha", 1).await;
        let running = fleet.client.submit(&draft("running")).await.expect("kept").run;
        let lease = runner.take().await;
        let mut expiring = draft("waiting");
        expiring.start_within_ms = Some(600_000);
        let waiting = fleet.client.submit(&expiring).await.expect("kept").run;
        let question = runner.ask(lease, LapsePolicy::Escalate { after_ms: 600_000 }).await;
        assert_eq!(fleet.relay().tree().kill(kind, 1).await, 1, "{kind}: one stands, and falls");
        let state = until("the relay answers again", || async { fleet.client.run(running).await.ok() }).await;
        assert!(matches!(state.view.life.state(), State::Leased(_)), "{kind}: {:?}", state.view.life);
        let again = tokio::time::timeout(ostler_tests::WAIT, async {
            loop {
                if runner.dial_again().await.is_ok() {
                    return;
                }
            }
        });
        again.await.unwrap_or_else(|_| panic!("{kind}: the runner is never let in again"));
        let (keep, _) = runner.attach(&[lease], &[question]).await;
        assert_eq!(keep, [lease], "{kind}: the same epoch");
        let asked = fleet.client.run(running).await.expect("known").view.asking;
        assert_eq!(asked, [question], "{kind}: the question still waits");
        assert!(!runner.succeed(lease).await, "{kind}");
        let next = runner.take().await;
        assert_eq!(next.run, waiting, "{kind}");
        assert!(!runner.succeed(next).await, "{kind}");
    }
}
