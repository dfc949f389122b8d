//! A program asked one question: what it prints, within a deadline, with nothing to read.
//!
//! Owns the process and its end: whatever it started is ended with it. Must not know what the answer means.

use super::agents::Place;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// A version stands at the top of what is printed, or nowhere.
const PRINTED_BYTES_MAX: u64 = 4 * 1024;

/// What is started.
pub(super) struct Started<'a> {
    pub(super) program: &'a OsStr,
    pub(super) arguments: &'a [&'a str],
    pub(super) within: Duration,
}

/// Ends a process group when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.map(|group| kill_process_group(group, Signal::KILL)) {
            // In most cases because nobody is left in it.
            tracing::trace!(%error, "a probe's processes were not ended");
        }
    }
}

/// A home that is nobody's, removed when dropped.
struct Nowhere(PathBuf);

impl Nowhere {
    fn new() -> Option<Self> {
        let name = format!("ostler-probe-{:016x}", getrandom::u64().ok()?);
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Nowhere {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a probe's home stays");
        }
    }
}

/// What the program prints when it succeeds in time.
pub(super) async fn printed(started: &Started<'_>) -> Option<Vec<u8>> {
    ask(Command::new(started.program), started).await
}

/// The same, asked without the owner's home and secrets: some programs begin to set themselves up when they are started.
pub(super) async fn printed_at_home(started: &Started<'_>, place: &Place) -> Option<Vec<u8>> {
    let home = Nowhere::new()?;
    for name in &place.share {
        let source = place.owner.as_ref().map(|owner| owner.join(name)).filter(|source| source.is_dir());
        if let Some(source) = source {
            symlink(source, home.0.join(name)).unwrap_or_else(|error| tracing::debug!(%error, name, "not shared"));
        }
    }
    let mut command = Command::new(started.program);
    command.env_clear().env("PATH", &place.path).env("LANG", "C.UTF-8").env("HOME", &home.0).env("TMPDIR", &home.0);
    command.current_dir(&home.0);
    ask(command, started).await
}

async fn ask(mut command: Command, started: &Started<'_>) -> Option<Vec<u8>> {
    let mut child = command
        .args(started.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let _group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (stdout, stderr) = (child.stdout.take()?, child.stderr.take()?);
    let reading = async {
        let mut text = Vec::new();
        // Java says its version on standard error.
        stdout.take(PRINTED_BYTES_MAX).read_to_end(&mut text).await.ok()?;
        stderr.take(PRINTED_BYTES_MAX).read_to_end(&mut text).await.ok()?;
        Some((text, child.wait().await.ok()?))
    };
    let (text, status) = tokio::time::timeout(started.within, reading).await.ok()??;
    status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(program: &str, arguments: &[&str], within_ms: u64) -> Option<Vec<u8>> {
        let within = Duration::from_millis(within_ms);
        printed(&Started { program: program.as_ref(), arguments, within }).await
    }

    #[tokio::test]
    async fn a_program_that_hangs_or_fails_is_not_there() {
        assert_eq!(ask("sleep", &["60"], 50).await, None);
        assert_eq!(ask("false", &[], 5_000).await, None);
        assert_eq!(ask("no-such-program-7", &[], 5_000).await, None);
    }

    #[tokio::test]
    async fn what_a_slow_program_started_ends_with_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("alive");
        // Whoever opens the pipe to read is there as long as the child holds it open to write.
        let script = format!("mkfifo {0}; (sleep 600 > {0}) & cat {0}", fifo.display());
        assert_eq!(ask("sh", &["-c", &script], 2_000).await, None);
        let ended = tokio::task::spawn_blocking(move || {
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
            let pipe = std::fs::File::from(rustix::fs::open(&fifo, flags, rustix::fs::Mode::empty()).expect("opens"));
            let deadline = std::iter::repeat_n(Duration::from_millis(20), 250);
            deadline.into_iter().any(|pause| {
                std::thread::sleep(pause);
                // Nobody writes any more: the end of the file, not "try again".
                matches!(std::io::Read::read(&mut &pipe, &mut [0; 1]), Ok(0))
            })
        });
        assert!(ended.await.expect("waited"), "something is left running");
    }
}
