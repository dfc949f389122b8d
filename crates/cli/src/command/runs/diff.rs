//! `ostler runs diff`: what a run changed.

use super::One;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::event;
use ostler_core::event::Event;
use serde_json::json;

/// Shows it.
pub(crate) async fn perform(context: &Context, one: &One) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let run = client.find(&one.run).await?;
    let events = crate::progress::with("reading", client.events(run, 1)).await?.events;
    let Some(text) = event::diff(&events, Paint::stdout()) else {
        return Err(Fault::Nothing(format!(
            "{} has kept no diff: it changed no files, or had no repository",
            run.short()
        )));
    };
    let of_result =
        events.iter().rev().filter(|heard| matches!(heard.event, Ok(Event::Diff { .. } | Event::Saved { .. })));
    if context.json() {
        context.print_json(json!({ "run": run.to_string(), "events": of_result.map(event::json).collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    out::line(&text);
    for heard in of_result.take(2) {
        if let Ok(event) = &heard.event {
            out::note(&event::line(event));
        }
    }
    Ok(Exit::Success)
}
