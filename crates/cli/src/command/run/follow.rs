//! Following runs to their end: output to stdout as it comes, everything else to stderr, the outcome as exit code.
//!
//! ```text
//! Follow ── Heard ─▶ stdout      ── Moved ─▶ stderr     ── Lost ─▶ stderr, and on
//!        │    └ Asked ─▶ keyboard, if a person sits there ─▶ verdict
//!        └─ over ──▶ where the results are
//! ```
//!
//! Ctrl-c ends the following, never the run.

use super::asking::Desk;
use crate::command::answer::Keyboard;
use crate::command::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::run::{self as render, Names};
use crate::render::{event, time};
use ostler_boot::Clock;
use ostler_client::{Client, ClientError, Heard, Step};
use ostler_core::event::Event;
use ostler_core::ids::RunId;
use ostler_core::time::Timestamp;
use ostler_proto::RunView;
use tokio::task::JoinSet;

/// What of a run is shown while it is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Its output, its questions, its states.
    Everything,
    /// Its states and questions.
    Moves,
    /// Nothing: only its end counts.
    Nothing,
}

/// Follows all of `runs`; the exit code is the worst of theirs. Their questions are put to whoever is at `keyboard`.
pub(crate) async fn all(
    context: &Context,
    client: &Client,
    runs: &[RunId],
    keyboard: Option<Keyboard>,
) -> Result<Exit, Fault> {
    let (show, keyboard) = if context.json() { (Show::Nothing, None) } else { (Show::Everything, keyboard) };
    until_interrupted(runs, ends(context, client, runs, show, keyboard)).await
}

/// Waits for `ending`, or for ctrl-c.
pub(crate) async fn until_interrupted(
    runs: &[RunId],
    ending: impl Future<Output = Result<Exit, Fault>>,
) -> Result<Exit, Fault> {
    tokio::select! {
        ended = ending => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(Fault::Runtime)?;
            for run in runs {
                let run = run.short();
                out::note(&format!("{run} goes on: `ostler runs logs -f {run}` follows it, `ostler runs cancel {run}` stops it"));
            }
            Ok(Exit::Interrupted)
        }
    }
}

/// The worst exit code of `runs`, each followed by a task of its own.
pub(crate) async fn ends(
    context: &Context,
    client: &Client,
    runs: &[RunId],
    show: Show,
    keyboard: Option<Keyboard>,
) -> Result<Exit, Fault> {
    let names = names(client).await;
    let several = runs.len() > 1;
    let mut following = JoinSet::new();
    for run in runs {
        let clock = context.clock();
        let desk = keyboard.clone().map(|keyboard| Desk::new(client.clone(), keyboard, clock, names.clone()));
        let (log, names) = (event::Log::default(), names.clone());
        let follower = Follower { client: client.clone(), clock, run: *run, names, show, several, log, desk };
        following.spawn(follower.end());
    }
    let mut worst = Exit::Success;
    while let Some(ended) = following.join_next().await {
        let ended = ended.map_err(|error| Fault::Daemon(format!("following failed: {error}")))?;
        worst = worst.max(ended?);
    }
    Ok(worst)
}

struct Follower {
    client: Client,
    clock: Clock,
    run: RunId,
    names: Names,
    show: Show,
    several: bool,
    log: event::Log,
    desk: Option<Desk>,
}

impl Follower {
    async fn end(mut self) -> Result<Exit, Fault> {
        let mut follow = self.client.follow(self.run, 1);
        let (mut last, mut offline) = (None, false);
        let mut open = false;
        while let Some(step) = follow.next().await? {
            let lost = matches!(step, Step::Lost(_));
            match (std::mem::replace(&mut offline, lost), lost) {
                (false, true) => self.note("the relay is out of reach; the run goes on, trying again"),
                (true, false) => self.note("the relay is back"),
                (true, true) | (false, false) => {}
            }
            match step {
                Step::Heard(heard) => heard.iter().for_each(|heard| open = self.heard(heard, open)),
                Step::Truncated(first) => self.note(&format!("events before {first} are no longer kept")),
                Step::Moved(view) => {
                    if last.as_ref().is_none_or(|last: &RunView| changed(last, &view)) {
                        self.moved(&view);
                    }
                    last = Some(*view);
                }
                Step::Lost(_) => {}
            }
        }
        let view = self.client.run(self.run).await?.view;
        if last.as_ref().is_none_or(|last| changed(last, &view)) {
            self.moved(&view);
        }
        self.result(&view).await?;
        // The stream ended, so that the run is over; without a state that says so the relay contradicts itself.
        let contradiction = || ClientError::Protocol("the run's events ended before the run did".to_owned());
        Ok(render::exit(&view.life).ok_or_else(contradiction)?)
    }

    /// Shows one event; whether the last line of output is still open.
    fn heard(&mut self, heard: &Heard, open: bool) -> bool {
        if let Ok(event) = &heard.event
            && self.show != Show::Nothing
        {
            self.concerned(event);
        }
        if self.show != Show::Everything {
            return open;
        }
        let text = self.log.show(heard, Paint::stdout());
        let is_output = matches!(heard.event, Ok(Event::Output { .. }));
        if text.is_empty() {
            return open;
        }
        let text = if open && !is_output { format!("\n{text}") } else { text };
        out::raw(self.prefixed(&text).as_bytes());
        !text.ends_with('\n')
    }

    /// What concerns people: a question, and that it needs no answer any more.
    fn concerned(&mut self, event: &Event) {
        if let Event::Asked { approval, .. } = event {
            match &mut self.desk {
                Some(desk) => desk.put(*approval),
                None => self.note(&format!(
                    "asks: `ostler inbox {approval}` shows what; answer with `ostler approve {0}` or `ostler reject {0}`",
                    approval.short()
                )),
            }
        }
        if let (Event::Answered { approval, .. } | Event::Withdrawn { approval, .. }, Some(desk)) =
            (event, &mut self.desk)
        {
            desk.take(*approval);
        }
    }

    /// With several runs, every line says whose it is.
    fn prefixed(&self, text: &str) -> String {
        if !self.several {
            return text.to_owned();
        }
        let short = self.run.short();
        text.lines().map(|line| format!("{short} | {line}\n")).collect()
    }

    fn moved(&self, view: &RunView) {
        if self.show != Show::Nothing {
            let now = Timestamp(self.clock.now_ms());
            out::note(&render::moved(view, &self.names, now, Paint::stderr()));
        }
    }

    fn note(&self, text: &str) {
        out::note(&format!("{} {text}", Paint::stderr().dim(&self.run.short())));
    }

    /// Where the work is.
    async fn result(&self, view: &RunView) -> Result<(), Fault> {
        if self.show == Show::Nothing {
            return Ok(());
        }
        let recording = self.client.events(self.run, 1).await?;
        let saved = recording.events.iter().rev().find_map(|heard| match &heard.event {
            Ok(event @ Event::Saved { .. }) => Some(event::line(event)),
            Ok(_) | Err(_) => None,
        });
        if let Some(saved) = saved {
            self.note(&format!("{saved}; `ostler runs diff {}` shows what changed", self.run.short()));
        }
        if let Some(ended) = render::ended_at(&view.life) {
            self.note(&format!("took {}", time::length(ended.since(view.spec.created_at))));
        }
        Ok(())
    }
}

/// A change worth a line: another state, another epoch, another reason.
fn changed(before: &RunView, after: &RunView) -> bool {
    let key = |view: &RunView| (render::word(view), view.life.epoch, render::runner(&view.life));
    key(before) != key(after)
}
