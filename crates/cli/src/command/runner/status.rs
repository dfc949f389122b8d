//! `ostler runner status`: how the runner on this machine is, asked directly.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use ostler_runner::RunnerStatus;
use serde_json::json;

/// Asks it.
pub(crate) async fn perform(context: &Context) -> Result<Exit, Fault> {
    let (_, directory) = super::configured(context, None)?;
    let status = ostler_runner::status(&directory).await.map_err(|error| Fault::Daemon(error.to_string()))?;
    if context.json() {
        context.print_json(json!({
            "release": status.release,
            "device": status.device.to_string(),
            "name": status.name,
            "relay": status.relay.to_string(),
            "connected": status.connected,
            "draining": status.draining,
            "slots": status.slots,
            "runs": status.runs.iter().map(|(run, stage)| json!({ "id": run.to_string(), "stage": stage })).collect::<Vec<_>>(),
            "events_pending": status.events_pending,
        }));
    } else {
        out::line(&page(&status, Paint::stdout()));
    }
    Ok(Exit::Success)
}

fn page(status: &RunnerStatus, paint: Paint) -> String {
    let state = match (status.connected, status.draining) {
        (true, false) => paint.green("connected"),
        (true, true) => paint.yellow("connected, draining"),
        (false, false) => paint.red("no connection to the relay"),
        (false, true) => paint.red("no connection to the relay, draining"),
    };
    let mut lines = vec![
        format!("{} {} ({})", paint.dim("runner"), status.name, status.device.short()),
        format!("{} {state}", paint.dim(" state")),
        format!("{} {} of {} taken", paint.dim(" slots"), status.runs.len(), status.slots),
        format!("{} {} events not yet with the relay", paint.dim("  owes"), status.events_pending),
    ];
    lines.extend(status.runs.iter().map(|(run, stage)| format!("       {} {stage}", run.short())));
    lines.join("\n")
}
