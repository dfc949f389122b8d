//! `ostler devices`: who belongs to the fleet, and who no longer does.

use crate::command::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::progress;
use crate::render::{device, run};
use clap::Subcommand;
use ostler_client::ClientError;
use ostler_identity::{Chain, Trust};
use serde_json::json;

/// What can be done with devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All devices, those that were turned away too.
    List,
    /// One device, with who granted it.
    Show {
        /// Its name, or any unique start of its id.
        device: String,
    },
    /// Turn a device away: its connections close at once, and nothing sealed from now on opens for it.
    Revoke {
        /// Its name, or any unique start of its id.
        device: String,
        /// Why, for people; in clear.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::List => list(context).await,
            Self::Show { device } => show(context, &device).await,
            Self::Revoke { device, reason } => revoke(context, &device, &reason).await,
        }
    }
}

async fn list(context: &Context) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let devices = client.devices().await?;
    if context.json() {
        context.print_json(json!({ "devices": devices.iter().map(device::json).collect::<Vec<_>>() }));
    } else {
        let table = device::listing(&devices, client.home().device(), context.now());
        out::line(&table.print(out::width(), Paint::stdout()));
    }
    Ok(Exit::Success)
}

async fn show(context: &Context, text: &str) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let found = client.find_device(text).await?;
    if context.json() {
        context.print_json(json!({ "device": device::json(&found) }));
        return Ok(Exit::Success);
    }
    let chain = Chain::decode(&found.chain).map_err(ClientError::from)?;
    let path = match chain.verify(&Trust::new(client.fleet(), context.now().0)) {
        Ok(member) => {
            let names = names(&client).await;
            // Every other key of a path is a ticket's.
            let shown = |(at, id): (usize, _)| if at % 2 == 0 { run::name(&names, id) } else { "a ticket".to_owned() };
            let above = member.path.into_iter().enumerate().map(shown);
            std::iter::once("fleet key".to_owned()).chain(above).collect()
        }
        Err(error) => vec![format!("nobody: {error}")],
    };
    out::line(&device::page(&found, &path, Paint::stdout()));
    Ok(Exit::Success)
}

async fn revoke(context: &Context, text: &str, reason: &str) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let found = client.find_device(text).await?;
    if found.id == client.home().device() {
        return Err(Fault::Usage("this is the device you are using: revoke it from another operator's".to_owned()));
    }
    let epoch = progress::with("changing the fleet's key", client.revoke(found.id, reason)).await?;
    if context.json() {
        context.print_json(json!({ "device": found.id.to_string(), "key_epoch": epoch }));
    } else {
        out::line(&format!(
            "{} ({}) is turned away; the fleet's key is now epoch {epoch}",
            found.id.short(),
            found.name
        ));
        out::note("it keeps what it could read before: change secrets it knew");
    }
    Ok(Exit::Success)
}
