//! `ostler dead`: runs the system gave up on, with their causes and the means to revive them.

use super::runs;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use clap::Subcommand;
use serde_json::json;

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All dead letters, newest first.
    List,
    /// One of them, with every attempt.
    Show(runs::One),
    /// Give them another chance, with fresh budgets.
    Revive(runs::Some),
    /// Throw them away, with everything that hangs on them.
    Discard(runs::Some),
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::List => runs::list(context, &["dead"], runs::LIMIT).await,
            Self::Show(one) => runs::show(context, &one).await,
            Self::Revive(some) => each(context, &some, Verb::Revive).await,
            Self::Discard(some) => each(context, &some, Verb::Discard).await,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Revive,
    Discard,
}

async fn each(context: &Context, some: &runs::Some, verb: Verb) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let mut done = Vec::new();
    for text in &some.runs {
        let run = client.find(text).await?;
        match verb {
            Verb::Revive => client.revive(run).await?,
            Verb::Discard => client.discard(run).await?,
        }
        done.push(run);
        if !context.json() {
            let word = match verb {
                Verb::Revive => "ready again",
                Verb::Discard => "discarded",
            };
            out::line(&format!("{} {word}", run.short()));
        }
    }
    if context.json() {
        context.print_json(json!({ "runs": done.iter().map(ToString::to_string).collect::<Vec<_>>() }));
    }
    Ok(Exit::Success)
}
