//! What to start, and what is had of it once started. Plain pipes live here; terminals next door.
//!
//! Owns the exactness of the start: argv, environment and directory are as given and nothing is inherited. Must not
//! know how the bytes are used.

use crate::terminal::Terminal;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Program and arguments; the program is looked up in the PATH of `env` unless it holds a slash.
    pub argv: Vec<String>,
    /// The whole environment: nothing of this process's own is added. (A terminal program also gets `SHELL`.)
    pub env: Vec<(String, String)>,
    /// Where it starts.
    pub directory: PathBuf,
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no program to start.
    #[error("the command is empty: give a program and its arguments")]
    Empty,
    /// An argument or environment entry that no process can be given.
    #[error("the command holds a NUL byte or an environment name that is empty or holds `=`")]
    Malformed,
    /// The directory to start in is not one.
    #[error("cannot start in `{0}`: it is not a directory")]
    Directory(PathBuf),
    /// The program is missing, or may not be executed.
    #[error("cannot start `{program}`: {reason}; is it installed for the runner's user and in its PATH?")]
    Program {
        /// The first word of the command.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// No terminal could be opened.
    #[error("cannot open a terminal: {0}")]
    Terminal(String),
}

/// Which of a program's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// A terminal, where the two are one.
    Terminal,
}

/// One output of a started program. Reading blocks; the end of file comes when every holder of the other end is gone.
pub struct Output {
    /// Which one.
    pub channel: Channel,
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
}

/// A started program. Dropping it ends nobody: give its pid to a [`crate::Group`] for that.
pub struct Spawned {
    /// Its process, which leads a process group (a session, in a terminal). Reap it with [`crate::reap`].
    pub pid: u32,
    /// What it prints.
    pub outputs: Vec<Output>,
    /// What it reads; none means that its standard input is `/dev/null`. Writing blocks.
    pub input: Option<Box<dyn Write + Send>>,
    /// Its terminal, if it has one.
    pub terminal: Option<Terminal>,
}

impl Program {
    /// Refuses what no process can be given, so that the system's own message need not be guessed at.
    pub(crate) fn check(&self) -> Result<&str, SpawnError> {
        let program = self.argv.first().filter(|word| !word.is_empty()).ok_or(SpawnError::Empty)?;
        let nul = |text: &str| text.contains('\0');
        let bad_name = |name: &str| name.is_empty() || name.contains('=');
        if self.argv.iter().any(|word| nul(word))
            || self.env.iter().any(|(name, value)| bad_name(name) || nul(name) || nul(value))
        {
            return Err(SpawnError::Malformed);
        }
        if !Path::new(&self.directory).is_dir() {
            return Err(SpawnError::Directory(self.directory.clone()));
        }
        Ok(program)
    }
}

/// Starts `program` in a process group of its own, on pipes. With `input` its standard input is a pipe, without it
/// `/dev/null`.
///
/// # Errors
/// [`SpawnError`], with what to do.
pub fn spawn_piped(program: &Program, input: bool) -> Result<Spawned, SpawnError> {
    let name = program.check()?;
    let mut child = Command::new(name)
        .args(&program.argv[1..])
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&program.directory)
        .process_group(0)
        .stdin(if input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| SpawnError::Program { program: name.to_owned(), reason: error.to_string() })?;
    let out = child.stdout.take().map(|pipe| Output { channel: Channel::Out, reader: Box::new(pipe) });
    let err = child.stderr.take().map(|pipe| Output { channel: Channel::Err, reader: Box::new(pipe) });
    Ok(Spawned {
        pid: child.id(),
        outputs: out.into_iter().chain(err).collect(),
        input: child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn Write + Send>),
        terminal: None,
    })
}
