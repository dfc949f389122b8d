//! What ractor 0.16 does and does not do. DESIGN stands on each of these; an upgrade that changes one must fail here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, ActorStatus, SpawnErr, SupervisionEvent};

use crate::probe::{Diary, Probe, Tell, soon};

/// A supervisor with ractor's own supervision handler.
struct Default_;

impl Actor for Default_ {
    type Msg = ();
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// A supervisor that only writes down what it is told, and is busy for ever once it gets a message.
struct Witness(Diary);

impl Actor for Witness {
    type Msg = ();
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.write("the witness is busy".to_owned());
        std::future::pending().await
    }
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.0.write(match event {
            SupervisionEvent::ActorStarted(_) => "told: started".to_owned(),
            SupervisionEvent::ActorTerminated(_, state, reason) => {
                format!("told: terminated, state {}, {reason:?}", if state.is_some() { "kept" } else { "gone" })
            }
            SupervisionEvent::ActorFailed(_, error) => format!("told: failed, {error}"),
            SupervisionEvent::ProcessGroupChanged(_) => "told: a group changed".to_owned(),
        });
        Ok(())
    }
}

async fn witness(diary: &Diary) -> ActorRef<()> {
    Witness::spawn(None, Witness(diary.clone()), ()).await.expect("it starts").0
}

#[tokio::test(start_paused = true)]
async fn the_default_handler_stops_the_supervisor_when_a_child_ends() {
    let (parent, ended) = Default_::spawn(None, Default_, ()).await.expect("it starts");
    let (child, _) =
        Probe::spawn_linked(None, Probe::new("child", &Diary::default()), (), parent.get_cell()).await.expect("starts");
    child.stop(None);
    soon(ended).await.expect("the supervisor ends because its child ended");
    assert_eq!(parent.get_status(), ActorStatus::Stopped);
}

#[tokio::test(start_paused = true)]
async fn nobody_restarts_a_child() {
    let diary = Diary::default();
    let parent = witness(&diary).await;
    let (child, ended) =
        Probe::spawn_linked(None, Probe::new("child", &diary), (), parent.get_cell()).await.expect("it starts");
    child.send_message(Tell::Fail).expect("queued");
    soon(ended).await.expect("it ends");
    diary.until("told: failed, told to fail").await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(diary.take().iter().filter(|line| *line == "child started").count(), 1);
    assert!(parent.get_children().is_empty());
    assert_eq!(parent.get_status(), ActorStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn a_parents_stop_kills_its_children_without_their_post_stop() {
    let diary = Diary::default();
    let (parent, ended) = Witness::spawn(None, Witness(diary.clone()), ()).await.expect("it starts");
    let (_, child_ended) =
        Probe::spawn_linked(None, Probe::new("child", &diary), (), parent.get_cell()).await.expect("it starts");
    parent.stop(None);
    soon(ended).await.expect("it ends");
    soon(child_ended).await.expect("its child ends with it");
    let lines = diary.take();
    assert!(lines.contains(&"child dropped".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"child stopped".to_owned()), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_error_skips_post_stop_but_drops_the_state() {
    for told in [Tell::Panic, Tell::Fail] {
        let diary = Diary::default();
        let (child, ended) = Probe::spawn(None, Probe::new("child", &diary), ()).await.expect("it starts");
        child.send_message(told).expect("queued");
        soon(ended).await.expect("the task of an actor never panics");
        assert_eq!(diary.take(), ["child started", "child dropped"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_hands_the_state_to_the_supervisor_and_a_kill_says_killed() {
    let diary = Diary::default();
    let parent = witness(&diary).await;
    let probe = Probe::new("child", &diary);
    let (child, _) = Probe::spawn_linked(None, probe.clone(), (), parent.get_cell()).await.expect("it starts");
    child.stop(Some("done".to_owned()));
    diary.until("told: terminated, state kept, Some(\"done\")").await;
    diary.take();
    let (child, _) = Probe::spawn_linked(None, probe.clone(), (), parent.get_cell()).await.expect("it starts");
    diary.until("told: started").await;
    child.kill();
    diary.until("told: terminated, state kept, Some(\"killed\")").await;
    diary.take();
    let (_, task) = Probe::spawn_linked(None, probe, (), parent.get_cell()).await.expect("it starts");
    task.abort();
    diary.until("told: terminated, state gone, Some(\"actor_task_cancelled\")").await;
}

#[tokio::test(start_paused = true)]
async fn a_pre_start_error_goes_to_the_spawner_and_not_to_the_supervisor() {
    let diary = Diary::default();
    let parent = witness(&diary).await;
    let probe = Probe::new("child", &diary).failing(1..2);
    let refused = Probe::spawn_linked(None, probe, (), parent.get_cell()).await;
    assert!(matches!(refused, Err(SpawnErr::StartupFailed(error)) if error.to_string() == "told to refuse"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(diary.take(), ["child refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_running_handler_and_a_kill_cuts_it() {
    let diary = Diary::default();
    let (child, mut ended) = Probe::spawn(None, Probe::new("child", &diary), ()).await.expect("it starts");
    child.send_message(Tell::Hang).expect("queued");
    diary.until("child hangs").await;
    child.stop(None);
    let waited = tokio::time::timeout(Duration::from_secs(3_600), &mut ended).await;
    assert!(waited.is_err(), "the handler still runs");
    child.kill();
    soon(ended).await.expect("cut at its await");
    assert!(!diary.take().contains(&"child stopped".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_takes_whatever_is_sent() {
    let diary = Diary::default();
    let (child, _) = Probe::spawn(None, Probe::new("child", &diary), ()).await.expect("it starts");
    child.send_message(Tell::Hang).expect("queued");
    diary.until("child hangs").await;
    for _ in 0..200_000 {
        child.send_message(Tell::Panic).expect("no bound, whatever the actor does");
    }
    child.kill();
}

#[tokio::test(start_paused = true)]
async fn timers_follow_tokios_paused_time() {
    let diary = Diary::default();
    let (child, ended) = Probe::spawn(None, Probe::new("child", &diary), ()).await.expect("it starts");
    let began = tokio::time::Instant::now();
    child.send_after(Duration::from_secs(3_600), || Tell::Fail);
    soon(ended).await.expect("it ends when the timer fires");
    assert_eq!(began.elapsed().as_secs(), 3_600);
}

#[tokio::test(start_paused = true)]
async fn names_live_in_one_registry_for_the_whole_process() {
    let diary = Diary::default();
    let name = Some("the only one".to_owned());
    let (first, _) = Probe::spawn(name.clone(), Probe::new("first", &diary), ()).await.expect("it starts");
    let second = Probe::spawn(name, Probe::new("second", &diary), ()).await;
    assert!(matches!(second, Err(SpawnErr::ActorAlreadyRegistered(_))));
    first.kill();
}

#[tokio::test(start_paused = true)]
async fn a_message_to_an_ended_actor_comes_back() {
    let (child, ended) = Probe::spawn(None, Probe::new("child", &Diary::default()), ()).await.expect("it starts");
    child.stop(None);
    soon(ended).await.expect("it ends");
    let refused = child.send_message(Tell::Fail);
    assert!(matches!(refused, Err(ractor::MessagingErr::SendErr(Tell::Fail))));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_actors_state_lives_until_its_supervisor_has_handled_the_event() {
    let diary = Diary::default();
    let parent = witness(&diary).await;
    let probe = Probe::new("child", &diary);
    let (first, first_ended) = Probe::spawn_linked(None, probe.clone(), (), parent.get_cell()).await.expect("starts");
    let (second, second_ended) = Probe::spawn_linked(None, probe, (), parent.get_cell()).await.expect("it starts");
    parent.send_message(()).expect("queued");
    diary.until("the witness is busy").await;
    first.stop(None);
    soon(first_ended).await.expect("it ends");
    assert!(!diary.take().contains(&"child dropped".to_owned()), "the task has ended and the state has not");
    second.unlink(parent.get_cell());
    second.stop(None);
    soon(second_ended).await.expect("it ends");
    assert!(diary.take().contains(&"child dropped".to_owned()), "without a supervisor it is dropped at once");
    parent.kill();
}

/// A state that looks, when it is dropped, whether its actor is still a child of its parent.
struct Orphan(ActorRef<()>, Arc<AtomicBool>);

impl Drop for Orphan {
    fn drop(&mut self) {
        self.1.store(self.0.get_children().is_empty(), Ordering::SeqCst);
    }
}

struct Failing;

impl Actor for Failing {
    type Msg = ();
    type State = Orphan;
    type Arguments = Orphan;
    async fn pre_start(&self, _: ActorRef<()>, state: Orphan) -> Result<Orphan, ActorProcessingErr> {
        Ok(state)
    }
    async fn handle(&self, _: ActorRef<()>, (): (), _: &mut Orphan) -> Result<(), ActorProcessingErr> {
        Err("told to fail".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_told_of_a_failure_before_the_state_is_dropped() {
    let parent = witness(&Diary::default()).await;
    let unlinked = Arc::new(AtomicBool::new(false));
    let state = Orphan(parent.clone(), Arc::clone(&unlinked));
    let (child, ended) = Failing::spawn_linked(None, Failing, state, parent.get_cell()).await.expect("it starts");
    child.send_message(()).expect("queued");
    soon(ended).await.expect("the task ends only when the state is dropped");
    // ractor tells the supervisor, then unlinks, then drops the state.
    assert!(unlinked.load(Ordering::SeqCst), "whoever restarts must wait for the task, not for the event");
}
