//! `ostler runs events`: everything a run said, one line per event.

use super::One;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::event;
use serde_json::json;

/// Shows them.
pub(crate) async fn perform(context: &Context, one: &One) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let run = client.find(&one.run).await?;
    let recording = crate::progress::with("reading", client.events(run, 1)).await?;
    if context.json() {
        let events: Vec<_> = recording.events.iter().map(event::json).collect();
        let first = recording.truncated_before;
        context.print_json(json!({ "run": run.to_string(), "events": events, "truncated_before": first }));
        return Ok(Exit::Success);
    }
    if let Some(first) = recording.truncated_before {
        out::warn(&format!("events before {first} are no longer kept"));
    }
    recording.events.iter().for_each(|heard| out::line(&event::numbered(heard, Paint::stdout())));
    Ok(Exit::Success)
}
