//! `ostler relay status`: how the fleet's relay is, and the address that others pin.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::text::plain;
use crate::render::time;
use ostler_proto::Status;
use serde_json::json;

/// Asks it.
pub(crate) async fn perform(context: &Context) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let status = client.status().await?;
    let relays: Vec<String> = client.home().relays().iter().map(ToString::to_string).collect();
    if context.json() {
        context.print_json(json!({
            "relays": relays,
            "release": status.release,
            "incarnation": format!("{:016x}", status.incarnation.0),
            "uptime_ms": status.uptime_ms,
            "runs": status.runs.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "queues": status.queues.iter().map(|(name, depth, age)| json!({ "name": name, "depth": depth, "oldest_ms": age })).collect::<Vec<_>>(),
            "runners": { "connected": status.workers.0, "paired": status.workers.1 },
            "inbox": status.inbox,
        }));
    } else {
        out::line(&page(&status, &relays, Paint::stdout()));
    }
    Ok(Exit::Success)
}

fn page(status: &Status, relays: &[String], paint: Paint) -> String {
    let runs: Vec<String> = status
        .runs
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {}", plain(word)))
        .collect();
    let mut fields = vec![
        ("relay", relays.join(", ")),
        ("release", plain(&status.release)),
        ("life", format!("{:016x}, up {}", status.incarnation.0, time::length(status.uptime_ms))),
        ("runners", format!("{} connected of {}", status.workers.0, status.workers.1)),
        ("runs", if runs.is_empty() { "none".to_owned() } else { runs.join(", ") }),
        ("inbox", format!("{} waiting", status.inbox)),
    ];
    for (name, depth, oldest_ms) in &status.queues {
        fields.push(("queue", format!("{}: {depth} ready, oldest {}", plain(name), time::length(*oldest_ms))));
    }
    fields
        .into_iter()
        .map(|(field, value)| format!("{} {value}", paint.dim(&format!("{field:>8}"))))
        .collect::<Vec<_>>()
        .join("\n")
}
