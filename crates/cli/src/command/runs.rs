//! `ostler runs`: look at runs, stop them, do them again.

mod diff;
mod events;
mod logs;
mod moves;
mod tell;
mod wait;

use super::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::run::{self as render, Opened};
use clap::Subcommand;
use ostler_client::Client;
use ostler_proto::RunDetail;
use serde_json::json;

/// Runs in a listing when nothing is said: two screens.
pub(crate) const LIMIT: u32 = 50;

/// One run.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The run: its id, or any unique start or end of it.
    pub(crate) run: String,
}

/// Some runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Some {
    /// The runs: their ids, or any unique start or end of them.
    #[arg(required = true)]
    pub(crate) runs: Vec<String>,
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs, newest first.
    List {
        /// Only these states: held, ready, offered, running, orphaned, parked, succeeded, failed, cancelled, expired, dead.
        #[arg(long)]
        state: Vec<String>,
        /// At most this many.
        #[arg(long, default_value_t = LIMIT)]
        limit: u32,
    },
    /// One run, with its attempts, what they said and consumed, its approvals and what it waits for.
    Show(One),
    /// What it said, did and printed.
    Logs(logs::Args),
    /// Everything it said, one line per event.
    Events(One),
    /// What it changed.
    Diff(One),
    /// Stop runs: they are over at once, their runners are told.
    Cancel(Some),
    /// Submit the same work again, as new runs.
    Retry(Some),
    /// Say more to an agent: a run that goes on with the session, the directory and the branch of an earlier one.
    Tell(tell::Args),
    /// Wait until runs are over; the exit code is the worst of theirs.
    Wait(wait::Args),
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::List { state, limit } => {
                list(context, &state.iter().map(String::as_str).collect::<Vec<_>>(), limit).await
            }
            Self::Show(one) => show(context, &one).await,
            Self::Logs(args) => logs::perform(context, &args).await,
            Self::Events(one) => events::perform(context, &one).await,
            Self::Diff(one) => diff::perform(context, &one).await,
            Self::Cancel(some) => moves::cancel(context, &some).await,
            Self::Retry(some) => moves::retry(context, &some).await,
            Self::Tell(args) => tell::perform(context, &args).await,
            Self::Wait(args) => wait::perform(context, &args).await,
        }
    }
}

/// Runs under each other.
pub(crate) async fn list(context: &Context, states: &[&str], limit: u32) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let runs = client.runs(states, None, limit).await?;
    let names = names(&client).await;
    if context.json() {
        context.print_json(json!({ "runs": runs.iter().map(|view| render::json(view, &names)).collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    out::line(&render::listing(&runs, &names, context.now()).print(out::width(), Paint::stdout()));
    if usize::try_from(limit).is_ok_and(|limit| runs.len() == limit) {
        out::note(&format!("the newest {limit}; --limit shows more"));
    }
    Ok(Exit::Success)
}

/// One run.
pub(crate) async fn show(context: &Context, one: &One) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let detail = client.run(client.find(&one.run).await?).await?;
    let (names, opened) = (names(&client).await, opened(&client, &detail).await);
    if context.json() {
        context.print_json(json!({ "run": render::detail_json(&detail, &opened, &names) }));
    } else {
        out::line(&render::page(&detail, &opened, &names, context.now(), Paint::stdout()));
    }
    Ok(Exit::Success)
}

/// What is sealed in a run, as far as this device can read it.
pub(crate) async fn opened(client: &Client, detail: &RunDetail) -> Opened {
    Opened { task: client.task(detail.view.spec.id).await.ok(), ends: client.ends(detail).await }
}
