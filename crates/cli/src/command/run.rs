//! `ostler run`: submits a run, or several copies of it, and follows them to their end.
//!
//! ```text
//! arguments ─▶ Task (sealed) + header (in clear) ─▶ submit ─▶ --detach: ids
//!                                                        └──▶ follow ─▶ exit code of the outcome
//! ```

mod asking;
mod draft;
mod enforce;
mod environment;
pub(crate) mod follow;
mod repository;
pub(crate) mod work;

pub(crate) use repository::top_level as repository_top;

use super::answer::Keyboard;
use super::names;
use super::runs::opened;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::run as render;
use crate::{out, progress};
use clap::ArgAction;
use ostler_boot::Period;
use ostler_client::{Client, Submitted};
use ostler_core::approval::LapsePolicy;
use ostler_core::requirements::Requirements;
use ostler_core::task::{Source, Work};
use serde_json::json;
use std::path::PathBuf;

/// Times an agent is sent back when nothing is said: once more with the failure in hand, then a person looks.
const CHECK_ROUNDS: u32 = 1;

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
    #[arg(long, value_parser = draft::unanswered, default_value = "hold")]
    unanswered: LapsePolicy,
    /// Rules of what the agent may do without asking, and what it may not do at all: an `ostler.policy` file. The runner's
    /// own rules come on top; `ostler policy test` shows what would happen.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What the agent must hold back until it is answered: command, write, fetch. A runner whose agent cannot is not used.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    enforce: Vec<enforce::Kind>,
    /// A command line that the runner executes when the agent says it is done; the run succeeds only if it does.
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// How often the agent is sent back with what a failed check printed.
    #[arg(long, value_name = "N", requires = "check", default_value_t = CHECK_ROUNDS)]
    check_rounds: u32,
    /// The model, in the agent's own naming; the agent's choice when absent.
    #[arg(long)]
    model: Option<String>,
    /// A variable for the agent, several times for several. NAME alone takes your own value, which keeps it out of the
    /// arguments every user of this machine can read.
    #[arg(long, value_name = "NAME[=VALUE]", action = ArgAction::Append)]
    env: Vec<String>,
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
    let drafts = draft::drafts(args)?;
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

pub(crate) async fn print_json(
    context: &Context,
    client: &Client,
    runs: &[ostler_core::ids::RunId],
) -> Result<(), Fault> {
    let names = names(client).await;
    let mut shown = Vec::with_capacity(runs.len());
    for run in runs {
        let detail = client.run(*run).await?;
        shown.push(render::detail_json(&detail, &opened(client, &detail).await, &names));
    }
    context.print_json(json!({ "runs": shown }));
    Ok(())
}

/// Says which run it is, and whether anybody could take it.
pub(crate) fn tell(context: &Context, one: &Submitted) {
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

/// What the work itself requires: its agent, and the machine its repository is on.
pub(crate) fn implied(agent: &str, source: Option<&Source>) -> Requirements {
    let implied = [work::requirement(agent), source.and_then(repository::requirement)];
    implied.into_iter().flatten().fold(Requirements::default(), Requirements::and)
}

/// True for work that is text.
pub(crate) const fn is_prompt(work: &Work) -> bool {
    matches!(work, Work::Prompt(_))
}
