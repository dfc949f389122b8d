//! `ostler runner join`: pairs this machine with a ticket.

use crate::command::fleet::{machine_name, ticket};
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::device::pools;
use crate::{out, progress};
use serde_json::json;
use std::path::PathBuf;

/// Joining as a runner.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `-` to paste the ticket, or a file that holds it; never the ticket itself.
    ticket: String,
    /// What this runner is called; the machine's name when absent.
    #[arg(long)]
    name: Option<String>,
    /// Configuration; `runner.toml` in the data directory when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Joins.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let ticket = ticket::read(&args.ticket)?;
    let (_, directory) = super::configured(context, args.config.as_deref())?;
    let name = args.name.clone().unwrap_or_else(machine_name);
    let joined = progress::with("joining", ostler_runner::join(&directory, &ticket, &name)).await;
    let joined = joined.map_err(|error| Fault::Daemon(error.to_string()))?;
    if context.json() {
        let (device, fleet) = (joined.device.to_string(), joined.fleet.to_string());
        context.print_json(json!({ "device": device, "fleet": fleet, "name": joined.name, "pools": joined.pools }));
    } else {
        let pools = if joined.pools.is_empty() { "default".to_owned() } else { pools(&joined.pools) };
        out::line(&format!("{} ({}) joined {}, pools: {pools}", joined.name, joined.device.short(), joined.fleet));
        out::note("next: `ostler runner start`");
    }
    Ok(Exit::Success)
}
