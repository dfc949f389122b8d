//! Who is started again, and what happens when that is too often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ostler_supervise::{Branch, Budget, Cause, Child, Credit, Door, End, Exit, Plan, Restart, Root, Strategy};

use crate::probe::{Diary, Probe, Tell, incarnation, soon};

const MINUTE_MS: u64 = 60_000;

#[tokio::test(start_paused = true)]
async fn a_permanent_child_comes_back_behind_the_same_door() {
    let (diary, door) = (Diary::default(), Door::new());
    let root = Root::start(Plan::new(Strategy::OneForOne).child(Probe::new("a", &diary).child(&door))).await;
    let root = root.expect("it starts");
    for (told, number) in [(Some(Tell::Panic), 1), (Some(Tell::Fail), 2), (None, 3)] {
        assert_eq!(incarnation(&door).await, number);
        match told {
            Some(told) => door.send(told).expect("somebody is there"),
            None => door.stop(),
        }
        diary.until("a dropped").await;
        diary.take();
    }
    assert_eq!(incarnation(&door).await, 4, "an orderly stop brings a permanent child back too");
    assert_eq!(root.stop().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_shut_door_gives_the_message_back() {
    let (diary, door) = (Diary::default(), Door::new());
    assert!(matches!(door.send(Tell::Fail), Err(refused) if matches!(refused.0, Tell::Fail)));
    let root = Root::start(Plan::new(Strategy::OneForOne).child(Probe::new("a", &diary).child(&door))).await;
    root.expect("it starts").stop().await;
    assert!(door.get().is_none(), "a stopped child leaves its door shut");
    assert!(door.send(Tell::Fail).is_err());
}

/// Starts a child under `rule`, ends it by `told` or by a stop, and says how that was reported to `on_end`.
async fn end_of(rule: Restart, told: Option<Tell>) -> Option<End> {
    let (diary, door, ends) = (Diary::default(), Door::new(), Arc::new(Mutex::new(None)));
    let page = Arc::clone(&ends);
    let child = Probe::new("a", &diary).child(&door).restart(rule);
    let child = child.on_end(move |end| *page.lock().expect("one writer") = Some(end));
    let root = Root::start(Plan::new(Strategy::OneForOne).child(child)).await.expect("it starts");
    match told {
        Some(told) => door.send(told).expect("somebody is there"),
        None => door.stop(),
    }
    diary.until("a dropped").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let end = ends.lock().expect("one writer").take();
    assert_eq!(end.is_none(), door.get().is_some(), "either it was ended for good or it is back");
    root.stop().await;
    end
}

#[tokio::test(start_paused = true)]
async fn the_restart_rule_decides_who_comes_back() {
    let failed = Cause::Failed("told to fail".to_owned());
    let ended = |cause| Some(End { cause, gave_up: false });
    assert_eq!(end_of(Restart::Permanent, Some(Tell::Fail)).await, None);
    assert_eq!(end_of(Restart::Permanent, None).await, None);
    assert_eq!(end_of(Restart::Transient, Some(Tell::Fail)).await, None);
    assert_eq!(end_of(Restart::Transient, None).await, ended(Cause::Stopped(None)));
    assert_eq!(end_of(Restart::Temporary, Some(Tell::Fail)).await, ended(failed));
    assert_eq!(end_of(Restart::Temporary, None).await, ended(Cause::Stopped(None)));
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_stops_everything_and_says_who_fell() {
    let (diary, [a, b]) = (Diary::default(), [Door::new(), Door::new()]);
    let plan = Plan::new(Strategy::OneForOne)
        .budget(Budget::new(2, MINUTE_MS))
        .child(Probe::new("a", &diary).child(&a))
        .child(Probe::new("b", &diary).child(&b));
    let mut root = Root::start(plan).await.expect("it starts");
    for number in 1..=3 {
        assert_eq!(incarnation(&b).await, number);
        diary.take();
        b.send(Tell::Fail).expect("somebody is there");
        diary.until("b dropped").await;
    }
    let cause = Cause::Failed("told to fail".to_owned());
    let exit = Exit::Escalated { kind: "b", cause };
    assert_eq!(soon(root.ended()).await, exit);
    assert_eq!(soon(root.ended()).await, exit, "asking again gives the same answer");
    assert!(diary.take().contains(&"a stopped".to_owned()), "the others were stopped in good order");
}

#[tokio::test(start_paused = true)]
async fn restarts_that_are_far_enough_apart_never_escalate() {
    let (diary, door) = (Diary::default(), Door::new());
    let plan = Plan::new(Strategy::OneForOne).budget(Budget::new(1, MINUTE_MS));
    let root = Root::start(plan.child(Probe::new("a", &diary).child(&door))).await.expect("it starts");
    for number in 1..=20 {
        assert_eq!(incarnation(&door).await, number);
        door.send(Tell::Panic).expect("somebody is there");
        tokio::time::sleep(Duration::from_millis(MINUTE_MS)).await;
    }
    assert_eq!(root.stop().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_child_with_its_own_budget_is_given_up_alone() {
    let (diary, [a, b]) = (Diary::default(), [Door::new(), Door::new()]);
    let notes = diary.clone();
    let poisoned = Probe::new("run", &diary).child(&b).give_up_after(Budget::new(1, MINUTE_MS));
    let poisoned = poisoned.on_end(move |end| notes.write(format!("gave up: {}", end.gave_up)));
    let plan = Plan::new(Strategy::OneForOne).budget(Budget::new(0, MINUTE_MS));
    let root = Root::start(plan.child(Probe::new("a", &diary).child(&a)).child(poisoned)).await.expect("it starts");
    for number in 1..=2 {
        assert_eq!(incarnation(&b).await, number);
        diary.take();
        b.send(Tell::Panic).expect("somebody is there");
        diary.until("run dropped").await;
    }
    diary.until("gave up: true").await;
    assert_eq!(incarnation(&a).await, 1, "its sibling and their shared budget are untouched");
    assert_eq!(root.stop().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_escalates_is_a_fallen_child_of_its_parent() {
    let (diary, branch, door) = (Diary::default(), Branch::new(), Door::new());
    let (probe, inner) = (Probe::new("a", &diary), door.clone());
    let below = Child::branch("below", &branch, move || {
        Plan::new(Strategy::OneForOne).budget(Budget::new(0, MINUTE_MS)).child(probe.clone().child(&inner))
    });
    let plan = Plan::new(Strategy::OneForOne).budget(Budget::new(1, MINUTE_MS)).child(below);
    let mut root = Root::start(plan).await.expect("it starts");
    assert_eq!(incarnation(&door).await, 1);
    door.send(Tell::Panic).expect("somebody is there");
    diary.until("a dropped").await;
    assert_eq!(incarnation(&door).await, 2, "the branch was started again, and its child with it");
    door.send(Tell::Panic).expect("somebody is there");
    assert!(matches!(soon(root.ended()).await, Exit::Escalated { kind: "below", .. }));
}

#[tokio::test(start_paused = true)]
async fn a_failed_restart_is_tried_again_after_a_pause_within_the_budget() {
    let (diary, door) = (Diary::default(), Door::new());
    let probe = Probe::new("a", &diary).failing(2..5);
    let root = Root::start(Plan::new(Strategy::RestForOne).child(probe.child(&door))).await.expect("it starts");
    let began = tokio::time::Instant::now();
    door.send(Tell::Fail).expect("somebody is there");
    diary.until("a dropped").await;
    soon(door.opened()).await;
    assert_eq!(began.elapsed(), Duration::from_millis(50 + 100 + 200), "the pauses double");
    assert_eq!(root.stop().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_never_starts_again_spends_the_budget() {
    let (diary, door) = (Diary::default(), Door::new());
    let probe = Probe::new("a", &diary).failing(2..usize::MAX);
    let mut root = Root::start(Plan::new(Strategy::OneForAll).child(probe.child(&door))).await.expect("it starts");
    door.send(Tell::Fail).expect("somebody is there");
    let exit = soon(root.ended()).await;
    assert!(matches!(exit, Exit::Escalated { kind: "a", cause: Cause::Unstartable(_) }), "{exit}");
    assert_eq!(diary.take().iter().filter(|line| *line == "a refused").count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_permit_comes_back_when_its_actor_dies() {
    let (diary, door, credit) = (Diary::default(), Door::new(), Credit::new(1, 250));
    let root = Root::start(Plan::new(Strategy::OneForOne).child(Probe::new("a", &diary).child(&door))).await;
    let root = root.expect("it starts");
    door.send(Tell::Hold(credit.take().expect("an idle credit"))).expect("somebody is there");
    assert_eq!(incarnation(&door).await, 1);
    assert_eq!(credit.take().expect_err("the mailbox is full").retry_after_ms, 250);
    door.send(Tell::Panic).expect("somebody is there");
    diary.until("a dropped").await;
    assert_eq!(credit.in_use(), 0);
    root.stop().await;
}
