//! A run's own directory on this runner: what stays from its first attempt to its last follow-up.
//!
//! ```text
//! runs/<run>/home       the agent's HOME: its own, with sign-in and settings shared into it (home.rs)
//!           /tree       the working tree, at one path for ever: agents look their sessions up by where they work
//!           /session    what a later attempt needs to go on (note.rs)
//! runs/<follow-up> ─▶ <run>      a follow-up works in the directory of the run it goes on with
//! ```
//!
//! Owns where things are, what is remembered, and that two attempts never work in one directory (seat.rs). Must not know what an
//! agent is told. A directory nobody used for long is swept (sweep.rs).

mod folder;
pub(crate) mod home;
mod note;
pub(crate) mod seat;
pub(crate) mod sweep;

use note::Asked;
pub(crate) use note::Note;
use ostler_core::ids::RunId;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// The directories of all runs.
#[derive(Debug)]
pub(crate) struct Runs {
    root: PathBuf,
    /// One writer at a time: of notes, and of what comes home to the owner.
    writing: Mutex<()>,
    seats: seat::Seats,
}

impl Runs {
    /// Those below the runner's own directory.
    pub(crate) fn new(home: &Path) -> Self {
        Self { root: home.join("runs"), writing: Mutex::default(), seats: seat::Seats::default() }
    }

    /// The run in whose directory `run` works: itself, or the one it goes on with.
    pub(crate) fn root_of(&self, run: RunId) -> RunId {
        let link = std::fs::read_link(self.root.join(run.to_string())).ok();
        link.and_then(|target| target.to_str()?.parse().ok()).unwrap_or(run)
    }

    /// Whether the run has a directory here.
    pub(crate) fn has(&self, run: RunId) -> bool {
        self.dir(run).is_dir()
    }

    /// The agent's HOME.
    pub(crate) fn home(&self, run: RunId) -> PathBuf {
        self.dir(run).join("home")
    }

    /// The working tree.
    pub(crate) fn tree(&self, run: RunId) -> PathBuf {
        self.dir(run).join("tree")
    }

    fn dir(&self, run: RunId) -> PathBuf {
        self.root.join(self.root_of(run).to_string())
    }

    /// Makes the run's directory; `continues` is the run it goes on with. False when that one has none here: then the run
    /// begins in a directory of its own.
    pub(crate) fn open(&self, run: RunId, continues: Option<RunId>) -> io::Result<bool> {
        let make = |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(&self.root)?;
        let known = continues.is_none_or(|parent| self.has(parent));
        if let Some(parent) = continues.filter(|parent| *parent != run && known)
            && std::fs::symlink_metadata(self.root.join(run.to_string())).is_err()
        {
            symlink(self.root_of(parent).to_string(), self.root.join(run.to_string()))?;
        }
        make(&self.dir(run))?;
        Ok(known)
    }

    /// What is remembered of the run, and of those it goes on with. Nothing, when nothing is.
    pub(crate) fn recall(&self, run: RunId) -> Note {
        note::read(&self.dir(run)).unwrap_or_else(|error| {
            warn!(%run, %error, "what was remembered of a run cannot be read: its agent begins anew");
            Note::default()
        })
    }

    /// The session with which `agent` can go on.
    pub(crate) fn session(&self, run: RunId, agent: &str) -> Option<String> {
        let note = self.recall(run);
        note.session.filter(|_| note.agent == agent)
    }

    /// The agent can be resumed under `session` from now on.
    pub(crate) fn remember(&self, run: RunId, agent: &str, session: &str) {
        self.change(run, |note| {
            agent.clone_into(&mut note.agent);
            note.session = Some(session.to_owned());
        });
    }

    /// The session is gone: whoever comes next begins anew, and is told what was done.
    pub(crate) fn forget(&self, run: RunId) {
        self.change(run, |note| note.session = None);
    }

    /// An agent is about to be asked `prompt`.
    pub(crate) fn asked(&self, run: RunId, prompt: &str) {
        self.change(run, |note| note.asked = Some(Asked::new(run, prompt)));
    }

    /// What an attempt came to: the agent's last words, and its work as git tells it.
    pub(crate) fn ended(&self, run: RunId, words: &str, work: Option<(String, &str)>) {
        self.change(run, |note| note.ended(words, work));
    }

    fn change(&self, run: RunId, change: impl FnOnce(&mut Note)) {
        let _alone = self.alone();
        let dir = self.dir(run);
        let mut note = self.recall(run);
        change(&mut note);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        if let Err(error) = made.and_then(|()| note::write(&dir, &note)) {
            warn!(%run, %error, "a run's session is not remembered: a later attempt begins anew");
        }
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: RunId = RunId([1; 16]);
    const CHILD: RunId = RunId([2; 16]);
    const GRANDCHILD: RunId = RunId([3; 16]);

    #[test]
    fn a_follow_up_works_where_the_first_run_did_however_often() {
        let dir = tempfile::tempdir().expect("a directory");
        let runs = Runs::new(dir.path());
        assert!(runs.open(PARENT, None).expect("opens"));
        runs.remember(PARENT, "claude", "s-1");
        for (run, continues) in [(CHILD, PARENT), (GRANDCHILD, CHILD), (CHILD, PARENT)] {
            assert!(runs.open(run, Some(continues)).expect("opens"));
            assert_eq!(runs.tree(run), runs.tree(PARENT));
            assert_eq!(runs.session(run, "claude").as_deref(), Some("s-1"));
        }
        assert_eq!(runs.session(CHILD, "codex"), None, "another agent's session is none");
        runs.remember(GRANDCHILD, "claude", "s-2");
        assert_eq!(runs.session(PARENT, "claude").as_deref(), Some("s-2"));
        runs.forget(PARENT);
        assert_eq!(runs.session(CHILD, "claude"), None);
        let (stranger, lost) = (RunId([8; 16]), RunId([9; 16]));
        assert!(!runs.open(stranger, Some(lost)).expect("opens"), "the run it goes on with is not here");
        assert_ne!(runs.tree(stranger), runs.tree(PARENT));
    }

    #[test]
    fn what_is_remembered_survives_a_restart_and_damage_is_no_more_than_forgetting() {
        let dir = tempfile::tempdir().expect("a directory");
        let runs = Runs::new(dir.path());
        runs.open(PARENT, None).expect("opens");
        runs.asked(PARENT, &"é".repeat(20_000));
        runs.ended(PARENT, "half done", Some(("ostler/x".to_owned(), "A file")));
        runs.ended(PARENT, "lost", None);
        let note = Runs::new(dir.path()).recall(PARENT);
        let asked = note.asked.expect("asked");
        assert!(asked.run == PARENT && asked.prompt.len() <= 16 * 1024 && asked.prompt.starts_with("éé"));
        assert_eq!((note.words.as_str(), note.done.as_str()), ("lost", "A file"));
        assert_eq!(note.branch.as_deref(), Some("ostler/x"));
        std::fs::write(runs.dir(PARENT).join("session"), "garbage").expect("writes");
        assert_eq!(runs.recall(PARENT), Note::default());
    }
}
