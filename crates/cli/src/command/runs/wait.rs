//! `ostler runs wait`: until runs are over, for scripts.

use crate::command::run::follow::{self, Show};
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use crate::render::{run as render, time};
use ostler_boot::Period;
use serde_json::json;

/// Which, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runs: their ids, or any unique start or end of them.
    #[arg(required = true)]
    runs: Vec<String>,
    /// Give up waiting after this long (exit code 14); the runs go on.
    #[arg(long)]
    timeout: Option<Period>,
}

/// Waits.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let mut runs = Vec::new();
    for text in &args.runs {
        runs.push(client.find(text).await?);
    }
    let show = if context.json() { Show::Nothing } else { Show::Moves };
    let ends = async {
        let Some(timeout) = args.timeout else { return follow::ends(context, &client, &runs, show, None).await };
        match tokio::time::timeout(timeout.duration(), follow::ends(context, &client, &runs, show, None)).await {
            Ok(ended) => ended,
            Err(_) => {
                out::note(&format!("not over after {}", time::length(timeout.ms())));
                Ok(Exit::StillRunning)
            }
        }
    };
    let exit = follow::until_interrupted(&runs, ends).await?;
    if context.json() {
        let names = crate::command::names(&client).await;
        let mut views = Vec::new();
        for run in runs {
            views.push(render::json(&client.run(run).await?.view, &names));
        }
        context.print_json(json!({ "runs": views }));
    }
    Ok(exit)
}
