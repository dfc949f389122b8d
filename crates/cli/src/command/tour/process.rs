//! One child process of the tour: this same executable, with a home and a log of its own.
//!
//! It is in a process group of its own, so that ctrl-c reaches the tour alone, and it dies with its value.

use crate::fault::Fault;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A daemon that has nothing to do is gone at once; what is not after this is killed.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);
/// Lines of a log that are shown when its process failed.
const TAIL_LINES: usize = 8;

/// A running child.
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

fn command(words: &[&str], home: &Path, log: &Path) -> Result<Command, Fault> {
    let exe = std::env::current_exe().map_err(Fault::io("this executable"))?;
    let open = || File::options().create(true).append(true).open(log).map_err(Fault::io(log.display().to_string()));
    let mut command = Command::new(exe);
    command.args(words).env("OSTLER_HOME", home).env_remove("OSTLER_SOCKET").env_remove("OSTLER_AGENT");
    command.stdin(Stdio::null()).stdout(open()?).stderr(open()?).process_group(0).kill_on_drop(true);
    Ok(command)
}

/// Runs `ostler WORDS` to its end with `input` on stdin.
pub(super) async fn once(words: &[&str], home: &Path, log: &Path, input: &str) -> Result<(), Fault> {
    let failed = |source| Fault::Io { what: format!("ostler {}", words.join(" ")), source };
    let mut child = command(words, home, log)?.stdin(Stdio::piped()).spawn().map_err(failed)?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).await.map_err(failed)?;
    drop(stdin);
    let status = child.wait().await.map_err(failed)?;
    if status.success() { Ok(()) } else { Err(ended(&words.join(" "), status, log)) }
}

impl Process {
    /// Starts `ostler WORDS`.
    pub(super) fn start(name: &str, words: &[&str], home: &Path, log: &Path) -> Result<Self, Fault> {
        let child = command(words, home, log)?.spawn().map_err(Fault::io(format!("ostler {}", words.join(" "))))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// What the tour calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it lives.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// An error when it has ended by itself.
    pub(super) fn lives(&mut self) -> Result<(), Fault> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(ended(&self.name, status, &self.log)),
            Ok(None) => Ok(()),
            Err(source) => Err(Fault::Io { what: self.name.clone(), source }),
        }
    }

    /// SIGKILL: no good-bye, as when the power goes.
    pub(super) async fn kill(&mut self) {
        // One that is gone already cannot be killed, and that is what was wanted.
        drop(self.child.kill().await);
    }

    /// Asks it to stop at once, twice as a person would; then insists.
    pub(super) async fn leave(&mut self) {
        self.signal(Signal::TERM);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.signal(Signal::TERM);
        if tokio::time::timeout(LEAVE_WITHIN, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Gone meanwhile: fine.
            let _gone = kill_process(pid, signal);
        }
    }
}

fn ended(name: &str, status: ExitStatus, log: &Path) -> Fault {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    Fault::Daemon(format!("{name} ended with {status}; the end of its log:\n{tail}"))
}
