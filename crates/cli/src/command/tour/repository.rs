//! The repository the tour works in: the one the person stands in, or a sample. Every run gets a working tree of its own;
//! what comes home are branches, and only those that a run said it made are removed again.

use crate::command::run::repository_top;
use crate::fault::Fault;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// A git repository with at least one commit.
pub(super) struct Repository {
    top: PathBuf,
    sample: bool,
    made: Mutex<Vec<(String, String)>>,
}

impl Repository {
    /// The one around the current directory; without one, a sample below `scratch`.
    pub(super) fn here(scratch: &Path) -> Result<Self, Fault> {
        let here = std::env::current_dir().map_err(Fault::io("the current directory"))?;
        let top = repository_top(&here).map(PathBuf::from).filter(|top| git(top, &["rev-parse", "--verify", "HEAD"]));
        let sample = top.is_none();
        let top = match top {
            Some(top) => top,
            None => make(&scratch.join("sample"))?,
        };
        Ok(Self { top, sample, made: Mutex::new(Vec::new()) })
    }

    /// Its top directory.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// True when the tour made it.
    pub(super) const fn is_sample(&self) -> bool {
        self.sample
    }

    /// A run said that it saved its work there.
    pub(super) fn note(&self, branch: &str, commit: &str) {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.push((branch.to_owned(), commit.to_owned()));
    }

    /// Removes the branches that runs said they made, where they still stand where the run left them; how many.
    pub(super) fn forget_branches(&self) -> usize {
        let made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ours = made.iter().filter(|(branch, _)| branch.starts_with("ostler/"));
        let gone = |(branch, commit): &&(String, String)| {
            git(&self.top, &["update-ref", "-d", &format!("refs/heads/{branch}"), commit])
        };
        ours.filter(gone).count()
    }
}

fn git(top: &Path, words: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.arg("-C").arg(top).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}

fn make(path: &Path) -> Result<PathBuf, Fault> {
    let io = |path: &Path| Fault::io(path.display().to_string());
    std::fs::create_dir(path).map_err(io(path))?;
    let readme = path.join("README.md");
    std::fs::write(&readme, "# A sample\n\nMade by `ostler try`.\n").map_err(io(&readme))?;
    let identity = ["-c", "user.name=ostler", "-c", "user.email=ostler@localhost"];
    let made = git(path, &["init", "-q"])
        && git(path, &["add", "."])
        && git(path, &[&identity[..], &["commit", "-q", "-m", "A sample"]].concat());
    if made { Ok(path.to_owned()) } else { Err(Fault::NoRepository { path: path.to_owned(), reason: None }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_branches_a_run_made_and_nobody_moved_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = make(&dir.path().join("sample")).expect("made");
        let tip = |name: &str| {
            let output = Command::new("git").arg("-C").arg(&top).args(["rev-parse", name]).output().expect("git runs");
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        for branch in ["ostler/run_1", "ostler/run_2", "mine"] {
            assert!(git(&top, &["branch", branch]));
        }
        let repository = Repository { top: top.clone(), sample: true, made: Mutex::default() };
        repository.note("ostler/run_1", &tip("HEAD"));
        repository.note("ostler/run_2", &"0".repeat(39).chars().chain(['1']).collect::<String>());
        repository.note("mine", &tip("HEAD"));
        assert_eq!(repository.forget_branches(), 1);
        let left = ["ostler/run_1", "ostler/run_2", "mine"].map(|branch| git(&top, &["rev-parse", "--verify", branch]));
        assert_eq!(left, [false, true, true]);
    }
}
