//! `ostler runner drain`: no new work for the runner on this machine, or for any runner by an operator's word.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use serde_json::json;

/// Which, and back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A runner of the fleet, by name or any unique start of its id; the one on this machine when absent.
    runner: Option<String>,
    /// Take new work again.
    #[arg(long)]
    undo: bool,
}

/// Drains.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let name = match &args.runner {
        Some(text) => {
            let client = context.client().await?;
            let worker = client.find_worker(text).await?;
            client.drain(worker.id, !args.undo).await?;
            worker.name
        }
        None => {
            let (_, directory) = super::configured(context, None)?;
            let drained = ostler_runner::drain(&directory, !args.undo).await;
            drained.map_err(|error| Fault::Daemon(error.to_string()))?;
            "this runner".to_owned()
        }
    };
    if context.json() {
        context.print_json(json!({ "runner": name, "draining": !args.undo }));
    } else if args.undo {
        out::line(&format!("{name} takes new work again"));
    } else {
        out::line(&format!("{name} takes no new work; what runs goes on"));
    }
    Ok(Exit::Success)
}
