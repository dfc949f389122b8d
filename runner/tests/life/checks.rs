//! The run's check: whose it is, when it is executed, and what follows from its result.

use crate::runs::failed;
use crate::talks::claude;
use crate::world::{World, shell};
use ostler_core::command::{Report, ReportedEnd};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::ids::LeaseId;
use ostler_core::task::{Check, Source, Task};
use std::process::Command;

fn check(command: &str, rounds: u32) -> Option<Check> {
    Some(Check { command: command.to_owned(), rounds })
}

/// What becomes of `task` on a runner of its own.
async fn done(world: &World, task: &Task) -> (Report, Vec<Event>) {
    let process = world.spawn_with("");
    let mut session = world.relay.attach_next().await;
    let lease: LeaseId = session.offer(world.boss.id(), world.body(1, task));
    let report = session.reported(lease).await;
    drop(process);
    (report, world.relay.events(&world.ring, lease))
}

fn rounds(events: &[Event]) -> Vec<(u32, bool, &str)> {
    let mut rounds = Vec::new();
    for event in events {
        if let Event::Checked { round, passed, output, .. } = event {
            rounds.push((*round, *passed, output.as_str()));
        }
    }
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_confirms_a_success_or_makes_it_a_failure() {
    let world = World::new().await;
    let task = Task { check: check("test -e made && echo fine", 0), ..shell("touch made") };
    let (report, events) = done(&world, &task).await;
    assert_eq!(report.end, ReportedEnd::Succeeded);
    assert_eq!(world.conclusion(&report).checked, Some(true));
    assert_eq!(rounds(&events), [(1, true, "fine\n")]);

    let world = World::new().await;
    let env = vec![("MY_TOKEN".to_owned(), "hunter2-hunter2".to_owned())];
    let task = Task { env, check: check("echo \"$MY_TOKEN is missing\"; exit 4", 0), ..shell("true") };
    let (report, events) = done(&world, &task).await;
    assert_eq!(failed(&report.end), (FailureClass::Task, "check failed"));
    let conclusion = world.conclusion(&report);
    assert_eq!(conclusion.checked, Some(false));
    assert!(conclusion.words.contains("exited with 4"), "{}", conclusion.words);
    assert_eq!(rounds(&events), [(1, false, "[redacted] is missing\n")]);

    let world = World::new().await;
    let task = Task { check: check("true", 0), ..shell("exit 3") };
    let (report, events) = done(&world, &task).await;
    assert_eq!(failed(&report.end), (FailureClass::Task, "exit 3"), "what failed by itself is not checked");
    assert_eq!(rounds(&events), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_change_the_check_of_its_repository() {
    let world = World::new().await;
    let repository = world.dir.path().join("repository");
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(&repository).args(["-c", "user.name=x", "-c", "user.email=x@x"]).args(words);
        assert!(git.output().expect("git runs").status.success(), "{words:?}");
    };
    std::fs::create_dir_all(repository.join(".ostler")).expect("makes");
    std::fs::write(repository.join(".ostler/run.toml"), "check = 'test -e wanted'\n").expect("writes");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let source = Some(Source { repository: repository.display().to_string(), reference: None });
    let task = Task { source, ..shell("echo \"check = 'true'\" > .ostler/run.toml") };
    let (report, _) = done(&world, &task).await;
    assert_eq!(failed(&report.end), (FailureClass::Task, "check failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_sent_back_with_what_failed_and_no_more_often_than_was_said() {
    let world = World::new().await;
    std::fs::write(world.dir.path().join("sent_back"), "touch $A/mended; over two").expect("writes");
    let task = Task { check: check("test -e $A/mended || { echo not yet; exit 1; }", 1), ..claude(&world, "over one") };
    let (report, events) = done(&world, &task).await;
    assert_eq!(report.end, ReportedEnd::Succeeded, "{events:?}");
    let conclusion = world.conclusion(&report);
    assert_eq!((conclusion.words.as_str(), conclusion.checked), ("two", Some(true)));
    assert_eq!(rounds(&events), [(1, false, "not yet\n"), (2, true, "")]);
    let told = |event: &Event| matches!(event, Event::Prompted(text) if text.contains("not yet"));
    assert!(events.iter().any(told), "{events:?}");

    let world = World::new().await;
    std::fs::write(world.dir.path().join("sent_back"), "over again").expect("writes");
    let task = Task { check: check("false", 2), ..claude(&world, "over one") };
    let (report, events) = done(&world, &task).await;
    assert_eq!(failed(&report.end), (FailureClass::Task, "check failed"));
    assert_eq!(
        rounds(&events).iter().map(|(round, passed, _)| (*round, *passed)).collect::<Vec<_>>(),
        [(1, false), (2, false), (3, false)]
    );
}
