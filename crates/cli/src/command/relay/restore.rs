//! `ostler relay restore`: a relay's files from a backup, as a new life of the database.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use serde_json::json;
use std::path::PathBuf;

/// From where, and to where.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A backup's directory, as `ostler relay backup` printed it.
    backup: PathBuf,
    /// The relay's data directory, without a database in it; the one in this machine's data directory when absent.
    directory: Option<PathBuf>,
}

/// Restores.
pub(crate) fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let directory = args.directory.clone().unwrap_or_else(|| context.base().join("relay"));
    ostler_relay::restore(&args.backup, &directory)?;
    if context.json() {
        context.print_json(json!({ "directory": directory, "backup": args.backup }));
    } else {
        out::line(&format!("restored into {}, as a new life of the database", directory.display()));
        out::line("runners and people will be told that the clock was turned back; start it with `ostler relay serve`");
    }
    Ok(Exit::Success)
}
