//! `ostler try`: a tour on real machinery.
//!
//! ```text
//! stage: throwaway fleet ─▶ relay ─▶ three runners, paired with real tickets        processes of this same executable
//! play:  survivor runs ─▶ its runner is killed ─▶ everything else ─▶ what the relay says, as it says it
//! end:   table, what was promised against what was seen ─▶ processes, files and branches are gone (--keep keeps)
//! ```
//!
//! Owns the order of things. Must not print what it expects: every line about a run is what the relay said.

mod agent;
mod cast;
mod play;
mod process;
mod repository;
mod script;
mod seen;

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use cast::Cast;
use ostler_boot::Signals;
use ostler_runner::Entry;
use play::Play;
use repository::Repository;
use std::time::Duration;

/// The tour takes half a minute; a person may think about the approval for as long again.
const TOUR_MAX: Duration = Duration::from_secs(150);

/// How to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Answer the approval with yes; else the person at the terminal is asked, and without one it is rejected.
    #[arg(short, long)]
    yes: bool,
    /// Keep the throwaway fleet's files and logs, and the branches in the repository.
    #[arg(long)]
    keep: bool,
    /// A tour about one real agent: it works, asks, and you answer. Without a name, the first that is installed and signed in.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "no_agent")]
    agent: Option<String>,
    /// No run with a real agent CLI, even when one is installed and signed in.
    #[arg(long)]
    no_agent: bool,
}

/// Says a line of the story: on stdout for people, on stderr when a program reads stdout.
fn say(context: &Context, text: &str) {
    if context.json() { out::note(text) } else { out::line(text) }
}

/// Gives the tour.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let mut signals = Signals::listen().map_err(Fault::Runtime)?;
    let lead = match &args.agent {
        Some(named) => Some(agent::choose(named).await?),
        None => None,
    };
    let max = if lead.is_some() { Duration::from_millis(agent::LASTS_MS) } else { TOUR_MAX };
    let scratch =
        tempfile::Builder::new().prefix("ostler-try-").tempdir().map_err(Fault::io("the temporary directory"))?;
    let repository = Repository::here(scratch.path())?;
    let mut cast = Cast::new(scratch.path())?;
    let toured = tokio::select! {
        toured = tokio::time::timeout(max, tour(context, (args, lead), &mut cast, &repository)) => {
            toured.unwrap_or_else(|_| Err(Fault::Tour(format!("  it was not over after {} s", max.as_secs()))))
        }
        _ = signals.next() => {
            out::note("interrupted: cleaning up");
            Ok(Exit::Interrupted)
        }
    };
    cast.leave().await;
    tidy(context, args, scratch, &repository);
    toured
}

/// What was asked for, and the agent that is to play the lead.
type Asked<'a> = (&'a Args, Option<&'static Entry>);

async fn tour(
    context: &Context,
    (args, lead): Asked<'_>,
    cast: &mut Cast,
    repository: &Repository,
) -> Result<Exit, Fault> {
    let paint = Paint::stdout();
    say(context, &format!("{} in {}", paint.bold("a tour on real machinery"), repository.top().display()));
    if repository.is_sample() {
        say(context, "  (you stand in no git repository with a commit: a sample one was made)");
    }
    let client = cast.enter(|line| say(context, line)).await?;
    let mut play = Play::new(context, args, &client, repository, lead);
    let played = play.perform(cast).await;
    play.tell_end().await?;
    client.farewell().await;
    played
}

/// Removes what the tour left, or says where it is.
fn tidy(context: &Context, args: &Args, scratch: tempfile::TempDir, repository: &Repository) {
    if args.keep {
        let path = scratch.keep();
        say(context, &format!("kept: {} (OSTLER_HOME of that fleet; logs below logs/)", path.display()));
        return;
    }
    let removed = repository.forget_branches();
    let branches = match removed {
        0 => String::new(),
        1 => ", and the branch ostler/run_… it made".to_owned(),
        _ => format!(", and the {removed} branches ostler/run_… it made"),
    };
    match scratch.close() {
        Ok(()) => say(context, &format!("cleaned up: processes, files{branches}; --keep keeps them")),
        Err(error) => out::warn(&format!("the temporary directory could not be removed: {error}")),
    }
}
