//! `ostler runs logs`: what a run said and printed, from the relay's log, also after everything restarted.

use crate::command::run::follow;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::event;
use ostler_core::event::Event;
use serde_json::json;

/// Which, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, or any unique start or end of it.
    run: String,
    /// Go on until the run is over; the exit code is its outcome.
    #[arg(short, long)]
    follow: bool,
    /// The bytes as they came, for a file or a pager you trust: a terminal obeys them.
    #[arg(long, conflicts_with = "follow")]
    raw: bool,
}

/// Shows it.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let run = client.find(&args.run).await?;
    if args.follow {
        return follow::all(context, &client, &[run], None).await;
    }
    let recording = crate::progress::with("reading", client.events(run, 1)).await?;
    if context.json() {
        let output = recording.events.iter().filter(|heard| matches!(heard.event, Ok(Event::Output { .. })));
        let said = recording.events.iter().filter(|heard| !matches!(heard.event, Ok(Event::Raw(_))));
        let (output, said): (Vec<_>, Vec<_>) = (output.map(event::json).collect(), said.map(event::json).collect());
        context.print_json(json!({ "run": run.to_string(), "output": output, "events": said }));
        return Ok(Exit::Success);
    }
    if let Some(first) = recording.truncated_before {
        out::warn(&format!("events before {first} are no longer kept"));
    }
    let mut log = event::Log::default();
    for heard in &recording.events {
        match &heard.event {
            Ok(Event::Output { bytes, .. }) if args.raw => out::raw(bytes),
            Ok(_) | Err(_) if args.raw => {}
            Ok(_) | Err(_) => out::raw(log.show(heard, Paint::stdout()).as_bytes()),
        }
    }
    Ok(Exit::Success)
}
