//! Lost connections, killed runners: what was begun goes on under the same epoch, and nothing is told twice.

use crate::relay::soon;
use crate::runs::printed;
use crate::world::{World, shell};
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_mesh::Close;

/// Prints a number now and then until the file `go` appears beside it.
fn counting(world: &World) -> String {
    let go = world.dir.path().join("go");
    format!("i=0; while [ ! -e {} ]; do i=$((i+1)); echo n$i; sleep 0.05; done; echo end", go.display())
}

fn let_go(world: &World) {
    std::fs::write(world.dir.path().join("go"), "").expect("writes");
}

/// Every number once, in order, then the end.
fn check(events: &[Event]) {
    let text = printed(events);
    let lines: Vec<&str> = text.lines().collect();
    let (last, numbers) = lines.split_last().expect("it printed");
    assert_eq!(*last, "end");
    for (index, line) in numbers.iter().enumerate() {
        assert_eq!(*line, format!("n{}", index + 1));
    }
    let started = events.iter().filter(|event| matches!(event, Event::Started { .. })).count();
    assert_eq!(started, 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_sent_again_after_a_lost_connection() {
    let world = World::new().await;
    let (runner, session) = world.start().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&counting(&world))));
    world.relay.until(&world.ring, lease, |events| events.len() > 2).await;
    world.relay.keep_nothing(true);
    session.connection.close(Close::Restarting);
    let attached = world.relay.attach_next().await;
    assert_eq!(attached.held, [lease]);
    attached.connection.close(Close::Restarting);
    world.relay.keep_nothing(false);
    let mut session = world.relay.attach_next().await;
    assert_eq!(session.held, [lease]);
    let_go(&world);
    assert_eq!(session.reported(lease).await.end, ReportedEnd::Succeeded);
    check(&world.relay.events(&world.ring, lease));
    soon("idle", runner.idle()).await;
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_runner_takes_its_agent_up_again() {
    let world = World::new().await;
    let process = world.spawn();
    let session = world.relay.attach_next().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&counting(&world))));
    world.relay.until(&world.ring, lease, |events| events.len() > 3).await;
    process.kill();
    let process = world.spawn();
    let mut session = world.relay.attach_next().await;
    assert_eq!(session.held, [lease]);
    let before = world.relay.events(&world.ring, lease).len();
    world.relay.until(&world.ring, lease, |events| events.len() > before + 3).await;
    let_go(&world);
    assert_eq!(session.reported(lease).await.end, ReportedEnd::Succeeded);
    check(&world.relay.events(&world.ring, lease));
    drop(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_said_until_it_is_heard_and_a_late_one_is_evidence() {
    let world = World::new().await;
    let process = world.spawn();
    let mut session = world.relay.attach_next().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell("echo done")));
    let first = session.report(|report| report.lease == lease).await;
    process.kill();
    let process = world.spawn();
    let mut session = world.relay.attach_stopping(&[lease]).await;
    assert_eq!(session.held, [lease]);
    session
        .hear("a confirmation", |frame| {
            matches!(frame, ostler_proto::ToRelay::Stopped(of) if *of == lease).then_some(())
        })
        .await;
    let again = session.report(|report| report.lease == lease).await;
    assert_eq!(again, first, "the very same report");
    session.say(ostler_proto::FromRelay::Reported { lease, digest: again.digest, fenced: Some(None) });
    process.terminate();
    let mut process = process;
    let ended = tokio::task::spawn_blocking(move || process.0.wait().expect("was ours"));
    assert!(soon("an orderly end", ended).await.expect("waited").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_actor_is_killed_the_run_goes_on() {
    let world = World::new().await;
    let (runner, mut session) = world.start().await;
    let lease = session.offer(world.boss.id(), world.body(1, &shell(&counting(&world))));
    for kind in ["attempt", "slots", "attempts", "uplink", "journal"] {
        let before = world.relay.events(&world.ring, lease).len();
        world.relay.until(&world.ring, lease, |events| events.len() > before + 2).await;
        assert_eq!(runner.tree().kill(kind, 1).await, 1, "{kind}");
        if matches!(kind, "uplink" | "journal") {
            session = world.relay.attach_next().await;
            assert_eq!(session.held, [lease], "{kind}");
        }
    }
    let_go(&world);
    assert_eq!(session.reported(lease).await.end, ReportedEnd::Succeeded);
    check(&world.relay.events(&world.ring, lease));
    soon("idle", runner.idle()).await;
    runner.stop().await;
}
