//! The only place that runs a program: the system's git, for `https` and `ssh`, into a mirror of ours.
//!
//! Everything it hears is ours: an empty environment, our configuration, one allowed transport, no prompts, no
//! hooks, options closed by `--`. Credentials are the owner's: an ssh agent or a credential helper named in the
//! runner's config, or none. The process group dies with the call.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock::{Stop, Stopped};
use crate::error::{CheckoutError, Fault, printable};
use crate::source::Transport;

/// How the runner's owner lets it reach repositories.
#[derive(Debug, Clone)]
pub struct Network {
    /// The git program.
    pub git: PathBuf,
    /// The `PATH` git looks for ssh and its own helpers in.
    pub path: OsString,
    /// The owner's ssh agent socket; none means ssh may use only unencrypted keys at their default places.
    pub ssh_agent: Option<PathBuf>,
    /// A `credential.helper` value of the owner's choice, for https.
    pub credential_helper: Option<String>,
    /// `HOME` for the helper; ssh finds its own.
    pub home: Option<PathBuf>,
    /// The longest one fetch may take.
    pub time_max: Duration,
}

impl Default for Network {
    /// `git` of the system's usual places, no credentials, half an hour.
    fn default() -> Self {
        Self {
            git: PathBuf::from("git"),
            path: OsString::from("/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"),
            ssh_agent: None,
            credential_helper: None,
            home: None,
            time_max: Duration::from_secs(30 * 60),
        }
    }
}

/// What a fetch needs to know.
pub(crate) struct Fetch<'a> {
    pub(crate) mirror: &'a Path,
    pub(crate) config: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) transport: Transport,
    pub(crate) reserve_bytes: u64,
    pub(crate) refspecs: &'a [&'a str],
}

/// Of git's words, the end that says what went wrong.
const SAID_BYTES_MAX: u64 = 4096;
/// A git that says more than this is not telling us anything.
const STDERR_BYTES_MAX: u64 = 4 << 20;

/// ssh without questions, forwarding or unknown hosts.
const SSH: &str = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oClearAllForwardings=yes -oForwardAgent=no -oPermitLocalCommand=no";

/// No program but ssh and the owner's helper, no surprise in what arrives (SECURITY.md "Git safety").
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "submodule.recurse=false",
    "gc.auto=0",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "safe.bareRepository=explicit",
    "credential.helper=",
];

impl Network {
    /// Fetches into the mirror, or says why not in git's own words.
    pub(crate) fn fetch(&self, fetch: &Fetch<'_>, stop: Stop<'_>) -> Result<(), CheckoutError> {
        let log = fetch.mirror.join("fetch.log");
        let mut said = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&log)
            .map_err(Fault::io("create", &log))?;
        let stderr = said.try_clone().map_err(Fault::io("open", &log))?;
        let mut command = self.command(fetch);
        command.stderr(stderr);
        let child = command.spawn().map_err(|source| CheckoutError::NoGit { git: self.git.clone(), source })?;
        let stop = stop.within(self.time_max);
        let ended = Group(child).wait(&stop, || {
            let loud = fs::metadata(&log).is_ok_and(|meta| meta.len() > STDERR_BYTES_MAX);
            let full = crate::budget::free_bytes(fetch.mirror).is_ok_and(|free| free < fetch.reserve_bytes);
            match (loud, full) {
                (true, _) => Some("git said too much"),
                (_, true) => Some("the disk ran down to its reserve"),
                (false, false) => None,
            }
        });
        let how = match ended {
            Ok(None) => return Ok(()),
            Ok(Some(how)) => how,
            Err(Stopped::Cancelled) => return Err(Fault::from(Stopped::Cancelled).into()),
            Err(Stopped::TimedOut) => Stopped::TimedOut.to_string(),
        };
        let said = tail(&mut said).map_err(Fault::io("read", &log))?;
        Err(CheckoutError::Network { url: fetch.url.to_owned(), how, said })
    }

    fn command(&self, fetch: &Fetch<'_>) -> Command {
        let transport = match fetch.transport {
            Transport::Https => "https",
            Transport::Ssh => "ssh",
        };
        let mut command = Command::new(&self.git);
        command.env_clear().env("PATH", &self.path).env("LC_ALL", "C");
        command.env("GIT_DIR", fetch.mirror).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", fetch.config);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "").env("SSH_ASKPASS", "");
        command
            .env("GIT_ALLOW_PROTOCOL", transport)
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1");
        command.env("GIT_ATTR_NOSYSTEM", "1").env("GIT_SSH_COMMAND", SSH).env("GIT_SSH_VARIANT", "ssh");
        if let Some(agent) = &self.ssh_agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        if let Some(home) = &self.home {
            command.env("HOME", home);
        }
        self.settings(&mut command, transport);
        command.args(["fetch", "--force", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]);
        command.args(["--no-auto-maintenance", "--no-progress", "--", fetch.url]).args(fetch.refspecs);
        command.current_dir(fetch.mirror).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        command
    }

    /// What no file may decide: `-c` wins over every configuration.
    fn settings(&self, command: &mut Command, transport: &str) {
        let allow = format!("protocol.{transport}.allow=always");
        for setting in ["protocol.allow=never", &allow].into_iter().chain(SETTINGS) {
            command.arg("-c").arg(setting);
        }
        if let Some(helper) = &self.credential_helper {
            command.arg("-c").arg(format!("credential.helper={helper}"));
        }
    }
}

/// A child that leads a process group; the whole group is killed when this goes.
struct Group(Child);

impl Group {
    /// `None` for success, words otherwise. `broken` is asked at every poll and names what ends the wait.
    fn wait(mut self, stop: &Stop<'_>, broken: impl Fn() -> Option<&'static str>) -> Result<Option<String>, Stopped> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(None),
                Ok(Some(status)) => return Ok(Some(status.to_string())),
                Ok(None) => {}
                Err(error) => return Ok(Some(error.to_string())),
            }
            if let Some(why) = broken() {
                return Ok(Some(why.to_owned()));
            }
            stop.pause()?;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // No such group is the usual answer: everything in it has ended.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
        drop(self.0.wait());
    }
}

fn tail(file: &mut File) -> io::Result<String> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(SAID_BYTES_MAX)))?;
    let mut said = Vec::new();
    file.take(SAID_BYTES_MAX).read_to_end(&mut said)?;
    Ok(printable(&said).trim().to_owned())
}
