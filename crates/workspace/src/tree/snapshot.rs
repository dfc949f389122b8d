//! The files of a working tree as a git tree, read without following anything and filtered by nothing.
//!
//! Bytes go in as they are: no clean filter, no encoding, no attribute has a say. Symlinks are saved as
//! symlinks, the executable bit is kept, and what cannot be saved is listed, never silently dropped. Must not
//! open the agent's repository, nor write anywhere but into the given object database.

use std::io::Read;

use git2::{ObjectType, Odb, Oid};

use super::ignore::Ignore;
use super::{Left, Skipped};
use crate::budget::Limits;
use crate::clock::Stop;
use crate::error::{Fault, SaveError, printable};
use crate::object::dir::{Dir, Kind};
use crate::object::{self, Entry, MODE_FILE, MODE_GITLINK, MODE_LINK, MODE_PROGRAM, MODE_TREE};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The root, absent when there is no file at all.
    pub(crate) tree: Option<Oid>,
    pub(crate) left: Vec<Left>,
    pub(crate) ignored: Skipped,
}

/// Everything the walk needs and never changes.
pub(crate) struct Camera<'a> {
    pub(crate) odb: &'a Odb<'a>,
    pub(crate) ignore: &'a Ignore,
    pub(crate) limits: Limits,
    pub(crate) stop: Stop<'a>,
}

/// The walk's running state.
struct Walk<'a> {
    camera: &'a Camera<'a>,
    found: Snapshot,
    files: u64,
    bytes_left: u64,
}

/// Deeper than any real project; a tree of links to itself cannot exist, for links are not followed.
const DEPTH_MAX: u32 = 128;
/// As many as the largest repositories hold, twice over.
const FILES_MAX: u64 = 2_000_000;
/// Names kept of what was left behind or ignored; counts go on.
const NAMES_MAX: usize = 20;

impl Camera<'_> {
    /// Takes the picture of `root`; `known` is the tree of the commit it started from.
    pub(crate) fn take(&self, root: &Dir, known: Option<Oid>) -> Result<Snapshot, SaveError> {
        let mut walk =
            Walk { camera: self, found: Snapshot::default(), files: 0, bytes_left: self.limits.work_bytes_max };
        let tree = walk.folder(root, b"", known, 0)?;
        Ok(Snapshot { tree, ..walk.found })
    }
}

impl Walk<'_> {
    fn folder(&mut self, dir: &Dir, path: &[u8], known: Option<Oid>, depth: u32) -> Result<Option<Oid>, SaveError> {
        let known = self.known(known)?;
        self.camera.ignore.learn(dir, path)?;
        let listed = match dir.entries() {
            Ok(listed) => listed,
            Err(error) => {
                self.leave(path, &format!("the folder cannot be listed: {error}"));
                return self.write(known);
            }
        };
        let mut entries = Vec::new();
        for (name, kind) in listed {
            self.camera.stop.check().map_err(Fault::from)?;
            let full = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
            let old = known.iter().find(|entry| entry.name == name);
            if object::name_refused(&name) {
                if depth > 0 || name != b".git" {
                    self.leave(
                        &full,
                        "a repository inside the tree, or a name that passes for one; git cannot hold it",
                    );
                }
            } else if let Some(entry) = self.entry(dir, &name, &full, (kind, old, depth))? {
                entries.push(entry);
            }
        }
        self.write(entries)
    }

    fn entry(
        &mut self,
        dir: &Dir,
        name: &[u8],
        path: &[u8],
        (kind, old, depth): (Kind, Option<&Entry>, u32),
    ) -> Result<Option<Entry>, SaveError> {
        if old.is_none() && kind != Kind::Other && self.camera.ignore.covers(path, kind == Kind::Dir)? {
            self.skip(path, kind);
            return Ok(None);
        }
        let kept = match kind {
            Kind::Dir => return self.inner(dir, name, path, (old, depth)),
            Kind::File { bytes, program } => self.file(dir, name, bytes, old).map(|saved| {
                saved.map(|id| {
                    let mode = if program { MODE_PROGRAM } else { MODE_FILE };
                    Entry { mode, name: name.to_vec(), id }
                })
            })?,
            Kind::Link => match dir.link(name) {
                Ok(target) => Ok(Entry { mode: MODE_LINK, name: name.to_vec(), id: self.blob(&target)? }),
                Err(error) => Err(error.to_string()),
            },
            Kind::Other => Err("a pipe, socket or device; git cannot hold it".to_owned()),
        };
        match kept {
            Ok(entry) => Ok(Some(entry)),
            Err(why) => {
                self.leave(path, &why);
                Ok(old.cloned())
            }
        }
    }

    fn inner(
        &mut self,
        dir: &Dir,
        name: &[u8],
        path: &[u8],
        (old, depth): (Option<&Entry>, u32),
    ) -> Result<Option<Entry>, SaveError> {
        let folder = match dir.dir(name) {
            Ok(folder) if depth < DEPTH_MAX => folder,
            Ok(_) => {
                self.leave(path, "the folders nest too deep");
                return Ok(old.cloned());
            }
            Err(error) => {
                self.leave(path, &format!("the folder cannot be opened: {error}"));
                return Ok(old.cloned());
            }
        };
        if let Some(link) = old.filter(|entry| entry.mode == MODE_GITLINK) {
            if folder.entries().map_or(true, |entries| !entries.is_empty()) {
                self.leave(path, "the contents of a submodule; it is a repository of its own");
            }
            return Ok(Some(link.clone()));
        }
        let known = old.filter(|entry| entry.mode == MODE_TREE).map(|entry| entry.id);
        let tree = self.folder(&folder, path, known, depth + 1)?;
        Ok(tree.map(|id| Entry { mode: MODE_TREE, name: name.to_vec(), id }))
    }

    /// The blob of a file, or why there is none.
    fn file(
        &mut self,
        dir: &Dir,
        name: &[u8],
        bytes: u64,
        old: Option<&Entry>,
    ) -> Result<Result<Oid, String>, SaveError> {
        let limit = self.camera.limits.file_bytes_max;
        if bytes > limit {
            return Ok(Err(format!("{bytes} bytes, over the limit of {limit} for one file")));
        }
        let mut content = Vec::new();
        let read = dir.file(name).and_then(|(file, _)| file.take(limit.saturating_add(1)).read_to_end(&mut content));
        if let Err(error) = read {
            return Ok(Err(format!("cannot be read: {error}")));
        }
        if content.len() as u64 > limit {
            return Ok(Err(format!("grew over the limit of {limit} bytes while it was read")));
        }
        if let Some(old) = old.filter(|old| same_but_for_line_ends(&content, old.id)) {
            return Ok(Ok(old.id));
        }
        self.blob(&content).map(Ok)
    }

    fn blob(&mut self, content: &[u8]) -> Result<Oid, SaveError> {
        let id = Oid::hash_object(ObjectType::Blob, content).map_err(Fault::git("hash a file"))?;
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(self.too_much(format!("more than {FILES_MAX} files")));
        }
        if self.camera.odb.exists_ext(id, git2::OdbLookupFlags::NO_REFRESH) {
            return Ok(id);
        }
        let left = self.bytes_left.checked_sub(content.len() as u64);
        let limit = self.camera.limits.work_bytes_max;
        self.bytes_left = left.ok_or_else(|| self.too_much(format!("more than {limit} bytes of new files")))?;
        Ok(self.camera.odb.write(ObjectType::Blob, content).map_err(Fault::git("write a file's content"))?)
    }

    fn too_much(&self, what: String) -> SaveError {
        SaveError::TooMuch { path: std::path::PathBuf::from("the working tree"), what }
    }

    fn write(&self, entries: Vec<Entry>) -> Result<Option<Oid>, SaveError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let bytes = object::tree_bytes(entries);
        Ok(Some(self.camera.odb.write(ObjectType::Tree, &bytes).map_err(Fault::git("write a folder"))?))
    }

    fn known(&self, tree: Option<Oid>) -> Result<Vec<Entry>, SaveError> {
        let Some(id) = tree else { return Ok(Vec::new()) };
        let object = self.camera.odb.read(id).map_err(Fault::git("read a folder of the commit"))?;
        Ok(object::tree(object.data()).unwrap_or_default())
    }

    fn leave(&mut self, path: &[u8], why: &str) {
        let path = if path.is_empty() { ".".to_owned() } else { printable(path) };
        if self.found.left.len() < NAMES_MAX {
            self.found.left.push(Left { path, why: why.to_owned() });
        } else if let Some(last) = self.found.left.last_mut().filter(|last| !last.why.ends_with("and more")) {
            last.why.push_str("; and more");
        }
    }

    fn skip(&mut self, path: &[u8], kind: Kind) {
        self.found.ignored.count += 1;
        if self.found.ignored.names.len() < NAMES_MAX {
            let slash = if kind == Kind::Dir { "/" } else { "" };
            self.found.ignored.names.push(format!("{}{slash}", printable(path)));
        }
    }
}

/// A file git itself would have stored with other line ends (`core.autocrlf`, `eol=crlf`) was not changed.
fn same_but_for_line_ends(content: &[u8], old: Oid) -> bool {
    if !content.windows(2).any(|pair| pair == b"\r\n") {
        return false;
    }
    let mut plain = Vec::with_capacity(content.len());
    for (at, byte) in content.iter().enumerate() {
        if !(*byte == b'\r' && content.get(at + 1) == Some(&b'\n')) {
            plain.push(*byte);
        }
    }
    Oid::hash_object(ObjectType::Blob, &plain).is_ok_and(|id| id == old)
}
