//! `ostler runner`: this machine as a runner.

mod drain;
mod join;
pub(crate) mod start;
mod status;

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use clap::Subcommand;
use ostler_runner::RunnerConfig;
use std::path::{Path, PathBuf};

/// What can be done with the runner on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pair this machine with a fleet.
    Join(join::Args),
    /// Execute runs in front; the first ctrl-c drains, the second stops.
    Start(start::Args),
    /// How the runner on this machine is.
    Status,
    /// Take no new work; what runs goes on.
    Drain(drain::Args),
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::Join(args) => join::perform(context, &args).await,
            Self::Start(args) => start::perform(context, &args).await,
            Self::Status => status::perform(context).await,
            Self::Drain(args) => drain::perform(context, &args).await,
        }
    }
}

/// The runner's configuration, and the directory of its files.
pub(crate) fn configured(context: &Context, given: Option<&Path>) -> Result<(RunnerConfig, PathBuf), Fault> {
    let config = RunnerConfig::read(context.config(given, "runner.toml").as_deref())?;
    let directory = config.directory()?;
    Ok((config, directory))
}
