//! After the agent: its work comes home, and its tree goes when nothing in it could be lost.
//!
//! ```text
//! may the lease be acted on? ─ yes ─▶ save ─▶ Saved, Diff ─▶ (report) ─▶ remove, with the proof
//!            └ never again ─▶ nothing is published; the tree stays unless nothing was done in it
//! ```

use super::life::{Ending, Life};
use super::secrets;
use ostler_agents::Redactor;
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::limits::DIFF_BYTES_MAX;
use ostler_core::task::{Task, Work};
use ostler_workspace::{Author, Diff, Home, Proof, SaveError, Saved, Stop, Tree};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Who signs for work that its agent did not commit.
pub(crate) const AUTHOR: Author<'static> = Author { name: "Ostler", email: "ostler@localhost" };
/// Characters of the task in the commit's message.
const SUBJECT_CHARS_MAX: usize = 60;
/// Bringing work home may take this long: gigabytes on a slow disk.
const SAVE_WITHIN: Duration = Duration::from_secs(30 * 60);

/// A tree whose attempt is over, and what is known of its work.
pub(super) struct Kept {
    tree: Tree,
    saved: Option<Saved>,
}

impl Kept {
    /// Removes the tree if that loses nothing.
    pub(super) async fn clear(self) {
        let Self { tree, saved } = self;
        let removed = tokio::task::spawn_blocking(move || {
            let never = AtomicBool::new(false);
            let proof = saved.as_ref().map_or(Proof::Empty, Proof::Saved);
            tree.remove(proof, Stop::new(&never, Some(SAVE_WITHIN))).map_err(|(_, error)| error.to_string())
        });
        match removed.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(%why, "the working tree stays"),
            Err(error) => tracing::error!(%error, "the working tree stays"),
        }
    }
}

type Brought = (Tree, Result<(Saved, Option<Diff>), SaveError>);

impl Life {
    /// Brings the work home and says so; the ending says what else went wrong.
    pub(super) async fn finish(&self, task: &Task, tree: Option<Tree>, ending: Ending) -> (Ending, Option<Kept>) {
        let Some(tree) = tree else { return (ending, None) };
        if ending.confirm || !self.right_to_act().await {
            let ending = if ending.confirm { ending } else { self.halted().unwrap_or(ending) };
            return (ending, Some(Kept { tree, saved: None }));
        }
        let redactor = secrets::redactor(task, &self.host());
        let message = secrets::clean(&redactor, &subject(task));
        let brought = tokio::task::spawn_blocking(move || bring(tree, &message)).await;
        let (tree, saved) = match brought {
            Ok(brought) => brought,
            Err(error) => return (Ending::failed(FailureClass::Infra, "saving crashed", error.to_string()), None),
        };
        match saved {
            Ok((saved, diff)) => {
                let events = told(&saved, diff, &redactor);
                if !events.is_empty() {
                    self.record(events, None, None).await;
                }
                (ending, Some(Kept { tree, saved: Some(saved) }))
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

fn bring(mut tree: Tree, message: &str) -> Brought {
    let never = AtomicBool::new(false);
    let stop = || Stop::new(&never, Some(SAVE_WITHIN));
    let mut saved = tree.save(AUTHOR, message, stop());
    if matches!(saved, Err(SaveError::Raced(_))) {
        saved = tree.save(AUTHOR, message, stop());
    }
    let saved = saved.map(|saved| {
        let tip = saved.branch.as_ref().and(saved.commit.as_deref());
        let diff = tip.and_then(|tip| tree.diff(saved.base.as_deref(), tip, DIFF_BYTES_MAX, stop()).ok());
        (saved, diff)
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
