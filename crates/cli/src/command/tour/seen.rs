//! What the tour saw of one run, from the relay alone; and whether that is what the tour promises.

use super::script::Part;
use crate::render::run as render;
use ostler_core::approval::Choice;
use ostler_core::event::Event;
use ostler_core::ids::{DeviceId, RunId};
use ostler_core::run::{Outcome, State};
use ostler_proto::RunView;
use std::path::Path;

/// One run, as seen.
pub(super) struct Seen {
    pub(super) part: Part,
    pub(super) run: RunId,
    pub(super) name: String,
    pub(super) view: Option<RunView>,
    /// Who started it, in order; an offer that nobody took is nobody's.
    pub(super) runners: Vec<DeviceId>,
    pub(super) directories: Vec<String>,
    pub(super) branch: Option<String>,
    pub(super) changed: Option<(u32, u32, u32)>,
    pub(super) answered: Option<Choice>,
    /// Pieces of output so far.
    pub(super) printed: usize,
    pub(super) over: bool,
}

impl Seen {
    pub(super) fn new(part: Part, run: RunId, name: &str) -> Self {
        Self {
            part,
            run,
            name: name.to_owned(),
            view: None,
            runners: Vec::new(),
            directories: Vec::new(),
            branch: None,
            changed: None,
            answered: None,
            printed: 0,
            over: false,
        }
    }

    /// Takes an event in.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Started { directory, .. } => self.directories.push(directory.clone()),
            Event::Output { .. } => self.printed += 1,
            Event::Answered { choice, .. } => self.answered = Some(*choice),
            Event::Saved { branch, .. } => self.branch = Some(branch.clone()),
            Event::Diff { stat, .. } => self.changed = Some(*stat),
            Event::Truncated { .. }
            | Event::Message(_)
            | Event::Asked { .. }
            | Event::Ended { .. }
            | Event::Notice(_)
            | Event::Raw(_)
            | Event::Thought(_)
            | Event::Plan(_)
            | Event::ToolCalled { .. }
            | Event::ToolEnded { .. }
            | Event::Ruled { .. }
            | Event::Withdrawn { .. }
            | Event::Usage(_)
            | Event::Limit { .. }
            | Event::Session { .. }
            | Event::TurnEnded { .. }
            | Event::Failed(_)
            | Event::Prompted(_)
            | Event::Checked { .. } => {}
        }
    }

    /// Takes a state in; true when a person would call it news.
    pub(super) fn look(&mut self, view: &RunView) -> bool {
        let ended =
            view.life.history.iter().filter(|attempt| attempt.started_at.is_some()).map(|attempt| attempt.worker);
        let held = view.life.lease().filter(|lease| lease.phase.since().is_some()).map(|lease| lease.worker);
        for worker in ended.chain(held) {
            if !self.runners.contains(&worker) {
                self.runners.push(worker);
            }
        }
        let key = |view: &RunView| (render::word(view), view.life.epoch);
        let news = self.view.as_ref().is_none_or(|before| key(before) != key(view));
        self.view = Some(view.clone());
        news
    }

    /// True for runs whose work is worth a look.
    pub(super) fn shows_its_diff(&self) -> bool {
        matches!(self.part, Part::Editor | Part::Lead)
    }

    /// What is not as promised; none when all is.
    pub(super) fn broken_promise(&self) -> Option<String> {
        let view = self.view.as_ref()?;
        let succeeded = matches!(view.life.state(), State::Settled(s) if s.outcome == Outcome::Succeeded);
        let is = |kept: bool, promise: &str| if kept { None } else { Some(promise.to_owned()) };
        let broken = match self.part {
            Part::Survivor => is(succeeded && self.runners.len() > 1, "to lose its runner and be finished by another"),
            Part::Editor => {
                let changed = self.changed.is_some_and(|(files, ..)| files > 0);
                is(succeeded && changed && self.branch.is_some(), "to change files and save them on a branch")
            }
            Part::Asker => match self.answered {
                Some(Choice::Approve) => is(succeeded, "to go on after a yes"),
                Some(Choice::Reject) => is(!succeeded, "to stop after a no"),
                None => is(false, "to be answered"),
            },
            Part::Doomed => {
                let dead = matches!(view.life.state(), State::Dead { .. });
                is(dead && render::attempts(&view.life) == 2, "to use up two attempts and become a dead letter")
            }
            Part::Copy => is(succeeded, "to succeed"),
            Part::Stopped => {
                let cancelled = matches!(view.life.state(), State::Settled(s) if s.outcome == Outcome::Cancelled);
                is(cancelled && self.printed > 0, "to be cancelled while it ran")
            }
            Part::Agent => None,
            Part::Lead => match self.answered {
                // Who is told no may give up, or find another way.
                Some(Choice::Reject) => None,
                Some(Choice::Approve) | None => is(succeeded && self.changed.is_some(), "to write a file"),
            },
        };
        broken.map(|promise| format!("  {} was {}; it was promised {promise}", self.name, view.life.state().word()))
    }
}

/// Two attempts that shared a working tree.
pub(super) fn shared_trees(all: &[Seen], repository: &Path) -> Option<String> {
    let mut directories: Vec<&String> = all.iter().flat_map(|seen| &seen.directories).collect();
    let count = directories.len();
    directories.sort();
    directories.dedup();
    if directories.len() != count {
        return Some("  two attempts worked in the same directory".to_owned());
    }
    let inside = directories.iter().any(|directory| Path::new(directory) == repository);
    inside.then(|| "  a run worked in your own working tree".to_owned())
}
