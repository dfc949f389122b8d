//! Programs under a pseudo-terminal.
//!
//! Owns opening, sizing and the start in a session of its own. Must not know who watches.

use crate::program::{Channel, Output, Program, SpawnError, Spawned};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io;

/// A terminal's size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns; zero is taken for one.
    pub cols: u16,
    /// Rows; zero is taken for one.
    pub rows: u16,
}

impl From<Size> for PtySize {
    fn from(size: Size) -> Self {
        Self { rows: size.rows.max(1), cols: size.cols.max(1), pixel_width: 0, pixel_height: 0 }
    }
}

/// The terminal of a started program. Dropping it hangs up on the program once its reader and writer are gone too.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Gives the terminal another size; the program is told by SIGWINCH.
    ///
    /// # Errors
    /// What the terminal driver says.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        self.master.resize(size.into()).map_err(io::Error::other)
    }

    /// The size the terminal has now.
    ///
    /// # Errors
    /// What the terminal driver says.
    pub fn size(&self) -> io::Result<Size> {
        let size = self.master.get_size().map_err(io::Error::other)?;
        Ok(Size { cols: size.cols, rows: size.rows })
    }
}

/// Starts `program` as the leader of a new session whose controlling terminal is a new one of this `size`. Its reader
/// ends when the last process has closed the terminal.
///
/// # Errors
/// [`SpawnError`], with what to do.
pub fn spawn_terminal(program: &Program, size: Size) -> Result<Spawned, SpawnError> {
    let name = program.check()?;
    let closed = |error: Box<dyn std::error::Error + Send + Sync>| SpawnError::Terminal(error.to_string());
    let pair = native_pty_system().openpty(size.into()).map_err(|error| closed(error.into()))?;
    let reader = pair.master.try_clone_reader().map_err(|error| closed(error.into()))?;
    let writer = pair.master.take_writer().map_err(|error| closed(error.into()))?;
    let mut command = CommandBuilder::from_argv(program.argv.iter().map(Into::into).collect());
    command.env_clear();
    for (key, value) in &program.env {
        command.env(key, value);
    }
    command.cwd(&program.directory);
    let child = pair
        .slave
        .spawn_command(command)
        .map_err(|error| SpawnError::Program { program: name.to_owned(), reason: error.to_string() })?;
    // Our copy of the program's end must go, or the reader would never see the end of file.
    drop(pair.slave);
    Ok(Spawned {
        pid: child.process_id().ok_or_else(|| SpawnError::Terminal("the program has no process".to_owned()))?,
        outputs: vec![Output { channel: Channel::Terminal, reader }],
        input: Some(writer),
        terminal: Some(Terminal { master: pair.master }),
    })
}
