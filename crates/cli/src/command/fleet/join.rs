//! `ostler join`: this machine's person joins a fleet with a ticket.

use super::{machine_name, ticket};
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::{out, progress};
use ostler_client::Client;
use ostler_core::device::Role;
use serde_json::json;

/// Joining as a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `-` to paste the ticket, or a file that holds it; never the ticket itself.
    ticket: String,
    /// What this device is called; the machine's name when absent.
    #[arg(long)]
    name: Option<String>,
}

/// Joins.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let ticket = ticket::read(&args.ticket)?;
    let role = ticket.invitation(context.now().0).map_err(ostler_client::ClientError::from)?.role;
    if role == Role::Runner {
        return Err(Fault::Usage("this ticket is for a runner: use `ostler runner join`".to_owned()));
    }
    let name = args.name.clone().unwrap_or_else(machine_name);
    let client = progress::with("joining", Client::join(context.base(), &ticket, &name)).await?;
    let (fleet, device) = (client.fleet().to_string(), client.home().device().to_string());
    if context.json() {
        context.print_json(json!({ "fleet": fleet, "device": device, "role": role.to_string() }));
    } else {
        out::line(&format!("joined {fleet} as {role} {name} ({device})"));
    }
    client.farewell().await;
    Ok(Exit::Success)
}
