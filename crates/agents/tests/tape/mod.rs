//! Recorded conversations with the real programs.
//!
//! Owns the form of a recording: one JSON object per line, of which `dir` is out, err, in or exit, and `msg` a line (for a
//! text agent a piece, line ends and all) or a status.

use ostler_agents::{Adapter, Catalog, End, Launch, LaunchContext, Process};
use ostler_core::ids::RunId;
use ostler_core::task::{Task, Work};
use serde_json::Value;
use std::path::Path;

pub(crate) fn adapter(name: &str) -> Box<dyn Adapter> {
    Catalog::standard().adapter(name).expect("in the catalog")
}

pub(crate) fn context() -> LaunchContext {
    LaunchContext {
        run: RunId([7; 16]),
        directory: "/srv/r/tree".into(),
        socket: "/state/ask.sock".into(),
        home: Some("/srv/r/home".into()),
        temporary: "/state/tmp".into(),
        host: vec![("PATH".to_owned(), "/opt/bin".to_owned())],
        program: None,
        prompt: "do it".to_owned(),
        resume: None,
    }
}

/// What `agent` would be started as.
pub(crate) fn launched(adapter: &mut dyn Adapter, agent: &str, context: &LaunchContext) -> Process {
    let task = Task::new(agent, Work::Prompt(context.prompt.clone()));
    let Launch::Process(process) = adapter.launch(&task, context).expect("launches") else { panic!("a process") };
    process
}

/// A recording, as directions and bytes, and how it ended.
pub(crate) fn recording(name: &str) -> (Vec<(String, Vec<u8>)>, End) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("transcripts/{name}.jsonl"));
    let (mut lines, mut end) = (Vec::new(), End { code: None, signal: Some(9) });
    for line in std::fs::read_to_string(path).expect("a transcript").lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let message = &entry["msg"];
        let direction = entry["dir"].as_str().expect("a direction").to_owned();
        if direction == "exit" {
            let status = i32::try_from(message.as_i64().expect("a status")).expect("small");
            let signal = (status < 0).then_some(-status);
            end = End { code: signal.is_none().then_some(status), signal };
            continue;
        }
        let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        let ending = if name.starts_with("aider") { "" } else { "\n" };
        lines.push((direction, (text + ending).into_bytes()));
    }
    (lines, end)
}
