//! After the agent: its work comes home, and its tree goes when nothing in it could be lost.
//!
//! ```text
//! may the lease be acted on? ─ yes ─▶ save ─▶ Saved, Diff ─▶ (report) ─▶ remove, with the proof, or keep for the next attempt
//!            └ never again ─▶ nothing is published; the tree stays unless nothing was done in it
//! ```
//!
//! An attempt that is tried again here leaves its tree standing in the run's directory, with the note of what was done.

use super::life::{Ending, Life};
use super::secrets;
use crate::session::seat::{self, Seat};
use ostler_agents::{Redactor, SESSION_GONE};
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::limits::DIFF_BYTES_MAX;
use ostler_core::task::{Task, Work};
use ostler_workspace::{Author, Diff, Home, Outline, Proof, SaveError, Saved, Stop, Tree};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Who signs for work that its agent did not commit.
pub(crate) const AUTHOR: Author<'static> = Author { name: "Ostler", email: "ostler@localhost" };
/// Characters of the task in the commit's message.
const SUBJECT_CHARS_MAX: usize = 60;
/// Bringing work home may take this long: gigabytes on a slow disk.
const SAVE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Ends that were this runner's doing and leave a session to go on with: the run comes back here, where it is.
const GONE_ON_WITH: [&str; 3] = ["agent lost with its runner", "agent stopped", "lease not renewed"];
/// It comes back after this long: whatever ended the agent has a moment to pass.
const BACK_AFTER_MS: u64 = 2_000;

/// A tree whose attempt is over, and what is known of its work.
pub(super) struct Kept {
    tree: Tree,
    saved: Option<Saved>,
    /// It waits for the next attempt.
    stays: bool,
    /// The run's directory is in use until the tree is dealt with.
    seat: Option<Arc<Seat>>,
}

impl Kept {
    /// Removes the tree if that loses nothing.
    pub(super) async fn clear(self) {
        let Self { tree, saved, stays, seat } = self;
        if stays {
            return;
        }
        let removed = tokio::task::spawn_blocking(move || {
            let (never, _seat) = (AtomicBool::new(false), seat);
            let proof = saved.as_ref().map_or(Proof::Last, Proof::Saved);
            tree.remove(proof, Stop::new(&never, Some(SAVE_WITHIN))).map_err(|(_, error)| error.to_string())
        });
        match removed.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(%why, "the working tree stays"),
            Err(error) => tracing::error!(%error, "the working tree stays"),
        }
    }
}

/// The work, as it came home.
struct Harvest {
    saved: Saved,
    diff: Option<Diff>,
    outline: Option<Outline>,
}

type Brought = (Tree, Result<Harvest, SaveError>);

impl Life {
    /// Brings the work home and says so; the ending says what else went wrong.
    pub(super) async fn finish(&self, task: &Task, tree: Option<Tree>, ending: Ending) -> (Ending, Option<Kept>) {
        let tenant = self.tenant(task).is_some();
        let seat = tenant.then(|| seat::again(&self.stable, self.lease)).flatten();
        let ending = if tenant { self.leave(ending) } else { ending };
        let Some(tree) = tree else { return (ending, None) };
        if ending.confirm || !self.right_to_act().await {
            let ending = if ending.confirm { ending } else { self.halted().unwrap_or(ending) };
            let stays = tenant && is_tried_again(&ending.end);
            return (ending, Some(Kept { tree, saved: None, stays, seat }));
        }
        let redactor = secrets::redactor(task, &self.host_of(task));
        let message = secrets::clean(&redactor, &subject(task));
        let (own, working) = (task.continues.is_some(), seat.clone());
        let brought = tokio::task::spawn_blocking(move || {
            let _working = working;
            bring(tree, &message, own)
        });
        let brought = brought.await;
        let (tree, saved) = match brought {
            Ok(brought) => brought,
            Err(error) => return (Ending::failed(FailureClass::Infra, "saving crashed", error.to_string()), None),
        };
        match saved {
            Ok(Harvest { saved, diff, outline }) => {
                let events = told(&saved, diff, &redactor);
                if !events.is_empty() {
                    self.record(events, None, None).await;
                }
                if tenant {
                    let done = outline.map(|outline| listed(&outline)).unwrap_or_default();
                    let work = saved.branch.clone().map(|branch| (branch, done.as_str()));
                    self.stable.runs.ended(self.lease.run, &ending.conclusion.words, work);
                }
                let stays = tenant && is_tried_again(&ending.end);
                (ending, Some(Kept { tree, saved: Some(saved), stays, seat }))
            }
            Err(error) => {
                let words = format!("the work is in {} and was not brought home: {error}", tree.dir().display());
                self.record(vec![Event::Notice(words.clone())], None, None).await;
                let ending = match ending.end {
                    ReportedEnd::Succeeded => Ending::failed(FailureClass::Infra, "work not saved", words),
                    ReportedEnd::Failed(_) => ending,
                };
                (ending, None)
            }
        }
    }
}

impl Life {
    /// What the agent leaves in the run's directory: renewed sign-in comes home, a session that is gone is forgotten, and a run
    /// whose session is here comes back here.
    fn leave(&self, mut ending: Ending) -> Ending {
        let (runs, run) = (&self.stable.runs, self.lease.run);
        runs.settle(run, self.stable.owner.as_deref());
        runs.ended(run, &ending.conclusion.words, None);
        if let ReportedEnd::Failed(failure) = &mut ending.end {
            if failure.code == SESSION_GONE {
                runs.forget(run);
            }
            let ours = failure.class == FailureClass::Infra && GONE_ON_WITH.contains(&failure.code.as_str());
            if ours && runs.recall(run).session.is_some() {
                failure.retry_after_ms.get_or_insert(BACK_AFTER_MS);
            }
        }
        ending
    }
}

/// True when the ledger tries again after such an end: the tree waits for that.
fn is_tried_again(end: &ReportedEnd) -> bool {
    match end {
        ReportedEnd::Succeeded => false,
        ReportedEnd::Failed(failure) => match failure.class {
            FailureClass::Infra | FailureClass::Agent | FailureClass::Limit | FailureClass::Absence => true,
            FailureClass::Task | FailureClass::Policy | FailureClass::User => false,
        },
    }
}

/// The work in a list.
fn listed(outline: &Outline) -> String {
    let mut lines: Vec<String> = outline.commits.iter().map(|subject| format!("commit: {subject}")).collect();
    lines.extend(outline.files.iter().cloned());
    if outline.more_files > 0 {
        lines.push(format!("and {} more files", outline.more_files));
    }
    lines.join("\n")
}

/// Saves the tree. The diff is of what a follow-up did on its `own`, and of all that a run did over its attempts.
fn bring(mut tree: Tree, message: &str, own: bool) -> Brought {
    let never = AtomicBool::new(false);
    let stop = || Stop::new(&never, Some(SAVE_WITHIN));
    let mut saved = tree.save(AUTHOR, message, stop());
    if matches!(saved, Err(SaveError::Raced(_))) {
        saved = tree.save(AUTHOR, message, stop());
    }
    let saved = saved.map(|saved| {
        let tip = saved.branch.as_ref().and(saved.commit.as_deref());
        let from = if own { saved.base.as_deref() } else { tree.source_base() };
        let diff = tip.and_then(|tip| tree.diff(from, tip, DIFF_BYTES_MAX, stop()).ok());
        let outline = tip.and_then(|tip| tree.outline(tip).ok());
        Harvest { saved, diff, outline }
    });
    (tree, saved)
}

/// What people are told of the work: without secrets, which an agent may have written into files or their names.
fn told(saved: &Saved, diff: Option<Diff>, redactor: &Redactor) -> Vec<Event> {
    let mut events = Vec::new();
    if let (Some(home), Some(commit)) = (&saved.home, &saved.commit) {
        let (path, branch, why) = match home {
            Home::Origin { path, branch } => (path, branch, None),
            Home::Mirror { path, branch, why } => (path, branch, why.as_ref()),
        };
        let (branch, repository) = (branch.clone(), path.display().to_string());
        events.push(Event::Saved { branch, repository, commit: commit.clone(), uncommitted: saved.uncommitted });
        events.extend(why.map(|why| Event::Notice(format!("the branch stays in the runner's mirror: {why}"))));
    }
    if let Some(diff) = diff.filter(|diff| diff.files > 0) {
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let stat = (count(diff.files), count(diff.added), count(diff.removed));
        let mut patch = secrets::strip(redactor, &diff.patch);
        let cut = diff.cut || patch.len() > DIFF_BYTES_MAX;
        patch.truncate(DIFF_BYTES_MAX);
        events.push(Event::Diff { patch, stat, cut });
    }
    let left = saved.left.iter().map(|left| format!("not saved: {} ({})", left.path, left.why));
    events.extend(left.map(|words| Event::Notice(secrets::clean(redactor, &words))));
    events.extend(saved.notices.iter().cloned().map(Event::Notice));
    events
}

fn subject(task: &Task) -> String {
    let words = match &task.work {
        Work::Prompt(prompt) => prompt.lines().next().unwrap_or_default().to_owned(),
        Work::Command(argv) => argv.join(" "),
    };
    let short: String = words.chars().filter(|c| !c.is_control()).take(SUBJECT_CHARS_MAX).collect();
    format!("{}: {short}", task.agent)
}
