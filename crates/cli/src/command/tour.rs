//! placeholder
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;

/// args
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// tour
pub(crate) async fn perform(_context: &Context, _args: &Args) -> Result<Exit, Fault> {
    Ok(Exit::Success)
}
