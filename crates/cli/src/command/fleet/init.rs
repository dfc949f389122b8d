//! `ostler init`: founds a fleet on this machine, or says where its relay is.

use super::machine_name;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use ostler_client::{Client, Home, HomeError};
use ostler_identity::RelayAddress;
use serde_json::json;

/// A fleet's beginning.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What this device is called; the machine's name when absent.
    #[arg(long)]
    name: Option<String>,
    /// Where the fleet's relay is, as `ostler relay serve` prints it: HOST:PORT#rly_…; up to four. Run `init` again with it.
    #[arg(long)]
    relay: Vec<RelayAddress>,
}

/// Founds, or completes.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let founded = !Home::exists(context.base());
    if !founded && args.relay.is_empty() {
        return Err(HomeError::SetUp(context.base().to_owned()).into());
    }
    let mut home = if founded {
        Home::found(context.base(), &args.name.clone().unwrap_or_else(machine_name))?
    } else {
        Home::open(context.base())?
    };
    if !args.relay.is_empty() {
        home.use_relays(args.relay.clone())?;
    }
    tell(context, &home, founded);
    if !args.relay.is_empty() {
        // The relay gets the fleet's first key record, and the address is proven.
        let client = crate::progress::with("waiting for the relay", Client::connect(home)).await?;
        crate::context::tell_restored(&client);
        out::note("the relay answers, and has the right key");
    }
    Ok(Exit::Success)
}

fn tell(context: &Context, home: &Home, founded: bool) {
    if context.json() {
        let relays: Vec<String> = home.relays().iter().map(ToString::to_string).collect();
        let (fleet, device) = (home.fleet().to_string(), home.device().to_string());
        context.print_json(json!({ "fleet": fleet, "device": device, "relays": relays, "founded": founded }));
        return;
    }
    out::line(&format!("fleet   {}", home.fleet()));
    out::line(&format!("device  {} (this one)", home.device()));
    out::line(&format!("keys    {} — copy fleet.key to a safe place: it cannot be made again", home.dir().display()));
    if home.relays().is_empty() {
        out::note(&format!(
            "next: `ostler up` for relay and runner here; or, on the relay's machine, `ostler relay serve --fleet {}` \
             and then here `ostler init --relay HOST:PORT#rly_…` with what it prints",
            home.fleet()
        ));
    }
}
