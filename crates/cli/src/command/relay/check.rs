//! `ostler relay check`: reads every page and record of a relay's files, in a child process: a damaged file may abort
//! whoever reads it, and that too is an answer.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use crate::progress;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// How a child ends that panicked: the reader of a damaged file may.
const PANICKED: i32 = 101;

/// Which files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The relay's data directory; the one in this machine's data directory when absent.
    directory: Option<PathBuf>,
    /// Read the files in this very process: what the child is told.
    #[arg(long, hide = true)]
    here: bool,
}

/// Checks.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let directory = args.directory.clone().unwrap_or_else(|| context.base().join("relay"));
    if !directory.is_dir() {
        return Err(Fault::Daemon(format!("{} is no directory: name the relay's data directory", directory.display())));
    }
    if args.here {
        return here(&directory);
    }
    let exe = std::env::current_exe().map_err(Fault::io("this executable"))?;
    let mut child = Command::new(exe);
    child.args(["relay", "check", "--here"]).arg(&directory).stdin(Stdio::null()).kill_on_drop(true);
    let output = progress::with("reading every record", child.output()).await.map_err(Fault::io("the check"))?;
    let said: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    if matches!(output.status.code(), None | Some(PANICKED)) {
        let directory = directory.display();
        return Err(Fault::Daemon(format!(
            "{directory} is damaged so badly that its reader fell over: restore a backup"
        )));
    }
    if said.is_empty() && !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Fault::Daemon(said.trim().trim_start_matches("error: ").to_owned()));
    }
    if context.json() {
        context.print_json(json!({ "directory": directory, "files": said }));
    } else {
        said.iter().for_each(|file| out::line(file["says"].as_str().unwrap_or_default()));
        if said.is_empty() {
            out::line(&format!("{}: no relay has kept anything here", directory.display()));
        }
    }
    Ok(if output.status.success() { Exit::Success } else { Exit::Failure })
}

/// The child's side: one line of JSON per file.
fn here(directory: &Path) -> Result<Exit, Fault> {
    let reports = ostler_relay::check(directory).map_err(|error| Fault::Daemon(error.to_string()))?;
    for report in &reports {
        let state = if report.is_sound() { "sound".to_owned() } else { format!("{} damaged", report.damaged) };
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let says = format!("{}: {} records, {state}{}", report.kind, report.records, list(&findings));
        let line = json!({
            "file": report.kind,
            "records": report.records,
            "sound": report.is_sound(),
            "findings": findings,
            "says": says,
        });
        out::line(&line.to_string());
    }
    let sound = reports.iter().all(|report| report.is_sound());
    Ok(if sound { Exit::Success } else { Exit::Failure })
}

fn list(findings: &[String]) -> String {
    findings.iter().map(|finding| format!("\n  {finding}")).collect()
}
