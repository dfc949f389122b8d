//! `ostler runs cancel` and `retry`.

use super::Some as Several;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use serde_json::json;

/// Stops runs.
pub(crate) async fn cancel(context: &Context, some: &Several) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let mut done = Vec::new();
    for text in &some.runs {
        let run = client.find(text).await?;
        client.cancel(run).await?;
        done.push(run.to_string());
        if !context.json() {
            out::line(&format!("{} is cancelled; its runner, if it has one, is told to stop", run.short()));
        }
    }
    if context.json() {
        context.print_json(json!({ "runs": done }));
    }
    Ok(Exit::Success)
}

/// Does runs again.
pub(crate) async fn retry(context: &Context, some: &Several) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let mut done = Vec::new();
    for text in &some.runs {
        let old = client.find(text).await?;
        let new = client.retry(old).await?.run;
        done.push(json!({ "of": old.to_string(), "id": new.to_string() }));
        if !context.json() {
            out::line(&new.to_string());
            out::note(&format!("the same work as {}; `ostler runs logs -f {}` follows it", old.short(), new.short()));
        }
    }
    if context.json() {
        context.print_json(json!({ "runs": done }));
    }
    Ok(Exit::Success)
}
