//! Every command of `ostler`: its words, and where it is done. One file per command below this one.

mod agents;
mod answer;
mod approve;
mod dead;
mod fleet;
mod machine;
mod relay;
mod run;
mod runner;
mod runs;
mod tour;
mod up;

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::fault::Fault;
use crate::render::run::Names;
use clap::{Parser, Subcommand};
use ostler_client::Client;

/// A self-hosted fleet for coding agents: runners pair with a relay, the relay schedules runs onto them, people approve
/// risky actions, and nothing is lost when anything crashes.
#[derive(Debug, Parser)]
#[command(name = "ostler", version, after_help = exit::table(), max_term_width = 110)]
pub(crate) struct Ostler {
    /// Print JSON with a schema version instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A tour on real machinery: a relay, three runners, the repository you stand in; about a minute, then gone.
    Try(tour::Args),
    /// Make the fleet key and this operator's device.
    Init(fleet::init::Args),
    /// Join a fleet as a person, with a ticket.
    Join(fleet::join::Args),
    /// Relay and runner on this machine, paired, without configuration; stays in front.
    Up(up::Args),
    /// The hub: serve it, check its files, back it up.
    #[command(subcommand)]
    Relay(relay::Command),
    /// This machine as a runner: pair it, start it, drain it.
    #[command(subcommand)]
    Runner(runner::Command),
    /// Make a ticket: shown once, good once.
    Invite(fleet::invite::Args),
    /// Devices of the fleet.
    #[command(subcommand)]
    Devices(fleet::devices::Command),
    /// Runners as the relay sees them.
    #[command(subcommand)]
    Runners(fleet::runners::Command),
    /// Agents: which there are, which runner has which, what is missing.
    #[command(subcommand)]
    Agents(agents::Command),
    /// Submit a run and follow it to its end.
    Run(Box<run::Args>),
    /// Runs: look at them, stop them, do them again.
    #[command(subcommand)]
    Runs(runs::Command),
    /// Approvals that wait for people, or one of them whole.
    Inbox(approve::Inbox),
    /// Approve one exact action, with this device's signature.
    Approve(approve::Approve),
    /// Reject one action.
    Reject(approve::Reject),
    /// What agents may do without asking: the defaults, and what would become of an action.
    #[command(subcommand)]
    Policy(machine::policy::Command),
    /// Dead letters: runs the system gave up on.
    #[command(subcommand)]
    Dead(dead::Command),
    /// Inside a run: ask people before a command is executed (`ostler ask --kind deploy -- make deploy`).
    #[command(hide = true, disable_help_flag = true)]
    Ask,
    /// Settings: every default, and what your own files change.
    Config(machine::config::Args),
    /// Look for what is wrong on this machine.
    Doctor,
    /// A completion script for a shell.
    Completions(machine::completions::Args),
    /// The version.
    Version,
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::Try(args) => tour::perform(context, &args).await,
            Self::Init(args) => fleet::init::perform(context, &args).await,
            Self::Join(args) => fleet::join::perform(context, &args).await,
            Self::Up(args) => up::perform(context, &args).await,
            Self::Relay(command) => command.perform(context).await,
            Self::Runner(command) => command.perform(context).await,
            Self::Invite(args) => fleet::invite::perform(context, &args).await,
            Self::Devices(command) => command.perform(context).await,
            Self::Runners(command) => command.perform(context).await,
            Self::Agents(command) => command.perform(context).await,
            Self::Run(args) => run::perform(context, &args).await,
            Self::Runs(command) => command.perform(context).await,
            Self::Inbox(args) => approve::inbox(context, &args).await,
            Self::Approve(args) => approve::approve(context, &args).await,
            Self::Reject(args) => approve::reject(context, &args).await,
            Self::Policy(command) => command.perform(context),
            Self::Dead(command) => command.perform(context).await,
            Self::Ask => Err(Fault::Usage("`ostler ask` was not dispatched".to_owned())),
            Self::Config(args) => machine::config::perform(context, &args),
            Self::Doctor => machine::doctor::perform(context).await,
            Self::Completions(args) => machine::completions::perform(&args),
            Self::Version => machine::version::perform(context).await,
        }
    }
}

/// What the fleet's devices are called. A device that may not read the list sees ids instead of names.
async fn names(client: &Client) -> Names {
    let devices = client.devices().await.unwrap_or_default();
    devices.into_iter().map(|device| (device.id, device.name)).collect()
}
