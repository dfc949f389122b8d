//! A directory held open, below which nothing is reached through a link: an agent may have put links anywhere in it.
//!
//! Owns the system calls. Must not know what files mean.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timestamps};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Names of drafts: one writer at a time, so that one name is enough.
const DRAFT: &str = ".ostler-draft";

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Absent,
    /// A link, and where it points.
    Link(PathBuf),
    /// A file, and when it was changed: seconds and nanoseconds.
    File((i64, i64)),
    /// A directory.
    Folder,
    /// A pipe, a socket, a device.
    Other,
}

/// A directory held open.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

const OPEN: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

impl Folder {
    /// The directory at `path`, whose parents are ours; made for the owner alone if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self(rustix::fs::open(path, OPEN, Mode::empty())?))
    }

    /// The directory `name` in this one.
    pub(super) fn folder(&self, name: &OsStr, make: bool) -> io::Result<Self> {
        if make {
            match rustix::fs::mkdirat(&self.0, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(rustix::fs::openat(&self.0, name, OPEN, Mode::empty())?))
    }

    /// The directory that holds `path`, and its last name in it. Only plain relative paths are taken.
    pub(super) fn parent<'a>(&self, path: &'a Path, make: bool) -> io::Result<(Self, &'a OsStr)> {
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let (Some(name), true) = (path.file_name(), plain) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain path below the home"));
        };
        let mut at = Self(self.0.try_clone()?);
        for part in path.parent().into_iter().flat_map(Path::components) {
            at = at.folder(part.as_os_str(), make)?;
        }
        Ok((at, name))
    }

    /// What stands under `name`.
    pub(super) fn kind(&self, name: &OsStr) -> io::Result<Kind> {
        let stat = match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Kind::Absent),
            Err(error) => return Err(error.into()),
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&self.0, name, Vec::new())?;
                Kind::Link(PathBuf::from(OsStr::from_bytes(target.as_bytes())))
            }
            FileType::RegularFile => Kind::File(changed(&stat)),
            FileType::Directory => Kind::Folder,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Other,
        })
    }

    /// The file `name`, and when it was changed. One of more than `bytes_max` bytes is refused.
    pub(super) fn read(&self, name: &OsStr, bytes_max: u64) -> io::Result<(Vec<u8>, (i64, i64))> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
        }
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than any such file"));
        }
        Ok((bytes, changed(&stat)))
    }

    /// Puts a file in the place of whatever stood under `name`, whole or not at all, with this mode, changed at `time` if given.
    pub(super) fn write(&self, name: &OsStr, bytes: &[u8], mode: Mode, time: Option<(i64, i64)>) -> io::Result<()> {
        self.remove(OsStr::new(DRAFT))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, DRAFT, flags, mode)?);
        file.write_all(bytes)?;
        if let Some((tv_sec, tv_nsec)) = time {
            let at = rustix::fs::Timespec { tv_sec, tv_nsec };
            rustix::fs::futimens(&file, &Timestamps { last_access: at, last_modification: at })?;
        }
        file.sync_all()?;
        Ok(rustix::fs::renameat(&self.0, DRAFT, &self.0, name)?)
    }

    /// Makes a link; nothing may stand under `name`.
    pub(super) fn link(&self, name: &OsStr, target: &Path) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Removes a name that is no directory, if it is there.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn changed(stat: &rustix::fs::Stat) -> (i64, i64) {
    #[expect(clippy::unnecessary_cast, clippy::cast_possible_wrap, reason = "the fields differ between systems")]
    let at = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
    at
}
