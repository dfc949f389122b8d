//! `ostler up`: relay and runner on this machine, in one process tree, paired with a real ticket; nothing to configure.
//!
//! ```text
//! fleet (found, once) ─▶ relay on loopback ─▶ runner (paired, once) ─▶ in front
//!                                                   first ctrl-c: drain, then stop; second: stop at once
//! ```

use super::fleet::machine_name;
use super::relay::serve;
use super::runner;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use ostler_boot::Signals;
use ostler_client::{Client, Home, Offer};
use ostler_core::device::Role;
use ostler_relay::{Relay, RelayConfig};
use ostler_runner::{Runner, RunnerOptions};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

/// Where a relay listens that nobody configured.
const LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7433));
/// A ticket that is used in the next moment.
const TICKET_MS: u64 = 60_000;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// UDP address of the relay; else that of relay.toml in the data directory; else 127.0.0.1:7433. 0.0.0.0:7433 lets
    /// other machines in.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// HOST:PORT under which other machines reach this relay; put into tickets.
    #[arg(long)]
    advertise: Option<String>,
}

/// Brings both up and stays in front.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let mut signals = Signals::listen().map_err(Fault::Runtime)?;
    let founded = !Home::exists(context.base());
    if founded {
        Home::found(context.base(), &machine_name())?;
    }
    let config = RelayConfig::read(context.config(None, "relay.toml").as_deref())?;
    quiet(&config)?;
    let mut relay = relay(context, config, args).await?;
    let address = serve::announce(context, &relay, args.advertise.as_deref())?;
    let client = Client::connect(context.home()?).await?;
    crate::context::tell_restored(&client);
    let (options, drain) = paired(context, &client).await?;
    let runner = Runner::start(options).await;
    let mut runner = runner.map_err(|error| Fault::Daemon(error.to_string()))?;
    welcome(context, &address.to_string(), founded);
    tokio::select! {
        _ = signals.next() => {}
        exit = relay.ended() => return Err(Fault::Daemon(format!("the relay ended by itself: {exit}"))),
        exit = runner.ended() => return Err(Fault::Daemon(format!("the runner ended by itself: {exit}"))),
    }
    runner::start::drained(&runner, &mut signals, drain).await;
    runner.stop().await;
    client.farewell().await;
    relay.stop().await;
    Ok(Exit::Success)
}

/// A front desk shows warnings; who wants more sets `OSTLER_LOG`.
fn quiet(config: &RelayConfig) -> Result<(), Fault> {
    let mut log = config.log.clone();
    if log.filter == "info" {
        "warn".clone_into(&mut log.filter);
    }
    log.init().map_err(|error| Fault::Daemon(error.to_string()))
}

async fn relay(context: &Context, config: RelayConfig, args: &Args) -> Result<Relay, Fault> {
    let mut options = serve::options(context, config, None)?;
    options.listen = match args.listen {
        Some(given) => given,
        // Without a word from anybody, nobody else's machine is let in.
        None if context.config(None, "relay.toml").is_none() => LISTEN,
        None => options.listen,
    };
    Ok(Relay::start(options).await?)
}

/// The runner of this machine, paired with a real ticket when it is not yet.
async fn paired(context: &Context, client: &Client) -> Result<(RunnerOptions, Duration), Fault> {
    let (config, home): (_, PathBuf) = runner::configured(context, None)?;
    if !home.join("profile").exists() {
        let offer = Offer { role: Role::Runner, pools: Vec::new(), lasts_ms: TICKET_MS };
        let ticket = client.invite(&offer).await?;
        let joined = ostler_runner::join(&home, &ticket, &machine_name()).await;
        joined.map_err(|error| Fault::Daemon(error.to_string()))?;
    }
    let exe = std::env::current_exe().map_err(Fault::io("this executable"))?;
    let drain = config.drain_timeout.duration();
    Ok((RunnerOptions { home, config, exe }, drain))
}

fn welcome(context: &Context, address: &str, founded: bool) {
    let paint = Paint::stdout();
    if founded {
        let key = context.base().join("operator/fleet.key");
        out::line(&format!("{} a new fleet; copy {} to a safe place", paint.green("founded"), key.display()));
    }
    out::line(&format!("{}   relay at {address}", paint.green("up")));
    out::line(&format!("{}   runner {}, paired with it", paint.green("up"), machine_name()));
    out::line("");
    out::line("in another terminal:");
    out::line("  ostler run -- echo hello          run something");
    out::line("  ostler run --repo . -- make test  run something in a copy of a repository");
    out::line("  ostler inbox                      see what waits for you");
    out::line(
        "  ostler invite                     let another machine in (needs --listen 0.0.0.0:7433 --advertise NAME:7433)",
    );
    out::line("");
    out::note("ctrl-c drains and stops; a second ctrl-c stops at once");
}
