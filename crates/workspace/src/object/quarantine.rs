//! A private copy of the object files an agent's repository holds, made without opening that repository.
//!
//! Copied, not linked, so that what was verified is what is used; symlinks, `info/alternates`, `commondir` and
//! every other redirection are not followed because they are not looked at. Gone when dropped.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::dir::{Dir, Kind};
use crate::clock::Stop;
use crate::error::{Fault, SaveError};

/// The copy, an `objects` folder of loose objects and packs.
#[derive(Debug)]
pub(crate) struct Quarantine {
    path: PathBuf,
}

/// No pack, idx or loose object has a longer name (`pack-` + 64 hex + `.pack`).
const NAME_BYTES_MAX: usize = 80;

impl Quarantine {
    /// An empty folder at `path`; what a crash left there is removed first.
    pub(crate) fn new(path: PathBuf) -> Result<Self, Fault> {
        match fs::remove_dir_all(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Fault::io("clear", &path)(error)),
        }
        let objects = path.join("objects/pack");
        fs::create_dir_all(&objects).map_err(Fault::io("create", &objects))?;
        Ok(Self { path })
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// A second private folder, for whatever else must be looked at outside the tree.
    pub(crate) fn side(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(Fault::io("create", &path))?;
        Ok(path)
    }

    /// Copies every object file of `objects` (an agent's `.git/objects`), at most `bytes_max` in all.
    pub(crate) fn copy(&self, objects: &Dir, bytes_max: u64, stop: &Stop<'_>) -> Result<(), SaveError> {
        let mut left = bytes_max;
        for (name, kind) in objects.entries().map_err(Fault::io("list", &self.path))? {
            let fanout = name.len() == 2 && is_hex(&name);
            if kind != Kind::Dir || !(fanout || name == b"pack") {
                continue;
            }
            let Ok(folder) = objects.dir(&name) else { continue };
            let to = self.objects().join(String::from_utf8_lossy(&name).as_ref());
            fs::create_dir_all(&to).map_err(Fault::io("create", &to))?;
            for (file, kind) in folder.entries().map_err(Fault::io("list", &to))? {
                stop.check().map_err(Fault::from)?;
                let wanted = if fanout { file.len() == 38 && is_hex(&file) } else { pack_file(&file) };
                if let (Kind::File { .. }, true) = (kind, wanted) {
                    copy_file(&folder, &file, &to, &mut left)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        // A leftover is cleared by the next quarantine of the same tree, so failing here costs only disk.
        drop(fs::remove_dir_all(&self.path));
    }
}

fn copy_file(folder: &Dir, name: &[u8], to: &Path, left: &mut u64) -> Result<(), SaveError> {
    let target = to.join(String::from_utf8_lossy(name).as_ref());
    let (file, _) = folder.file(name).map_err(Fault::io("open an object for", &target))?;
    let mut copy = File::create_new(&target).map_err(Fault::io("create", &target))?;
    let bytes = io::copy(&mut file.take(left.saturating_add(1)), &mut copy).map_err(Fault::io("write", &target))?;
    *left = left.checked_sub(bytes).ok_or_else(|| SaveError::TooMuch {
        path: target,
        what: "the objects of its repository are more than work_bytes_max".to_owned(),
    })?;
    Ok(())
}

fn is_hex(name: &[u8]) -> bool {
    name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn pack_file(name: &[u8]) -> bool {
    let stem = name.strip_suffix(b".pack").or_else(|| name.strip_suffix(b".idx"));
    name.len() <= NAME_BYTES_MAX && stem.and_then(|stem| stem.strip_prefix(b"pack-")).is_some_and(is_hex)
}
