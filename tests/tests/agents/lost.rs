//! An agent whose runner is killed in the middle of a tool: nothing of it survives, and the next attempt goes on with the
//! session and does not do again what was done.

use crate::house::{House, RUNNER};
use ostler_core::approval::Choice;
use ostler_core::event::Event;
use ostler_tests::{Hurt, Scripts, Step};

/// What the agent is in the middle of: a file outside of it decides whether it ever ends.
const STUCK: &str = "tail -f /dev/null";

/// The story.
pub(crate) async fn with_its_runner(agent: &'static str) {
    let script = vec![
        Step::shell("echo one >> steps.txt"),
        Step::shell(&format!("test -e go.txt || {{ echo > go.txt; {STUCK}; }}")),
        Step::shell("echo three >> steps.txt"),
        Step::say("Done: all steps."),
    ];
    let Some(mut house) = House::with(agent, Scripts::builtin().with("stuck", script)).await else { return };
    let run = house.submit(house.task("Take the steps. [[script:stuck]]")).await;
    for _ in 0..2 {
        let question = house.question(run).await.unwrap_or_else(|| panic!("{agent}: it asks"));
        house.answer(&question, Choice::Approve, "").await;
    }
    house.at_work(STUCK).await;
    house.fleet.hurt(RUNNER, Hurt::Kill);
    house.nothing_left("after its runner was killed").await;
    house.fleet.start_runner(RUNNER);
    house.is_ready().await;
    while let Some(question) = house.question(run).await {
        house.answer(&question, Choice::Approve, "").await;
    }
    assert_eq!(house.over(run).await, "succeeded", "{agent}");
    let resumed = |event: &Event| matches!(event, Event::Session { resumed: true, .. });
    assert!(house.events(run).await.iter().any(resumed), "{agent}: the next attempt went on with the session");
    let branch = house.branch(run).await;
    let steps = house.git(&["show", &format!("{branch}:steps.txt")]);
    assert_eq!(steps.lines().filter(|line| *line == "one").count(), 1, "{agent}: what was done is not done again");
    let detail = house.client().run(run).await.expect("there");
    assert!(detail.view.life.history.len() > 1, "{agent}: it took another attempt");
}
