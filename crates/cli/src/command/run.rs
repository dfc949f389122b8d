//! `ostler run`: submits a run, or several copies of it, and follows them to their end.
//!
//! ```text
//! arguments ─▶ Task (sealed) + header (in clear) ─▶ submit ─▶ --detach: ids
//!                                                        └──▶ follow ─▶ exit code of the outcome
//! ```

mod asking;
pub(crate) mod follow;
mod repository;
mod work;

pub(crate) use repository::top_level as repository_top;

use super::answer::Keyboard;
use super::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::run as render;
use crate::{out, progress};
use clap::ArgAction;
use ostler_boot::Period;
use ostler_client::{Client, Draft, Submitted};
use ostler_core::approval::{LapsePolicy, SlotPolicy};
use ostler_core::failure::Attempts;
use ostler_core::requirements::Requirements;
use ostler_core::task::{Source, Task, Work};
use serde_json::json;

/// Copies submitted in one go: more is a script's business, which can be interrupted and resumed.
const COPIES_MAX: u32 = 100;

/// A run.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --repo a run works in an empty directory. A --repo PATH stays on this machine: the run \
                        requires it. The name, queue, pool, requirements and agent are readable by the relay; prompt, \
                        command, repository and output are not."
)]
pub(crate) struct Args {
    /// The agent: shell, pty, claude, codex… `shell` for a command; OSTLER_AGENT or this for a prompt.
    #[arg(long, env = "OSTLER_AGENT")]
    agent: Option<String>,
    /// The repository to work in: a path on this machine, or an https or ssh URL.
    #[arg(long)]
    repo: Option<String>,
    /// Branch, tag or commit to start from; the repository's HEAD when absent.
    #[arg(long = "ref", requires = "repo")]
    reference: Option<String>,
    /// What the runner must offer, like 'os=linux, agent.claude>=2, mem>=4GiB'; several times for several.
    #[arg(long, action = ArgAction::Append)]
    require: Vec<Requirements>,
    /// The pool of runners that may take it.
    #[arg(long, default_value = "default")]
    pool: String,
    /// The lane it waits in.
    #[arg(long, default_value = "default")]
    queue: String,
    /// 1 is most urgent, 5 least.
    #[arg(long, default_value_t = 3)]
    priority: u8,
    /// Attempts it may use. Given, a failed command or check is tried again too; else only a crashed agent is (3 attempts).
    #[arg(long)]
    attempts: Option<u32>,
    /// Stop an attempt after this long, like 10m.
    #[arg(long)]
    timeout: Option<Period>,
    /// Give it up when it was not started this long after submission.
    #[arg(long)]
    start_within: Option<Period>,
    /// What becomes of an approval nobody answers: hold (it waits), deny:10m, escalate:10m.
    #[arg(long, value_parser = unanswered, default_value = "hold")]
    unanswered: LapsePolicy,
    /// Give the runner's slot back while the run waits for an approval.
    #[arg(long)]
    park: bool,
    /// Submit this many, each on its own.
    #[arg(long, default_value_t = 1)]
    copies: u32,
    /// What people call it; readable by the relay. The agent's name when absent.
    #[arg(long)]
    name: Option<String>,
    /// Idempotency key: submitting the same key with the same work again is submitting once.
    #[arg(long)]
    key: Option<String>,
    /// Do not follow it: print its id and end.
    #[arg(long)]
    detach: bool,
    /// Do not ask the person at the terminal when the run asks: its questions wait in the inbox.
    #[arg(long)]
    no_input: bool,
    /// What the agent is asked; `-` reads it from stdin.
    #[arg(conflicts_with = "command", required_unless_present = "command")]
    prompt: Option<String>,
    /// A command for `shell` or `pty`, executed as given, through no shell.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Submits, and follows.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let drafts = drafts(args)?;
    let client = context.client().await?;
    let mut submitted = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let one = progress::with("submitting", client.submit(draft)).await?;
        tell(context, &one);
        submitted.push(one);
    }
    let runs: Vec<_> = submitted.iter().map(|one| one.run).collect();
    if args.detach {
        if context.json() {
            let runs = submitted
                .iter()
                .map(|one| json!({ "id": one.run.to_string(), "fresh": one.fresh, "unmet": one.unmet }));
            context.print_json(json!({ "runs": runs.collect::<Vec<_>>() }));
        }
        return Ok(Exit::Success);
    }
    let keyboard = Keyboard::of_person(args.no_input);
    let exit = follow::all(context, &client, &runs, keyboard).await?;
    if context.json() {
        print_json(context, &client, &runs).await?;
    }
    client.farewell().await;
    Ok(exit)
}

async fn print_json(context: &Context, client: &Client, runs: &[ostler_core::ids::RunId]) -> Result<(), Fault> {
    let names = names(client).await;
    let mut shown = Vec::with_capacity(runs.len());
    for run in runs {
        shown.push(render::detail_json(&client.run(*run).await?, &names));
    }
    context.print_json(json!({ "runs": shown }));
    Ok(())
}

fn tell(context: &Context, one: &Submitted) {
    if !context.json() {
        out::line(&one.run.to_string());
    }
    if !one.fresh {
        out::note("this key was submitted before, with the same work: that run is the one");
    }
    if !one.unmet.is_empty() {
        out::warn("no paired runner could ever take this run; it waits for one that can:");
        render::unmet(&one.unmet).iter().for_each(|line| out::note(line));
    }
}

/// The runs that were asked for; everything wrong is found before anything is sent.
fn drafts(args: &Args) -> Result<Vec<Draft>, Fault> {
    if args.copies == 0 || args.copies > COPIES_MAX {
        return Err(Fault::Usage(format!("--copies {}: give 1 to {COPIES_MAX}", args.copies)));
    }
    let task = task(args)?;
    let name = args.name.clone().unwrap_or_else(|| task.agent.clone());
    let numbered = |text: &str, n: u32| if args.copies == 1 { text.to_owned() } else { format!("{text}-{n}") };
    let draft = |n: u32| Draft {
        queue: args.queue.clone(),
        pool: args.pool.clone(),
        priority: args.priority,
        attempts: args.attempts.map_or_else(Attempts::default, |max| Attempts { max, of_task: true }),
        start_within_ms: args.start_within.map(Period::ms),
        slot: if args.park { SlotPolicy::Park } else { SlotPolicy::Stay },
        key: args.key.as_ref().map(|key| numbered(key, n)),
        ..Draft::new(&numbered(&name, n), task.clone())
    };
    Ok((1..=args.copies).map(draft).collect())
}

fn task(args: &Args) -> Result<Task, Fault> {
    let work = work::read(args.prompt.as_deref(), &args.command)?;
    let agent = work::agent(args.agent.as_deref(), &work)?;
    let source = repository::source(args.repo.as_deref(), args.reference.as_deref())?;
    let given = args.require.iter().cloned().fold(Requirements::default(), Requirements::and);
    let requirements = given.and(implied(&agent, source.as_ref()));
    let timeout_ms = args.timeout.map(Period::ms);
    let (lapse, queue) = (args.unanswered, args.queue.clone());
    Ok(Task { source, timeout_ms, requirements, lapse, queue, ..Task::new(&agent, work) })
}

/// What the work itself requires: its agent, and the machine its repository is on.
pub(crate) fn implied(agent: &str, source: Option<&Source>) -> Requirements {
    let implied = [work::requirement(agent), source.and_then(repository::requirement)];
    implied.into_iter().flatten().fold(Requirements::default(), Requirements::and)
}

fn unanswered(text: &str) -> Result<LapsePolicy, String> {
    let after = |text: &str| text.parse::<Period>().map(Period::ms).map_err(|error| error.to_string());
    match text.split_once(':') {
        None if text == "hold" => Ok(LapsePolicy::Hold),
        Some(("deny", time)) => Ok(LapsePolicy::Deny { after_ms: after(time)? }),
        Some(("escalate", time)) => Ok(LapsePolicy::Escalate { after_ms: after(time)? }),
        None | Some(_) => Err("use hold, deny:TIME or escalate:TIME, like deny:10m".to_owned()),
    }
}

/// True for work that is text.
pub(crate) const fn is_prompt(work: &Work) -> bool {
    matches!(work, Work::Prompt(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Vec<Draft>, String> {
        let words = std::iter::once("run").chain(words.iter().copied());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        drafts(&line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_is_a_shell_run_by_default() {
        let drafts = parse(&["--require", "os=linux", "--require", "mem>=1GiB", "--", "make", "-j2"]).expect("parsed");
        let [draft] = drafts.as_slice() else { panic!("one draft") };
        assert_eq!(draft.task.work, Work::Command(vec!["make".to_owned(), "-j2".to_owned()]));
        assert_eq!((draft.task.agent.as_str(), draft.name.as_str()), ("shell", "shell"));
        assert_eq!(draft.task.requirements.to_string(), "mem>=1GiB, os=linux");
        assert_eq!(draft.attempts, Attempts { max: 3, of_task: false });
    }

    #[test]
    fn given_attempts_cover_a_failed_task() {
        let drafts = parse(&["--attempts", "2", "--", "false"]).expect("parsed");
        assert_eq!(drafts[0].attempts, Attempts { max: 2, of_task: true });
    }

    #[test]
    fn copies_have_names_and_keys_of_their_own() {
        let drafts = parse(&["--copies", "3", "--name", "fix", "--key", "k", "--", "true"]).expect("parsed");
        let seen: Vec<_> = drafts.iter().map(|d| (d.name.as_str(), d.key.as_deref())).collect();
        assert_eq!(seen, [("fix-1", Some("k-1")), ("fix-2", Some("k-2")), ("fix-3", Some("k-3"))]);
        assert!(parse(&["--copies", "0", "--", "true"]).is_err());
        assert!(parse(&["--copies", "101", "--", "true"]).is_err());
    }

    #[test]
    fn a_prompt_needs_an_agent_and_its_name_never_tells_the_prompt() {
        let drafts = parse(&["--agent", "claude", "fix the secret bug"]).expect("parsed");
        assert_eq!(drafts[0].task.work, Work::Prompt("fix the secret bug".to_owned()));
        assert_eq!(drafts[0].name, "claude");
        assert_eq!(drafts[0].task.requirements.to_string(), "agent.claude");
        assert!(parse(&["fix it"]).expect_err("no agent").contains("agent"));
        assert!(parse(&["--agent", "shell", "fix it"]).expect_err("a prompt for shell").contains("after `--`"));
        assert!(parse(&[]).is_err() && parse(&["x", "--", "y"]).is_err());
    }

    #[test]
    fn unanswered_approvals_have_three_policies() {
        assert_eq!(unanswered("hold"), Ok(LapsePolicy::Hold));
        assert_eq!(unanswered("deny:10m"), Ok(LapsePolicy::Deny { after_ms: 600_000 }));
        assert_eq!(unanswered("escalate:1h"), Ok(LapsePolicy::Escalate { after_ms: 3_600_000 }));
        assert!(unanswered("deny").is_err() && unanswered("deny:soon").is_err());
    }
}
