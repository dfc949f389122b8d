//! Runners: where they are, what they offer, what they do.

use super::device::pools;
use super::table::{Cell, Table};
use super::text::plain;
use super::time;
use crate::out::Paint;
use ostler_core::time::Timestamp;
use ostler_proto::WorkerView;
use serde_json::{Value, json};

/// The word of a runner's state.
const fn word(worker: &WorkerView) -> &'static str {
    match (worker.connected, worker.draining) {
        (true, false) => "connected",
        (true, true) => "draining",
        (false, _) => "away",
    }
}

/// Runners under each other.
pub(crate) fn listing(workers: &[WorkerView], now: Timestamp) -> Table {
    let mut table = Table::new(&["RUNNER", "NAME", "STATE", "SLOTS", "POOLS", "SEEN", "RUNS"], 6);
    for worker in workers {
        let tint = match (worker.connected, worker.draining) {
            (true, false) => Paint::green,
            (true, true) => Paint::yellow,
            (false, _) => Paint::red,
        };
        table.row(vec![
            worker.id.short().into(),
            Cell::painted(plain(&worker.name), Paint::bold),
            Cell::painted(word(worker), tint),
            format!("{} free of {}", worker.free, worker.slots).into(),
            pools(&worker.pools).into(),
            time::ago(worker.seen_at, now).into(),
            worker.runs.iter().map(|run| run.short()).collect::<Vec<_>>().join(" ").into(),
        ]);
    }
    table
}

/// One runner with everything it offers.
pub(crate) fn page(worker: &WorkerView, now: Timestamp, paint: Paint) -> String {
    let head = [
        ("runner", worker.id.to_string()),
        ("name", plain(&worker.name)),
        ("state", format!("{}, seen {}", word(worker), time::ago(worker.seen_at, now))),
        ("slots", format!("{} free of {}", worker.free, worker.slots)),
        ("pools", pools(&worker.pools)),
        ("runs", worker.runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("offers", String::new()),
    ];
    let head = head.into_iter().map(|(field, value)| format!("{} {value}", paint.dim(&format!("{field:>8}"))));
    let offers =
        worker.offers.iter().map(|(name, value)| format!("         {} = {}", plain(name), plain(&value.to_string())));
    head.chain(offers).collect::<Vec<_>>().join("\n")
}

/// A runner for programs.
pub(crate) fn json(worker: &WorkerView) -> Value {
    let offers: serde_json::Map<String, Value> =
        worker.offers.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect();
    json!({
        "id": worker.id.to_string(),
        "name": worker.name,
        "state": word(worker),
        "slots": worker.slots,
        "free": worker.free,
        "pools": worker.pools,
        "seen_at": time::rfc3339(worker.seen_at),
        "runs": worker.runs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "offers": offers,
    })
}
