//! A whole day of one agent: it works, asks, is answered yes and no while its relay dies, goes on after a follow-up, and is
//! stopped in the middle of a tool.

use crate::house::{House, RUNNER};
use ostler_core::approval::Choice;
use ostler_core::event::Event;
use ostler_core::ids::RunId;
use ostler_core::task::Task;
use ostler_core::usage::{Conclusion, UsageSource};
use ostler_tests::{INPUT_TOKENS, OUTPUT_TOKENS, Scripts, Step, unix_ms, until_within};
use std::time::Duration;

/// What an agent was seen to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Asks before it writes a file in its working tree.
    pub(crate) asks_to_write: bool,
    /// Asks before every command; the others ask for dangerous ones.
    pub(crate) asks_for_commands: bool,
    /// Says how many tokens it used.
    pub(crate) counts_tokens: bool,
    /// Names its session's file by the minute, and overwrites it when the session is loaded within the same.
    pub(crate) forgets_within_the_minute: bool,
}

/// What a person says no to: every agent asks before this.
const REFUSED: &str = "rm -rf precious";
const MINUTE_MS: u64 = 60_000;
/// Ends only when it is ended.
const ENDLESS: &str = "tail -f /dev/null";

fn scripts() -> Scripts {
    let day = vec![
        Step::write("hello.txt", "written by the agent\n"),
        Step::shell("printf 'ran\\n' > ran.txt"),
        Step::shell(REFUSED),
        Step::say("Done, but for what was refused."),
    ];
    Scripts::builtin().with("day", day)
}

/// The day.
pub(crate) async fn whole(agent: &'static str, habits: Habits) {
    let Some(mut house) = House::with(agent, scripts()).await else { return };
    let run = works(&mut house, habits).await;
    follows_up(&mut house, run, habits).await;
    is_cancelled(&mut house, habits).await;
}

/// Writes, runs, is refused; the relay dies while the first question waits.
async fn works(house: &mut House, habits: Habits) -> RunId {
    let agent = house.agent;
    let run = house.submit(house.task("Do the day's work. [[script:day]]")).await;
    let mut asked = Vec::new();
    while let Some(question) = house.question(run).await {
        if asked.is_empty() {
            house.relay_dies();
        }
        let action = question.action.as_ref().expect("readable");
        let line = action.deed.line();
        asked.push((action.kind.clone(), line.clone()));
        let choice = if line.contains(REFUSED) { Choice::Reject } else { Choice::Approve };
        house.answer(&question, choice, "that one is dear to us").await;
    }
    assert_eq!(house.over(run).await, "succeeded", "{agent}: {asked:?}");
    let asks = |part: &str| asked.iter().any(|(_, line)| line.contains(part));
    assert_eq!(asks("hello.txt"), habits.asks_to_write, "{agent}: {asked:?}");
    assert_eq!(asks("ran.txt"), habits.asks_for_commands, "{agent}: {asked:?}");
    assert!(asks(REFUSED), "{agent}: {asked:?}");
    let branch = house.branch(run).await;
    let show = |file: &str| house.git(&["show", &format!("{branch}:{file}")]);
    assert_eq!(show("hello.txt"), "written by the agent");
    assert_eq!(show("ran.txt"), "ran");
    assert_eq!(show("precious/thing.txt"), "dear", "{agent}: what was refused was not done");
    is_counted(house, run, habits).await;
    run
}

async fn is_counted(house: &House, run: RunId, habits: Habits) {
    let conclusions = house.client().conclusions(run).await.expect("its results are readable");
    let usage = conclusions.iter().filter_map(|(_, conclusion): &(u64, Conclusion)| conclusion.usage).next_back();
    if !habits.counts_tokens {
        return assert!(usage.is_none_or(|usage| usage.source == UsageSource::Unavailable), "{usage:?}");
    }
    let usage = usage.unwrap_or_else(|| panic!("{}: its usage is counted", house.agent));
    assert_ne!(usage.source, UsageSource::Unavailable);
    let charged = house.model.heard(house.agent).iter().filter(|heard| heard.is_charged()).count() as u64;
    assert!(
        usage.input_tokens >= INPUT_TOKENS && usage.input_tokens <= charged * INPUT_TOKENS,
        "{}: {usage:?} after {charged} answers",
        house.agent
    );
    assert!(usage.output_tokens >= OUTPUT_TOKENS && usage.output_tokens <= charged * OUTPUT_TOKENS, "{usage:?}");
}

/// A second prompt finds the session of the first.
async fn follows_up(house: &mut House, run: RunId, habits: Habits) {
    if habits.forgets_within_the_minute {
        let (minute, patience) = (unix_ms() / MINUTE_MS, Duration::from_millis(2 * MINUTE_MS));
        until_within(patience, "another minute", || async { (unix_ms() / MINUTE_MS != minute).then_some(()) }).await;
    }
    let task = Task { continues: Some(run), ..house.task("Say one thing more. [[script:say]]") };
    let next = house.submit(task).await;
    let asked = house.question(next).await.map(|question| question.action);
    assert!(asked.is_none(), "{}: {asked:?}", house.agent);
    assert_eq!(house.over(next).await, "succeeded");
    let resumed = |event: &Event| matches!(event, Event::Session { resumed: true, .. });
    assert!(house.events(next).await.iter().any(resumed), "{}: it went on with its session", house.agent);
    let heard = house.model.heard(house.agent);
    let last = heard.iter().rev().find(|heard| heard.is_charged()).expect("it was asked");
    assert!(last.body.to_string().contains("Do the day's work"), "{}: it remembers", house.agent);
}

/// Stopped in the middle of a command: nothing of it is left.
async fn is_cancelled(house: &mut House, habits: Habits) {
    let prompt = format!("Wait. [[script:long command='echo > busy.txt; {ENDLESS}']]");
    let run = house.submit(house.task(&prompt)).await;
    if habits.asks_for_commands {
        let question = house.question(run).await.unwrap_or_else(|| panic!("{}: it asks", house.agent));
        house.answer(&question, Choice::Approve, "").await;
    }
    house.at_work(ENDLESS).await;
    house.client().cancel(run).await.expect("it was live");
    assert_eq!(house.over(run).await, "cancelled");
    house.nothing_left("after a cancel").await;
    assert!(house.fleet.pid(RUNNER).is_some(), "the runner goes on");
}
