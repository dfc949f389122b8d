//! `ostler runs tell`: a follow-up. Docs: adr/0010.
//!
//! ```text
//! RUN ─▶ its task, its runner ─▶ a new run that continues the first of them, on the same runner
//!  └ still live: followed to its end first; with --detach submitted at once, and its runner makes it wait
//! ```
//!
//! Owns what a follow-up takes from the run before it. Must not know how a session is resumed.

use crate::command::answer::Keyboard;
use crate::command::run::follow::{self, Show};
use crate::command::run::{print_json, tell as submitted, work};
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::run as render;
use crate::{out, progress};
use ostler_client::{Client, Draft};
use ostler_core::failure::Attempts;
use ostler_core::ids::{DeviceId, RunId};
use ostler_core::limits::NAME_CHARS_MAX;
use ostler_core::requirements::Requirements;
use ostler_core::run::Life;
use ostler_core::task::{Task, Work};
use ostler_proto::{RunDetail, RunView, WorkerView};
use ostler_runner::Catalog;
use serde_json::json;

/// What to say, and to which run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run to go on with: its id, or any unique start or end of it.
    run: String,
    /// What the agent is told; `-` reads it from stdin.
    text: String,
    /// The model from here on; that of the run before when absent.
    #[arg(long)]
    model: Option<String>,
    /// What people call it; readable by the relay. The name of the run before, numbered, when absent.
    #[arg(long)]
    name: Option<String>,
    /// Do not wait for the run before, nor follow this one: print its id and end.
    #[arg(long)]
    detach: bool,
    /// Do not ask the person at the terminal when the run asks: its questions wait in the inbox.
    #[arg(long)]
    no_input: bool,
}

/// Tells it.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let work = work::read(Some(&args.text), &[])?;
    let client = context.client().await?;
    let before = client.find(&args.run).await?;
    let task = client.task(before).await?;
    takes_words(&task.agent)?;
    // One for both runs: it has the only reader of stdin.
    let keyboard = Keyboard::of_person(args.no_input);
    let detail = if args.detach {
        Some(client.run(before).await?)
    } else {
        over(context, &client, before, keyboard.clone()).await?
    };
    let Some(detail) = detail else { return Ok(Exit::Interrupted) };
    let home = home(&client, &detail.view.life).await?;
    tell_what_happens(&detail.view, &task, home.as_ref());
    let draft = draft(&detail.view, task, work, home.as_ref(), args);
    let one = progress::with("submitting", client.submit(&draft)).await?;
    submitted(context, &one);
    if args.detach {
        if context.json() {
            context.print_json(json!({ "run": { "id": one.run.to_string(), "continues": before.to_string() } }));
        }
        return Ok(Exit::Success);
    }
    let exit = follow::all(context, &client, &[one.run], keyboard).await?;
    if context.json() {
        print_json(context, &client, &[one.run]).await?;
    }
    client.farewell().await;
    Ok(exit)
}

/// An agent that executes commands listens to nobody.
fn takes_words(agent: &str) -> Result<(), Fault> {
    if work::takes_commands(agent) {
        let what = format!("`{agent}` executes a command, there is nobody to tell: submit another with `ostler run`");
        return Err(Fault::Usage(what));
    }
    Ok(())
}

/// The run once it is over; none when the person would not wait.
async fn over(
    context: &Context,
    client: &Client,
    run: RunId,
    keyboard: Option<Keyboard>,
) -> Result<Option<RunDetail>, Fault> {
    let detail = client.run(run).await?;
    if render::exit(&detail.view.life).is_some() {
        return Ok(Some(detail));
    }
    let short = run.short();
    out::note(&format!("{short} is still at work: it is told when it is over (--detach submits at once)"));
    let (show, keyboard) = if context.json() { (Show::Nothing, None) } else { (Show::Everything, keyboard) };
    let runs = [run];
    tokio::select! {
        ended = follow::ends(context, client, &runs, show, keyboard) => drop(ended?),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(Fault::Runtime)?;
            out::note(&format!("nothing was submitted; {short} goes on"));
            return Ok(None);
        }
    }
    Ok(Some(client.run(run).await?))
}

/// The runner that worked on it last: its session, its directory and its branch are there.
async fn home(client: &Client, life: &Life) -> Result<Option<WorkerView>, Fault> {
    let Some(worker) = worked(life) else { return Ok(None) };
    Ok(client.workers().await?.into_iter().find(|found| found.id == worker))
}

/// Who began to work on it last. Who declined it has nothing of it.
fn worked(life: &Life) -> Option<DeviceId> {
    let held = life.lease().filter(|lease| lease.phase.since().is_some()).map(|lease| lease.worker);
    let began = || life.history.iter().rev().find(|attempt| attempt.started_at.is_some()).map(|attempt| attempt.worker);
    held.or_else(began)
}

/// Where it goes on, and whether the agent will remember.
fn tell_what_happens(view: &RunView, task: &Task, home: Option<&WorkerView>) {
    let (run, agent) = (view.spec.id.short(), &task.agent);
    if worked(&view.life).is_none() {
        return out::note(&format!("{run} has not begun anywhere: the agent starts afresh, with your words only"));
    }
    let Some(home) = home else {
        return out::warn(&format!("the runner of {run} is no longer in the fleet: another one starts afresh"));
    };
    let forgets = Catalog::standard().find(agent).is_some_and(|entry| !entry.resumes);
    if forgets {
        let name = crate::render::text::plain(&home.name);
        out::note(&format!(
            "`{agent}` cannot resume a session: on {name} it gets your words with a brief of what was done"
        ));
    }
}

/// The follow-up as a run of its own.
fn draft(before: &RunView, task: Task, work: Work, home: Option<&WorkerView>, args: &Args) -> Draft {
    let header = &before.spec.header;
    let requirements = task.requirements.clone().and(home.map(place).unwrap_or_default());
    let continues = Some(task.continues.unwrap_or(before.spec.id));
    let model = args.model.clone().or_else(|| task.model.clone());
    let name = args.name.clone().unwrap_or_else(|| numbered(&header.name));
    Draft {
        queue: header.queue.clone(),
        pool: header.pool.clone(),
        priority: header.priority,
        attempts: Attempts { ..header.attempts },
        slot: header.slot,
        ..Draft::new(&name, Task { work, requirements, continues, model, ..task })
    }
}

/// What only the runner that worked on it offers; of an older one, what its machine does.
fn place(home: &WorkerView) -> Requirements {
    let offered = |name: &str| home.offers.get(name).and_then(|value| format!("{name}={value}").parse().ok());
    offered("runner").or_else(|| offered("machine")).unwrap_or_default()
}

/// `fix` is `fix:2`, `fix:2` is `fix:3`.
fn numbered(name: &str) -> String {
    let (stem, n) = match name.rsplit_once(':').map(|(stem, n)| (stem, n.parse::<u32>())) {
        Some((stem, Ok(n))) => (stem, n.saturating_add(1)),
        Some((_, Err(_))) | None => (name, 2),
    };
    let tail = format!(":{n}");
    let stem: String = stem.chars().take(NAME_CHARS_MAX - tail.len()).collect();
    stem + &tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::{NOW, RUN, WORKER, view};
    use ostler_core::requirements::{Offers, Value};
    use ostler_core::run::{Attempt, AttemptEnd, State};
    use ostler_core::task::Check;

    fn args() -> Args {
        let text = String::new();
        Args { run: text.clone(), text, model: None, name: None, detach: false, no_input: true }
    }

    fn worker() -> WorkerView {
        let offer = |name: &str, text: &str| (name.to_owned(), Value::Text(text.to_owned()));
        WorkerView {
            id: WORKER,
            name: "barn".to_owned(),
            pools: Vec::new(),
            offers: Offers::from([offer("machine", "ab12"), offer("runner", "dev_x")]),
            slots: 1,
            free: 1,
            connected: true,
            draining: false,
            seen_at: NOW,
            runs: Vec::new(),
        }
    }

    #[test]
    fn a_follow_up_takes_everything_but_the_words_and_the_key_and_goes_where_the_session_is() {
        let mut before = view("fix", State::Ready);
        before.spec.header.key = Some("k".to_owned());
        let check = Some(Check { command: "make".to_owned(), rounds: 1 });
        let requirements = "agent.claude".parse().expect("a term");
        let task = Task { check, requirements, ..Task::new("claude", Work::Prompt("one".to_owned())) };
        let made = draft(&before, task, Work::Prompt("two".to_owned()), Some(&worker()), &args());
        assert_eq!((made.name.as_str(), made.key.as_deref()), ("fix:2", None));
        assert_eq!(made.task.requirements.to_string(), "agent.claude, runner=dev_x");
        assert_eq!((made.task.continues, &made.task.work), (Some(RUN), &Work::Prompt("two".to_owned())));
        assert!(made.task.check.is_some());
        let again = draft(&before, made.task, Work::Prompt("three".to_owned()), Some(&worker()), &args());
        assert_eq!(again.task.requirements.to_string(), "agent.claude, runner=dev_x", "said once");
        assert_eq!(again.task.continues, Some(RUN), "the first of them all");
    }

    #[test]
    fn names_are_counted_on() {
        assert_eq!(numbered("fix"), "fix:2");
        assert_eq!(numbered("fix:2"), "fix:3");
        assert_eq!(numbered("a:b"), "a:b:2");
        assert_eq!(numbered(&"x".repeat(NAME_CHARS_MAX)).chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn who_declined_has_nothing_of_it() {
        let mut before = view("fix", State::Ready);
        let attempt =
            |started_at, end| Attempt { epoch: 1, worker: WORKER, started_at, ended_at: NOW, end, report: None };
        before.life.history = vec![attempt(None, AttemptEnd::Declined("disk".to_owned()))];
        assert_eq!(worked(&before.life), None);
        before.life.history.insert(0, attempt(Some(NOW), AttemptEnd::Stopped));
        assert_eq!(worked(&before.life), Some(WORKER));
    }
}
