//! In which order children start and stop, alone and in company.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ostler_supervise::{Branch, Child, Door, Exit, Plan, Restart, Root, Strategy};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::probe::{Diary, Probe, Tell, incarnation};

type Doors = [Door<Tell>; 3];

fn doors() -> Doors {
    std::array::from_fn(|_| Door::new())
}

fn three(strategy: Strategy, diary: &Diary, doors: &Doors) -> Plan {
    ["a", "b", "c"]
        .into_iter()
        .zip(doors)
        .fold(Plan::new(strategy), |plan, (name, door)| plan.child(Probe::new(name, diary).child(door)))
}

/// What happens, in order, when the middle one of three fails.
async fn fall_of_b(strategy: Strategy) -> Vec<String> {
    let (diary, doors) = (Diary::default(), doors());
    let root = Root::start(three(strategy, &diary, &doors)).await.expect("it starts");
    assert_eq!(diary.take(), ["a started", "b started", "c started"]);
    doors[1].send(Tell::Fail).expect("somebody is there");
    diary.until("b dropped").await;
    assert_eq!(incarnation(&doors[1]).await, 2);
    incarnation(&doors[2]).await;
    let lines = diary.take();
    root.stop().await;
    lines
}

#[tokio::test(start_paused = true)]
async fn one_for_one_starts_only_the_fallen_one() {
    assert_eq!(fall_of_b(Strategy::OneForOne).await, ["b dropped", "b started"]);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_takes_those_started_after_it_along() {
    let expected = ["b dropped", "c stopped", "c dropped", "b started", "c started"];
    assert_eq!(fall_of_b(Strategy::RestForOne).await, expected);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_takes_everybody_along_last_first() {
    let expected =
        ["b dropped", "c stopped", "c dropped", "a stopped", "a dropped", "a started", "b started", "c started"];
    assert_eq!(fall_of_b(Strategy::OneForAll).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_sibling_goes_along_and_does_not_come_back() {
    let (diary, doors) = (Diary::default(), doors());
    let notes = diary.clone();
    let passing = Probe::new("passing", &diary).child(&doors[1]).restart(Restart::Temporary);
    let passing = passing.on_end(move |end| notes.write(format!("passing ended, {}", end.cause)));
    let plan = Plan::new(Strategy::OneForAll).child(Probe::new("a", &diary).child(&doors[0])).child(passing);
    let root = Root::start(plan).await.expect("it starts");
    doors[0].send(Tell::Panic).expect("somebody is there");
    diary.until("passing ended, stopped: a sibling fell").await;
    assert_eq!(incarnation(&doors[0]).await, 2);
    assert!(doors[1].get().is_none());
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_goes_last_first_and_runs_every_post_stop() {
    for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
        let (diary, doors) = (Diary::default(), doors());
        let root = Root::start(three(strategy, &diary, &doors)).await.expect("it starts");
        diary.take();
        assert_eq!(root.stop().await, Exit::Stopped);
        let expected = ["c stopped", "c dropped", "b stopped", "b dropped", "a stopped", "a dropped"];
        assert_eq!(diary.take(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_branch_stops_its_own_children_before_its_older_sibling_stops() {
    let (diary, doors, branch) = (Diary::default(), doors(), Branch::new());
    let (inner, again) = (Probe::new("inner", &diary), doors[1].clone());
    let below =
        Child::branch("below", &branch, move || Plan::new(Strategy::OneForOne).child(inner.clone().child(&again)));
    let plan = Plan::new(Strategy::RestForOne).child(Probe::new("a", &diary).child(&doors[0])).child(below);
    let root = Root::start(plan).await.expect("it starts");
    assert_eq!(diary.take(), ["a started", "inner started"]);
    root.stop().await;
    assert_eq!(diary.take(), ["inner stopped", "inner dropped", "a stopped", "a dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_stop_in_time_is_killed() {
    let (diary, doors) = (Diary::default(), doors());
    let stubborn = Probe::new("stubborn", &diary).child(&doors[1]).stop_within(Duration::from_secs(7));
    let plan = Plan::new(Strategy::RestForOne).child(Probe::new("a", &diary).child(&doors[0])).child(stubborn);
    let root = Root::start(plan).await.expect("it starts");
    doors[1].send(Tell::Hang).expect("somebody is there");
    diary.until("stubborn hangs").await;
    diary.take();
    let began = tokio::time::Instant::now();
    assert_eq!(root.stop().await, Exit::Stopped);
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(diary.take(), ["stubborn dropped", "a stopped", "a dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_start_that_fails_stops_those_already_up() {
    let (diary, doors) = (Diary::default(), doors());
    let plan = Plan::new(Strategy::RestForOne)
        .child(Probe::new("a", &diary).child(&doors[0]))
        .child(Probe::new("b", &diary).failing(1..2).child(&doors[1]));
    let refused = Root::start(plan).await.expect_err("b refuses");
    assert_eq!(refused.kind, "b");
    assert!(refused.reason.contains("told to refuse"), "{refused}");
    assert_eq!(diary.take(), ["a started", "b refused", "a stopped", "a dropped"]);
}

/// Notes whether an older incarnation's state was still being dropped when this one started.
struct Lock(Arc<AtomicBool>, Arc<AtomicBool>);

/// Takes its time to let go, on a thread of its own.
struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        for _ in 0..20 {
            std::thread::yield_now();
        }
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Actor for Lock {
    type Msg = ();
    type State = Held;
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<Held, ActorProcessingErr> {
        if self.0.swap(true, Ordering::SeqCst) {
            self.1.store(true, Ordering::SeqCst);
        }
        Ok(Held(Arc::clone(&self.0)))
    }
    async fn handle(&self, _: ActorRef<()>, (): (), _: &mut Held) -> Result<(), ActorProcessingErr> {
        Err("told to fail".into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_started_before_the_fallen_ones_state_is_dropped() {
    let (held, clash, door) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), Door::new());
    let shared = (Arc::clone(&held), Arc::clone(&clash));
    let child = Child::new("lock", &door, move || (Lock(Arc::clone(&shared.0), Arc::clone(&shared.1)), ()));
    let budget = ostler_supervise::Budget::new(1_000, 60_000);
    let root = Root::start(Plan::new(Strategy::OneForOne).budget(budget).child(child)).await.expect("it starts");
    let restarts = async {
        for _ in 0..50 {
            let before = door.opened().await.get_id();
            door.send(()).unwrap_or(());
            while door.opened().await.get_id() == before {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), restarts).await.expect("it comes back every time");
    assert!(!clash.load(Ordering::SeqCst), "two incarnations held the same thing");
    root.stop().await;
}
