//! `ostler relay`: the hub on this machine, and how the fleet's relay is.

mod backup;
mod check;
mod restore;
pub(crate) mod serve;
mod status;

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use clap::Subcommand;

/// What can be done with a relay.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve in front until ctrl-c.
    Serve(serve::Args),
    /// Check every record of a relay's files, while no relay serves them.
    Check(check::Args),
    /// Have the relay write a consistent copy of its database, while it serves.
    Backup,
    /// Make a relay's files from a backup; whatever happened since is gone, and everybody is told.
    Restore(restore::Args),
    /// How the fleet's relay is.
    Status,
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::Serve(args) => serve::perform(context, &args).await,
            Self::Check(args) => check::perform(context, &args).await,
            Self::Backup => backup::perform(context).await,
            Self::Restore(args) => restore::perform(context, &args),
            Self::Status => status::perform(context).await,
        }
    }
}
