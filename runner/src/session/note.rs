//! The file `session` of a run's directory: what its next attempt, or a follow-up, must know to go on.
//!
//! Owns the file's shape. Written whole or not at all. Must not know what is made of it.

use ostler_core::ids::RunId;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const NAME: &str = "session";
/// The first byte: a file of another release says nothing to this one.
const VERSION: u8 = 1;
/// Far more than the bounds below come to.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Of a prompt and of last words: what is cut is still in the agent's session and in the run's events.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Whose session it is.
    pub(crate) agent: String,
    /// The agent's own name of it.
    pub(crate) session: Option<String>,
    /// What was asked last, and for which run.
    pub(crate) asked: Option<Asked>,
    /// The agent's last words; may be empty.
    pub(crate) words: String,
    /// Commits and files of the work, as text; may be empty.
    pub(crate) done: String,
    /// The branch the work came home as.
    pub(crate) branch: Option<String>,
    /// What in the run's home is a link into the owner's.
    pub(crate) linked: Vec<String>,
}

/// What an agent was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The run it was asked for.
    pub(crate) run: RunId,
    /// The run's own prompt; cut.
    pub(crate) prompt: String,
}

impl Asked {
    pub(super) fn new(run: RunId, prompt: &str) -> Self {
        Self { run, prompt: cut(prompt) }
    }
}

impl Note {
    /// An attempt ended with these words; its work, if it was saved, is on this branch and reads so.
    pub(super) fn ended(&mut self, words: &str, work: Option<(String, &str)>) {
        self.words = cut(words);
        if let Some((branch, done)) = work {
            self.branch = Some(branch);
            self.done = cut(done);
        }
    }
}

fn cut(text: &str) -> String {
    let at = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..at].to_owned()
}

/// The note in `dir`; an empty one when there is none.
pub(super) fn read(dir: &Path) -> io::Result<Note> {
    let file = match File::open(dir.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Note::default()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is of another release, or damaged");
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| broken()),
        Some(_) | None => Err(broken()),
    }
}

/// Puts `note` in the place of the one before. Its time is when the run was last worked at.
pub(super) fn write(dir: &Path, note: &Note) -> io::Result<()> {
    let bytes = postcard::to_extend(note, vec![VERSION]).expect("a note is made of types postcard can write");
    let (draft, path) = (dir.join("session.new"), dir.join(NAME));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, &path)?;
    File::open(dir)?.sync_all()
}
