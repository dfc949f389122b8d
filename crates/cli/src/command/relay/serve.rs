//! `ostler relay serve`: the hub in front, until ctrl-c.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use ostler_boot::Signals;
use ostler_client::Home;
use ostler_core::ids::FleetId;
use ostler_identity::RelayAddress;
use ostler_relay::{Relay, RelayConfig, RelayOptions};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration; `relay.toml` in the data directory when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// UDP address to listen on, instead of the configured one.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// HOST:PORT under which runners and people reach this relay; used in the tickets made on this machine.
    #[arg(long)]
    advertise: Option<String>,
    /// The fleet's public key, as `ostler init` prints it; this machine's own fleet when absent.
    #[arg(long)]
    fleet: Option<FleetId>,
}

/// Serves.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let config = RelayConfig::read(context.config(args.config.as_deref(), "relay.toml").as_deref())?;
    config.log.init().map_err(|error| Fault::Daemon(error.to_string()))?;
    let mut options = options(context, config, args.fleet)?;
    options.listen = args.listen.unwrap_or(options.listen);
    let mut signals = Signals::listen().map_err(Fault::Runtime)?;
    let mut relay = Relay::start(options).await?;
    let address = announce(context, &relay, args.advertise.as_deref())?;
    out::line(&format!("the relay serves at {address}"));
    tokio::select! {
        _ = signals.next() => {
            out::note("stopping");
            relay.stop().await;
            Ok(Exit::Success)
        }
        exit = relay.ended() => Err(Fault::Daemon(format!("the relay ended by itself: {exit}"))),
    }
}

/// What a configuration asks for, for this machine's own fleet unless another was named.
pub(crate) fn options(context: &Context, config: RelayConfig, fleet: Option<FleetId>) -> Result<RelayOptions, Fault> {
    let mut options = RelayOptions::from_config(config, None).map_err(Fault::Daemon)?;
    options.fleet = fleet.or(options.fleet);
    if options.fleet.is_none() && Home::exists(context.base()) {
        options.fleet = Some(context.home()?.fleet());
    }
    Ok(options)
}

/// The address others pin. On the founder's machine it is also remembered, so that `ostler` finds its own relay.
pub(crate) fn announce(context: &Context, relay: &Relay, advertise: Option<&str>) -> Result<RelayAddress, Fault> {
    let local = relay.local_addr();
    let reachable = if local.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], local.port())) } else { local };
    let authority = advertise.map_or_else(|| reachable.to_string(), str::to_owned);
    let address = RelayAddress::new(&authority, relay.id()).map_err(|error| Fault::Usage(error.to_string()))?;
    if local.ip().is_unspecified() && advertise.is_none() {
        out::note("others need a name for this machine: serve with --advertise HOST:PORT to put it into tickets");
    }
    if Home::exists(context.base()) {
        let mut home = context.home()?;
        let known = home.relays().iter().any(|known| known.relay() == relay.id());
        if !known || advertise.is_some() || home.relays().len() <= 1 {
            home.use_relays(vec![address.clone()])?;
        }
    }
    Ok(address)
}
