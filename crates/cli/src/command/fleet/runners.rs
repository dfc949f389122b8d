//! `ostler runners`: runners as the relay sees them.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::worker;
use clap::Subcommand;
use serde_json::json;

/// What can be asked about runners.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All runners, connected or away.
    List,
    /// One runner, with everything it offers.
    Show {
        /// Its name, or any unique start of its id.
        runner: String,
    },
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::List => list(context).await,
            Self::Show { runner } => show(context, &runner).await,
        }
    }
}

async fn list(context: &Context) -> Result<Exit, Fault> {
    let workers = context.client().await?.workers().await?;
    if context.json() {
        context.print_json(json!({ "runners": workers.iter().map(worker::json).collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    out::line(&worker::listing(&workers, context.now()).print(out::width(), Paint::stdout()));
    if workers.is_empty() {
        out::note("no runner is paired: make a ticket with `ostler invite`");
    }
    Ok(Exit::Success)
}

async fn show(context: &Context, text: &str) -> Result<Exit, Fault> {
    let found = context.client().await?.find_worker(text).await?;
    if context.json() {
        context.print_json(json!({ "runner": worker::json(&found) }));
    } else {
        out::line(&worker::page(&found, context.now(), Paint::stdout()));
    }
    Ok(Exit::Success)
}
