//! `ostler agents`: which agents this release knows, which of them each runner has, and what is missing where.
//!
//! Runners say what they have when they connect; without a fleet, or without its relay, this machine is probed instead.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::progress;
use crate::render::agent::{self as render, Place, Stand};
use crate::render::text::plain;
use clap::Subcommand;
use ostler_proto::WorkerView;
use ostler_runner::{Catalog, Entry, Protocol, RunnerConfig, Standing, probe};
use serde_json::json;

/// What can be asked about agents.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All agents this release knows, and the runners that have them.
    List(On),
    /// One agent: how it is spoken to, what it enforces, how it signs in, and where it is.
    Show {
        /// Its name.
        agent: String,
        #[command(flatten)]
        on: On,
    },
    /// What each runner has, and what to do about what is missing.
    Doctor(On),
}

/// Where to look.
#[derive(Debug, clap::Args)]
pub(crate) struct On {
    /// Only this runner: its name, or any unique start of its id. All of the fleet when absent.
    #[arg(long)]
    runner: Option<String>,
}

impl Command {
    /// Does it.
    pub(crate) async fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::List(on) => list(context, &on).await,
            Self::Show { agent, on } => show(context, &agent, &on).await,
            Self::Doctor(on) => doctor(context, &on).await,
        }
    }
}

async fn list(context: &Context, on: &On) -> Result<Exit, Fault> {
    let (places, catalog) = (places(context, on).await?, Catalog::standard());
    if context.json() {
        let agents = catalog.entries().iter().map(|entry| render::json(entry, &places));
        context.print_json(json!({ "agents": agents.collect::<Vec<_>>() }));
    } else {
        out::line(&render::listing(catalog.entries(), &places).print(out::width(), Paint::stdout()));
    }
    Ok(Exit::Success)
}

async fn show(context: &Context, name: &str, on: &On) -> Result<Exit, Fault> {
    let catalog = Catalog::standard();
    let entry = catalog.find(name).ok_or_else(|| Fault::NoAgent(name.to_owned()))?;
    let places = places(context, on).await?;
    if context.json() {
        context.print_json(json!({ "agent": render::json(entry, &places) }));
    } else {
        out::line(&render::page(entry, &places, Paint::stdout()));
    }
    Ok(Exit::Success)
}

async fn doctor(context: &Context, on: &On) -> Result<Exit, Fault> {
    let (places, catalog) = (places(context, on).await?, Catalog::standard());
    let entries: Vec<_> =
        catalog.entries().iter().copied().filter(|entry| entry.protocol != Protocol::Builtin).collect();
    if context.json() {
        let agents = entries.iter().map(|entry| render::json(entry, &places));
        context.print_json(json!({ "agents": agents.collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    for place in &places {
        let away = if place.here { "" } else { ", away: as it last said" };
        out::line(&Paint::stdout().bold(&format!("{}{away}", plain(&place.name))));
        examined(place, &entries, Paint::stdout()).iter().for_each(|line| out::line(line));
    }
    if places.is_empty() {
        out::note("no runner is paired: make a ticket with `ostler invite`");
    }
    Ok(Exit::Success)
}

/// A line per agent that is there, and one for all that are not.
fn examined(place: &Place, entries: &[&Entry], paint: Paint) -> Vec<String> {
    let (mut lines, mut absent) = (Vec::new(), Vec::new());
    for entry in entries {
        let stand = place.stand(entry.name);
        let (word, note) = match &stand {
            Stand::Absent => {
                absent.push(entry.name);
                continue;
            }
            Stand::Ready(_) => (paint.green("ok  "), ready(entry)),
            Stand::Lacks { what, .. } => (paint.yellow("warn"), remedy(entry, what)),
        };
        lines.push(format!("  {word}  {:<12} {}{note}", entry.name, stand.words()));
    }
    if lines.is_empty() {
        lines.push(format!(
            "  {}  no agent is there: install one, `ostler agents list` shows them",
            paint.yellow("warn")
        ));
    }
    if !absent.is_empty() {
        lines.push(paint.dim(&format!("        not found: {}", absent.join(", "))));
    }
    lines
}

fn ready(entry: &Entry) -> String {
    let held = render::enforced(entry);
    let asks =
        if held == "-" { "asks before nothing for sure".to_owned() } else { format!("asks before every {held}") };
    match entry.standing {
        Standing::Verified(_) => format!("; {asks}"),
        Standing::Unverified(_) => format!("; {asks}; {}", render::standing(entry.standing)),
    }
}

/// What to do about what is missing.
pub(crate) fn remedy(entry: &Entry, what: &str) -> String {
    match what {
        "sign-in" => format!(": {}", entry.sign_in.how),
        "too old" => format!(": update it to {} or newer", entry.oldest),
        "no adapter" => {
            format!(": this release cannot speak to it, `ostler run --agent pty -- {}` runs it", entry.name)
        }
        // A word of a newer runner.
        _ => String::new(),
    }
}

/// The runners of the fleet; this machine, where there is no fleet or its relay is out of reach.
async fn places(context: &Context, on: &On) -> Result<Vec<Place>, Fault> {
    match fleet(context, on).await {
        Ok(workers) => Ok(workers.into_iter().map(place).collect()),
        Err(fault) if on.runner.is_none() && matches!(fault.exit(), Exit::NotSetUp | Exit::Unreachable) => {
            out::note(&format!("this machine only: {}", plain(&fault.to_string())));
            Ok(vec![this_machine(context).await?])
        }
        Err(fault) => Err(fault),
    }
}

async fn fleet(context: &Context, on: &On) -> Result<Vec<WorkerView>, Fault> {
    let client = context.client().await?;
    match &on.runner {
        Some(text) => Ok(vec![client.find_worker(text).await?]),
        None => Ok(client.workers().await?),
    }
}

fn place(worker: WorkerView) -> Place {
    Place { name: worker.name, offers: worker.offers, here: worker.connected }
}

/// What a runner on this machine would offer.
async fn this_machine(context: &Context) -> Result<Place, Fault> {
    probed(&RunnerConfig::read(context.config(None, "runner.toml").as_deref())?).await
}

/// What a runner on this machine would offer that nobody configured.
pub(crate) async fn bare_machine() -> Result<Place, Fault> {
    probed(&RunnerConfig::read(None)?).await
}

async fn probed(config: &RunnerConfig) -> Result<Place, Fault> {
    let offers = progress::with("looking for agents", probe::capabilities(config)).await;
    Ok(Place { name: super::fleet::machine_name(), offers, here: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::agent::tests::place;

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let catalog = Catalog::standard();
        let lines = examined(&place(), catalog.entries(), Paint::off());
        let of = |agent: &str| lines.iter().find(|line| line.contains(agent)).expect("a line").clone();
        assert!(of("claude").starts_with("  ok    claude"), "{lines:?}");
        assert!(of("codex").starts_with("  warn  codex"), "{lines:?}");
        assert!(lines.last().expect("a line").contains("not found: ") && of("goose").contains("not found"));
        let how = catalog.find("codex").expect("known").sign_in.how;
        assert!(of("codex").ends_with(how), "{lines:?}");
    }
}
