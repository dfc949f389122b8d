//! A throwaway world: an origin repository made by the real git, mirrors, and trees.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ostler_workspace::{Author, CheckoutError, Limits, Mirrors, Network, Saved, Source, Stop, Tree};

pub(crate) static GO: AtomicBool = AtomicBool::new(false);
pub(crate) const AUTHOR: Author<'static> = Author { name: "Ostler Test", email: "test@ostler.invalid" };

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) mirrors: Mirrors,
}

pub(crate) fn stop() -> Stop<'static> {
    Stop::new(&GO, Some(Duration::from_secs(60)))
}

/// Runs the system's git as a person or an agent would, and returns what it printed.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .current_dir(dir)
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "Agent"), ("GIT_AUTHOR_EMAIL", "agent@example.org")])
        .envs([("GIT_COMMITTER_NAME", "Agent"), ("GIT_COMMITTER_EMAIL", "agent@example.org")])
        .output()
        .expect("git is installed");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits { reserve_bytes: 0, ..Limits::default() }, Network::default())
    }

    pub(crate) fn with(limits: Limits, network: Network) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mirrors = Mirrors::open(&dir.path().join("runner"), limits, network).expect("a new workspace opens");
        let world = Self { dir, mirrors };
        let origin = world.origin();
        fs::create_dir_all(origin.join("src")).expect("writable");
        fs::write(origin.join("README"), "one\ntwo\n").expect("writable");
        fs::write(origin.join("src/main.c"), "int main;\n").expect("writable");
        fs::write(origin.join(".gitignore"), "target/\n*.log\n").expect("writable");
        git(&origin, &["init", "-q", "-b", "main"]);
        git(&origin, &["add", "-A"]);
        git(&origin, &["commit", "-q", "-m", "first"]);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.path("origin")
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(self.origin().to_str().expect("UTF-8"), None).expect("a good path")
    }

    pub(crate) fn checkout(&self, run: &str) -> Result<Tree, CheckoutError> {
        self.mirrors.checkout(run, &self.source(), &self.path(run), stop())
    }

    pub(crate) fn tree(&self, run: &str) -> Tree {
        self.checkout(run).expect("a tree is cut")
    }
}

pub(crate) fn save(tree: &mut Tree) -> Saved {
    tree.save(AUTHOR, "what was left", stop()).expect("work is saved")
}

/// Writes a program from a process of its own: a descriptor left open for writing across some other test's fork would
/// make it busy.
pub(crate) fn program(path: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh runs");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("sh reads");
    assert!(child.wait().expect("sh ends").success());
}

/// Every file below a folder, with symlinks not followed.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
